"""Too many requests or events are refused for a while, and nobody pays for another's flood."""

import pytest
from flask import Flask

from app.api.context import EXTENSION, ApiContext
from app.api.rates import Limits
from app.ledger.connection import Ledger
from tests.api.client import ADMIN_TOKEN, DRAIN_SECONDS, Caller, bind, problem_of

FEW = 4
EVENTS = 10


@pytest.fixture
def limited(admin: Caller, agent: Caller, neighbour: Caller, ledger: Ledger) -> Flask:
    """The application, once all are registered, with limits that a test can meet and no time passing."""
    limits = Limits(FEW, EVENTS)
    for each in (limits.requests, limits.events, limits.strangers):
        each.clock = lambda: 1000.0
    admin.app.extensions[EXTENSION] = ApiContext(ledger, ADMIN_TOKEN, DRAIN_SECONDS, limits=limits)
    return admin.app


def _flood(caller: Caller, path: str = "/v1/bindings") -> None:
    """Until it is too much; which it is soon."""
    for _ in range(100):
        if caller.get(path).status_code == 429:
            return
    raise AssertionError("no flood is refused")


@pytest.mark.usefixtures("limited")
def test_a_token_that_asks_too_often_is_told_when_to_ask_again(agent: Caller) -> None:
    _flood(agent)
    answer = agent.get("/v1/bindings")
    problem_of(answer, 429, "too-many-requests")
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.usefixtures("limited")
def test_others_are_served_meanwhile(agent: Caller, neighbour: Caller, admin: Caller) -> None:
    _flood(agent)
    assert neighbour.get("/v1/bindings").status_code == 200
    assert admin.get("/v1/clusters").status_code == 200


@pytest.mark.usefixtures("limited")
def test_events_are_counted_besides_requests_and_a_refused_batch_leaves_nothing(agent: Caller, admin: Caller) -> None:
    path = f"/v1/clusters/{agent.cluster_id}/pod-events"
    assert agent.post(path, {"events": [bind(f"u{number}") for number in range(50)]}).status_code == 202
    late = bind("u99")
    problem_of(agent.post(path, {"events": [late]}), 429, "too-many-requests")
    assert len(admin.get("/v1/bindings", limit=1000).json["items"]) == 50
    snapshot = agent.put(f"/v1/clusters/{agent.cluster_id}/services/shop/web/targets", {"revision": 99, "targets": []})
    problem_of(snapshot, 429, "too-many-requests")


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize("path", ["/v1/bindings", "/metrics", "/docs", "/nothing"])
def test_who_comes_without_a_token_is_limited_by_address(stranger: Caller, path: str) -> None:
    _flood(stranger, path)
    problem_of(stranger.get(path), 429, "too-many-requests")


@pytest.mark.usefixtures("limited")
def test_probes_are_always_answered(stranger: Caller) -> None:
    _flood(stranger)
    assert {stranger.get(path).status_code for path in ("/livez", "/readyz") for _ in range(100)} == {200}


@pytest.mark.usefixtures("limited")
def test_a_flood_of_bad_tokens_asks_the_ledger_for_nothing_and_shuts_out_nobody_known(
    stranger: Caller, agent: Caller, neighbour: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert agent.get("/v1/bindings").status_code == 200
    asked = 0

    def count(*given: object) -> None:
        nonlocal asked
        asked += 1

    bad = [stranger.having(f"t-{number}.not-a-token") for number in range(200)]
    with monkeypatch.context() as patched:
        patched.setattr("app.api.authentication.authenticate", count)
        statuses = [each.get("/v1/bindings").status_code for each in bad]
    assert set(statuses) == {401, 429}
    assert asked == statuses.count(401) < len(bad)
    assert agent.get("/v1/bindings").status_code == 200  # from the same address
    problem_of(neighbour.get("/v1/bindings"), 429, "too-many-requests")  # not known yet, so it waits with the others


@pytest.mark.usefixtures("limited")
def test_what_is_refused_is_counted(agent: Caller, stranger: Caller) -> None:
    _flood(agent)
    text = stranger.get("/metrics").text
    assert 'clb_broker_requests_limited_total{of="requests"}' in text


def test_streams_have_few_places_and_give_them_back(admin: Caller, ledger: Ledger) -> None:
    limits = Limits(streams=1)
    admin.app.extensions[EXTENSION] = ApiContext(ledger, ADMIN_TOKEN, DRAIN_SECONDS, limits=limits)
    wanted = {"Accept": "application/x-ndjson", "Authorization": f"Bearer {ADMIN_TOKEN}"}
    open_one = admin.app.test_client().get("/v1/history", headers=wanted)  # not read yet
    assert open_one.status_code == 200
    problem_of(admin.send("GET", "/v1/history", headers=wanted), 429, "too-many-requests")
    assert admin.get("/v1/history").status_code == 200
    open_one.close()
    for _ in range(3):
        assert admin.send("GET", "/v1/history", headers=wanted).status_code == 200
