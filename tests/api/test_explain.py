"""Explanations over HTTP: why a pod is or is not bound, by its address or its uid."""

from collections.abc import Callable
from typing import Any

import pytest

from app.domain.binding import State
from app.domain.codes import Code
from app.ledger.connection import Ledger
from tests.api import stage
from tests.api.client import Caller, bind, person, problem_of, unbind

PATH = "/v1/explain"
STEPS = ["event", "verification", "grant", "listener", "place", "cloud", "state"]


def told(admin: Caller, **query: str) -> dict[str, Any]:
    answer = admin.get(PATH, **query)
    assert answer.status_code == 200, answer.text
    explanation: dict[str, Any] = answer.json
    return explanation


def results(admin: Caller, uid: str = "u1") -> dict[str, tuple[str, str | None]]:
    """Result and code of each step of the pod's one binding."""
    (binding,) = told(admin, pod_uid=uid)["bindings"]
    return {step["step"]: (step["result"], step["code"]) for step in binding["steps"]}


def test_of_an_unknown_pod_nothing_is_told(admin: Caller) -> None:
    assert told(admin, pod_uid="u-unknown") == {"bindings": [], "refused_events": []}
    assert told(admin, ip="10.9.9.9") == {"bindings": [], "refused_events": []}


def test_a_refused_event_is_told_although_it_made_no_binding(admin: Caller, agent: Caller) -> None:
    event = bind("u1", target={"weight": 101})
    agent.tell(event)
    explanation = told(admin, pod_uid="u1")
    assert explanation["bindings"] == []
    assert [(each["event_id"], each["reason"]) for each in explanation["refused_events"]] == [
        (event["event_id"], "target-weight-out-of-range")
    ]
    assert told(admin, ip=event["pod"]["ip"]) == explanation


def test_both_filters_find_the_same_pod_and_no_other(admin: Caller, agent: Caller) -> None:
    one, other = bind("u1"), bind("u2")
    agent.tell(one, other)
    by_uid, by_ip = told(admin, pod_uid="u1"), told(admin, ip=one["pod"]["ip"])
    assert by_uid == by_ip
    assert [each["pod_uid"] for each in by_uid["bindings"]] == ["u1"]


@pytest.mark.parametrize(
    "query", [{}, {"ip": "10.0.0.2", "pod_uid": "u1"}, {"ip": "10.0.0.02"}, {"ip": ""}, {"pod_uid": ""}, {"uid": "u1"}]
)
def test_exactly_one_filter_is_needed_and_has_to_be_one(admin: Caller, query: dict[str, str]) -> None:
    problem_of(admin.get(PATH, **query), 422, "invalid-request")


def test_an_unverified_binding_waits_for_its_verdict(admin: Caller, agent: Caller) -> None:
    agent.tell(bind("u1"))
    (binding,) = told(admin, pod_uid="u1")["bindings"]
    steps = {step["step"]: step for step in binding["steps"]}
    assert list(steps) == STEPS
    assert (binding["state"], binding["reason"]) == ("verifying", None)
    assert (steps["verification"]["result"], steps["state"]["result"]) == ("waiting", "waiting")
    assert "no worker has looked at it yet" in steps["verification"]["detail"]
    assert steps["event"]["at"].endswith("Z")


def _held(agent: Caller, ledger: Ledger, binding_id: str) -> None:
    stage.prove(ledger, binding_id)
    stage.move(ledger, binding_id, State.HELD, reason=Code.FOUR_TUPLE_CONFLICT, detail="lbl-2 has it", holder=False)


def _bound(agent: Caller, ledger: Ledger, binding_id: str) -> None:
    stage.bring_to_the_cloud(ledger, binding_id)


def _lost(agent: Caller, ledger: Ledger, binding_id: str) -> None:
    stage.bring_to_the_cloud(ledger, binding_id)
    stage.move(ledger, binding_id, State.REMOVING, reason=Code.PROOF_LOST, detail="eni-not-found: gone")


def _rejected(agent: Caller, ledger: Ledger, binding_id: str) -> None:
    stage.move(ledger, binding_id, State.REJECTED, reason=Code.ENI_NOT_FOUND, detail="nobody has it")


def _released(agent: Caller, ledger: Ledger, binding_id: str) -> None:
    agent.tell(unbind("u1"))


@pytest.mark.parametrize(
    ("bring", "steps", "word"),
    [
        (
            _held,
            {"place": ("waiting", "four-tuple-conflict"), "state": ("waiting", "four-tuple-conflict")},
            "by itself",
        ),
        (_bound, {"place": ("done", None), "cloud": ("done", None), "state": ("done", None)}, "sends to it"),
        (_lost, {"cloud": ("waiting", None), "state": ("waiting", "proof-lost")}, "being taken off"),
        (_rejected, {"place": ("skipped", None), "state": ("refused", "eni-not-found")}, "newer revision"),
        (_released, {"place": ("skipped", None), "cloud": ("skipped", None), "state": ("done", None)}, "has ended"),
    ],
)
def test_the_last_steps_say_where_it_stands_and_what_happens_next(
    admin: Caller,
    agent: Caller,
    ledger: Ledger,
    bring: Callable[[Caller, Ledger, str], None],
    steps: dict[str, tuple[str, str | None]],
    word: str,
) -> None:
    binding_id = agent.tell_one(bind("u1"))["binding_id"]
    bring(agent, ledger, binding_id)
    found = results(admin)
    assert {name: found[name] for name in steps} == steps
    (binding,) = told(admin, pod_uid="u1")["bindings"]
    assert word in binding["steps"][-1]["detail"]


def test_a_grant_that_was_taken_back_is_told(admin: Caller, agent: Caller) -> None:
    agent.tell(bind("u1"))
    assert results(admin)["grant"] == ("done", None)
    assert admin.delete("/v1/load-balancers/lb-1/grants/cls-a").status_code == 204
    assert results(admin)["grant"] == ("refused", "not-granted")


def test_a_load_balancer_that_was_not_read_yet_is_told(admin: Caller, unread: Caller) -> None:
    unread.tell(bind("u1"))
    assert results(admin)["listener"] == ("waiting", None)


@pytest.mark.parametrize("role", ["admin", "operator", "viewer"])
def test_whoever_may_look_may_have_it_explained(admin: Caller, role: str) -> None:
    assert person(admin, role).get(PATH, pod_uid="u1").status_code == 200


def test_an_agent_may_not_even_of_its_own_pods(agent: Caller) -> None:
    problem_of(agent.get(PATH, pod_uid="u1"), 403, "forbidden")
    problem_of(agent.having(None).get(PATH, pod_uid="u1"), 401, "unauthorized")
