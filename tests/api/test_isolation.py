"""Cluster by cluster: what one agent can see of another's is nothing, on every list and on every item."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.api.context import EXTENSION
from app.api.routes import ROUTES, Route
from app.domain.caller import Role
from app.ledger.connection import Ledger
from tests.api import stage
from tests.api.client import Caller, agent_of, bind, grant, pages, problem_of, register_cluster, register_load_balancer
from tests.identity.issuing import Key, token, trust

CLUSTERS = ("cls-a", "cls-b", "cls-c")
READ = [route for route in ROUTES if route.method == "GET" and Role.AGENT in (route.roles or ())]
LISTS = [route for route in READ if "<" not in route.path]
ITEMS = [route for route in READ if "<identifier:binding_id>" in route.path]
OWN = [route for route in READ if "<identifier:cluster_id>" in route.path]
WRITES = [route for route in ROUTES if route.method != "GET" and Role.AGENT in (route.roles or ())]


@pytest.fixture
def agents(admin: Caller, ledger: Ledger) -> Iterator[dict[str, list[Caller]]]:
    """Of each cluster two agents, one by token and one by its own identity; each cluster has bindings."""
    register_load_balancer(admin)
    stage.read_listeners(ledger)
    found = {}
    for number, cluster_id in enumerate(CLUSTERS):
        register_cluster(admin, cluster_id, trust=trust(Key(f"key-{cluster_id}", key_id="same")))
        grant(admin, cluster_id)
        by_token = agent_of(admin, cluster_id)
        by_identity = admin.having(token(Key(f"key-{cluster_id}", key_id="same")), cluster_id)
        by_token.tell(*(bind(f"u{number}{each}") for each in range(3)))
        found[cluster_id] = [by_token, by_identity]
    yield found
    admin.app.extensions[EXTENSION].trusted_keys.close()


def bindings_of(admin: Caller, cluster_id: str) -> list[str]:
    return [item["binding_id"] for item in admin.get("/v1/bindings", cluster_id=cluster_id).json["items"]]


def pairs(agents: dict[str, list[Caller]]) -> Iterator[tuple[Caller, str]]:
    for mine, callers in agents.items():
        for other in CLUSTERS:
            if other != mine:
                yield from ((caller, other) for caller in callers)


def path_of(route: Route, cluster_id: str, binding_id: str = "x") -> str:
    path = route.path.replace("<identifier:cluster_id>", cluster_id).replace("<identifier:binding_id>", binding_id)
    return path.replace("<identifier:namespace>", "shop").replace("<identifier:name>", "web")


def test_every_route_that_agents_read_is_looked_at() -> None:
    assert {*map(id, LISTS), *map(id, ITEMS), *map(id, OWN)} == set(map(id, READ))
    assert min(len(LISTS), len(ITEMS), len(OWN), len(WRITES)) > 0


@pytest.mark.parametrize("route", LISTS, ids=lambda route: route.path)
def test_a_list_has_what_is_one_s_own_and_nothing_else(agents: dict[str, list[Caller]], route: Route) -> None:
    for cluster_id, callers in agents.items():
        for caller in callers:
            found = [item for page in pages(caller, route.path, 2) for item in page]
            assert {item["cluster_id"] for item in found} == {cluster_id}


@pytest.mark.parametrize("route", LISTS, ids=lambda route: route.path)
def test_no_filter_leads_to_another_cluster(agents: dict[str, list[Caller]], admin: Caller, route: Route) -> None:
    whole = admin.get("/v1/bindings").json["items"]
    for caller, other in pairs(agents):
        problem_of(caller.get(route.path, cluster_id=other), 403, "forbidden")
        theirs = [item for item in whole if item["cluster_id"] == other]
        filters: list[dict[str, Any]] = [
            {name: value}
            for item in theirs
            for name, value in (("ip", item["target"]["ip"]), ("pod_uid", item["pod"]["uid"]))
        ]
        for query in [*filters, {"load_balancer_id": "lb-1"}]:
            found = caller.get(route.path, **query).json["items"]
            assert {item["cluster_id"] for item in found} <= {caller.cluster_id}


@pytest.mark.parametrize("route", ITEMS, ids=lambda route: route.path)
def test_another_s_item_is_answered_as_one_that_does_not_exist(
    agents: dict[str, list[Caller]], admin: Caller, route: Route
) -> None:
    for caller, other in pairs(agents):
        unknown = problem_of(caller.get(path_of(route, other, "b-unknown")), 404, "binding-not-found")
        for binding_id in bindings_of(admin, other):
            problem = problem_of(caller.get(path_of(route, other, binding_id)), 404, "binding-not-found")
            assert problem.keys() == unknown.keys()
            assert problem["detail"].replace(binding_id, "b-unknown") == unknown["detail"]
        own = bindings_of(admin, caller.cluster_id)[0]
        assert caller.get(path_of(route, caller.cluster_id, own)).status_code == 200


@pytest.mark.parametrize("route", [*OWN, *WRITES], ids=lambda route: f"{route.method} {route.path}")
def test_what_names_another_cluster_is_forbidden_whether_or_not_there_is_one(
    agents: dict[str, list[Caller]], route: Route
) -> None:
    for caller, other in pairs(agents):
        answers = [caller.send(route.method, path_of(route, each), {}) for each in (other, "cls-unknown")]
        there, unknown = (problem_of(answer, 403, "forbidden") for answer in answers)
        assert there["detail"] == unknown["detail"]


def test_a_mistake_in_a_query_leaks_nothing(
    agents: dict[str, list[Caller]], admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first wall taken down: every filter by cluster is forgotten, and the second one holds."""
    theirs = {cluster_id: bindings_of(admin, cluster_id) for cluster_id in CLUSTERS}
    monkeypatch.setattr("app.api.bindings.own_cluster", lambda _: None)
    monkeypatch.setattr("app.api.history.own_cluster", lambda _: None)
    for caller, other in pairs(agents):
        for route in LISTS:
            found = [item for page in pages(caller, route.path, 100) for item in page]
            assert {item["cluster_id"] for item in found} == {caller.cluster_id}
        for route in ITEMS:
            problem_of(caller.get(path_of(route, other, theirs[other][0])), 404)
