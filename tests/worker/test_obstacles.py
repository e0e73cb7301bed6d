"""What stands in the way of a binding, and that it goes on when the way is free."""

from typing import Any

import pytest

from app.domain.binding import State
from app.domain.cluster import Verification
from app.domain.codes import Code
from app.worker.converge_load_balancer import MOST_WRITES
from tests.worker.yard import Yard, name_of, pod_event

LISTENER_9 = {"listener_id": "lbl-9", "protocol": "TCP", "port": 999}


def _look_again(yard: Yard, *load_balancer_ids: str) -> None:
    """As a sweep would, without waiting for its time."""
    yard.set_the_table(load_balancer_ids=load_balancer_ids)


def test_an_unknown_listener_holds_the_binding_until_the_listener_is_there(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0, listener_id="lbl-9"), pod_event(1))
    yard.run()
    assert (yard.only(pod_uid="uid-cls-a-0").state, yard.only(pod_uid="uid-cls-a-0").reason) == (
        State.HELD,
        Code.LISTENER_NOT_FOUND,
    )
    assert set(yard.targets()) == {name_of(1)}

    yard.simulator.edit("add-listener", load_balancer_id="lb-1", listener=LISTENER_9)
    _look_again(yard, "lb-1")
    yard.run_until("the binding", lambda: set(yard.targets()) == {name_of(0, listener_id="lbl-9"), name_of(1)})


def test_a_listener_deleted_by_hand_holds_its_bindings_and_they_return_with_it(yard: Yard) -> None:
    yard.simulator.edit("add-listener", load_balancer_id="lb-1", listener=LISTENER_9)
    yard.set_the_table("cls-a")
    by_port: dict[str, Any] = {"listener_id": None, "protocol": "TCP", "listener_port": 999}
    yard.say("cls-a", pod_event(0, **by_port))
    yard.run()
    assert set(yard.targets()) == {name_of(0, listener_id="lbl-9")}

    yard.simulator.edit("delete-listener", load_balancer_id="lb-1", listener_id="lbl-9")
    _look_again(yard, "lb-1")
    yard.run_until("the hold", lambda: yard.only().reason is Code.LISTENER_NOT_FOUND)
    assert yard.only().bound_at is None

    again = {**LISTENER_9, "listener_id": "lbl-10"}
    yard.simulator.edit("add-listener", load_balancer_id="lb-1", listener=again)
    _look_again(yard, "lb-1")
    yard.run_until("the target", lambda: set(yard.targets()) == {name_of(0, listener_id="lbl-10")})


def test_a_load_balancer_that_the_cloud_does_not_know_holds_its_bindings(yard: Yard) -> None:
    yard.set_the_table("cls-a", load_balancer_ids=("lb-1", "lb-nowhere"))
    yard.say("cls-a", pod_event(0, load_balancer_id="lb-nowhere"), pod_event(1))
    yard.run_until("the hold", lambda: yard.only(pod_uid="uid-cls-a-0").reason is Code.LOAD_BALANCER_NOT_FOUND)
    yard.run_until("the neighbour", lambda: set(yard.targets()) == {name_of(1)})


def test_a_listener_named_by_port_before_it_was_read_is_resolved_and_unbound_by_its_id(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0, listener_id=None, protocol="TCP", listener_port=80))
    assert yard.only().slot is None
    yard.run()
    assert set(yard.targets()) == {name_of(0)}
    yard.say("cls-a", pod_event(0, kind="unbind", revision=2))
    yard.run()
    assert yard.targets() == {}


def test_another_clusters_place_is_waited_for_and_taken_when_it_is_free(yard: Yard) -> None:
    """Neither has more than its word for it, so the first one keeps the place until it gives it up."""
    yard.simulator.set_parameters(check_addresses=False)
    yard.simulator.edit("add-cluster", cluster=_namesake("cls-d"))
    yard.set_the_table("cls-b", "cls-d", verification=Verification.DECLARED)
    yard.say("cls-b", pod_event(0, cluster_id="cls-b"))
    yard.run()
    yard.say("cls-d", pod_event(0, cluster_id="cls-b", uid="uid-d"))
    yard.run()
    waiting = yard.only(cluster_id="cls-d")
    assert (waiting.state, waiting.reason) == (State.HELD, Code.CLAIMED_BY_OTHER_CLUSTER)

    yard.say("cls-b", pod_event(0, cluster_id="cls-b", kind="unbind", revision=2))
    yard.run_until("the successor", lambda: yard.only(cluster_id="cls-d").state is State.BOUND)
    assert set(yard.targets()) == {name_of(0, "cls-b")}


