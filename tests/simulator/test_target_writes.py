"""Binding, taking off, weighing: what is checked, and how a batch fails in part."""

from typing import Any

import pytest

from app.simulator.server import Simulator
from tests.simulator.conftest import Asker, bound, refused, target


def batch(ask: Asker, *targets: dict[str, Any], load_balancer_id: str = "lb-1") -> dict[str, Any]:
    return ask("BatchRegisterTargets", LoadBalancerId=load_balancer_id, Targets=list(targets))


def unbatch(ask: Asker, *targets: dict[str, Any]) -> dict[str, Any]:
    return ask("BatchDeregisterTargets", LoadBalancerId="lb-1", Targets=list(targets))


def single(ask: Asker, action: str, *targets: dict[str, Any], **where: Any) -> dict[str, Any]:
    place = {"LoadBalancerId": "lb-1", "ListenerId": "lbl-1", **where}
    return ask(action, **place, Targets=list(targets))


def test_a_batch_binds_over_listeners_and_rules_and_takes_off_again(ask: Asker, simulator: Simulator) -> None:
    targets = [
        target("10.0.3.17"),
        target("10.0.4.1", 9000, "lbl-udp", Weight=0),
        target("10.0.3.17", 8080, "lbl-web", LocationId="loc-2", Weight=100),
    ]
    batch(ask, *targets)
    assert bound(simulator) == [
        ("lbl-1", "10.0.3.17", 8080, 10),
        ("lbl-udp", "10.0.4.1", 9000, 0),
        ("loc-2", "10.0.3.17", 8080, 100),
    ]
    unbatch(ask, *targets)
    assert bound(simulator) == []
    assert [each["kind"] for each in simulator.changes] == ["added"] * 3 + ["removed"] * 3
    assert [each["changed"] for each in simulator.calls] == [True, True]
    assert [(each["load_balancer_id"], each["target_count"]) for each in simulator.calls] == [("lb-1", 3), ("lb-1", 3)]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"EniIp": "10.0.3.17", "InstanceId": "ins-1"}, "InvalidParameter"),
        ({"EniIp": None}, "InvalidParameter"),
        ({"EniIp": "10.0.3"}, "InvalidParameterValue"),
        ({"Port": 0}, "InvalidParameterValue"),
        ({"Port": 65536}, "InvalidParameterValue"),
        ({"Port": None}, "InvalidParameterValue"),
        ({"Weight": 101}, "InvalidParameterValue.Range"),
        ({"Weight": -1}, "InvalidParameterValue.Range"),
        ({"ListenerId": ""}, "MissingParameter"),
        ({"ListenerId": "lbl-none"}, "InvalidParameter.ListenerIdNotFound"),
        ({"ListenerId": "lbl-web"}, "InvalidParameter"),
        ({"ListenerId": "lbl-web", "LocationId": "loc-none"}, "InvalidParameter.LocationNotFound"),
        ({"Weight": True}, "InvalidParameter"),
    ],
)
def test_a_target_that_cannot_be_is_refused(ask: Asker, simulator: Simulator, wrong: dict[str, Any], code: str) -> None:
    assert code == refused(lambda: batch(ask, target("10.0.4.1", 9000), {**target("10.0.3.17"), **wrong}))[0]
    assert bound(simulator) == []


