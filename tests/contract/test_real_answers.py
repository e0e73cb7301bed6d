"""What is really answered, nulls and every state included, is what the document says is answered."""

from functools import cache
from typing import Any

import pytest
import schemathesis
from flask import Flask
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.schemas import BaseSchema
from werkzeug.test import TestResponse

from app.domain.binding import State, Verdict, Verification
from app.ledger.connection import Ledger
from tests.api import stage
from tests.api.client import CLUSTER, Caller, bind, entry, register_cluster, register_load_balancer

CLUSTER_PATH = "/v1/clusters/{cluster_id}"
BALANCER_PATH = "/v1/load-balancers/{load_balancer_id}"
GRANT_PATH = f"{BALANCER_PATH}/grants/{{cluster_id}}"
TARGETS_PATH = f"{CLUSTER_PATH}/services/{{namespace}}/{{name}}/targets"


@cache
def _served(app: Flask) -> BaseSchema:
    return schemathesis.openapi.from_wsgi("/openapi.yaml", app)


def _valid(caller: Caller, method: str, path: str, answer: TestResponse, status: int) -> Any:
    """The body of ``answer``, which is the one that the document names for this path."""
    assert answer.status_code == status, answer.text
    operation = _served(caller.app)[path][method]
    assert str(status) in operation.definition.raw["responses"]
    operation.validate_response(answer)
    return answer.json if answer.data else None


def test_the_judge_of_this_module_finds_fault(agent: Caller) -> None:
    path = "/v1/bindings/{binding_id}"
    answer = agent.get(f"/v1/bindings/{agent.get('/v1/bindings').json['items'][0]['binding_id']}")
    for change in ({"state": "lost"}, {"revision": "1"}, {"pod": None}, {"colour": "red"}, {"created_at": None}):
        wrong = agent.app.response_class(
            agent.app.json.dumps({**answer.json, **change}), 200, content_type="application/json"
        )
        given = TestResponse(wrong.response, wrong.status, wrong.headers, answer.request)
        with pytest.raises((Failure, FailureGroup)):
            _served(agent.app)[path]["GET"].validate_response(given)


def test_a_cluster_with_and_without_a_topology(admin: Caller) -> None:
    bare = {"region": "ap-guangzhou", "topology": None, "removal_guard": None}
    _valid(admin, "PUT", CLUSTER_PATH, admin.put("/v1/clusters/cls-new", bare), 201)
    topology = {"vpc_id": "vpc-1", "cluster_cidrs": ["172.16.0.0/16"], "service_cidr": None, "eni_subnet_ids": []}
    whole = {**bare, "topology": topology, "removal_guard": {"max_share": 1}}
    _valid(admin, "PUT", CLUSTER_PATH, admin.put("/v1/clusters/cls-new", whole), 200)
    _valid(admin, "GET", CLUSTER_PATH, admin.get("/v1/clusters/cls-new"), 200)
    shown = _valid(admin, "GET", "/v1/clusters", admin.get("/v1/clusters", limit=1), 200)
    assert len(shown["items"]) == 1
    _valid(admin, "GET", CLUSTER_PATH, admin.get("/v1/clusters/cls-unknown"), 404)
    _valid(admin, "PUT", CLUSTER_PATH, admin.put("/v1/clusters/cls-new", {**bare, "account_id": "b"}), 409)


def test_a_load_balancer_read_and_unread_and_its_grants(admin: Caller, ledger: Ledger) -> None:
    register_cluster(admin)
    _valid(admin, "PUT", BALANCER_PATH, admin.put("/v1/load-balancers/lb-1", {"region": "r"}), 201)
    stage.read_listeners(ledger)
    read = _valid(admin, "PUT", BALANCER_PATH, admin.put("/v1/load-balancers/lb-1", {"region": "r"}), 200)
    assert read["listeners"][2]["rules"]
    _valid(admin, "GET", BALANCER_PATH, admin.get("/v1/load-balancers/lb-1"), 200)
    _valid(admin, "GET", "/v1/load-balancers", admin.get("/v1/load-balancers"), 200)
    path = f"/v1/load-balancers/lb-1/grants/{CLUSTER}"
    _valid(admin, "PUT", GRANT_PATH, admin.put(path, {"listener_ids": ["*"]}), 201)
    _valid(admin, "GET", GRANT_PATH, admin.get(path), 200)
    _valid(admin, "GET", f"{BALANCER_PATH}/grants", admin.get("/v1/load-balancers/lb-1/grants"), 200)
    _valid(admin, "DELETE", GRANT_PATH, admin.delete(path), 204)
    _valid(admin, "DELETE", GRANT_PATH, admin.delete(path), 404)


def test_tokens(admin: Caller) -> None:
    register_cluster(admin)
    answer = admin.post(f"/v1/clusters/{CLUSTER}/tokens")
    token = _valid(admin, "POST", f"{CLUSTER_PATH}/tokens", answer, 201)
    _valid(admin, "POST", "/v1/tokens", admin.post("/v1/tokens", {"role": "admin", "name": "x"}), 201)
    _valid(admin, "POST", "/v1/tokens", admin.post("/v1/tokens", {"role": "agent", "name": "x"}), 422)
    path = "/v1/tokens/{token_id}"
    _valid(admin, "DELETE", path, admin.delete(f"/v1/tokens/{token['token_id']}"), 204)


