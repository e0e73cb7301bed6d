"""History as a stream, of any length in the same memory; and what was bound where at a moment."""

import csv
import io
import json
import time
import tracemalloc
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from app.api.exports import COLUMNS, export
from app.broker.read_history import STREAM_PAGE, Question, stream_history
from app.domain.journal import Action, Entry
from app.ledger import journal
from app.ledger.connection import Ledger
from tests.api import stage
from tests.api.client import CLUSTER, OTHER_CLUSTER, Caller, bind, problem_of, unbind

CSV, LINES = "text/csv", "application/x-ndjson"
MANY = 100_000
MOST_BYTES = 24 * 1024 * 1024
"""What a stream may have in memory at any moment: a few pages of entries, however many there are."""

FILL = """
INSERT INTO journal (account_id, sequence, recorded_at, actor, action, binding_id, ip, port, detail, evidence)
SELECT 'default', 1000 + n, now() + n * interval '1 microsecond', 'worker:w-1', 'binding-moved', 'b-' || n,
    '10.0.' || n / 250 %% 250 || '.' || n %% 250, 8080, 'what happened at ' || n, '{"checks": [{"check": "interface"}]}'
FROM generate_series(1, %s) AS n
"""


def exported(caller: Caller, kind: str, **query: Any) -> str:
    answer = caller.send("GET", "/v1/history", headers={"Accept": kind}, query=query)
    assert answer.status_code == 200, answer.text
    assert answer.content_type.startswith(kind)
    return answer.text


@pytest.fixture
def items(agent: Caller, neighbour: Caller, admin: Caller) -> list[dict[str, Any]]:
    """All of history as JSON, oldest first."""
    agent.tell(*(bind(f"u{number}") for number in range(7)), bind("u9", target={"weight": 101}))
    neighbour.tell(bind("n1"))
    found: list[dict[str, Any]] = admin.get("/v1/history", order="asc", limit=1000).json["items"]
    return found


def test_json_lines_are_the_items_of_the_pages(admin: Caller, items: list[dict[str, Any]]) -> None:
    assert [json.loads(line) for line in exported(admin, LINES, order="asc").splitlines()] == items
    assert [json.loads(line) for line in exported(admin, LINES).splitlines()] == items[::-1]


def test_csv_has_a_heading_and_the_same_in_columns(admin: Caller, items: list[dict[str, Any]]) -> None:
    rows = list(csv.DictReader(io.StringIO(exported(admin, CSV, order="asc"), newline="")))
    assert len(rows) == len(items)
    for row, item in zip(rows, items, strict=True):
        assert tuple(row) == COLUMNS
        assert row.keys() == item.keys()
        for name, cell in row.items():
            if name != "evidence":
                assert cell == ("" if item[name] is None else str(item[name]))


def test_a_stream_keeps_to_filters_and_goes_on_from_a_cursor(admin: Caller, items: list[dict[str, Any]]) -> None:
    lines = exported(admin, LINES, order="asc", cluster_id=CLUSTER, action="binding-created").splitlines()
    expected = [each for each in items if (each["cluster_id"], each["action"]) == (CLUSTER, "binding-created")]
    assert [json.loads(line) for line in lines] == expected
    first = admin.get("/v1/history", limit=4).json
    rest = exported(admin, LINES, cursor=first["next_cursor"]).splitlines()
    assert first["items"] + [json.loads(line) for line in rest] == items[::-1]


def test_an_agent_streams_the_history_of_its_own_cluster(agent: Caller, items: list[dict[str, Any]]) -> None:
    shown = [json.loads(line) for line in exported(agent, LINES, order="asc").splitlines()]
    assert shown == [each for each in items if each["cluster_id"] == CLUSTER]
    answer = agent.send("GET", "/v1/history", headers={"Accept": CSV}, query={"cluster_id": OTHER_CLUSTER})
    problem_of(answer, 403, "forbidden")


@pytest.mark.parametrize("kind", ["application/json", "*/*", "text/html", None])
def test_whoever_asks_for_nothing_that_is_streamed_gets_a_page(admin: Caller, kind: str | None) -> None:
    answer = admin.send("GET", "/v1/history", headers={} if kind is None else {"Accept": kind})
    assert answer.content_type == "application/json"
    assert set(answer.json) == {"items", "next_cursor"}