def test_batches_hold_five_hundred_targets_and_single_actions_twenty(ask: Asker, simulator: Simulator) -> None:
    simulator.set_parameters(target_quota=600)
    many = [target(f"10.0.4.{1 + index % 250}", 8000 + index // 250) for index in range(501)]
    assert refused(lambda: batch(ask, *many))[0] == "InvalidParameterValue.Length"
    assert batch(ask, *many[:500])["FailListenerIdSet"] == []
    assert len(bound(simulator)) == 500
    few = [{"EniIp": "10.0.3.17", "Port": port} for port in range(1, 22)]
    assert refused(lambda: single(ask, "RegisterTargets", *few))[0] == "InvalidParameterValue.Length"
    single(ask, "RegisterTargets", *few[:20])
    assert len(bound(simulator)) == 520


def test_no_targets_at_all_are_a_missing_parameter(ask: Asker) -> None:
    assert refused(lambda: batch(ask))[0] == "MissingParameter"
    empty = {"ListenerId": "lbl-1", "Targets": []}
    asked = {"LoadBalancerId": "lb-1", "ModifyList": [empty]}
    assert refused(lambda: ask("BatchModifyTargetWeight", **asked))[0] == "InvalidParameter"


def test_registering_again_succeeds_and_keeps_the_weight(ask: Asker, simulator: Simulator) -> None:
    batch(ask, target("10.0.3.17", Weight=7))
    batch(ask, target("10.0.3.17", Weight=9))
    assert bound(simulator) == [("lbl-1", "10.0.3.17", 8080, 7)]
    assert [each["changed"] for each in simulator.calls] == [True, False]


def test_registering_again_may_also_replace_the_weight(ask: Asker, simulator: Simulator) -> None:
    simulator.set_parameters(weight_on_reregister="replace")
    batch(ask, target("10.0.3.17", Weight=7))
    batch(ask, target("10.0.3.17", Weight=9))
    assert bound(simulator) == [("lbl-1", "10.0.3.17", 8080, 9)]


def test_the_quota_counts_bound_and_requested_duplicates_included(ask: Asker, simulator: Simulator) -> None:
    simulator.set_parameters(target_quota=3)
    batch(ask, target("10.0.4.1"), target("10.0.4.2"))
    assert refused(lambda: batch(ask, target("10.0.4.1"), target("10.0.4.2")))[0] == "LimitExceeded"
    assert batch(ask, target("10.0.4.2"))["FailListenerIdSet"] == []


def test_the_quota_is_counted_by_rule_and_may_be_a_load_balancers_own(ask: Asker, simulator: Simulator) -> None:
    simulator.edit("set-quota", quota=1)
    for location_id in ("loc-1", "loc-2"):
        batch(ask, target("10.0.4.1", listener_id="lbl-web", LocationId=location_id))
    simulator.edit("set-quota", quota=0, load_balancer_id="lb-1")
    simulator.set_parameters(quota_form="partial")
    answer = batch(ask, target("10.0.4.1"))
    assert (
        answer["FailListenerIdSet"],
        answer["Message"],
    ) == (["lbl-1"], "The number of targets of lbl-1 exceeds the quota of 0")


def test_one_address_and_port_stands_behind_one_listener_of_a_protocol(ask: Asker, simulator: Simulator) -> None:
    simulator.set_parameters(four_tuple_code="FailedOperation")
    batch(ask, target("10.0.3.17"), target("10.0.3.17", listener_id="lbl-udp"))
    code, message = refused(lambda: batch(ask, target("10.0.3.17", listener_id="lbl-2")))
    assert (code, "lbl-1" in message) == ("FailedOperation", True)
    both = [target("10.0.4.1", listener_id="lbl-2"), target("10.0.4.1")]
    assert refused(lambda: batch(ask, *both))[0] == "FailedOperation"


def test_a_four_tuple_conflict_may_also_fail_its_listener_alone(ask: Asker, simulator: Simulator) -> None:
    simulator.set_parameters(four_tuple_form="partial")
    answer = batch(ask, target("10.0.4.1"), target("10.0.4.1", listener_id="lbl-2"), target("10.0.4.2"))
    assert answer["FailListenerIdSet"] == ["lbl-2"]
    assert [row[1] for row in bound(simulator)] == ["10.0.4.1", "10.0.4.2"]
    code, _ = refused(lambda: single(ask, "RegisterTargets", {"EniIp": "10.0.4.1", "Port": 8080}, ListenerId="lbl-2"))
    assert code == "InvalidParameter"


def test_a_bad_target_takes_its_listeners_other_targets_with_it_and_no_more(ask: Asker, simulator: Simulator) -> None:
    answer = batch(ask, target("10.0.4.1"), target("10.99.0.1"), target("10.0.4.2", listener_id="lbl-2"))
    assert answer["FailListenerIdSet"] == ["lbl-1"]
    assert "10.99.0.1" in answer["Message"]
    assert bound(simulator) == [("lbl-2", "10.0.4.2", 8080, 10)]
    assert refused(lambda: ask("DescribeTaskStatus", TaskId=answer["RequestId"]))[0] == "InvalidParameter"


def test_the_empty_set_of_failures_may_be_null(ask: Asker, simulator: Simulator) -> None:
    simulator.set_parameters(empty_fail_set="null")
    assert batch(ask, target("10.0.4.1"))["FailListenerIdSet"] is None


def test_an_unknown_listener_may_also_fail_alone(ask: Asker, simulator: Simulator) -> None:
    simulator.set_parameters(missing_listener_form="partial")
    answer = unbatch(ask, target("10.0.4.1", listener_id="lbl-none"), target("10.0.4.1"))
    assert answer["FailListenerIdSet"] == ["lbl-none"]


def test_taking_off_what_is_not_there_succeeds_in_a_batch_only(ask: Asker) -> None:
    assert unbatch(ask, target("10.0.4.1"))["FailListenerIdSet"] == []
    missing = {"EniIp": "10.0.4.1", "Port": 8080}
    assert refused(lambda: single(ask, "DeregisterTargets", missing))[0] == "InvalidParameter"
    assert refused(lambda: single(ask, "ModifyTargetWeight", missing))[0] == "InvalidParameter"


def test_single_actions_bind_weigh_and_take_off(ask: Asker, simulator: Simulator) -> None:
    one = {"EniIp": "10.0.4.1", "Port": 8080}
    single(ask, "RegisterTargets", one, ListenerId="lbl-web", Domain="shop.example", Url="/cart")
    single(ask, "ModifyTargetWeight", one, ListenerId="lbl-web", LocationId="loc-2", Weight=33)
    assert bound(simulator) == [("loc-2", "10.0.4.1", 8080, 33)]
    single(ask, "ModifyTargetWeight", {**one, "Weight": 0}, ListenerId="lbl-web", LocationId="loc-2", Weight=33)
    assert bound(simulator) == [("loc-2", "10.0.4.1", 8080, 0)]
    single(ask, "DeregisterTargets", one, ListenerId="lbl-web", LocationId="loc-2")
    assert bound(simulator) == []


def test_a_batch_of_weights_counts_entries_and_targets(ask: Asker, simulator: Simulator) -> None:
    ports = range(8000, 8060)
    batch(ask, *[target("10.0.4.1", port) for port in ports], target("10.0.4.2", listener_id="lbl-2"))
    weighed = [{"EniIp": "10.0.4.1", "Port": port} for port in ports]

    def weigh(*entries: dict[str, Any]) -> dict[str, Any]:
        return ask("BatchModifyTargetWeight", LoadBalancerId="lb-1", ModifyList=list(entries))

    assert refused(lambda: weigh({"ListenerId": "lbl-1", "Targets": weighed}))[0] == "InvalidParameterValue.Length"
    first = {"ListenerId": "lbl-1", "Targets": weighed[:50], "Weight": 1}
    second = {"ListenerId": "lbl-2", "Targets": [{"EniIp": "10.0.4.2", "Port": 8080, "Weight": 2}]}
    weigh(first, second)
    assert [row[3] for row in bound(simulator)] == [1] * 50 + [10] * 10 + [2]
    assert refused(lambda: weigh(*[first] * 11))[0] == "InvalidParameterValue.Length"
    assert refused(lambda: weigh(*[second] * 101))[0] == "InvalidParameterValue.Length"
    weigh(first, second)
    assert [simulator.calls[-1]["changed"], simulator.calls[-3]["target_count"]] == [False, 550 // 50 * 50]


def test_an_instance_id_stands_for_the_machines_first_address(ask: Asker, simulator: Simulator) -> None:
    for instance_id in ("ins-1", "ins-9"):
        batch(ask, {"ListenerId": "lbl-1", "InstanceId": instance_id, "Port": 30000})
    assert [row[1] for row in bound(simulator)] == ["10.0.1.5", "10.0.1.9"]
    none = {"ListenerId": "lbl-1", "InstanceId": "ins-none", "Port": 30000}
    assert batch(ask, none)["FailListenerIdSet"] == ["lbl-1"]
    unbatch(ask, {"ListenerId": "lbl-1", "InstanceId": "ins-9", "Port": 30000})
    assert [row[1] for row in bound(simulator)] == ["10.0.1.5"]


@pytest.mark.parametrize(
    ("ip", "load_balancer_id", "expected"),
    [
        ("10.0.3.17", "lb-1", []),
        ("10.0.3.18", "lb-1", ["pending"]),
        ("10.0.8.1", "lb-1", ["detached"]),
        ("172.16.0.9", "lb-1", []),
        ("10.1.3.1", "lb-1", ["needs SnatPro"]),
        ("10.1.3.1", "lb-2", []),
        ("10.200.0.1", "lb-2", ["no route"]),
    ],
)
def test_an_address_needs_an_attached_interface_or_a_route(
    ask: Asker, ip: str, load_balancer_id: str, expected: list[str]
) -> None:
    listener_id = {"lb-1": "lbl-1", "lb-2": "lbl-3"}[load_balancer_id]
    answer = batch(ask, target(ip, listener_id=listener_id), load_balancer_id=load_balancer_id)
    assert bool(expected) == bool(answer["FailListenerIdSet"])


def test_a_disabled_route_or_a_pending_attachment_leads_nowhere(ask: Asker, simulator: Simulator) -> None:
    simulator.set_parameters(address_form="error", address_code="InvalidParameter")
    simulator.edit("set-route-enabled", ccn_id="ccn-1", cidr="172.16.0.0/16", enabled=False)
    assert refused(lambda: batch(ask, target("172.16.0.9")))[0] == "InvalidParameter"
    simulator.edit("add-route", ccn_id="ccn-1", route={"cidr": "172.16.0.0/24", "vpc_id": "vpc-1"})
    assert batch(ask, target("172.16.0.9"))["FailListenerIdSet"] == []
    simulator.edit("set-attachment-state", ccn_id="ccn-1", vpc_id="vpc-1", state="PENDING")
    assert refused(lambda: batch(ask, target("172.16.0.10")))[0] == "InvalidParameter"
    simulator.set_parameters(container_cidrs_by_ticket=True)
    assert batch(ask, target("172.16.0.10"))["FailListenerIdSet"] == []


def test_the_longest_enabled_route_decides(ask: Asker, simulator: Simulator) -> None:
    simulator.edit("add-route", ccn_id="ccn-1", route={"cidr": "172.16.0.0/24", "vpc_id": "vpc-2"})
    found = [batch(ask, target(ip))["FailListenerIdSet"] for ip in ("172.16.0.9", "172.16.1.9")]
    assert found == [["lbl-1"], []]


def test_anything_can_be_bound_when_addresses_are_not_checked(ask: Asker, simulator: Simulator) -> None:
    simulator.set_parameters(check_addresses=False)
    assert batch(ask, target("203.0.113.1"), target("10.0.8.1"))["FailListenerIdSet"] == []
