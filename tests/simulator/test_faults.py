"""Every kind of fault, and whether the work was done."""

from typing import Any

import pytest
from tencentcloud.tke.v20180525 import models as tke_models
from tencentcloud.tke.v20180525.tke_client import TkeClient

from app.simulator.errors import WorldError
from app.simulator.server import Simulator
from tests.simulator.conftest import Asker, begun, bound, refused, target, wait_for

NETWORK = "ClientNetworkError"


def register(ask: Asker, *targets: dict[str, Any]) -> dict[str, Any]:
    return ask("BatchRegisterTargets", LoadBalancerId="lb-1", Targets=list(targets) or [target("10.0.3.17")])


@pytest.mark.parametrize(
    ("fault", "code", "done"),
    [
        ({"kind": "answer-lost"}, NETWORK, True),
        ({"kind": "request-lost"}, NETWORK, False),
        ({"kind": "reset"}, NETWORK, False),
        ({"kind": "reset", "done": True}, NETWORK, True),
        ({"kind": "internal-error-before"}, "InternalError", False),
        ({"kind": "internal-error-after"}, "InternalError", True),
        ({"kind": "http-500"}, "ServerNetworkError", False),
        ({"kind": "http-500", "done": True}, "ServerNetworkError", True),
        ({"kind": "throttle"}, "RequestLimitExceeded", False),
        ({"kind": "busy"}, "FailedOperation.ResourceInOperating", False),
        ({"kind": "error", "code": "ResourceInsufficient", "message": "none left"}, "ResourceInsufficient", False),
        ({"kind": "hang", "when": "instead"}, NETWORK, False),
    ],
)
def test_a_fault_shows_as_ordered_and_the_work_is_done_or_not(
    ask: Asker, simulator: Simulator, fault: dict[str, Any], code: str, *, done: bool
) -> None:
    simulator.order(**fault, action="BatchRegisterTargets")
    assert code == refused(lambda: register(ask))[0]
    wait_for(lambda: simulator.calls[0]["finished_at"] is not None)
    assert (done, done) == (bool(bound(simulator)), simulator.calls[0]["changed"])
    assert fault["kind"] == simulator.calls[0]["fault"]
    assert register(ask)["FailListenerIdSet"] == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_hanging_call_is_answered_at_last(ask: Asker, simulator: Simulator, when: str) -> None:
    simulator.order("hang", seconds=60, when=when)
    calling = begun(lambda: register(ask))
    expected = 1 if when == "after" else 0
    wait_for(lambda: (len(simulator.calls), len(bound(simulator))) == (1, expected))
    assert simulator.calls[0]["finished_at"] is None
    simulator.close()
    calling.join(60)


def test_a_short_hang_only_costs_time(ask: Asker, simulator: Simulator) -> None:
    simulator.order("hang", seconds=0.05)
    register(ask)
    call = simulator.calls[0]
    assert call["finished_at"] - call["received_at"] >= 0.05


def test_success_without_effect_looks_like_success(ask: Asker, simulator: Simulator) -> None:
    simulator.order("no-effect", times=2)
    assert register(ask)["FailListenerIdSet"] == []
    where = {"LoadBalancerId": "lb-1", "ListenerId": "lbl-1"}
    task = ask("RegisterTargets", **where, Targets=[{"EniIp": "10.0.3.17", "Port": 8080}])["RequestId"]
    assert ask("DescribeTaskStatus", TaskId=task)["Status"] == 0
    assert (bound(simulator), [each["changed"] for each in simulator.calls[:2]]) == ([], [False, False])


def test_a_partial_failure_spares_the_other_listeners(ask: Asker, simulator: Simulator) -> None:
    simulator.order("partial", listener_ids=["lbl-2"])
    answer = register(ask, target("10.0.3.17"), target("10.0.4.1", listener_id="lbl-2"))
    assert (answer["FailListenerIdSet"], answer["Message"]) == (["lbl-2"], "some listeners failed")
    assert [row[0] for row in bound(simulator)] == ["lbl-1"]
    simulator.order("partial")
    assert register(ask, target("10.0.4.1", listener_id="lbl-2"), target("10.0.4.2"))["FailListenerIdSet"] == [
        "lbl-2",
        "lbl-1",
    ]