def test_the_same_address_and_port_on_a_second_listener_of_one_protocol_is_held_without_asking_the_cloud(
    yard: Yard,
) -> None:
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0))
    yard.run()
    yard.say("cls-a", pod_event(0, listener_id="lbl-2", event_id="clash"), pod_event(1, listener_id="lbl-2"))
    yard.run_until("the neighbour", lambda: set(yard.targets()) == {name_of(0), name_of(1, listener_id="lbl-2")})
    held = yard.only(state="held")
    assert (held.ip, held.reason, held.target.listener_id) == (name_of(0)[1], Code.FOUR_TUPLE_CONFLICT, "lbl-2")
    assert [call["target_count"] for call in yard.writes()] == [1, 1]
    assert {call["code"] for call in yard.writes()} == {None}

    yard.say("cls-a", pod_event(0, kind="unbind", revision=2))
    both = {name_of(number, listener_id="lbl-2") for number in (0, 1)}
    yard.run_until("the move to the second listener", lambda: set(yard.targets()) == both)


def test_a_target_that_the_cloud_refuses_is_isolated_and_its_neighbours_are_bound(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    # The four-tuple rule, by a target that somebody put on another TCP listener and that the broker knows nothing of.
    foreign = {"load_balancer_id": "lb-1", "listener_id": "lbl-1", "ip": name_of(3)[1], "port": 8080, "weight": 10}
    yard.simulator.edit("add-target", **foreign)
    yard.say("cls-a", *(pod_event(number) for number in (0, 1, 2, *range(4, 10))))
    yard.run()
    yard.say(
        "cls-a",
        pod_event(3, listener_id="lbl-2", event_id="clash"),
        *(pod_event(number, listener_id="lbl-2") for number in range(10, 19)),
    )
    yard.run_until("all but one", lambda: len(yard.targets()) == 19)
    yard.run_until("the refusal", lambda: len(yard.bindings(state="held")) == 1)
    held = yard.only(state="held")
    assert (held.ip, held.reason, held.target.listener_id) == (name_of(3)[1], Code.CLOUD_REFUSED, "lbl-2")
    assert held.detail is not None
    assert "InvalidParameter" in held.detail


def test_beyond_the_quota_bindings_are_held_and_the_room_is_used(yard: Yard) -> None:
    yard.simulator.edit("set-quota", quota=4)
    yard.set_the_table("cls-a")
    yard.say("cls-a", *(pod_event(number) for number in range(6)))
    yard.run_until("the room to be used", lambda: len(yard.targets()) == 4)
    yard.run_until("the rest to be held", lambda: len(yard.bindings(state="held")) == 2)
    assert {binding.reason for binding in yard.bindings(state="held")} == {Code.QUOTA_EXCEEDED}


@pytest.mark.parametrize("credential", ["revoked", "wrong"])
def test_without_a_working_credential_everything_waits_and_nothing_is_lost(yard: Yard, credential: str) -> None:
    yard.set_the_table("cls-a")
    if credential == "revoked":
        yard.simulator.edit("revoke-credential", secret_id="AKIDtest")
        restored = {"secret_id": "AKIDtest", "secret_key": "test-secret"}
    else:
        yard.worker = type(yard.worker)(yard.workshop("life-1", secret_key="wrong"))
        restored = None
    yard.say("cls-a", pod_event(0))
    yard.run_until("calls in vain", lambda: len(yard.simulator.calls) > 2)
    assert yard.only().state is State.VERIFYING
    if restored is not None:
        yard.simulator.edit("add-credential", **restored)
    yard.worker = type(yard.worker)(yard.workshop("life-2"))
    yard.run()
    assert set(yard.targets()) == {name_of(0)}


def _namesake(cluster_id: str) -> dict[str, object]:
    """A cluster that says the same addresses are its own as cls-b does."""
    return {
        "cluster_id": cluster_id,
        "name": cluster_id,
        "version": "1.30.0",
        "vpc_id": "vpc-b",
        "network_type": "GR",
        "cluster_cidr": "172.20.0.0/16",
    }


def test_many_refused_targets_do_not_keep_a_load_balancer_from_what_comes_meanwhile(yard: Yard) -> None:
    """One pass makes so many writes and no more; the next one sees what has come, and goes on isolating."""
    yard.simulator.set_parameters(calls_per_second=1000)
    yard.set_the_table("cls-a")
    taken = {"load_balancer_id": "lb-1", "listener_id": "lbl-2", "port": 8080, "weight": 1}
    for number in range(40):
        yard.simulator.edit("add-target", ip=name_of(number)[1], **taken)
    yard.say("cls-a", *(pod_event(number) for number in range(40)))
    yard.run_until("the verdicts", lambda: yard.states() == {("pending", None): 40})
    yard.tell("UPDATE load_balancers SET last_event_at = now() - interval '1 minute'")  # the burst is over
    yard.simulator.clear_calls()
    yard.skip_pauses()
    assert yard.worker.run_once() == 1
    assert len(yard.writes()) == MOST_WRITES
    assert yard.tell("SELECT failures, last_error FROM load_balancers") == [(0, None)]
    assert yard.states()["held", "cloud-refused"] > 0
    assert yard.states()["pending", None] > 0
    yard.settle()
    assert yard.states() == {("held", "cloud-refused"): 40}
