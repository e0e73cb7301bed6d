"""A caller of the API, and what callers send: small functions that tests are written in."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from app.api.application import create_application
from app.api.context import EXTENSION, ApiContext
from app.ledger.connection import Ledger

ADMIN_TOKEN = "the-first-administrators-token"
DRAIN_SECONDS = 30
CLUSTER = "cls-a"
OTHER_CLUSTER = "cls-b"
BALANCER = "lb-1"
NOTHING = object()

_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Caller:
    """Somebody with a token, or without one, who asks an application."""

    app: Flask
    token: str | None = None
    cluster_id: str = CLUSTER

    def having(self, token: str | None, cluster_id: str = CLUSTER) -> "Caller":
        """The same application, asked with another token."""
        return replace(self, token=token, cluster_id=cluster_id)

    def send(
        self,
        method: str,
        path: str,
        body: Any = NOTHING,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | str | None = None,
    ) -> TestResponse:
        """One request. ``body`` is sent as JSON, bytes as they are."""
        given = dict(headers or {})
        if self.token is not None:
            given.setdefault("Authorization", f"Bearer {self.token}")
        content = b"" if body is NOTHING else body if isinstance(body, bytes) else json.dumps(body).encode()
        # Each request a client of its own: a test client must not be shared by threads.
        client = self.app.test_client()
        return client.open(path, method=method, data=content, headers=given, query_string=query, buffered=True)

    def get(self, path: str, **query: Any) -> TestResponse:
        """GET with a query."""
        return self.send("GET", path, query=query)

    def put(self, path: str, body: Any = NOTHING) -> TestResponse:
        """PUT."""
        return self.send("PUT", path, body)

    def post(self, path: str, body: Any = NOTHING) -> TestResponse:
        """POST."""
        return self.send("POST", path, body)

    def delete(self, path: str) -> TestResponse:
        """DELETE."""
        return self.send("DELETE", path)

    def tell(self, *events: Any) -> list[dict[str, Any]]:
        """Send pod events; the results."""
        answer = self.post(f"/v1/clusters/{self.cluster_id}/pod-events", {"events": list(events)})
        assert answer.status_code == 202, answer.text
        results: list[dict[str, Any]] = answer.json["results"]
        return results

    def tell_one(self, event: Any) -> dict[str, Any]:
        """Send one pod event; its result."""
        (result,) = self.tell(event)
        return result

    def replace_targets(self, revision: int, *entries: dict[str, Any], service: str = "web") -> dict[str, Any]:
        """Send the full truth for one Service of the shop; the answer."""
        path = f"/v1/clusters/{self.cluster_id}/services/shop/{service}/targets"
        answer = self.put(path, {"revision": revision, "targets": list(entries)})
        assert answer.status_code == 200, answer.text
        outcome: dict[str, Any] = answer.json
        return outcome

    def binding(self, binding_id: str) -> dict[str, Any]:
        """A binding as it is now."""
        answer = self.get(f"/v1/bindings/{binding_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json
        return found


@cache
def _built() -> Flask:
    return create_application(ApiContext(Ledger("postgresql://nowhere/none"), ADMIN_TOKEN, DRAIN_SECONDS))


def application(ledger: Ledger) -> Flask:
    """The API on ``ledger``. It is built once for all tests, which differ by its context alone."""
    built = _built()
    built.extensions[EXTENSION] = ApiContext(ledger, ADMIN_TOKEN, DRAIN_SECONDS)
    return built


def register_cluster(admin: Caller, cluster_id: str = CLUSTER, **body: Any) -> None:
    """Register a cluster."""
    answer = admin.put(f"/v1/clusters/{cluster_id}", {"region": "ap-guangzhou", **body})
    assert answer.status_code in {200, 201}, answer.text


def register_load_balancer(admin: Caller, load_balancer_id: str = BALANCER, **body: Any) -> None:
    """Register a load balancer."""
    answer = admin.put(f"/v1/load-balancers/{load_balancer_id}", {"region": "ap-guangzhou", **body})
    assert answer.status_code in {200, 201}, answer.text


def grant(admin: Caller, cluster_id: str = CLUSTER, *listener_ids: str, load_balancer_id: str = BALANCER) -> None:
    """Let a cluster bind on the listeners named, or on all."""
    path = f"/v1/load-balancers/{load_balancer_id}/grants/{cluster_id}"
    answer = admin.put(path, {"listener_ids": list(listener_ids) or ["*"]})
    assert answer.status_code in {200, 201}, answer.text


def agent_of(admin: Caller, cluster_id: str = CLUSTER) -> Caller:
    """The agent of a cluster, with a new token."""
    answer = admin.post(f"/v1/clusters/{cluster_id}/tokens")
    assert answer.status_code == 201, answer.text
    return admin.having(answer.json["token"], cluster_id)


def person(admin: Caller, role: str) -> Caller:
    """Somebody with a new token of ``role``."""
    answer = admin.post("/v1/tokens", {"role": role, "name": f"{role} of the tests"})
    assert answer.status_code == 201, answer.text
    return admin.having(answer.json["token"])


def bind(uid: str = "u1", revision: int = 10, **changes: Any) -> dict[str, Any]:
    """A bind as the contract shows it; ``changes`` replace fields, within ``pod`` and ``target`` one by one."""
    event = {
        "event_id": f"e-{next(_NUMBERS)}",
        "type": "bind",
        "revision": revision,
        "observed_at": "2026-11-23T08:00:00Z",
        **about(uid),
        "service": {"namespace": "shop", "name": "web"},
    }
    return changed(event, changes)


def unbind(uid: str = "u1", revision: int = 20, **changes: Any) -> dict[str, Any]:
    """An unbind of a pod that is gone: without address, mode and weight."""
    event = bind(uid, revision, type="unbind", pod={"ip": None}, target={"weight": None})
    del event["pod"]["ip"], event["network_mode"], event["target"]["weight"]
    return changed(event, changes)


def entry(uid: str = "u1", **changes: Any) -> dict[str, Any]:
    """A pod at its target, in the full truth for a Service."""
    return changed(about(uid), changes)


def about(uid: str) -> dict[str, Any]:
    """A pod of the shop, at an address that the number in its uid decides, and its target."""
    number = int("".join(filter(str.isdigit, uid)) or 0)
    return {
        "pod": {
            "namespace": "shop",
            "name": f"web-{uid}",
            "uid": uid,
            "ip": f"10.0.{number // 250}.{number % 250 + 1}",
            "node": "10.0.1.5",
        },
        "workload": {"kind": "Deployment", "name": "web"},
        "network_mode": "vpc-cni",
        "target": {
            "load_balancer_id": BALANCER,
            "listener_id": "lbl-tcp",
            "location_id": None,
            "port": 8080,
            "weight": 10,
        },
    }


def changed(event: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``event`` with ``changes``; a mapping among them changes what is inside."""
    return event | {
        name: {**(event.get(name) or {}), **value} if isinstance(value, dict) else value
        for name, value in changes.items()
    }


def problem_of(answer: TestResponse, status: int, code: str | None = None) -> dict[str, Any]:
    """The problem that ``answer`` is, with everything that each problem has."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    problem: dict[str, Any] = answer.json
    assert problem.keys() >= {"type", "title", "status", "detail", "instance", "code"}
    assert problem["status"] == status
    assert problem["type"] == f"urn:clb-broker:problem:{problem['code']}"
    assert all(problem[name] for name in ("title", "detail", "instance", "code"))
    assert "Traceback" not in answer.text
    assert 'File "' not in answer.text
    if code is not None:
        assert problem["code"] == code
    return problem


def pages(caller: Caller, path: str, limit: int, **query: Any) -> list[list[dict[str, Any]]]:
    """All pages of a list."""
    found, cursor = [], None
    while True:
        asked = {**query, "limit": limit} | ({"cursor": cursor} if cursor else {})
        answer = caller.get(path, **asked)
        assert answer.status_code == 200, answer.text
        found.append(answer.json["items"])
        cursor = answer.json["next_cursor"]
        if cursor is None:
            return found
