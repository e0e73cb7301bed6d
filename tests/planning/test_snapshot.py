"""The full truth for one Service: what it leaves out is let go, as far as the guard allows."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.binding import Binding, State
from app.domain.codes import Code
from app.domain.event import Outcome, PodEvent, Service
from app.domain.load_balancer import Slot
from app.planning.guard import allows
from tests.planning.builders import BY_ID, BY_PORT, MINE, THEIRS, bind, binding, unbind
from tests.planning.histories import Step, histories, law
from tests.planning.shelf import Shelf
from tests.planning.world import World

WEB_NAME = replace(BY_ID, listener_id="lbl-web", location_id="loc-api")


def pods(count: int) -> list[Binding]:
    """Bound bindings of so many pods at one listener."""
    return [binding(uid=f"u{number}", ip=f"10.0.3.{number}") for number in range(1, count + 1)]


def truth(uids: Iterable[str], revision: int = 20) -> list[PodEvent]:
    """A snapshot that names these pods."""
    return [bind(uid, revision, f"10.0.3.{uid[1:]}") for uid in uids]


def kept(*bindings: Binding) -> Shelf:
    """A ledger with these bindings."""
    shelf = Shelf()
    shelf.put(*bindings)
    return shelf


def states(shelf: Shelf) -> dict[str, State]:
    """The state of each pod's binding."""
    return {b.pod.uid: b.state for b in shelf.bindings.values()}


def test_what_a_snapshot_names_is_bound_and_what_it_leaves_out_is_drained() -> None:
    shelf = kept(*pods(4))
    outcome = shelf.replace(20, truth(["u1", "u2", "u3", "u5"]))
    assert [result.outcome for result in outcome.results] == [*[Outcome.UNCHANGED] * 3, Outcome.ACCEPTED]
    assert (outcome.withdrawn, outcome.held) == (("b-u4",), ())
    assert (states(shelf)["u4"], states(shelf)["u5"]) == (State.DRAINING, State.VERIFYING)


def test_one_of_four_targets_is_within_a_share_of_three_tenths() -> None:
    shelf = kept(*pods(4))
    outcome = shelf.replace(20, truth(["u1", "u2", "u3"]), max_share=0.3)
    assert (outcome.withdrawn, outcome.held) == (("b-u4",), ())
    assert shelf.only(binding_id="b-u4").state is State.DRAINING
    assert shelf.only(binding_id="b-u4").revision == 20


def test_two_of_four_targets_are_held_as_they_are() -> None:
    shelf = kept(*pods(4))
    outcome = shelf.replace(20, truth(["u1", "u2"]), max_share=0.3)
    assert (outcome.withdrawn, outcome.held) == ((), ("b-u3", "b-u4"))
    held = shelf.only(binding_id="b-u3")
    assert (held.state, held.reason, held.placed, held.holder) == (State.HELD, Code.REMOVAL_GUARD, True, True)
    assert held.detail == "left out of a snapshot at revision 20"


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_the_last_target_is_held_whatever_the_share(share: float) -> None:
    shelf = kept(*pods(1))
    assert shelf.replace(20, [], max_share=share).held == ("b-u1",)


def test_an_empty_snapshot_takes_nothing_off() -> None:
    shelf = kept(*pods(10))
    outcome = shelf.replace(20, [], max_share=1.0)
    assert outcome.withdrawn == ()
    assert set(states(shelf).values()) == {State.HELD}


def test_one_snapshot_after_the_other_does_not_take_the_last_target_either() -> None:
    shelf = kept(*pods(2))
    assert shelf.replace(20, truth(["u1"]), max_share=0.5).withdrawn == ("b-u2",)
    assert shelf.replace(30, [], max_share=0.5).held == ("b-u1",)


@pytest.mark.parametrize("state", [State.DRAINING, State.REMOVING])
def test_what_leaves_already_does_not_count_as_present(state: State) -> None:
    stays = pods(4)
    leaves = [binding(state, uid=f"u{number}", ip=f"10.0.3.{number}") for number in (5, 6, 7)]
    shelf = kept(*stays, *leaves)
    assert shelf.replace(20, truth(["u1", "u2"])).held == ("b-u3", "b-u4")
    # Seven would have room for two.
    assert kept(*pods(7)).replace(20, truth(["u1", "u2", "u3", "u4", "u5"])).held == ()


def test_what_a_rejected_binding_left_there_does_not_count_as_present() -> None:
    left = binding(State.REJECTED, uid="u2", ip="10.0.3.2", placed=True)
    assert kept(*pods(1), left).replace(20, [], max_share=1.0).held == ("b-u1",)