def test_tasks_fail_or_never_end(ask: Asker, simulator: Simulator) -> None:
    simulator.order("task-fails")
    simulator.order("task-hangs")
    register(ask)
    where = {"LoadBalancerId": "lb-1", "ListenerId": "lbl-1"}
    statuses = []
    for port in (1, 2):
        task = ask("RegisterTargets", **where, Targets=[{"EniIp": "10.0.3.17", "Port": port}])["RequestId"]
        statuses.append(ask("DescribeTaskStatus", TaskId=task)["Status"])
    assert statuses == [1, 2]
    assert [row[2] for row in bound(simulator)] == [8080]


def test_another_content_type_hides_even_an_error_from_the_sdk(ask: Asker, simulator: Simulator) -> None:
    simulator.order("charset")
    assert "Error" in ask("BatchRegisterTargets", LoadBalancerId="lb-none", Targets=[target("10.0.3.17")])


def test_an_answer_may_be_no_json_at_all(ask: Asker, simulator: Simulator) -> None:
    simulator.order("not-json")
    with pytest.raises(ValueError, match="Expecting value"):
        register(ask)
    assert len(bound(simulator)) == 1


def test_fields_of_an_answer_are_replaced_and_the_rest_stays(ask: Asker, simulator: Simulator) -> None:
    first = ask("DescribeVpcs", "vpc")
    simulator.order("answer", action="DescribeVpcs", fields={"VpcSet": [None, first["VpcSet"][1]], "More": {"a": 1}})
    struck = ask("DescribeVpcs", "vpc")
    kept = {"TotalCount": 2, "RequestId": simulator.calls[-1]["request_id"]}
    assert struck == {**kept, "VpcSet": [None, first["VpcSet"][1]], "More": {"a": 1}}
    assert (simulator.calls[-1]["fault"], simulator.calls[-1]["code"]) == ("answer", None)
    assert ask("DescribeVpcs", "vpc")["VpcSet"] == first["VpcSet"]


def test_fields_of_an_answer_are_null_or_left_out(ask: Asker, simulator: Simulator) -> None:
    simulator.order("answer", action="DescribeClusters", fields={"TotalCount": None}, without=["Clusters"], times=2)
    for _ in range(2):
        struck = ask("DescribeClusters", "tke")
        assert (struck["TotalCount"], set(struck)) == (None, {"TotalCount", "RequestId"})
    assert ask("DescribeClusters", "tke")["TotalCount"] == 2
    simulator.order("answer", fields={"RequestId": "made-up"})
    assert ask("DescribeQuota")["RequestId"] == "made-up"
    simulator.order("answer", without=["RequestId", "QuotaSet"])
    assert ask("DescribeQuota") == {}


def test_an_altered_answer_reaches_the_sdk_as_one_of_the_cloud_does(tke: TkeClient, simulator: Simulator) -> None:
    simulator.order("answer", action="DescribeIPAMD", fields={"Phase": "upgrading"}, without=["EnableIPAMD"])
    request = tke_models.DescribeIPAMDRequest()
    request.ClusterId = "cls-1"
    found = tke.DescribeIPAMD(request)
    assert (found.EnableIPAMD, found.Phase, found.SubnetIds) == (None, "upgrading", ["subnet-1"])


def test_a_write_is_done_though_its_answer_is_altered(ask: Asker, simulator: Simulator) -> None:
    simulator.order("answer", action="BatchRegisterTargets", fields={"FailListenerIdSet": ["lbl-1"]})
    assert register(ask)["FailListenerIdSet"] == ["lbl-1"]
    assert ([row[0] for row in bound(simulator)], simulator.calls[0]["changed"]) == (["lbl-1"], True)


def test_an_error_stays_one_unless_the_order_names_it(ask: Asker, simulator: Simulator) -> None:
    simulator.order("answer", action="DescribeClusterInstances", fields={"TotalCount": 0}, times=0)
    asked = {"action": "DescribeClusterInstances", "service": "tke", "ClusterId": "cls-none"}
    assert refused(lambda: ask(**asked))[0] == "ResourceNotFound.ClusterNotFound"
    simulator.clear_faults()
    error = {"Code": "ResourceUnavailable", "Message": "later"}
    simulator.order("answer", action="DescribeClusterInstances", fields={"Error": error})
    assert refused(lambda: ask(**{**asked, "ClusterId": "cls-1"})) == ("ResourceUnavailable", "later")