def test_results_of_every_outcome(agent: Caller) -> None:
    events = [bind("u3"), bind("u3", 11), bind("u3", 1), bind("u4", target={"weight": 101}), None, {}, bind("u1", 99)]
    answer = agent.post(f"/v1/clusters/{CLUSTER}/pod-events", {"events": events})
    results = _valid(agent, "POST", f"{CLUSTER_PATH}/pod-events", answer, 202)["results"]
    assert {result["outcome"] for result in results} == {"accepted", "unchanged", "stale", "rejected"}


def test_snapshots_and_what_they_hold(agent: Caller, admin: Caller) -> None:
    path = f"/v1/clusters/{CLUSTER}/services/shop/web/targets"
    body: dict[str, Any] = {"revision": 30, "targets": [entry("u3"), entry("u4", target={"weight": 101})]}
    outcome = _valid(agent, "PUT", TARGETS_PATH, agent.put(path, body), 200)
    assert outcome["held"]
    assert outcome["unbound"]
    held = _valid(admin, "GET", "/v1/holds", admin.get("/v1/holds"), 200)["items"][0]["binding_id"]
    for word, status in (("approve", 200), ("dismiss", 409)):
        answer = admin.post(f"/v1/holds/{held}/{word}")
        _valid(admin, "POST", f"/v1/holds/{{binding_id}}/{word}", answer, status)
    answer = admin.post(f"/v1/clusters/{CLUSTER}/evacuate")
    assert _valid(admin, "POST", f"{CLUSTER_PATH}/evacuate", answer, 200)["unbound"]


@pytest.mark.parametrize("state", State)
def test_a_binding_in_each_state(agent: Caller, ledger: Ledger, state: State) -> None:
    binding_id = agent.tell_one(bind("u9"))["binding_id"]
    stage.bring_to(ledger, binding_id, state)
    shown = _valid(agent, "GET", "/v1/bindings/{binding_id}", agent.get(f"/v1/bindings/{binding_id}"), 200)
    assert shown["state"] == state
    answer = agent.get(f"/v1/bindings/{binding_id}/history")
    moves = _valid(agent, "GET", "/v1/bindings/{binding_id}/history", answer, 200)["items"]
    assert moves[0]["to_state"] == state
    _valid(agent, "GET", "/v1/bindings", agent.get("/v1/bindings", state=state), 200)


def test_a_binding_with_everything_that_may_be_null_null(agent: Caller, ledger: Ledger) -> None:
    event = bind("u9", workload=None, service=None, pod={"node": None}, target={"listener_id": "lbl-unknown"})
    by_port = bind("u8", target={"listener_id": None, "protocol": "TCP", "listener_port": 81})
    for sent in (event, by_port):
        binding_id = agent.tell_one(sent)["binding_id"]
        shown = _valid(agent, "GET", "/v1/bindings/{binding_id}", agent.get(f"/v1/bindings/{binding_id}"), 200)
        nulls = {name for name in ("reason", "detail", "bound_at") if shown[name] is None}
        assert nulls == {"reason", "detail", "bound_at"}
        assert shown["verification"]["method"] is None


@pytest.mark.parametrize("verdict", Verdict)
def test_a_binding_with_each_verdict(agent: Caller, ledger: Ledger, verdict: Verdict) -> None:
    binding_id = agent.tell_one(bind("u9"))["binding_id"]
    proof = Verification(verdict, "eni", None, {"eni": {"id": "eni-1"}, "seen": [1]}, ("loopback-possible",))
    stage.move(ledger, binding_id, State.HELD, reason="cloud-refused", detail="InvalidParameter", verification=proof)
    shown = _valid(agent, "GET", "/v1/bindings/{binding_id}", agent.get(f"/v1/bindings/{binding_id}"), 200)
    assert shown["verification"]["verdict"] == verdict


def test_changes_and_history(agent: Caller, admin: Caller) -> None:
    path = f"/v1/clusters/{CLUSTER}/changes"
    first = _valid(agent, "GET", f"{CLUSTER_PATH}/changes", agent.get(path), 200)
    last = agent.get(path, after=first["next_cursor"])
    assert _valid(agent, "GET", f"{CLUSTER_PATH}/changes", last, 200)["items"] == []
    agent.tell(None, bind("u5", target={"weight": 101}))
    admin.post("/v1/tokens", {"role": "viewer", "name": "x"})
    items = _valid(admin, "GET", "/v1/history", admin.get("/v1/history", limit=1000), 200)["items"]
    assert {item["action"] for item in items} >= {"token-issued", "event-rejected", "binding-moved", "grant-made"}


def test_health(admin: Caller) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        answer = admin.get(path)
        assert answer.status_code == 200
        _served(admin.app)[path]["GET"].validate_response(answer)


def test_refusals(agent: Caller, admin: Caller) -> None:
    register_load_balancer(admin)
    for caller, status in ((admin.having(None), 401), (agent, 403)):
        _valid(caller, "GET", "/v1/clusters", caller.get("/v1/clusters"), status)
    path = f"/v1/clusters/{CLUSTER}/pod-events"
    for body, status in ((b"{", 400), ({}, 422), ({"events": [1] * 1001}, 413)):
        _valid(agent, "POST", f"{CLUSTER_PATH}/pod-events", agent.post(path, body), status)
    packed = agent.send("POST", path, b"{}", headers={"Content-Encoding": "gzip"})
    _valid(agent, "POST", f"{CLUSTER_PATH}/pod-events", packed, 415)
