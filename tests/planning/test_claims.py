"""An address is one cluster's at a time: the cloud's younger evidence moves it, and its target stays."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from app.domain.binding import Binding, State, Verdict, Verification
from app.domain.codes import Code
from app.domain.load_balancer import Slot
from app.planning.places import Places
from app.planning.promotion import Surroundings, promoted
from tests.planning.builders import (
    BY_ID,
    MINE,
    NOW,
    SECOND,
    TCP,
    THEIRS,
    UDP,
    WEB,
    bind,
    binding,
    grant,
    load_balancer,
    place,
    unbind,
)
from tests.planning.shelf import Shelf
from tests.planning.world import World

LATER = NOW + SECOND
OLDER = Verification(Verdict.PROVEN, "eni", NOW - SECOND)
EQUAL = Verification(Verdict.PROVEN, "eni", NOW)
YOUNGER = Verification(Verdict.PROVEN, "eni", LATER)
DECLARED = Verification(Verdict.DECLARED, "cidr", NOW + 60 * SECOND)
UNDATED = Verification(Verdict.PROVEN, "eni", None)
UNKNOWN = Verification(Verdict.UNKNOWN, "eni", LATER)
DISPROVEN = Verification(Verdict.DISPROVEN, "eni", LATER)

LIVE_THERE = [State.PENDING, State.BOUND, State.HELD, State.DRAINING, State.REMOVING]


def mine(verification: Verification, **changes: object) -> Binding:
    """A binding of this cluster with its verdict, not promoted yet."""
    return binding(State.VERIFYING, **{"holder": False, "verification": verification, **changes})


def theirs(state: State = State.BOUND, verification: Verification = EQUAL, **changes: object) -> Binding:
    """Another cluster's binding that holds the place."""
    return binding(state, **{"uid": "u9", "cluster_id": THEIRS, "verification": verification, **changes})


def promote(found: Binding, *others: Binding) -> list[Binding]:
    """What changes when the binding is looked at, with these others around."""
    balancer = load_balancer(TCP, UDP, WEB, replace(TCP, listener_id="lbl-tcp-2", port=81))
    grants = {each: grant(cluster_id=each) for each in (MINE, THEIRS)}
    return list(promoted(found, Surroundings(balancer, grants, Places((found, *others))), LATER))


def moves(changed: Iterable[Binding]) -> list[tuple[str, State, Code | None]]:
    """Id, state and reason of what changed."""
    return [(each.binding_id, each.state, each.reason) for each in changed]


TAKEN = [("b-u9", State.RELEASED, Code.PROOF_LOST), ("b-u1", State.PENDING, None)]
REFUSED = [("b-u1", State.HELD, Code.CLAIMED_BY_OTHER_CLUSTER)]


@pytest.mark.parametrize("state", LIVE_THERE)
@pytest.mark.parametrize(
    ("ours", "of_others", "expected"),
    [
        (YOUNGER, EQUAL, TAKEN),
        (EQUAL, EQUAL, REFUSED),
        (OLDER, EQUAL, REFUSED),
        (OLDER, DECLARED, TAKEN),
        (EQUAL, UNDATED, TAKEN),
        (UNDATED, UNDATED, REFUSED),
        (UNDATED, DECLARED, REFUSED),
        (DECLARED, EQUAL, REFUSED),
        (DECLARED, DECLARED, REFUSED),
        (EQUAL, DISPROVEN, TAKEN),
        (OLDER, UNKNOWN, TAKEN),
        (DECLARED, DISPROVEN, REFUSED),
    ],
    ids=[
        "a younger proof",
        "a proof of the same time",
        "an older proof",
        "a proof against a declaration",
        "a proof against one without a date",
        "proofs without a date",
        "a proof without a date against a declaration",
        "a declaration against a proof",
        "a declaration against a declaration",
        "a proof against one that is lost",
        "a proof against none",
        "a declaration against a proof that is lost",
    ],
)
def test_the_cloud_s_younger_evidence_takes_the_place_and_nothing_else_does(
    state: State, ours: Verification, of_others: Verification, expected: object
) -> None:
    assert moves(promote(mine(ours), theirs(state, of_others))) == expected


@pytest.mark.parametrize("verdict", [UNKNOWN, DISPROVEN])
def test_without_a_proof_nothing_takes_a_place(verdict: Verification) -> None:
    assert promote(mine(verdict), theirs()) == []


@pytest.mark.parametrize("state", LIVE_THERE)
@pytest.mark.parametrize("placed", [True, False])
def test_the_target_passes_on_and_is_never_two_s(state: State, placed: bool) -> None:
    former, after = promote(mine(YOUNGER), theirs(state, placed=placed))
    assert (former.placed, former.holder, former.detail) == (False, False, "the address is cluster cls-mine's now")
    assert (after.placed, after.holder) == (placed, True)


def test_revisions_of_two_clusters_are_not_compared() -> None:
    assert moves(promote(mine(YOUNGER, revision=1), theirs(revision=99))) == TAKEN
    assert moves(promote(mine(OLDER, revision=99), theirs(revision=1))) == REFUSED


@pytest.mark.parametrize("verdict", [UNKNOWN, Verification(Verdict.UNKNOWN)])
@pytest.mark.parametrize("placed", [True, False])
def test_a_rival_that_waits_for_its_proof_gives_way_and_goes_on_waiting(verdict: Verification, placed: bool) -> None:
    rival, after = promote(mine(OLDER), theirs(State.VERIFYING, verdict, placed=placed))
    assert (rival.state, rival.holder, rival.placed, rival.verification) == (State.VERIFYING, False, False, verdict)
    assert (after.state, after.holder, after.placed) == (State.PENDING, True, placed)


