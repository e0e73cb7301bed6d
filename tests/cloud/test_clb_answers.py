"""Load balancers as a cloud tells of them that is out of its mind: an error that is asked about again, and no other."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.cloud.clb import PartialFailure, read_inventory, read_targets, read_vips, write_changes
from app.cloud.client import Client
from app.domain.errors import CloudAmbiguous
from app.domain.load_balancer import Inventory
from app.domain.target import Place
from app.ownership.evidence import Vip
from app.planning.plan import Change, Kind
from app.simulator.server import Simulator
from tests.cloud.scripted import Scripted

PLACE = Place("default", "lb-1", "lbl-1", "", "10.0.3.17", 8080)
CHANGE = Change(Kind.REGISTER, PLACE, 10, "b-1", datetime(2026, 11, 23, tzinfo=UTC))


def test_the_addresses_of_all_load_balancers_are_read_over_all_pages(client: Client, simulator: Simulator) -> None:
    for number in range(120):
        added = {"load_balancer_id": f"lb-x{number}", "vpc_id": "vpc-2", "vips": [f"10.1.9.{number}"]}
        simulator.edit("add-load-balancer", load_balancer=added)
    found = read_vips(client)
    assert found["1.2.3.4"] == (Vip("lb-1", "vpc-1"),)
    assert {ip for ip in found if ip != "1.2.3.4"} == {f"10.1.9.{number}" for number in range(120)}
    assert [call["parameters"]["Offset"] for call in simulator.calls] == [0, 100]


def balancers(*found: Any, total: Any = None) -> dict[str, Any]:
    return {"TotalCount": len(found) if total is None else total, "LoadBalancerSet": list(found)}


def vips_of(answer: dict[str, Any]) -> dict[str, tuple[Vip, ...]]:
    cloud: Any = Scripted(DescribeLoadBalancers=[answer])
    return read_vips(cloud)


def test_an_address_that_several_have_is_every_one_s() -> None:
    one = {"LoadBalancerId": "lb-1", "VpcId": "vpc-1", "LoadBalancerVips": ["10.0.0.9", "10.0.0.9"]}
    other = {"LoadBalancerId": "lb-2", "VpcId": "vpc-2", "LoadBalancerVips": ["10.0.0.9"]}
    found = vips_of(balancers(one, other))
    assert {ip: sorted(vip.load_balancer_id for vip in vips) for ip, vips in found.items()} == {
        "10.0.0.9": ["lb-1", "lb-2"]
    }


def test_load_balancers_of_nulls_have_no_addresses() -> None:
    assert vips_of(balancers({"LoadBalancerId": "lb-1", "VpcId": None, "LoadBalancerVips": None}, {})) == {}
    assert vips_of({"TotalCount": 0, "LoadBalancerSet": None}) == {}


@pytest.mark.parametrize(
    "answer",
    [
        balancers(None),
        balancers("lb-1"),
        balancers({"LoadBalancerId": "lb-1", "LoadBalancerVips": "1.2.3.4"}),
        balancers({"LoadBalancerId": "lb-1", "LoadBalancerVips": [None]}),
        balancers({"LoadBalancerId": "lb-1", "LoadBalancerVips": {"a": 1}}),
        balancers({"LoadBalancerId": ["lb-1"], "LoadBalancerVips": ["1.2.3.4"]}),
        balancers({"LoadBalancerId": 5, "LoadBalancerVips": ["1.2.3.4"]}),
        balancers({"LoadBalancerId": "lb-1", "VpcId": {"a": 1}, "LoadBalancerVips": ["1.2.3.4"]}),
        balancers(total=3),
        {"TotalCount": 1, "LoadBalancerSet": "lb-1"},
        {"TotalCount": "many", "LoadBalancerSet": []},
    ],
)
def test_addresses_of_wrong_types_or_in_part_are_no_answer(answer: dict[str, Any]) -> None:
    with pytest.raises(CloudAmbiguous):
        vips_of(answer)


def inventory_of(balancer: Any, listeners: Any = None) -> Inventory | None:
    cloud: Any = Scripted(
        DescribeLoadBalancers=[balancer], DescribeListeners=[{"TotalCount": 0, "Listeners": listeners}]
    )
    return read_inventory(cloud, "lb-1")


@pytest.mark.parametrize("answer", [{}, {"LoadBalancerSet": None}, {"TotalCount": 2, "LoadBalancerSet": []}])
def test_nothing_without_the_word_that_there_is_nothing_is_no_answer(answer: dict[str, Any]) -> None:
    with pytest.raises(CloudAmbiguous):
        inventory_of(answer)
    cloud: Any = Scripted(DescribeLoadBalancers=[LB_1], DescribeListeners=[answer])
    with pytest.raises(CloudAmbiguous):
        read_inventory(cloud, "lb-1")


LB_1 = balancers({"LoadBalancerId": "lb-1"})


@pytest.mark.parametrize(
    ("balancer", "listeners"),
    [
        (balancers(None), None),
        ({"LoadBalancerSet": "lb-1"}, None),
        ({"LoadBalancerSet": 5}, None),
        (balancers({"LoadBalancerId": "lb-1", "LoadBalancerVips": "1.2.3.4"}), None),
        (balancers({"LoadBalancerId": "lb-1", "LoadBalancerType": 5}), None),
        (balancers({"LoadBalancerId": "lb-1", "SnatPro": "false"}), None),
        (balancers({"LoadBalancerId": "lb-1", "VpcId": ["vpc-1"]}), None),
        (LB_1, [None]),
        (LB_1, "lbl-1"),
        (LB_1, 5),
        (LB_1, [{}]),
        (LB_1, [{"ListenerId": ["lbl-1"]}]),
        (LB_1, [{"ListenerId": "lbl-1", "Protocol": 6}]),
        (LB_1, [{"ListenerId": "lbl-1", "Port": "eighty"}]),
        (LB_1, [{"ListenerId": "lbl-1", "Port": float("inf")}]),
        (LB_1, [{"ListenerId": "lbl-1", "Rules": [None]}]),
        (LB_1, [{"ListenerId": "lbl-1", "Rules": [{"LocationId": 5}]}]),
        (LB_1, [{"ListenerId": "lbl-1", "Rules": "loc-1"}]),
    ],
)
def test_an_inventory_of_wrong_types_is_no_answer(balancer: Any, listeners: Any) -> None:
    with pytest.raises(CloudAmbiguous) as raised:
        inventory_of(balancer, listeners)
    assert raised.value.code == "UnreadableAnswer"


@pytest.mark.parametrize(
    "targets",
    [
        5,
        "text",
        [None],
        [{"PrivateIpAddresses": "10.0.3.17", "Port": 8080}],
        [{"PrivateIpAddresses": [None], "Port": 8080}],
        [{"PrivateIpAddresses": [["10.0.3.17"]], "Port": 8080}],
        [{"PrivateIpAddresses": ["10.0.3.17"], "Port": "http"}],
        [{"PrivateIpAddresses": ["10.0.3.17"], "Port": [8080]}],
        [{"PrivateIpAddresses": ["10.0.3.17"], "Port": 8080, "Weight": "heavy"}],
        [{"PrivateIpAddresses": ["10.0.3.17"], "Port": 8080, "Weight": float("inf")}],
    ],
)
def test_targets_of_wrong_types_are_no_answer(targets: Any) -> None:
    for listener in ({"Targets": targets}, {"Rules": [{"LocationId": "loc-1", "Targets": targets}]}):
        cloud: Any = Scripted(DescribeTargets=[{"Listeners": [{"ListenerId": "lbl-1", **listener}]}])
        with pytest.raises(CloudAmbiguous):
            read_targets(cloud, "lb-1", ["lbl-1"])


@pytest.mark.parametrize("listeners", [[None], "lbl-1", 5, {"a": 1}])
def test_targets_of_listeners_of_wrong_types_are_no_answer(listeners: Any) -> None:
    cloud: Any = Scripted(DescribeTargets=[{"TotalCount": 0, "Listeners": listeners}])
    with pytest.raises(CloudAmbiguous):
        read_targets(cloud, "lb-1", ["lbl-1"])


@pytest.mark.parametrize("failed", ["lbl-1", 5, [None], [["lbl-1"]], {"lbl-1": 1}, True])
def test_a_write_whose_answer_cannot_be_read_is_settled_by_reading_back(failed: Any) -> None:
    cloud: Any = Scripted(BatchRegisterTargets=[{"FailListenerIdSet": failed}])
    with pytest.raises(CloudAmbiguous):
        write_changes(cloud, "lb-1", Kind.REGISTER, [CHANGE])


@pytest.mark.parametrize("failed", [None, []])
def test_a_write_that_names_no_failed_listener_is_done(failed: Any) -> None:
    cloud: Any = Scripted(BatchRegisterTargets=[{"FailListenerIdSet": failed}])
    assert write_changes(cloud, "lb-1", Kind.REGISTER, [CHANGE]) == "r-1"


def test_a_write_that_failed_in_part_names_the_listeners_whatever_its_message_is() -> None:
    for message in (None, 5, ["a"], ""):
        cloud: Any = Scripted(BatchRegisterTargets=[{"FailListenerIdSet": ["lbl-1"], "Message": message}])
        with pytest.raises(PartialFailure) as raised:
            write_changes(cloud, "lb-1", Kind.REGISTER, [CHANGE])
        assert raised.value.failed_listeners == {"lbl-1"}


@pytest.mark.parametrize("status", ["0", None, [0], {"a": 1}, 2, 7])
def test_a_task_whose_status_says_nothing_has_no_known_end(status: Any) -> None:
    cloud: Any = Scripted(BatchModifyTargetWeight=[{}], DescribeTaskStatus=[{"Status": status}])
    reweigh = Change(Kind.REWEIGH, PLACE, 10, "b-1", CHANGE.since)
    with pytest.raises(CloudAmbiguous) as raised:
        write_changes(cloud, "lb-1", Kind.REWEIGH, [reweigh], task_seconds=0, pause=lambda _: None)
    assert raised.value.code == "TaskUnfinished"
