"""What a proven binding still needs: a listener, the right to it, a free place."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from app.domain.binding import Binding, State, Verdict, Verification
from app.domain.codes import Code
from app.domain.load_balancer import Grant, LoadBalancer, Slot
from app.planning.places import Places
from app.planning.promotion import WAITS_FOR_ROOM, Surroundings, promoted
from tests.planning.builders import (
    BY_PORT,
    MINE,
    NOW,
    PROVEN,
    SECOND,
    SLOT,
    TCP,
    THEIRS,
    UDP,
    WEB,
    binding,
    grant,
    load_balancer,
)

LATER = NOW + SECOND
UNKNOWN = Verification(Verdict.UNKNOWN, "eni", NOW)
DISPROVEN = Verification(Verdict.DISPROVEN, "eni", NOW)
DECLARED = Verification(Verdict.DECLARED, "cidr", NOW)


def waiting(**changes: Any) -> Binding:
    """A proven binding that was not promoted yet."""
    return binding(State.VERIFYING, **{"holder": False, **changes})


def held(reason: Code | None, **changes: Any) -> Binding:
    """A binding that waits for room."""
    return binding(State.HELD, **{"reason": reason, "holder": False, "slot": None, **changes})


def promote(
    found: Binding,
    *others: Binding,
    balancer: LoadBalancer | None = None,
    grants: Iterable[Grant] = (grant(), grant(cluster_id=THEIRS)),
) -> list[Binding]:
    """What changes when the binding is looked at, with these others at its place."""
    around = Surroundings(
        balancer or load_balancer(),
        {each.cluster_id: each for each in grants},
        Places((found, *others)),
    )
    return list(promoted(found, around, LATER))


def moves(changed: Iterable[Binding]) -> list[tuple[str, State, Code | None]]:
    """Id, state and reason of what changed."""
    return [(each.binding_id, each.state, each.reason) for each in changed]


# --- who is looked at


@pytest.mark.parametrize("proof", [UNKNOWN, DISPROVEN])
def test_what_is_not_proven_is_not_promoted(proof: Verification) -> None:
    assert promote(waiting(verification=proof)) == []


@pytest.mark.parametrize("proof", [PROVEN, DECLARED])
def test_what_is_proven_or_declared_takes_its_place(proof: Verification) -> None:
    (after,) = promote(waiting(verification=proof))
    assert (after.state, after.slot, after.holder, after.placed) == (State.PENDING, SLOT, True, False)
    assert (after.updated_at, after.generation) == (LATER, 2)


@pytest.mark.parametrize("state", [state for state in State if state not in {State.VERIFYING, State.HELD}])
@pytest.mark.parametrize("reason", [None, *sorted(WAITS_FOR_ROOM)])
def test_a_binding_in_another_state_is_not_looked_at_whatever_its_reason(state: State, reason: Code | None) -> None:
    assert promote(binding(state, reason=reason)) == []


@pytest.mark.parametrize("reason", [None, *Code])
def test_a_held_binding_is_looked_at_when_it_waits_for_room_only(reason: Code | None) -> None:
    expected = [("b-u1", State.PENDING, None)] if reason in WAITS_FOR_ROOM else []
    assert moves(promote(held(reason))) == expected


def test_these_reasons_wait_for_room() -> None:
    assert {str(code) for code in WAITS_FOR_ROOM} == {
        "listener-not-found",
        "load-balancer-not-found",
        "claimed-by-other-cluster",
        "four-tuple-conflict",
        "not-granted",
    }


# --- what stands in the way


OBSTACLES = {
    "the load balancer": ({"balancer": load_balancer(missing=True)}, State.HELD, Code.LOAD_BALANCER_NOT_FOUND),
    "the listener": ({"balancer": load_balancer(UDP, WEB)}, State.HELD, Code.LISTENER_NOT_FOUND),
    "the grant": ({"grants": []}, State.REJECTED, Code.NOT_GRANTED),
    "the grant on the listener": ({"grants": [grant("lbl-udp")]}, State.REJECTED, Code.NOT_GRANTED),
    "another cluster's grant": ({"grants": [grant(cluster_id=THEIRS)]}, State.REJECTED, Code.NOT_GRANTED),
}


@pytest.mark.parametrize(("around", "state", "code"), OBSTACLES.values(), ids=OBSTACLES.keys())
def test_without_a_listener_it_is_held_and_without_a_grant_rejected(
    around: dict[str, Any], state: State, code: Code
) -> None:
    (after,) = promote(waiting(), **around)
    assert (after.state, after.reason, after.holder) == (state, code, False)
    assert after.detail


@pytest.mark.parametrize(("around", "state", "code"), OBSTACLES.values(), ids=OBSTACLES.keys())
def test_what_is_held_already_stays_held_and_tells_the_obstacle_once(
    around: dict[str, Any], state: State, code: Code
) -> None:
    (after,) = promote(held(Code.CLAIMED_BY_OTHER_CLUSTER), **around)
    assert (after.state, after.reason) == (State.HELD, code)
    assert promote(after, **around) == []


@pytest.mark.parametrize("granted", [grant("lbl-tcp"), grant()])
def test_with_a_grant_on_the_listener_or_on_all_it_is_promoted(granted: Grant) -> None:
    assert moves(promote(waiting(), grants=[granted])) == [("b-u1", State.PENDING, None)]


def test_before_the_listeners_were_read_it_stays_verifying() -> None:
    assert promote(waiting(slot=None), balancer=load_balancer(unread=True)) == []


def test_a_load_balancer_that_is_missing_and_was_never_read_holds_it() -> None:
    missing = load_balancer(unread=True, missing=True)
    assert moves(promote(waiting(slot=None), balancer=missing)) == [("b-u1", State.HELD, Code.LOAD_BALANCER_NOT_FOUND)]


def test_a_name_by_port_gets_its_slot_when_the_listeners_are_read() -> None:
    (after,) = promote(waiting(slot=None, target=BY_PORT))
    assert (after.state, after.slot) == (State.PENDING, SLOT)


@pytest.mark.parametrize("proof", [UNKNOWN, DISPROVEN])
@pytest.mark.parametrize("reason", sorted(WAITS_FOR_ROOM))
def test_what_is_held_and_not_proven_is_not_promoted_either(proof: Verification, reason: Code) -> None:
    assert promote(held(reason, verification=proof)) == []


def test_a_name_that_two_listeners_share_is_held() -> None:
    twins = load_balancer(TCP, replace(TCP, listener_id="lbl-twin"))
    assert moves(promote(waiting(slot=None, target=BY_PORT), balancer=twins)) == [
        ("b-u1", State.HELD, Code.LISTENER_NOT_FOUND)
    ]


def test_a_listener_that_came_back_under_another_id_is_taken_up() -> None:
    anew = load_balancer(replace(TCP, listener_id="lbl-new"))
    (after,) = promote(held(Code.LISTENER_NOT_FOUND, target=BY_PORT), balancer=anew)
    assert (after.state, after.slot, after.placed) == (State.PENDING, Slot("lbl-new", ""), False)


def test_what_may_have_a_target_stays_at_its_slot_when_its_name_means_another() -> None:
    anew = load_balancer(replace(TCP, port=81), replace(TCP, listener_id="lbl-new"))
    (after,) = promote(waiting(target=BY_PORT, holder=True, placed=True), balancer=anew)
    assert (after.state, after.slot, after.placed) == (State.PENDING, SLOT, True)


# --- who is at the place


def theirs(state: State, **changes: Any) -> Binding:
    """Another cluster's binding at the place."""
    return binding(state, uid="u9", cluster_id=THEIRS, **changes)


