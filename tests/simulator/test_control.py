"""The control path over HTTP."""

import http.client
import json
from typing import Any

import pytest

from app.simulator.server import Simulator
from tests.simulator.conftest import Asker, refused, target


def control(simulator: Simulator, method: str, path: str, content: Any = None) -> tuple[int, Any]:
    link = http.client.HTTPConnection(simulator.endpoint.removeprefix("http://"), timeout=60)
    body = content if isinstance(content, bytes) or content is None else json.dumps(content)
    link.request(method, f"/_control/{path}", body)
    answer = link.getresponse()
    found = answer.status, json.loads(answer.read())
    link.close()
    return found


def test_calls_are_listed_from_a_number_on_and_can_be_forgotten(ask: Asker, simulator: Simulator) -> None:
    asked = {"LoadBalancerId": "lb-1", "Targets": [target("10.0.3.17")]}
    ask("BatchRegisterTargets", **asked)
    ask("DescribeQuota")
    refused(lambda: ask("DescribeTargets", LoadBalancerId="lb-none"))
    status, answer = control(simulator, "GET", "calls?after=0")
    assert (status, [row["sequence"] for row in answer["calls"]]) == (200, [1, 2, 3])
    first = answer["calls"][0]
    assert (asked, "lb-1", 1, True, None, "AKIDtest", "ap-guangzhou") == (
        first["parameters"],
        first["load_balancer_id"],
        first["target_count"],
        first["changed"],
        first["code"],
        first["secret_id"],
        first["region"],
    )
    assert first["received_at"] <= first["finished_at"]
    assert [row["code"] for row in control(simulator, "GET", "calls?after=2&limit=5")[1]["calls"]] == [
        "InvalidParameter.LBIdNotFound"
    ]
    assert control(simulator, "DELETE", "calls") == (200, {})
    ask("DescribeQuota")
    assert [row["sequence"] for row in simulator.calls] == [4]


def test_changes_tell_who_made_them(ask: Asker, simulator: Simulator) -> None:
    answer = ask("BatchRegisterTargets", LoadBalancerId="lb-1", Targets=[target("10.0.3.17")])
    status, found = control(simulator, "GET", "changes?after=0")
    row = found["changes"][0]
    assert (200, 1, "added", "lb-1", "lbl-1", None, "10.0.3.17", 8080, 10, answer["RequestId"]) == (
        status,
        row["sequence"],
        row["kind"],
        row["load_balancer_id"],
        row["listener_id"],
        row["location_id"],
        row["ip"],
        row["port"],
        row["weight"],
        row["cause"],
    )


def test_targets_are_flat_rows(simulator: Simulator) -> None:
    status, found = control(simulator, "GET", "targets?load_balancer_id=lb-2")
    row = {"load_balancer_id": "lb-2", "listener_id": "lbl-3", "location_id": None, "ip": "10.0.3.17"}
    assert (200, [{**row, "port": 8080, "weight": 20, "health": "Close"}]) == (status, found["targets"])
    assert control(simulator, "GET", "targets?load_balancer_id=lb-none")[1] == {"targets": []}


def test_parameters_are_shown_and_changed(simulator: Simulator) -> None:
    assert control(simulator, "GET", "parameters")[1]["target_quota"] == 100
    status, found = control(simulator, "PATCH", "parameters", {"target_quota": 7})
    assert (status, found["target_quota"], simulator.parameters["target_quota"]) == (200, 7, 7)


def test_faults_are_ordered_listed_and_taken_back(simulator: Simulator) -> None:
    status, order = control(simulator, "POST", "faults", {"kind": "busy", "times": 3})
    assert (status, order["kind"], order["times"], order["struck"]) == (200, "busy", 3, 0)
    assert [order] == control(simulator, "GET", "faults")[1]["faults"]
    assert control(simulator, "DELETE", "faults") == (200, {})
    assert control(simulator, "GET", "faults")[1] == {"faults": []}


def test_edits_are_made(simulator: Simulator) -> None:
    assert control(simulator, "POST", "edits", {"kind": "set-quota", "quota": 5}) == (200, {})
    assert simulator.parameters["target_quota"] == 5


@pytest.mark.parametrize(
    ("method", "path", "content", "message"),
    [
        ("POST", "faults", {"kind": "explode"}, "fault.kind: 'explode' is none of"),
        ("POST", "faults", [], "fault: a mapping is needed, not a list"),
        ("POST", "edits", {}, "edit.kind: is missing"),
        ("POST", "edits", b"{", "Expecting property name"),
        ("PATCH", "parameters", {"batch_seconds": -1}, "parameters.batch_seconds: -1 is negative"),
        ("PATCH", "parameters", {"colour": 1}, "parameters.colour: unknown field"),
        ("PATCH", "parameters", {"four_tuple_form": "odd"}, "parameters.four_tuple_form: 'odd' is none of"),
        ("PATCH", "parameters", {"calls_per_second_by_action": {"X": "many"}}, "calls_per_second_by_action.X: a whole"),
        ("GET", "calls?after=x", None, "invalid literal"),
    ],
)
def test_what_cannot_be_is_a_bad_request_that_says_why(
    simulator: Simulator, method: str, path: str, content: Any, message: str
) -> None:
    status, answer = control(simulator, method, path, content)
    assert (status, message in answer["error"]) == (400, True)


def test_an_unknown_path_names_the_known_ones(simulator: Simulator) -> None:
    status, answer = control(simulator, "POST", "calls", {})
    assert (status, "GET /_control/calls" in answer["error"]) == (404, True)
