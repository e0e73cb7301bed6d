"""What a verdict makes of a binding that waits for it."""

from dataclasses import replace

import pytest

from app.domain.binding import MOVES, Binding, State, Verdict, Verification
from app.domain.codes import Code
from app.planning.proofs import Decision, judged, refused
from tests.planning.builders import NOW, SECOND, THEIRS, binding

LATER = NOW + SECOND
TOLD = {"detail": "no interface holds 10.0.3.17"}
PROVEN = Verification(Verdict.PROVEN, "eni", LATER, {"detail": None})
DECLARED = Verification(Verdict.DECLARED, "cidr", LATER, {"detail": None})
UNKNOWN = Verification(Verdict.UNKNOWN, "eni", LATER, {"detail": "throttled"})
DISPROVEN = Verification(Verdict.DISPROVEN, "eni", LATER, TOLD)
LOST: Decision = (DISPROVEN, Code.ENI_NOT_FOUND)
NONE = Verification(Verdict.UNKNOWN)

WAITS = binding(State.VERIFYING, holder=True, verification=NONE)
CLAIMED = binding(
    State.HELD,
    holder=False,
    reason=Code.CLAIMED_BY_OTHER_CLUSTER,
    detail="cluster cls-theirs holds this place; no interface holds 10.0.3.17",
    verification=replace(DISPROVEN, checked_at=NOW),
)
CLAIMANT = binding(uid="u9", cluster_id=THEIRS)


# --- a binding that waits for its verdict


JUDGED: dict[str, tuple[Binding, Decision, Binding | None, State, Code | None]] = {
    "proven": (WAITS, (PROVEN, None), None, State.VERIFYING, None),
    "proven, beside a claim": (WAITS, (PROVEN, None), CLAIMANT, State.VERIFYING, None),
    "declared": (WAITS, (DECLARED, None), None, State.VERIFYING, None),
    "unknown": (WAITS, (UNKNOWN, None), None, State.VERIFYING, None),
    "unknown, beside a claim": (WAITS, (UNKNOWN, None), CLAIMANT, State.VERIFYING, None),
    "disproven": (WAITS, LOST, None, State.REJECTED, Code.ENI_NOT_FOUND),
    "disproven, beside a claim": (WAITS, LOST, CLAIMANT, State.HELD, Code.CLAIMED_BY_OTHER_CLUSTER),
    "disproven by a claim elsewhere": (
        WAITS,
        (DISPROVEN, Code.CLAIMED_BY_OTHER_CLUSTER),
        None,
        State.HELD,
        Code.CLAIMED_BY_OTHER_CLUSTER,
    ),
    "disproven by a claim elsewhere, with a former pod's target": (
        replace(WAITS, placed=True),
        (DISPROVEN, Code.CLAIMED_BY_OTHER_CLUSTER),
        None,
        State.REJECTED,
        Code.CLAIMED_BY_OTHER_CLUSTER,
    ),
    "claimed, now proven": (CLAIMED, (PROVEN, None), CLAIMANT, State.HELD, Code.CLAIMED_BY_OTHER_CLUSTER),
    "claimed, now declared": (CLAIMED, (DECLARED, None), None, State.HELD, Code.CLAIMED_BY_OTHER_CLUSTER),
    "claimed, no answer": (CLAIMED, (UNKNOWN, None), CLAIMANT, State.HELD, Code.CLAIMED_BY_OTHER_CLUSTER),
    "claimed, no answer, and the claim is gone": (
        CLAIMED,
        (UNKNOWN, None),
        None,
        State.HELD,
        Code.CLAIMED_BY_OTHER_CLUSTER,
    ),
    "claimed, disproven again": (CLAIMED, LOST, CLAIMANT, State.HELD, Code.CLAIMED_BY_OTHER_CLUSTER),
    "claimed, disproven, and the claim is gone": (CLAIMED, LOST, None, State.RELEASED, Code.ENI_NOT_FOUND),
}


@pytest.mark.parametrize(("before", "decision", "claimant", "state", "reason"), JUDGED.values(), ids=JUDGED.keys())
def test_a_verdict_moves_what_waits_for_it_or_leaves_it_waiting(
    before: Binding, decision: Decision, claimant: Binding | None, state: State, reason: Code | None
) -> None:
    after = judged(before, decision, LATER, claimant)
    assert (after.state, after.reason) == (state, reason)
    assert after.state is before.state or after.state in MOVES[before.state]
    assert after.placed is before.placed
    assert after.holder is (before.holder and state is State.VERIFYING)
    unchanged = before.state is State.HELD and (decision[0] is UNKNOWN or (decision == LOST and state is State.HELD))
    assert (after == before) is unchanged
    assert unchanged or (after.verification, after.generation) == (decision[0], before.generation + 1)


@pytest.mark.parametrize("proof", [PROVEN, DECLARED])
def test_a_proof_is_kept_and_what_was_told_of_its_lack_is_not(proof: Verification) -> None:
    after = judged(replace(WAITS, detail="throttled", verification=UNKNOWN), (proof, None), LATER)
    assert (after.verification, after.detail) == (proof, None)


@pytest.mark.parametrize(
    ("decision", "detail"),
    [
        ((UNKNOWN, None), "throttled"),
        ((replace(UNKNOWN, evidence={}), None), None),
        (LOST, "no interface holds 10.0.3.17"),
        ((replace(DISPROVEN, evidence={}), Code.ENI_NOT_FOUND), None),
    ],
)
def test_a_verdict_is_told_in_its_own_words(decision: Decision, detail: str | None) -> None:
    assert judged(WAITS, decision, LATER).detail == detail


def test_a_claim_is_told_with_what_speaks_against_the_address() -> None:
    after = judged(WAITS, LOST, LATER, CLAIMANT)
    assert after.detail == "cluster cls-theirs holds this place; no interface holds 10.0.3.17"
    other = judged(CLAIMED, (replace(DISPROVEN, evidence={"detail": "moved"}), Code.ENI_OTHER_CLUSTER), LATER, CLAIMANT)
    assert (other.state, other.detail) == (State.HELD, "cluster cls-theirs holds this place; moved")
    assert other.generation == CLAIMED.generation + 1


@pytest.mark.parametrize(
    ("before", "state"),
    [(WAITS, State.REJECTED), (replace(WAITS, placed=True), State.REJECTED), (CLAIMED, State.RELEASED)],
)
def test_what_is_proven_and_refused_all_the_same_ends_with_its_proof(before: Binding, state: State) -> None:
    after = refused(before, PROVEN, Code.MIXED_NETWORK_MODES, "shop/Deployment/web is bound as vpc-cni", LATER)
    assert (after.state, after.reason, after.verification) == (state, Code.MIXED_NETWORK_MODES, PROVEN)
    assert (after.detail, after.holder, after.placed) == (
        "shop/Deployment/web is bound as vpc-cni",
        False,
        before.placed,
    )
