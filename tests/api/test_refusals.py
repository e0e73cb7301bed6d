"""Refused writes leave a trace in history: one for each caller, route and minute, however many there were."""

import pytest

from app.api.context import EXTENSION
from app.api.refusals import MOST_KEPT, WINDOW_SECONDS, Refusals
from app.domain.caller import Caller as Somebody
from app.domain.caller import Role
from app.ledger.connection import Ledger
from tests.api.client import CLUSTER, OTHER_CLUSTER, Caller, person, problem_of

ROUTE = "POST /v1/clusters/<identifier:cluster_id>/pod-events"


@pytest.fixture
def clock(admin: Caller) -> list[float]:
    """The time as refusals see it, to be moved by hand."""
    now = [0.0]
    object.__setattr__(admin.app.extensions[EXTENSION], "refusals", Refusals(lambda: now[0]))
    return now


def noted(admin: Caller) -> list[tuple[str, str | None, str]]:
    found = admin.get("/v1/history", action="request-refused", order="asc").json["items"]
    return sorted((item["actor"], item["cluster_id"], item["detail"]) for item in found)


def test_a_refused_write_is_in_the_history_of_the_one_who_tried(neighbour: Caller, admin: Caller) -> None:
    problem_of(neighbour.post(f"/v1/clusters/{CLUSTER}/pod-events", {"events": []}), 403)
    problem_of(person(admin, "viewer").put("/v1/clusters/cls-new", {}), 403)
    actor = f"agent:{OTHER_CLUSTER}:{str(neighbour.token).partition('.')[0]}"
    assert noted(admin) == [
        (actor, OTHER_CLUSTER, f"POST /v1/clusters/{CLUSTER}/pod-events"),
        ("viewer:viewer of the tests", None, "PUT /v1/clusters/cls-new"),
    ]
    assert [item["detail"] for item in neighbour.get("/v1/history", action="request-refused").json["items"]] == [
        f"POST /v1/clusters/{CLUSTER}/pod-events"
    ]


def test_reads_that_are_refused_and_callers_that_nobody_knows_are_not_in_history(agent: Caller, admin: Caller) -> None:
    problem_of(agent.get("/v1/clusters"), 403)
    problem_of(agent.having("t-1.x").put("/v1/clusters/cls-new", {}), 401)
    assert noted(admin) == []


def test_a_flood_is_one_entry_a_minute_and_the_next_one_says_how_many_there_were(
    neighbour: Caller, admin: Caller, clock: list[float]
) -> None:
    for _ in range(30):
        neighbour.post(f"/v1/clusters/{CLUSTER}/pod-events", {"events": []})
    assert len(noted(admin)) == 1
    clock[0] += WINDOW_SECONDS
    person(admin, "viewer").put("/v1/clusters/cls-new", {})
    assert sorted(detail for _, _, detail in noted(admin)) == [
        "POST /v1/clusters/<identifier:cluster_id>/pod-events: 29 more",
        f"POST /v1/clusters/{CLUSTER}/pod-events",
        "PUT /v1/clusters/cls-new",
    ]


def test_refusals_are_counted_by_role(neighbour: Caller, admin: Caller) -> None:
    sample = 'clb_broker_requests_refused_total{code="forbidden",role="agent"} '

    def counted() -> float:
        found = [line for line in admin.get("/metrics").text.splitlines() if line.startswith(sample)]
        return float(found[0].rpartition(" ")[2]) if found else 0.0

    before = counted()
    for _ in range(3):
        neighbour.get("/v1/clusters")
    assert counted() == before + 3


def test_so_many_callers_are_told_apart_and_no_more(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(
        "app.api.refusals.note_refusals", lambda _, refusals: written.extend(each.caller.name for each in refusals)
    )
    refusals = Refusals(lambda: 0.0)
    for number in range(MOST_KEPT + 10):
        refusals.note(ledger, Somebody(Role.VIEWER, str(number)), ROUTE, "/x")
    assert len(written) == MOST_KEPT
    assert len(refusals._windows) == MOST_KEPT


def test_while_the_ledger_is_away_a_refusal_is_a_refusal_all_the_same() -> None:
    away = Ledger("postgresql://127.0.0.1:1/none")
    Refusals().note(away, Somebody(Role.VIEWER, "ann"), ROUTE, "/x")
    away.close()