def test_what_is_wrong_is_said_before_a_stream_begins(admin: Caller) -> None:
    for query in ({"cursor": "!"}, {"from": "yesterday"}, {"colour": "red"}):
        answer = admin.send("GET", "/v1/history", headers={"Accept": CSV}, query=query)
        problem_of(answer, 422, "invalid-request")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_cell_that_a_spreadsheet_would_reckon_out_is_made_harmless(admin: Caller, ledger: Ledger, text: str) -> None:
    with ledger.begin() as connection:
        journal.add(connection, text, [Entry(Action.TOKEN_ISSUED, detail=f"{text}, 'quoted' \"twice\"")])
    row = next(csv.DictReader(io.StringIO(exported(admin, CSV, action="token-issued"), newline="")))
    assert row["actor"] == f"'{text}"
    assert row["detail"] == f"'{text}, 'quoted' \"twice\""
    line = exported(admin, LINES, action="token-issued").splitlines()[0]
    assert json.loads(line)["actor"] == text  # machines read it as it is


def test_a_stream_of_a_hundred_thousand_entries_needs_the_memory_of_a_few_pages(
    ledger: Ledger, ledger_url: str
) -> None:
    with psycopg.connect(ledger_url) as connection:
        connection.execute(FILL, (MANY,))
        connection.execute("INSERT INTO journal_numbers VALUES ('default', %s, now())", (1000 + MANY,))
    assert MANY > 50 * STREAM_PAGE
    tracemalloc.start()
    lines = sum(part.count(b"\n") for part in export(LINES, stream_history(ledger, Question(), None)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert lines == MANY
    assert peak < MOST_BYTES


def moment_of(item: dict[str, Any], later: timedelta = timedelta(0)) -> str:
    return (datetime.fromisoformat(item["recorded_at"]) + later).isoformat()


def test_targets_of_a_load_balancer_at_any_moment(agent: Caller, admin: Caller, ledger: Ledger) -> None:
    binding_id = agent.tell_one(bind("u1"))["binding_id"]
    stage.bring_to_the_cloud(ledger, binding_id)
    agent.tell(unbind("u1"))
    path = "/v1/load-balancers/lb-1/targets"
    entries = admin.get("/v1/history", binding_id=binding_id, order="asc").json["items"]
    _, _, bound, draining = entries
    for item, expected in ((bound, [10]), (draining, [0])):
        answer = admin.get(path, at=moment_of(item))
        assert [each["weight"] for each in answer.json["items"]] == expected
        (held,) = answer.json["items"]
        assert (held["binding_id"], held["cluster_id"], held["pod_uid"]) == (binding_id, CLUSTER, "u1")
        assert (held["ip"], held["port"], held["sequence"]) == (item["ip"], item["port"], item["sequence"])
        assert admin.get("/v1/targets", ip=held["ip"], at=moment_of(item)).json["items"] == [held]
    just_before = moment_of(bound, timedelta(microseconds=-1))
    assert admin.get(path, at=just_before).json["items"] == []
    now = admin.get(path).json
    assert [each["weight"] for each in now["items"]] == [0]
    future = admin.get(path, at="2199-01-01T00:00:00Z").json
    assert future["items"] == now["items"]
    assert datetime.fromisoformat(future["at"]).timestamp() <= time.time() + 60


def test_bad_questions_about_a_moment(agent: Caller, admin: Caller) -> None:
    for at in ("yesterday", "2026-11-23", "2026-11-23T08:00:00", "", "0"):
        problem_of(admin.get("/v1/load-balancers/lb-1/targets", at=at), 422, "invalid-request")
        problem_of(admin.get("/v1/targets", ip="10.0.0.2", at=at), 422, "invalid-request")
    problem_of(admin.get("/v1/load-balancers/lb-unknown/targets"), 404, "load-balancer-not-found")
    problem_of(admin.get("/v1/targets"), 422, "invalid-request")
    problem_of(admin.get("/v1/targets", ip="x"), 422, "invalid-request")
    problem_of(agent.get("/v1/targets", ip="10.0.0.2"), 403, "forbidden")
