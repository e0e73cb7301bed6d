"""Load balancers through the real SDK: read whole or not at all, and written in batches that cannot do harm."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from app.cloud.clb import PartialFailure, read_inventory, read_targets, write_changes
from app.cloud.client import Client
from app.domain.errors import CloudAmbiguous, CloudError, CloudNotSent, CloudRefused, CloudResourceMissing
from app.domain.load_balancer import Inventory, Listener, Rule
from app.domain.target import Place
from app.planning.plan import Change, Kind
from app.simulator.server import Simulator
from tests.cloud.conftest import Slots, actions

NOW = datetime(2026, 11, 23, tzinfo=UTC)
REGISTER, REWEIGH, DEREGISTER = Kind.REGISTER, Kind.REWEIGH, Kind.DEREGISTER


def place(ip: str = "10.0.3.17", listener_id: str = "lbl-1", location_id: str = "", port: int = 8080) -> Place:
    return Place("default", "lb-1", listener_id, location_id, ip, port)


def change(kind: Kind, ip: str = "10.0.3.17", weight: int = 10, **where: Any) -> Change:
    return Change(kind, place(ip, **where), weight, f"b-{ip}", NOW)


def write(client: Client, *changes: Change, **terms: Any) -> str:
    return write_changes(client, "lb-1", changes[0].kind, changes, pause=lambda _: None, **terms)


def bound(simulator: Simulator) -> dict[tuple[str, str, int], int]:
    rows = simulator.targets("lb-1")
    return {(row["location_id"] or row["listener_id"], row["ip"], row["port"]): row["weight"] for row in rows}


def test_an_inventory_is_read_with_listeners_and_rules(client: Client) -> None:
    rules = (Rule("loc-1", "shop.example", "/"), Rule("loc-2", "shop.example", "/cart"))
    assert read_inventory(client, "lb-1") == Inventory(
        "vpc-1",
        ("1.2.3.4",),
        (Listener("lbl-1", "TCP", 80), Listener("lbl-2", "TCP", 81), Listener("lbl-web", "HTTP", 8000, rules)),
    )


def test_a_load_balancer_that_the_cloud_does_not_know_is_none(client: Client, simulator: Simulator) -> None:
    assert read_inventory(client, "lb-none") is None
    simulator.edit("delete-load-balancer", load_balancer_id="lb-1")
    assert read_inventory(client, "lb-1") is None


def test_a_load_balancer_that_goes_between_two_reads_is_none(client: Client, simulator: Simulator) -> None:
    simulator.order("error", action="DescribeListeners", code="InvalidParameter.LBIdNotFound")
    assert read_inventory(client, "lb-1") is None


@pytest.mark.parametrize("kind", ["reset", "throttle", "internal-error-after", "not-json", "http-500"])
@pytest.mark.parametrize("action", ["DescribeLoadBalancers", "DescribeListeners"])
def test_no_answer_says_nothing_about_a_load_balancer(
    client: Client, simulator: Simulator, kind: str, action: str
) -> None:
    simulator.order(kind, action=action)
    with pytest.raises(CloudError):
        read_inventory(client, "lb-1")


def test_targets_are_read_with_their_weights_at_both_layers(client: Client, simulator: Simulator) -> None:
    where: dict[str, Any] = {"load_balancer_id": "lb-1", "ip": "10.0.3.17", "port": 8080}
    simulator.edit("add-target", **where, listener_id="lbl-1", weight=7)
    simulator.edit("add-target", **where, listener_id="lbl-web", location_id="loc-2", weight=0)
    simulator.edit("add-target", **where, listener_id="lbl-2", weight=1)
    observed = read_targets(client, "lb-1", ["lbl-1", "lbl-web"])
    assert observed.listener_ids == {"lbl-1", "lbl-web"}
    assert observed.weights == {place(): 7, place(listener_id="lbl-web", location_id="loc-2"): 0}


def test_of_no_listeners_nothing_is_asked(client: Client, slots: Slots) -> None:
    assert read_targets(client, "lb-1", []).listener_ids == frozenset()
    assert slots == []  # no ids would mean all listeners


def test_a_listener_that_is_gone_counts_as_not_read(client: Client) -> None:
    observed = read_targets(client, "lb-1", ["lbl-1", "lbl-gone"])
    assert observed.knows(place())
    assert not observed.knows(place(listener_id="lbl-gone"))


def test_a_listener_that_was_not_asked_for_counts_as_not_read_although_the_answer_has_it() -> None:
    class Talkative:
        """A cloud that always tells of every listener."""

        account_id = "default"

        def call(self, *_: Any) -> dict[str, Any]:
            target = {"Port": 8080, "Weight": 1, "PrivateIpAddresses": ["10.0.3.17"]}
            return {"Listeners": [{"ListenerId": name, "Targets": [target]} for name in ("lbl-1", "lbl-2")]}

    cloud: Any = Talkative()
    observed = read_targets(cloud, "lb-1", ["lbl-1"])
    assert observed.listener_ids == {"lbl-1"}
    assert observed.weights == {place(): 1}


def test_forty_five_listeners_are_read_twenty_at_a_time(client: Client, simulator: Simulator) -> None:
    names = [f"lbl-{number:03}" for number in range(45)]
    for number, name in enumerate(names):
        listener = {"listener_id": name, "protocol": "TCP", "port": 1000 + number}
        simulator.edit("add-listener", load_balancer_id="lb-1", listener=listener)
        simulator.edit("add-target", load_balancer_id="lb-1", listener_id=name, ip="10.0.3.17", port=80)
    observed = read_targets(client, "lb-1", names)
    assert observed.listener_ids == set(names)
    assert len(observed.weights) == 45
    sizes = [len(call["parameters"]["ListenerIds"]) for call in simulator.calls]
    assert sizes == [20, 20, 5]


def test_one_part_that_fails_fails_the_reading(client: Client, simulator: Simulator) -> None:
    simulator.order("reset", action="DescribeTargets")
    with pytest.raises(CloudAmbiguous):
        read_targets(client, "lb-1", [f"lbl-{number}" for number in range(25)])


def test_targets_are_registered_at_both_layers_in_one_call(client: Client, simulator: Simulator) -> None:
    web = change(REGISTER, weight=20, listener_id="lbl-web", location_id="loc-2")
    request_id = write(client, change(REGISTER, weight=0), web)
    assert bound(simulator) == {("lbl-1", "10.0.3.17", 8080): 0, ("loc-2", "10.0.3.17", 8080): 20}
    assert [call["request_id"] for call in simulator.calls] == [request_id]


def test_registering_what_is_there_succeeds_and_changes_nothing(client: Client, simulator: Simulator) -> None:
    write(client, change(REGISTER))
    write(client, change(REGISTER))
    assert len(simulator.changes) == 1


def test_targets_are_taken_off_at_both_layers_also_when_some_are_gone(client: Client, simulator: Simulator) -> None:
    web: dict[str, Any] = {"listener_id": "lbl-web", "location_id": "loc-1"}
    write(client, change(REGISTER), change(REGISTER, **web), change(REGISTER, "10.0.3.1"))
    write(client, change(DEREGISTER), change(DEREGISTER, **web), change(DEREGISTER, "10.0.4.9"))
    assert bound(simulator) == {("lbl-1", "10.0.3.1", 8080): 10}


def test_weights_are_changed_at_both_layers_and_waited_for(client: Client, simulator: Simulator) -> None:
    web: dict[str, Any] = {"listener_id": "lbl-web", "location_id": "loc-1"}
    write(client, change(REGISTER), change(REGISTER, **web))
    simulator.set_parameters(task_seconds=0.05)
    simulator.clear_calls()
    changes = [change(REWEIGH, weight=0), change(REWEIGH, weight=50, **web)]
    request_id = write_changes(client, "lb-1", REWEIGH, changes, pause=lambda _: time.sleep(0.01))
    assert bound(simulator) == {("lbl-1", "10.0.3.17", 8080): 0, ("loc-1", "10.0.3.17", 8080): 50}
    assert set(actions(simulator)[1:]) == {"DescribeTaskStatus"}
    assert {call["parameters"]["TaskId"] for call in simulator.calls[1:]} == {request_id}


def test_a_task_that_fails_is_refused_and_one_that_never_ends_is_ambiguous(
    client: Client, simulator: Simulator
) -> None:
    write(client, change(REGISTER))
    simulator.order("task-fails", action="BatchModifyTargetWeight")
    with pytest.raises(CloudRefused):
        write(client, change(REWEIGH, weight=1))
    simulator.order("task-hangs", action="BatchModifyTargetWeight")
    with pytest.raises(CloudAmbiguous):
        write(client, change(REWEIGH, weight=1), task_seconds=0.05)
    assert bound(simulator) == {("lbl-1", "10.0.3.17", 8080): 10}


@pytest.mark.parametrize("trouble", ["throttle", "reset", "internal-error-after"])
def test_trouble_with_asking_for_a_task_is_no_word_about_the_task(
    client: Client, simulator: Simulator, trouble: str
) -> None:
    write(client, change(REGISTER))
    simulator.set_parameters(task_seconds=0.05)
    simulator.order(trouble, action="DescribeTaskStatus", times=2)
    write_changes(client, "lb-1", REWEIGH, [change(REWEIGH, weight=1)], pause=lambda _: time.sleep(0.01))
    assert bound(simulator) == {("lbl-1", "10.0.3.17", 8080): 1}


def test_a_task_that_the_cloud_will_not_speak_of_is_ambiguous_not_refused(client: Client, simulator: Simulator) -> None:
    write(client, change(REGISTER))
    simulator.order("error", action="DescribeTaskStatus", code="InvalidParameter", message="no such task", times=0)
    with pytest.raises(CloudAmbiguous) as raised:
        write(client, change(REWEIGH, weight=1))
    modified = next(call for call in simulator.calls if call["action"] == "BatchModifyTargetWeight")
    assert raised.value.request_id == modified["request_id"]


@pytest.mark.parametrize("kind", [REGISTER, DEREGISTER])
def test_a_partial_failure_names_the_listeners_that_failed(client: Client, simulator: Simulator, kind: Kind) -> None:
    write(client, change(REGISTER), change(REGISTER, "10.0.3.1", listener_id="lbl-2"))
    simulator.order("partial", listener_ids=["lbl-2"])
    with pytest.raises(PartialFailure) as raised:
        write(client, change(kind), change(kind, "10.0.3.1", listener_id="lbl-2"))
    assert raised.value.failed_listeners == {"lbl-2"}
    assert raised.value.request_id == simulator.calls[-1]["request_id"]


@pytest.mark.parametrize("empty", ["list", "null"])
def test_no_failed_listeners_is_success_in_either_form(client: Client, simulator: Simulator, empty: str) -> None:
    simulator.set_parameters(empty_fail_set=empty)
    write(client, change(REGISTER))
    assert len(bound(simulator)) == 1


@pytest.mark.parametrize("kind", list(Kind))
def test_an_empty_batch_is_refused_here_and_never_sent(client: Client, slots: Slots, kind: Kind) -> None:
    with pytest.raises(ValueError, match="empty"):
        write_changes(client, "lb-1", kind, [])
    assert slots == []


@pytest.mark.parametrize("kind", list(Kind))
def test_a_write_whose_time_has_passed_is_not_sent(client: Client, simulator: Simulator, kind: Kind) -> None:
    with pytest.raises(CloudNotSent):
        write(client, change(kind), send_before=time.monotonic() - 1)
    assert simulator.calls == []


def test_a_full_batch_and_the_largest_call_of_weights_are_accepted(client: Client, simulator: Simulator) -> None:
    simulator.set_parameters(target_quota=500)
    addresses = [f"10.0.{4 + number // 254}.{number % 254 + 1}" for number in range(500)]
    write(client, *(change(REGISTER, ip) for ip in addresses))
    assert len(bound(simulator)) == 500
    weights = [50] * 450 + list(range(50))
    write(client, *(change(REWEIGH, ip, weight) for ip, weight in zip(addresses, weights, strict=True)))
    assert sorted(bound(simulator).values()) == sorted(weights)
    request = next(call["parameters"] for call in simulator.calls if call["action"] == "BatchModifyTargetWeight")
    assert max(len(entry["Targets"]) for entry in request["ModifyList"]) == 50
    write(client, *(change(DEREGISTER, ip) for ip in addresses))
    assert bound(simulator) == {}


def test_one_too_many_is_refused_by_the_cloud(client: Client) -> None:
    changes = [change(REGISTER, f"10.0.{4 + number // 254}.{number % 254 + 1}") for number in range(501)]
    with pytest.raises(CloudRefused):
        write(client, *changes)


def test_a_write_to_what_is_not_there_says_so(client: Client, simulator: Simulator) -> None:
    with pytest.raises(CloudResourceMissing):
        write(client, change(REGISTER, listener_id="lbl-gone"))
    simulator.edit("delete-load-balancer", load_balancer_id="lb-1")
    with pytest.raises(CloudResourceMissing):
        write(client, change(REGISTER))
