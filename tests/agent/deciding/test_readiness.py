"""What a pod's gate says."""

from dataclasses import replace
from typing import Any

import pytest

from app.agent.deciding.membership import Obstacle
from app.agent.deciding.objects import DIRECT_ACCESS, Condition, Pod
from app.agent.deciding.readiness import Expectation, expectation, gate_condition
from app.agent.deciding.reports import Report
from app.agent.deciding.targets import Member, ServiceDecision
from tests.agent.deciding.builders import TARGET, WEB, pod, service
from tests.agent.deciding.reports import report

OTHER = replace(TARGET, listener_port=81)
ONE = Expectation(selected=True, targets=(TARGET,))
TWO = Expectation(selected=True, targets=(TARGET, OTHER))
AWAY = "2026-11-23T08:00:00Z"


def open_pod(**changes: Any) -> Pod:
    """A pod whose gate is open."""
    return replace(pod(), condition=Condition("True", "Bound", "bound at 1 target"), **changes)


def said(pod: Pod, expected: Expectation, *reports: Report, complete: bool = True) -> tuple[str, str] | None:
    """Status and reason of the condition to write."""
    found = gate_condition(pod, expected, reports, complete=complete)
    return None if found is None else (found.status, found.reason)


@pytest.mark.parametrize(
    ("state", "health", "changes", "closed", "opened"),
    [
        ("bound", "healthy", {}, ("True", "Bound"), None),
        ("bound", "off", {}, ("True", "Bound"), None),
        ("bound", "unknown", {}, None, None),
        ("bound", "unhealthy", {}, ("False", "Unhealthy"), ("False", "Unhealthy")),
        ("verifying", "unknown", {}, None, ("False", "NotBound")),
        ("pending", "unknown", {}, None, ("False", "NotBound")),
        ("pending", "healthy", {"bound_at": AWAY}, None, None),
        (
            "held",
            "unknown",
            {"reason": "listener-not-found"},
            ("False", "listener-not-found"),
            ("False", "listener-not-found"),
        ),
        ("held", "healthy", {"reason": "cluster-silent", "bound_at": AWAY}, ("False", "cluster-silent"), None),
        ("draining", "healthy", {}, ("False", "NotBound"), ("False", "NotBound")),
        ("draining", "healthy", {"reason": "proof-lost"}, ("False", "proof-lost"), ("False", "proof-lost")),
        ("removing", "healthy", {}, ("False", "NotBound"), ("False", "NotBound")),
        ("released", "unknown", {"reason": "superseded"}, ("False", "superseded"), ("False", "superseded")),
        ("rejected", "unknown", {"reason": "eni-not-found"}, ("False", "eni-not-found"), ("False", "eni-not-found")),
        ("bound", "healthy", {"ip": "10.0.3.99"}, None, ("False", "NotBound")),
    ],
)
def test_a_gate_follows_what_the_broker_says_of_its_target(
    state: str, health: str, changes: dict[str, Any], closed: object, opened: object
) -> None:
    told = report(state=state, health=health, **changes)
    assert said(pod(), ONE, told) == closed
    assert said(open_pod(), ONE, told) == opened


def test_a_gate_opens_when_all_its_targets_serve() -> None:
    here, there = report(), report(target={"listener_port": 81}, binding_id="b-2")
    assert said(pod(), TWO, here) is None
    assert said(pod(), TWO, here, there) == ("True", "Bound")
    found = gate_condition(pod(), TWO, (here, there), complete=True)
    assert found is not None
    assert found.message == "bound at 2 targets"


def test_a_listener_that_comes_to_an_open_pods_others_does_not_close_its_gate() -> None:
    assert said(open_pod(), TWO, report()) is None


def test_a_gate_closes_when_one_of_its_targets_goes() -> None:
    leaving = report(state="draining", target={"listener_port": 81})
    assert said(open_pod(), TWO, report(), leaving) == ("False", "NotBound")


def test_a_closed_gate_says_at_which_target_and_why() -> None:
    told = report(state="rejected", health="unknown", reason="eni-not-found", detail="no interface has 10.0.3.17")
    found = gate_condition(pod(), ONE, (told,), complete=True)
    assert found is not None
    assert (
        found.message == "lb-1 TCP:80, port 8080: rejected, eni-not-found, health unknown: no interface has 10.0.3.17"
    )


def test_no_gate_closes_by_silence_or_before_all_bindings_were_read() -> None:
    assert said(open_pod(), ONE, complete=False) is None
    assert said(open_pod(), ONE, report(state="released"), complete=False) is None
    assert said(pod(), ONE, report(), complete=False) == ("True", "Bound")


def test_what_the_gate_says_already_is_not_written_again() -> None:
    told = report(state="rejected", reason="eni-not-found")
    closed = replace(pod(), condition=Condition("False", "eni-not-found", "older words"))
    assert said(closed, ONE, told) is None


def test_a_pod_without_the_gate_or_on_its_way_out_is_left_alone() -> None:
    assert said(replace(pod(), gated=False), ONE, report()) is None
    assert said(open_pod(terminating=True), ONE, report(state="draining")) is None


def test_a_gate_that_no_service_stands_behind_does_not_hold_its_pod_back() -> None:
    alone = Expectation(selected=False)
    assert said(pod(), alone) == ("True", "NotSelected")
    assert said(replace(pod(), ready=False), alone) is None
    assert said(replace(pod(), host_network=True), ONE) == ("True", "HostNetwork")


def test_a_selected_pod_without_targets_waits_and_closes_only_by_what_the_broker_says() -> None:
    nothing = Expectation(selected=True)
    assert said(pod(), nothing) is None
    assert said(open_pod(), nothing) is None
    assert said(open_pod(), nothing, report()) is None
    assert said(open_pod(), nothing, report(state="released")) == ("False", "NotBound")


def test_a_pod_expects_the_targets_of_all_its_services_whether_it_is_wanted_there_now_or_not() -> None:
    first = ServiceDecision(WEB, "", 1, members={"u1": Member((TARGET,), Obstacle.NOT_READY)})
    second = ServiceDecision(WEB, "", 1, members={"u1": Member((TARGET, OTHER)), "u2": Member(())})
    assert expectation(pod(), (), (first, second)) == TWO
    assert expectation(pod(), (service(),), ()) == Expectation(selected=True)
    assert expectation(pod(), (service(selector={"app": "other"}),), (ServiceDecision(WEB, "", 1),)) == Expectation(
        False
    )
    assert expectation(pod(), (service(annotations={DIRECT_ACCESS: None}),), ()) == Expectation(selected=False)