@pytest.mark.parametrize(
    "state",
    [State.VERIFYING, State.PENDING, State.BOUND, State.HELD, State.DRAINING, State.REMOVING],
)
def test_another_cluster_that_holds_the_place_keeps_it(state: State) -> None:
    (after,) = promote(waiting(revision=99), theirs(state, revision=1))
    assert (after.state, after.reason, after.holder) == (State.HELD, Code.CLAIMED_BY_OTHER_CLUSTER, False)
    assert after.detail == "cluster cls-theirs holds this place"
    assert promote(after, theirs(state)) == []


def test_a_place_that_the_other_cluster_gave_up_is_taken() -> None:
    waits = held(Code.CLAIMED_BY_OTHER_CLUSTER, slot=SLOT)
    assert moves(promote(waits, theirs(State.RELEASED))) == [("b-u1", State.PENDING, None)]


def test_another_cluster_that_waits_for_the_place_too_is_left_alone() -> None:
    waits = theirs(State.HELD, holder=False, reason=Code.CLAIMED_BY_OTHER_CLUSTER)
    assert moves(promote(waiting(), waits)) == [("b-u1", State.PENDING, None)]


def test_what_another_clusters_rejected_binding_left_there_is_taken_over() -> None:
    left = theirs(State.REJECTED, placed=True)
    former, after = promote(waiting(), left)
    assert (former.binding_id, former.state, former.placed) == ("b-u9", State.REJECTED, False)
    assert (after.binding_id, after.state, after.placed) == ("b-u1", State.PENDING, True)


def test_a_claim_is_never_held_by_two_after_the_name_came_to_mean_the_others_place() -> None:
    (after,) = promote(
        waiting(target=BY_PORT, slot=Slot("lbl-old", ""), holder=True),
        theirs(State.BOUND),
    )
    assert (after.state, after.reason, after.holder) == (State.HELD, Code.CLAIMED_BY_OTHER_CLUSTER, False)


@pytest.mark.parametrize("state", [State.VERIFYING, State.PENDING, State.BOUND, State.HELD])
@pytest.mark.parametrize(("revision", "wins"), [(9, True), (11, False)])
def test_among_pods_of_one_cluster_the_greater_revision_holds_the_place(
    state: State, revision: int, wins: bool
) -> None:
    rival = binding(state, uid="u2", revision=revision, placed=state is State.BOUND)
    changed = promote(waiting(), rival)
    if wins:
        assert moves(changed) == [("b-u2", State.RELEASED, Code.SUPERSEDED), ("b-u1", State.PENDING, None)]
        assert [each.placed for each in changed] == [False, state is State.BOUND]
        assert [each.holder for each in changed] == [False, True]
    else:
        assert moves(changed) == [("b-u1", State.RELEASED, Code.SUPERSEDED)]


@pytest.mark.parametrize("state", [State.DRAINING, State.REMOVING])
def test_a_pod_that_leaves_gives_way_whatever_its_revision(state: State) -> None:
    former, after = promote(waiting(), binding(state, uid="u2", revision=99))
    assert (former.state, former.placed, former.reason) == (State.RELEASED, False, Code.SUPERSEDED)
    assert (after.state, after.placed, after.holder) == (State.PENDING, True, True)


def test_what_it_took_over_already_stays_its_own() -> None:
    (after,) = promote(waiting(holder=True, placed=True))
    assert (after.state, after.placed, after.cluster_id) == (State.PENDING, True, MINE)
