"""An address passes from pod to pod, and from cluster to cluster."""

from dataclasses import replace

import pytest

from app.domain.binding import State, Verdict
from app.domain.cluster import NetworkMode
from app.domain.codes import Code
from app.domain.event import Outcome
from tests.planning.builders import BY_PORT, MINE, NOW, PROVEN, TCP, THEIRS, bind, binding, load_balancer, place, unbind
from tests.planning.shelf import Shelf
from tests.planning.world import World

DISPROVEN = replace(PROVEN, verdict=Verdict.DISPROVEN)


@pytest.fixture
def bound() -> Shelf:
    """A ledger in which u1 is bound at revision 10."""
    shelf = Shelf()
    shelf.put(binding())
    return shelf


@pytest.mark.parametrize("state", [State.VERIFYING, State.PENDING, State.BOUND, State.HELD])
def test_the_greater_revision_takes_the_place_and_the_former_ends_as_superseded(state: State) -> None:
    shelf = Shelf()
    shelf.put(binding(state))
    (result,) = shelf.receive([bind("u2", 11)])
    assert result.outcome is Outcome.ACCEPTED
    former = shelf.only(binding_id="b-u1")
    assert (former.state, former.reason, former.holder) == (State.RELEASED, Code.SUPERSEDED, False)
    assert shelf.wanted() == {(MINE, "10.0.3.17", "u2")}


@pytest.mark.parametrize("state", [State.BOUND, State.DRAINING, State.REMOVING])
def test_the_target_is_kept_and_not_set_up_again(state: State) -> None:
    world = World()
    world.shelf.put(binding(state))
    world.cloud[place()] = 10
    world.receive([bind("u2", 11)], MINE)
    assert [(b.pod.uid, b.holder) for b in world.shelf.bindings.values() if b.placed] == [("u2", True)]
    world.bring_up(MINE)
    assert world.shelf.only(binding_id="b1").state is State.BOUND
    assert (world.calls, world.cloud) == (0, {place(): 10})


def test_a_new_pod_that_is_disproven_takes_the_former_ones_target_off() -> None:
    world = World()
    world.shelf.put(binding())
    world.cloud[place()] = 10
    world.receive([bind("u2", 11)], MINE)
    world.verify(Verdict.DISPROVEN, MINE)
    world.converge()
    assert world.shelf.only(binding_id="b1").state is State.REJECTED
    assert (world.cloud, world.shelf.only(binding_id="b1").placed) == ({}, False)


def test_a_new_pod_that_is_unbound_before_its_proof_takes_the_former_ones_target_off(bound: Shelf) -> None:
    bound.receive([bind("u2", 11), unbind("u2", 12)])
    left = bound.only(binding_id="b1")
    assert (left.state, left.placed, left.holder) == (State.REMOVING, True, True)
    told = [entry.detail for entry in bound.entries if entry.to_state is State.HELD]
    assert told == ["unbound before its proof; the former pod's target is taken off"]


def test_a_bind_of_the_former_pod_with_a_lower_revision_is_stale(bound: Shelf) -> None:
    bound.receive([bind("u2", 12)])
    (late,) = bound.receive([bind("u1", 11)])
    assert (late.outcome, late.code, late.binding_id) == (Outcome.STALE, Code.SUPERSEDED, "b-u1")
    assert late.detail == "a bind of a greater revision holds this address"
    assert bound.wanted() == {(MINE, "10.0.3.17", "u2")}


def test_a_pod_that_is_outbid_before_anything_is_known_of_it_gets_no_binding(bound: Shelf) -> None:
    (late,) = bound.receive([bind("u2", 9)])
    assert (late.outcome, late.code, late.binding_id) == (Outcome.STALE, Code.SUPERSEDED, None)
    assert bound.bindings.keys() == {"b-u1"}


def test_a_pod_that_is_outbid_at_its_new_address_leaves_the_old_one(bound: Shelf) -> None:
    bound.put(binding(uid="u2", ip="10.0.3.18", revision=20))
    (outbid,) = bound.receive([bind("u1", 15, "10.0.3.18")])
    assert (outbid.outcome, outbid.code) == (Outcome.STALE, Code.SUPERSEDED)
    assert bound.only(binding_id="b-u1").state is State.REMOVING
    assert bound.wanted() == {(MINE, "10.0.3.18", "u2")}


def test_the_former_pods_word_counts_even_after_it_was_unbound(bound: Shelf) -> None:
    bound.receive([unbind("u1", 20)])
    assert [result.code for result in bound.receive([bind("u2", 9)])] == [Code.SUPERSEDED]
    assert [result.outcome for result in bound.receive([bind("u2", 11)])] == [Outcome.ACCEPTED]


def test_a_late_unbind_of_the_former_pod_leaves_the_new_one_alone(bound: Shelf) -> None:
    bound.receive([bind("u2", 11)])
    (late,) = bound.receive([unbind("u1", 30)])
    assert late.outcome is Outcome.UNCHANGED
    assert bound.wanted() == {(MINE, "10.0.3.17", "u2")}


def test_the_former_pod_takes_its_address_back_with_a_greater_revision(bound: Shelf) -> None:
    bound.receive([bind("u2", 11), bind("u1", 12)])
    assert bound.wanted() == {(MINE, "10.0.3.17", "u1")}
    assert [b.binding_id for b in bound.bindings.values() if b.placed] == ["b2"]