def test_what_is_held_counts_as_present() -> None:
    held = binding(State.HELD, uid="u4", ip="10.0.3.4", placed=True, reason=Code.QUOTA_EXCEEDED, revision=21)
    assert kept(*pods(3), held).replace(20, truth(["u1", "u2"])).withdrawn == ("b-u3",)


def test_what_was_never_put_there_is_let_go_without_asking_the_guard() -> None:
    shelf = kept(binding(State.PENDING), binding(State.VERIFYING, uid="u2", ip="10.0.3.2"))
    assert shelf.replace(20, [], max_share=0.0).withdrawn == ("b-u1", "b-u2")
    assert set(states(shelf).values()) == {State.RELEASED}


def test_other_clusters_targets_at_the_listener_count_as_present() -> None:
    theirs = [replace(each, binding_id=f"t-{each.binding_id}", cluster_id=THEIRS) for each in pods(4)]
    others = [replace(each, ip=f"10.9.9.{number}") for number, each in enumerate(theirs)]
    shelf = kept(*pods(1), *others)
    assert shelf.replace(20, [], max_share=0.3).withdrawn == ("b-u1",)


def test_each_listener_and_rule_is_guarded_by_itself() -> None:
    rule = [replace(each, target=WEB_NAME, slot=Slot("lbl-web", "loc-api")) for each in pods(2)]
    shelf = kept(*pods(4), *[replace(each, binding_id=f"r-{each.binding_id}") for each in rule])
    stay = truth(["u1", "u2", "u3"]) + [replace(each, target=WEB_NAME) for each in truth(["u1"])]
    outcome = shelf.replace(20, stay, max_share=0.3)
    assert (outcome.withdrawn, outcome.held) == (("b-u4",), ("r-b-u2",))


def test_a_binding_with_a_newer_revision_than_the_snapshot_stays() -> None:
    shelf = kept(*pods(3), binding(uid="u4", ip="10.0.3.4", revision=21))
    outcome = shelf.replace(20, truth(["u1", "u2", "u3"]))
    assert (outcome.withdrawn, outcome.held) == ((), ())
    assert states(shelf)["u4"] is State.BOUND


def test_a_binding_of_the_snapshots_own_revision_that_it_leaves_out_goes() -> None:
    shelf = kept(*pods(3), binding(uid="u4", ip="10.0.3.4", revision=20))
    assert shelf.replace(20, truth(["u1", "u2", "u3"])).withdrawn == ("b-u4",)


def test_a_snapshot_older_than_what_is_known_changes_nothing() -> None:
    shelf = kept(binding(revision=21), binding(uid="u2", ip="10.0.3.2", revision=22))
    before = dict(shelf.bindings)
    outcome = shelf.replace(20, [bind(revision=20, weight=1)])
    assert [result.outcome for result in outcome.results] == [Outcome.STALE]
    assert (outcome.withdrawn, outcome.held, shelf.bindings) == ((), (), before)


def test_an_event_older_than_the_snapshot_that_left_the_pod_out_is_stale() -> None:
    shelf = kept(*pods(4))
    shelf.replace(20, truth(["u1", "u2", "u3"]))
    (late,) = shelf.receive([bind("u4", 19, "10.0.3.4")])
    assert late.outcome is Outcome.STALE
    assert states(shelf)["u4"] is State.DRAINING


def test_a_target_that_the_snapshot_names_otherwise_is_not_left_out() -> None:
    shelf = kept(*pods(1))
    outcome = shelf.replace(20, [bind(ip="10.0.3.1", revision=20, target=BY_PORT)])
    assert (outcome.withdrawn, outcome.held) == ((), ())
    assert states(shelf) == {"u1": State.BOUND}


def test_a_target_that_the_snapshot_names_wrongly_is_refused_and_not_left_out() -> None:
    shelf = kept(*pods(1))
    outcome = shelf.replace(20, [bind(ip="10.0.3.1", revision=20, weight=101)])
    assert [result.code for result in outcome.results] == [Code.WEIGHT_OUT_OF_RANGE]
    assert states(shelf) == {"u1": State.BOUND}


def test_other_services_and_clusters_are_left_alone() -> None:
    other = binding(uid="u2", ip="10.0.3.2", service=Service("shop", "api"))
    none = binding(uid="u3", ip="10.0.3.3", service=None)
    theirs = binding(uid="u4", ip="10.0.3.4", cluster_id=THEIRS)
    shelf = kept(binding(State.PENDING, uid="u1", ip="10.0.3.1"), other, none, theirs)
    assert shelf.replace(20, [], max_share=1.0).withdrawn == ("b-u1",)
    assert [shelf.bindings[each.binding_id] for each in (other, none, theirs)] == [other, none, theirs]