def test_only_the_page_that_is_meant_is_struck(ask: Asker, simulator: Simulator) -> None:
    simulator.order("answer", action="DescribeNetworkInterfaces", fields={"TotalCount": -2}, offset=2, times=0)
    simulator.order("answer", action="DescribeVpcs", fields={"TotalCount": -1}, offset=1, times=0)
    simulator.order("answer", action="DescribeClusters", fields={"TotalCount": 0}, offset=0, times=0)

    def totals(action: str, service: str, pages: list[dict[str, Any]]) -> list[int]:
        return [ask(action, service, Limit=page.pop("Limit", 1), **page)["TotalCount"] for page in pages]

    assert totals("DescribeNetworkInterfaces", "vpc", [{}, {"Offset": 1}, {"Offset": 2}]) == [4, 4, -2]
    assert totals("DescribeVpcs", "vpc", [{"Limit": "1"}, {"Limit": "1", "Offset": "1"}]) == [2, -1]
    assert totals("DescribeClusters", "tke", [{}, {"Offset": 0}, {"Offset": 1}, {"Offset": None}]) == [0, 0, 2, 0]
    code, _ = refused(lambda: ask("DescribeVpcs", "vpc", Offset="one"))
    assert (code, [each["struck"] for each in simulator.faults]) == ("InvalidParameter", [1, 1, 3])


def test_any_kind_may_be_meant_for_one_page(ask: Asker, simulator: Simulator) -> None:
    simulator.order("error", action="DescribeClusters", code="ResourceUnavailable", offset=1)
    assert ask("DescribeClusters", "tke", Limit=1)["TotalCount"] == 2
    assert refused(lambda: ask("DescribeClusters", "tke", Offset=1))[0] == "ResourceUnavailable"


def test_an_order_strikes_only_what_it_is_about_and_as_often_as_it_says(ask: Asker, simulator: Simulator) -> None:
    simulator.order("throttle", action="BatchRegisterTargets", load_balancer_id="lb-2")
    simulator.order("busy", times=0)
    simulator.order("throttle", action="DescribeQuota", times=2)
    assert refused(lambda: register(ask))[0] == "FailedOperation.ResourceInOperating"
    assert [len(ask("DescribeVpcs", "vpc")["VpcSet"]), len(ask("DescribeSubnets", "vpc")["SubnetSet"])] == [2, 2]
    assert [refused(lambda: ask("DescribeQuota"))[0] for _ in range(2)] == ["RequestLimitExceeded"] * 2
    assert len(ask("DescribeQuota")["QuotaSet"]) == 2
    assert [order["struck"] for order in simulator.faults] == [0, 1, 2]
    simulator.clear_faults()
    assert register(ask)["FailListenerIdSet"] == []


def test_the_same_seed_throws_the_same_dice(ask: Asker, simulator: Simulator) -> None:
    def thrown() -> list[str | None]:
        simulator.clear_faults()
        simulator.clear_calls()
        simulator.order("charset", times=0, probability=0.5, seed=7)
        for _ in range(20):
            ask("DescribeQuota")
        return [each["fault"] for each in simulator.calls]

    first = thrown()
    assert {"charset", None} == set(first)
    assert first == thrown()


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ({"kind": "explode"}, "fault.kind: 'explode' is none of"),
        ({"kind": "busy", "action": "BatchRegisterTarget"}, "fault.action: 'BatchRegisterTarget' is none of"),
        ({"kind": "busy", "tmies": 2}, "fault.tmies: unknown field"),
        ({"kind": "busy", "times": -1}, "fault.times: -1 is not between"),
        ({"kind": "hang", "seconds": "long"}, "fault.seconds: a number is needed"),
        ({"kind": "answer"}, "fault.fields: this kind needs `fields` or `without`"),
        ({"kind": "answer", "fields": ["TotalCount"]}, "fault.fields: a mapping is needed, not a list"),
        ({"kind": "answer", "fields": {"TotalCount": {1}}}, "fault.fields: cannot be written as JSON"),
        ({"kind": "answer", "without": "TotalCount"}, "fault.without: a list is needed, not a text"),
        ({"kind": "answer", "without": ["TotalCount"], "offset": -1}, "fault.offset: -1 is not between"),
    ],
)
def test_an_order_that_cannot_be_is_refused(simulator: Simulator, order: dict[str, Any], message: str) -> None:
    with pytest.raises(WorldError, match=message):
        simulator.order(**order)
    assert simulator.faults == []