def test_at_equal_revisions_the_later_pod_takes_the_address(bound: Shelf) -> None:
    assert [result.outcome for result in bound.receive([bind("u2", 10)])] == [Outcome.ACCEPTED]
    assert bound.wanted() == {(MINE, "10.0.3.17", "u2")}


def test_a_pod_that_moves_leaves_its_old_address_undrained(bound: Shelf) -> None:
    bound.receive([bind("u1", 11, "10.0.3.18")])
    assert bound.only(ip="10.0.3.17").state is State.REMOVING
    assert bound.only(ip="10.0.3.18").state is State.VERIFYING


def test_an_address_that_its_pod_left_is_free_for_an_older_bind_in_the_same_batch_as_in_another() -> None:
    events = [bind("u1", 10), bind("u1", 11, "10.0.3.18"), bind("u2", 5)]
    whole, split = Shelf(), Shelf()
    whole.receive(events)
    for event in events:
        split.receive([event])
    assert whole.wanted() == split.wanted() == {(MINE, "10.0.3.18", "u1"), (MINE, "10.0.3.17", "u2")}


def test_a_pod_that_was_outbid_gets_the_address_once_the_rival_left_it(bound: Shelf) -> None:
    bound.receive([bind("u2", 9), bind("u1", 11, "10.0.3.18")])
    assert [result.outcome for result in bound.receive([bind("u2", 9)])] == [Outcome.ACCEPTED]
    assert bound.wanted() == {(MINE, "10.0.3.18", "u1"), (MINE, "10.0.3.17", "u2")}


def test_a_pod_follows_the_name_of_its_listener_when_that_means_another() -> None:
    shelf = Shelf()
    shelf.put(binding(target=BY_PORT))
    shelf.load_balancer = load_balancer(replace(TCP, port=81), replace(TCP, listener_id="lbl-new"))
    shelf.receive([bind(revision=11, target=BY_PORT)])
    assert shelf.only(binding_id="b-u1").state is State.REMOVING
    anew = shelf.only(binding_id="b1")
    assert (anew.state, anew.place) == (State.VERIFYING, place(listener_id="lbl-new"))


def test_the_same_pod_at_two_listeners_has_two_places(bound: Shelf) -> None:
    other = replace(bind().target, listener_id="lbl-udp")
    bound.receive([bind("u1", 11, target=other)])
    assert {b.place for b in bound.bindings.values() if b.holder} == {place(), place(listener_id="lbl-udp")}


# --- between clusters


@pytest.mark.parametrize("state", [State.VERIFYING, State.PENDING, State.BOUND, State.DRAINING, State.REMOVING])
def test_another_clusters_place_is_not_taken(state: State) -> None:
    shelf = Shelf()
    theirs = binding(state, cluster_id=THEIRS)
    shelf.put(theirs)
    (result,) = shelf.receive([bind("u2", 99)])
    assert result.outcome is Outcome.ACCEPTED
    mine = shelf.only(cluster_id=MINE)
    assert (mine.state, mine.holder, mine.placed) == (State.VERIFYING, False, False)
    assert shelf.bindings["b-u1"] == theirs


def test_another_clusters_live_binding_without_the_place_is_left_alone() -> None:
    shelf = Shelf()
    theirs = binding(State.HELD, cluster_id=THEIRS, holder=False, reason=Code.CLAIMED_BY_OTHER_CLUSTER)
    shelf.put(theirs)
    shelf.receive([bind("u2", 5)])
    assert shelf.only(cluster_id=MINE).holder
    assert shelf.bindings["b-u1"] == theirs


def test_what_another_clusters_rejected_binding_left_at_the_cloud_is_the_new_holders() -> None:
    shelf = Shelf()
    shelf.put(binding(State.REJECTED, cluster_id=THEIRS, placed=True, verification=DISPROVEN))
    shelf.receive([bind("u2", 5)])
    assert [(b.cluster_id, b.holder) for b in shelf.bindings.values() if b.placed] == [(MINE, True)]


def test_a_pod_and_revision_of_another_cluster_mean_nothing_here() -> None:
    shelf = Shelf()
    shelf.put(binding(cluster_id=THEIRS, revision=50))
    results = shelf.receive([bind("u1", 5), unbind("u1", 6)])
    assert [result.outcome for result in results] == [Outcome.ACCEPTED, Outcome.ACCEPTED]
    assert shelf.bindings["b-u1"].state is State.BOUND


def test_a_binding_that_waits_for_another_clusters_place_is_replaced_and_never_doubled() -> None:
    shelf = Shelf()
    shelf.put(binding(cluster_id=THEIRS))
    shelf.receive([bind("u2", 5)])
    shelf.receive([bind("u2", 6, network_mode=NetworkMode.GLOBAL_ROUTER)])
    assert [b.network_mode for b in shelf.bindings.values() if b.cluster_id == MINE and b.live] == ["global-router"]
    shelf.receive([unbind("u2", 7)])
    assert [b.cluster_id for b in shelf.bindings.values() if b.live] == [THEIRS]


def test_two_pods_that_wait_for_an_unread_listener_are_told_apart_when_it_is_read() -> None:
    world = World(shelf=Shelf(load_balancer=load_balancer(unread=True)))
    world.receive([bind("u1", 10), bind("u2", 11)], MINE)
    assert len(world.shelf.wanted()) == 2
    world.read_inventory()
    world.verify(Verdict.PROVEN, MINE)
    assert world.shelf.wanted() == {(MINE, "10.0.3.17", "u2")}
    assert world.shelf.only(binding_id="b1").reason is Code.SUPERSEDED
    assert world.shelf.now == NOW