def test_a_declaration_does_not_take_the_place_of_a_rival_that_waits_for_its_proof() -> None:
    assert moves(promote(mine(DECLARED), theirs(State.VERIFYING, UNKNOWN))) == REFUSED


def test_what_was_refused_for_a_claim_takes_the_place_once_its_proof_is_younger() -> None:
    waits = binding(State.HELD, reason=Code.CLAIMED_BY_OTHER_CLUSTER, holder=False, verification=OLDER)
    waits = replace(waits, detail="cluster cls-theirs holds this place")
    assert promote(waits, theirs()) == []
    assert moves(promote(replace(waits, verification=YOUNGER), theirs())) == TAKEN


# --- the same, told by events


def test_an_address_that_moved_stays_bound_through_the_former_clusters_late_unbind() -> None:
    world = World()
    world.receive([bind("u1", 10)], THEIRS)
    world.bring_up(THEIRS)
    assert world.cloud == {place(): 10}
    calls = world.calls
    world.tick(10)
    world.receive([bind("u2", 5)], MINE)
    world.verify(Verdict.PROVEN, MINE)
    world.receive([unbind("u1", 99)], THEIRS)
    world.converge()
    assert (world.calls, world.cloud) == (calls, {place(): 10})
    former, after = world.shelf.only(cluster_id=THEIRS), world.shelf.only(cluster_id=MINE)
    assert (former.state, former.reason, former.placed) == (State.RELEASED, Code.PROOF_LOST, False)
    assert (after.state, after.placed) == (State.BOUND, True)


def test_a_cluster_without_evidence_waits_until_the_claim_is_given_up() -> None:
    world = World()
    world.receive([bind("u1", 10)], THEIRS)
    world.bring_up(THEIRS)
    world.tick(10)
    world.receive([bind("u2", 5)], MINE)
    world.verify(Verdict.DISPROVEN, MINE)
    waits = world.shelf.only(cluster_id=MINE)
    assert (waits.state, waits.reason) == (State.HELD, Code.CLAIMED_BY_OTHER_CLUSTER)
    assert waits.detail == "cluster cls-theirs holds this place; the verdict is disproven"
    world.receive([unbind("u1", 11, drain_seconds=0)], THEIRS)
    world.verify(Verdict.PROVEN, MINE)
    assert [(b.cluster_id, b.state) for b in world.shelf.bindings.values() if b.live] == [(MINE, State.PENDING)]
    world.converge()
    assert world.shelf.only(cluster_id=MINE).state is State.BOUND


# --- the four-tuple


def beside(state: State = State.BOUND, **changes: object) -> Binding:
    """A binding of the same address and port on another TCP listener."""
    name = replace(BY_ID, listener_id="lbl-tcp-2")
    return binding(state, **{"uid": "u9", "target": name, "slot": Slot("lbl-tcp-2", ""), **changes})


@pytest.mark.parametrize("state", [State.PENDING, State.BOUND, State.DRAINING, State.REMOVING])
@pytest.mark.parametrize("cluster_id", [MINE, THEIRS])
def test_one_address_and_port_on_two_listeners_of_a_protocol_is_held_before_the_cloud_refuses(
    state: State, cluster_id: str
) -> None:
    (after,) = promote(mine(YOUNGER, holder=True), beside(state, cluster_id=cluster_id))
    assert (after.state, after.reason, after.holder) == (State.HELD, Code.FOUR_TUPLE_CONFLICT, False)
    assert after.detail == "10.0.3.17:8080 is bound on lbl-tcp-2, which has the same protocol"
    assert promote(after, beside(state, cluster_id=cluster_id)) == []


@pytest.mark.parametrize(
    "other",
    [
        beside(State.VERIFYING),
        beside(State.RELEASED),
        beside(ip="10.0.3.18"),
        beside(target=replace(BY_ID, listener_id="lbl-tcp-2", port=8081)),
        beside(slot=Slot("lbl-udp", "")),
        beside(slot=Slot("lbl-web", "loc-api")),
    ],
    ids=["waits for its proof", "released", "another address", "another port", "another protocol", "layer 7"],
)
def test_what_the_cloud_would_have_beside_it_stands_not_in_the_way(other: Binding) -> None:
    assert moves(promote(mine(YOUNGER), other)) == [("b-u1", State.PENDING, None)]


def test_a_four_tuple_that_is_free_again_is_taken() -> None:
    waits = binding(State.HELD, reason=Code.FOUR_TUPLE_CONFLICT, holder=False)
    assert promote(waits, beside()) != []
    assert moves(promote(waits, beside(State.RELEASED))) == [("b-u1", State.PENDING, None)]


def test_of_two_that_wait_for_one_four_tuple_the_first_has_it() -> None:
    shelf = Shelf(load_balancer=load_balancer(TCP, replace(TCP, listener_id="lbl-tcp-2", port=81)))
    world = World(shelf=shelf, listeners=(TCP, replace(TCP, listener_id="lbl-tcp-2", port=81)))
    world.receive([bind(), bind(target=replace(BY_ID, listener_id="lbl-tcp-2"))], MINE)
    world.bring_up(MINE)
    assert {(b.binding_id, b.state, b.reason) for b in world.shelf.bindings.values()} == {
        ("b1", State.BOUND, None),
        ("b2", State.HELD, Code.FOUR_TUPLE_CONFLICT),
    }
    assert world.cloud == {place(): 10}
