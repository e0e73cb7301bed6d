"""What a sweep over standing proofs makes of bindings: the lost ones leave, as far as the guard allows."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.binding import GUARDED, LEAVING, LIVE, MOVES, Binding, State, Verdict, Verification
from app.domain.codes import Code
from app.domain.load_balancer import Slot
from app.planning.proofs import Decision, approved, looked_at_again
from tests.planning.builders import BALANCER, NOW, SECOND, SLOT, binding
from tests.planning.histories import law

LATER = NOW + SECOND
TOLD = {"detail": "no interface holds 10.0.3.17"}
PROVEN = Verification(Verdict.PROVEN, "eni", LATER, {"detail": None})
DECLARED = Verification(Verdict.DECLARED, "cidr", LATER, {"detail": None})
UNKNOWN = Verification(Verdict.UNKNOWN, "eni", LATER, {"detail": "throttled"})
DISPROVEN = Verification(Verdict.DISPROVEN, "eni", LATER, TOLD)
LOST: Decision = (DISPROVEN, Code.ENI_NOT_FOUND)


def pods(count: int, state: State = State.BOUND, slot: Slot = SLOT, first: int = 1) -> list[Binding]:
    """Proven bindings of so many pods."""
    numbers = range(first, first + count)
    return [binding(state, f"u{number}", f"10.0.3.{number}", slot=slot) for number in numbers]


def again(
    bindings: Iterable[Binding],
    lost: Iterable[Binding] = (),
    present: Mapping[tuple[str, Slot | None], int] | int = 10,
    share: float = 0.3,
    otherwise: Decision = (PROVEN, None),
    *,
    silent: bool = False,
) -> list[Binding]:
    """What a sweep changes when these lost their proof."""
    bindings = list(bindings)
    gone = {each.binding_id for each in lost}
    decisions = {each.binding_id: LOST if each.binding_id in gone else otherwise for each in bindings}
    counts = {(BALANCER, SLOT): present} if isinstance(present, int) else present
    return [after for _, after in looked_at_again(bindings, decisions, counts, share, LATER, silent=silent)]


def states(changed: Iterable[Binding]) -> list[tuple[str, State, Code | None]]:
    """Id, state and reason of what changed."""
    return [
        (each.binding_id, each.state, each.reason)
        for each in changed
        if each.verification.verdict not in {Verdict.PROVEN}
    ]


LOSSES: dict[str, tuple[Binding, State, Code]] = {
    "bound": (binding(), State.REMOVING, Code.PROOF_LOST),
    "pending, at the cloud": (binding(State.PENDING, placed=True), State.DRAINING, Code.PROOF_LOST),
    "pending, not there yet": (binding(State.PENDING), State.RELEASED, Code.PROOF_LOST),
    "held, at the cloud": (
        binding(State.HELD, placed=True, reason=Code.QUOTA_EXCEEDED),
        State.REMOVING,
        Code.PROOF_LOST,
    ),
    "held, not there": (binding(State.HELD, reason=Code.LISTENER_NOT_FOUND), State.RELEASED, Code.PROOF_LOST),
    "waiting for its listener": (binding(State.VERIFYING), State.REJECTED, Code.ENI_NOT_FOUND),
    "proven, in a former pod's target": (
        binding(State.VERIFYING, placed=True),
        State.REJECTED,
        Code.ENI_NOT_FOUND,
    ),
}


@pytest.mark.parametrize(("before", "state", "reason"), LOSSES.values(), ids=LOSSES.keys())
def test_a_lost_proof_takes_the_target_off_undrained(before: Binding, state: State, reason: Code) -> None:
    (after,) = again([before], [before])
    assert (after.state, after.reason, after.verification) == (state, reason, DISPROVEN)
    assert after.detail == "eni-not-found: no interface holds 10.0.3.17"
    assert after.placed is before.placed
    assert state is not State.DRAINING or after.drain_until == LATER


@pytest.mark.parametrize(("before", "state", "reason"), LOSSES.values(), ids=LOSSES.keys())
def test_the_guard_keeps_what_is_at_the_cloud_and_nothing_else(before: Binding, state: State, reason: Code) -> None:
    (after,) = again([before], [before], present=1)
    if not before.placed:
        assert (after.state, after.reason) == (state, reason)
        return
    assert (after.state, after.reason, after.placed) == (State.HELD, Code.REMOVAL_GUARD, True)
    assert (after.verification, after.holder) == (DISPROVEN, before.holder)
    told = "its proof is lost (eni-not-found: no interface holds 10.0.3.17), with those of too many others"
    assert after.detail == told


@pytest.mark.parametrize(
    ("lost", "present", "share", "held"),
    [
        (3, 10, 0.3, False),
        (4, 10, 0.3, True),
        (1, 10, 0.0, True),
        (9, 10, 1.0, False),
        (10, 10, 1.0, True),
        (1, 1, 1.0, True),
        (1, 2, 0.5, False),
    ],
)
def test_a_sweep_takes_up_to_the_share_and_never_the_last(lost: int, present: int, share: float, held: bool) -> None:
    bindings = pods(lost)
    code = (State.HELD, Code.REMOVAL_GUARD) if held else (State.REMOVING, Code.PROOF_LOST)
    expected = [(each.binding_id, *code) for each in bindings]
    assert states(again(bindings, bindings, present, share)) == expected


def test_losses_are_counted_together_per_listener_and_rule() -> None:
    root, api = Slot("lbl-web", "loc-root"), Slot("lbl-web", "loc-api")
    here, at_root, at_api = pods(1), pods(2, slot=root, first=20), pods(1, slot=api, first=30)
    present = {(BALANCER, SLOT): 2, (BALANCER, root): 3, (BALANCER, api): 1}
    lost = [*at_root, *here, *at_api]
    assert {(each.slot, each.state) for each in again(lost, lost, present, 0.5)} == {
        (SLOT, State.REMOVING),
        (root, State.HELD),
        (api, State.HELD),
    }


def test_what_was_never_put_there_is_not_counted() -> None:
    waiting, bound = pods(5, State.PENDING, first=20), pods(3)
    lost = [*waiting, *bound]
    found = again(lost, lost, present=10)
    assert {(each.state, each.reason) for each in found if each.placed} == {(State.REMOVING, Code.PROOF_LOST)}
    assert {each.state for each in found if not each.placed} == {State.RELEASED}


def test_losses_at_a_listener_of_which_nothing_is_counted_are_held() -> None:
    lost = pods(2)
    assert {each.state for each in again(lost, lost, {}, 1.0)} == {State.HELD}


@pytest.mark.parametrize("state", sorted(LIVE - LEAVING))
@pytest.mark.parametrize("verdict", [PROVEN, DECLARED, DISPROVEN])
def test_no_answer_is_no_loss_and_changes_nothing(state: State, verdict: Verification) -> None:
    standing = [binding(state, placed=placed, verification=verdict) for placed in (True, False)]
    for each in standing:
        assert again([each], otherwise=(UNKNOWN, None), present=1) == []


def test_a_proof_that_says_the_same_changes_nothing_and_one_that_says_other_is_kept() -> None:
    same = binding(verification=replace(PROVEN, checked_at=NOW, evidence={"detail": None, "read_at": {"network": "x"}}))
    assert again([same]) == []
    moved = binding(verification=replace(PROVEN, evidence={"detail": None, "checks": ["eni-1"]}))
    (after,) = again([moved])
    assert (after.state, after.verification, after.generation) == (State.BOUND, PROVEN, 2)
    (declared,) = again([moved], otherwise=(DECLARED, None))
    assert (declared.state, declared.verification) == (State.BOUND, DECLARED)


# --- what was held for a lost proof


def kept_back(**changes: object) -> Binding:
    """A binding that the guard holds for its lost proof."""
    held = {"reason": Code.REMOVAL_GUARD, "placed": True, "bound_at": NOW, "verification": DISPROVEN}
    return binding(State.HELD, **held | changes)


@pytest.mark.parametrize("reason", sorted(GUARDED))
@pytest.mark.parametrize("proof", [PROVEN, DECLARED])
@pytest.mark.parametrize(("bound_at", "state"), [(NOW, State.BOUND), (None, State.PENDING)])
def test_a_proof_that_is_back_brings_back_what_was_held_for_the_lack_of_it(
    proof: Verification, bound_at: object, state: State, reason: Code
) -> None:
    (after,) = again([kept_back(bound_at=bound_at, reason=reason)], otherwise=(proof, None))
    assert (after.state, after.reason, after.detail, after.verification) == (state, None, None, proof)
    assert (after.placed, after.holder) == (True, True)


@pytest.mark.parametrize("decision", [LOST, (UNKNOWN, None)])
def test_what_is_held_for_a_lost_proof_stays_held_while_it_is_not_back(decision: Decision) -> None:
    assert again([kept_back()], otherwise=decision) == []


# --- while the cluster's agent is silent


def test_a_silent_cluster_loses_what_the_guard_allows_as_any_other_does() -> None:
    lost = pods(3)
    assert {each.state for each in again(lost, lost, 10, silent=True)} == {State.REMOVING}


@pytest.mark.parametrize(("silent", "reason"), [(False, Code.REMOVAL_GUARD), (True, Code.CLUSTER_SILENT)])
def test_what_is_beyond_the_guards_share_says_whether_the_cluster_is_silent(silent: bool, reason: Code) -> None:
    lost = pods(4)
    changed = again(lost, lost, 10, silent=silent)
    assert {(each.state, each.reason, each.placed) for each in changed} == {(State.HELD, reason, True)}


def test_what_a_silence_holds_stays_as_it_is_while_it_lasts() -> None:
    held = [replace(each, reason=Code.CLUSTER_SILENT, verification=DISPROVEN) for each in pods(4, State.HELD)]
    assert again([replace(each, placed=True) for each in held], held, 10, silent=True) == []


@pytest.mark.parametrize(
    ("present", "expected"), [(20, (State.REMOVING, Code.PROOF_LOST)), (10, (State.HELD, Code.REMOVAL_GUARD))]
)
def test_when_the_agent_speaks_again_all_that_was_held_is_judged_as_ordinary(
    present: int, expected: tuple[State, Code]
) -> None:
    lost = {"verification": DISPROVEN, "reason": Code.CLUSTER_SILENT, "placed": True}
    held = [replace(each, **lost) for each in pods(4, State.HELD)]
    more = pods(1, first=30)
    changed = again([*held, *more], [*held, *more], present)
    assert [(each.state, each.reason) for each in changed] == [expected] * 5


def test_what_an_operator_kept_in_spite_of_its_lost_proof_is_not_taken_again() -> None:
    dismissed = binding(State.BOUND, verification=DISPROVEN)
    assert again([dismissed], [dismissed], present=10) == []
    (after,) = again([dismissed])
    assert (after.state, after.verification) == (State.BOUND, PROVEN)
    (lost_anew,) = again([after], [after], present=10)
    assert (lost_anew.state, lost_anew.reason) == (State.REMOVING, Code.PROOF_LOST)


def test_what_is_held_for_another_reason_keeps_it_while_its_proof_holds() -> None:
    held = binding(State.HELD, reason=Code.QUOTA_EXCEEDED, detail="500 of 500")
    (after,) = again([replace(held, verification=replace(PROVEN, evidence={}))])
    assert (after.state, after.reason, after.detail) == (State.HELD, Code.QUOTA_EXCEEDED, "500 of 500")


@pytest.mark.parametrize(
    ("held", "state", "reason"),
    [
        (kept_back(), State.REMOVING, Code.PROOF_LOST),
        (kept_back(verification=PROVEN), State.DRAINING, None),
        (kept_back(placed=False), State.RELEASED, None),
        (kept_back(placed=False, verification=PROVEN), State.RELEASED, None),
    ],
    ids=["its proof is lost", "left out of a snapshot", "lost, and gone from the cloud", "left out, and gone"],
)
def test_an_approved_removal_goes_ahead_undrained_when_the_proof_is_lost(
    held: Binding, state: State, reason: Code | None
) -> None:
    after = approved(held, LATER, 30)
    assert (after.state, after.reason) == (state, reason)
    assert after.drain_until == (LATER + 30 * SECOND if state is State.DRAINING else None)


# --- laws

standing = st.lists(
    st.builds(
        lambda state, placed, slot, verdict: binding(state, placed=placed, slot=slot, verification=verdict),
        st.sampled_from(sorted(LIVE - LEAVING)),
        st.booleans(),
        st.sampled_from([SLOT, SLOT, Slot("lbl-udp", "")]),
        st.sampled_from([PROVEN, PROVEN, DECLARED, DISPROVEN]),
    ),
    max_size=8,
).map(lambda found: [replace(each, binding_id=f"b-{number}") for number, each in enumerate(found)])
verdicts = st.lists(st.sampled_from([(PROVEN, None), LOST, LOST, (UNKNOWN, None)]), min_size=8, max_size=8)


@law
@given(standing, verdicts, st.integers(0, 8), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_a_sweep_never_takes_more_than_the_share_of_a_listener_nor_its_last_target(
    bindings: list[Binding], told: list[Decision], others: int, share: float
) -> None:
    present = {
        (BALANCER, slot): others + sum(each.placed for each in bindings if each.slot == slot)
        for slot in {each.slot for each in bindings}
    }
    decisions = {each.binding_id: told[number] for number, each in enumerate(bindings)}
    changes = looked_at_again(bindings, decisions, present, share, LATER)
    for before, after in changes:
        assert after.state is before.state or after.state in MOVES[before.state]
        assert after.generation == before.generation + 1
        assert decisions[before.binding_id][0] is not UNKNOWN
    for (_, slot), count in present.items():
        taken = [after for before, after in changes if before.placed and before.slot == slot and not after.wanted]
        assert len(taken) <= share * count
        assert not taken or len(taken) < count


def test_a_sweep_over_no_bindings_changes_nothing() -> None:
    assert looked_at_again([], {}, {}, 0.3, LATER) == []
