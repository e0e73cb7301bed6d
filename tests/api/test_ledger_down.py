"""Without a ledger: every route that needs it answers 503 and when to ask again, and nothing else breaks."""

from collections.abc import Iterator

import pytest

from app.api.routes import ROUTES, Route
from app.broker.tokens import Role
from app.ledger.connection import Ledger
from tests.api.client import ADMIN_TOKEN, CLUSTER, Caller, application, bind, entry, problem_of

AGENT_TOKEN = "t-0123456789abcdef0123456789ab.c2VjcmV0LXRoYXQtbm9ib2R5LWlzc3VlZA"
NEEDY = [route for route in ROUTES if route.path not in {"/livez", "/metrics"}]


@pytest.fixture
def nowhere() -> Iterator[Ledger]:
    """A ledger where nothing listens."""
    opened = Ledger("postgresql://nobody@127.0.0.1:1/none")
    yield opened
    opened.close()


@pytest.fixture
def caller(nowhere: Ledger) -> Caller:
    """The first administrator, whose token needs no ledger."""
    return Caller(application(nowhere), ADMIN_TOKEN)


def _asked(route: Route) -> tuple[str, str, object]:
    path = "/".join(
        CLUSTER if part == "<identifier:cluster_id>" else "x-1" if part.startswith("<") else part
        for part in route.path.split("/")
    )
    bodies: dict[str, object] = {
        "pod_events.post": {"events": [bind()]},
        "pod_events.put_service_targets": {"revision": 1, "targets": [entry()]},
        "grants.put": {"listener_ids": ["*"]},
        "clusters.put": {"region": "ap-guangzhou"},
        "load_balancers.put": {"region": "ap-guangzhou"},
        "tokens.post": {"role": "viewer", "name": "x"},
        "verifications.post": {"cluster_id": CLUSTER, "ip": "10.0.0.2", "network_mode": "vpc-cni"},
    }
    path += {"/v1/explain": "?pod_uid=u1", "/v1/targets": "?ip=10.0.0.2"}.get(path, "")
    room = route.view.__module__.rpartition(".")[2]
    return route.method, path, bodies.get(f"{room}.{route.endpoint}", {})


@pytest.mark.parametrize("route", NEEDY, ids=lambda route: f"{route.method} {route.path}")
def test_a_route_that_needs_the_ledger_says_so_and_when_to_ask_again(caller: Caller, route: Route) -> None:
    somebody = caller if route.roles is None or Role.ADMIN in route.roles else caller.having(AGENT_TOKEN)
    answer = somebody.send(*_asked(route))
    problem_of(answer, 503, "ledger-unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert "127.0.0.1" not in answer.text
    assert "psycopg" not in answer.text


def test_without_a_ledger_no_token_but_the_first_administrators_is_known(caller: Caller) -> None:
    problem_of(caller.having(AGENT_TOKEN).get("/v1/bindings"), 503, "ledger-unavailable")
    problem_of(caller.having("nonsense").get("/v1/bindings"), 401, "unauthorized")
    problem_of(caller.having(None).get("/v1/bindings"), 401, "unauthorized")


def test_without_a_ledger_the_process_lives_and_describes_itself(caller: Caller) -> None:
    for path in ("/livez", "/metrics", "/openapi.yaml", "/docs", "/docs/start.js"):
        assert caller.get(path).status_code == 200


def test_what_is_wrong_by_itself_is_told_without_a_ledger(caller: Caller) -> None:
    problem_of(caller.put(f"/v1/clusters/{CLUSTER}", b"{"), 400, "not-json")
    problem_of(caller.put(f"/v1/clusters/{CLUSTER}", {}), 422, "invalid-request")
    problem_of(caller.get("/v1/clusters", limit=0), 422, "invalid-request")
    problem_of(caller.get("/v1/nothing"), 404, "not-found")


def test_a_ledger_that_comes_back_is_used_at_once(agent: Caller, ledger: Ledger, nowhere: Ledger) -> None:
    event = bind()
    application(nowhere)
    answer = agent.post(f"/v1/clusters/{CLUSTER}/pod-events", {"events": [event]})
    problem_of(answer, 503, "ledger-unavailable")
    application(ledger)
    assert agent.tell_one(event)["outcome"] == "accepted"


def test_connections_that_the_database_ended_are_not_an_error(agent: Caller, ledger: Ledger) -> None:
    agent.tell(bind("u1"))
    with ledger.begin() as connection:
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        connection.exec_driver_sql("SET LOCAL ROLE NONE")
        connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
    assert agent.tell_one(bind("u2"))["outcome"] == "accepted"