def test_what_leaves_already_is_left_alone() -> None:
    shelf = kept(binding(State.DRAINING), binding(State.REMOVING, uid="u2", ip="10.0.3.2"))
    before = dict(shelf.bindings)
    outcome = shelf.replace(20, [], max_share=1.0)
    assert (outcome.withdrawn, outcome.held, shelf.bindings) == ((), (), before)


def test_held_targets_return_when_a_later_snapshot_names_them_again() -> None:
    shelf = kept(*pods(4))
    shelf.replace(20, truth(["u1", "u2"]))
    outcome = shelf.replace(30, truth(["u1", "u2", "u3", "u4"], 30))
    assert [result.outcome for result in outcome.results] == [*[Outcome.UNCHANGED] * 2, *[Outcome.ACCEPTED] * 2]
    assert states(shelf) == {"u1": State.BOUND, "u2": State.BOUND, "u3": State.PENDING, "u4": State.PENDING}


def test_held_targets_return_on_a_later_bind_and_leave_on_a_later_unbind() -> None:
    shelf = kept(*pods(4))
    shelf.replace(20, truth(["u1", "u2"]))
    shelf.receive([bind("u3", 21, "10.0.3.3"), unbind("u4", 21)])
    assert (states(shelf)["u3"], states(shelf)["u4"]) == (State.PENDING, State.DRAINING)


def test_targets_that_are_left_out_again_stay_held_and_are_not_told_twice() -> None:
    shelf = kept(*pods(4))
    shelf.replace(20, truth(["u1", "u2"]))
    told = len(shelf.entries)
    assert shelf.replace(30, truth(["u1", "u2"], 30)).held == ("b-u3", "b-u4")
    assert len(shelf.entries) == told


def test_what_is_held_for_another_reason_keeps_its_reason() -> None:
    shelf = kept(binding(State.HELD, placed=True, reason=Code.QUOTA_EXCEEDED))
    assert shelf.replace(20, []).held == ("b-u1",)
    assert shelf.only().reason is Code.QUOTA_EXCEEDED


def test_held_targets_that_come_within_the_share_are_let_go() -> None:
    shelf = kept(*pods(4))
    shelf.replace(20, truth(["u1", "u2"]))
    outcome = shelf.replace(30, truth(["u1", "u2", "u3"], 30), max_share=0.3)
    assert (outcome.withdrawn, outcome.held) == (("b-u4",), ())
    assert states(shelf)["u4"] is State.DRAINING


@law
@given(
    histories,
    st.sets(st.sampled_from(["u1", "u2", "u3"])),
    st.sampled_from([0.0, 0.3, 0.5, 1.0]),
)
def test_a_snapshot_never_takes_more_than_the_share_nor_the_last_target(
    history: list[Step], stays: set[str], share: float
) -> None:
    world = World()
    for step in history:
        step(world)
    before = {b.binding_id: b for b in world.shelf.bindings.values() if b.placed and b.wanted}
    stay = [
        bind(b.pod.uid, 99, b.ip, target=b.target, network_mode=b.network_mode, weight=b.weight)
        for b in before.values()
        if b.pod.uid in stays and b.cluster_id == MINE
    ]
    outcome = world.shelf.replace(99, stay, share)
    for slot in {b.slot for b in before.values()}:
        here = [b for b in before.values() if b.slot == slot]
        gone = [b for b in here if b.binding_id in outcome.withdrawn]
        assert not gone or len(gone) < len(here)
        assert len(gone) <= share * len(here)
    assert all(world.shelf.bindings[binding_id].state is State.HELD for binding_id in outcome.held)


@law
@given(st.integers(0, 600), st.integers(0, 600), st.floats(0, 1))
def test_the_guard_allows_less_when_more_is_taken_or_less_is_there(removing: int, present: int, share: float) -> None:
    assert allows(0, present, share)
    assert not allows(max(1, present), present, share)
    if allows(removing + 1, present, share):
        assert allows(removing, present, share)
    if allows(removing, present, share):
        assert allows(removing, present + 1, share)


@pytest.mark.parametrize(
    ("removing", "present", "share", "allowed"),
    [
        (0, 0, 0.0, True),
        (0, 5, 0.0, True),
        (1, 5, 0.0, False),
        (3, 10, 0.3, True),
        (4, 10, 0.3, False),
        (1, 3, 0.3, False),
        (9, 10, 1.0, True),
        (10, 10, 1.0, False),
        (1, 1, 1.0, False),
        (2, 1, 1.0, False),
    ],
)
def test_the_guard_allows_up_to_the_share_and_never_the_last(
    removing: int, present: int, share: float, allowed: bool
) -> None:
    assert allows(removing, present, share) is allowed
