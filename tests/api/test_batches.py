"""Batches of events: one transaction and a handful of statements, however many events, and each effect once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event as listening
from sqlalchemy import select

from app.domain.event import MAX_EVENTS
from app.ledger import tables
from app.ledger.connection import Ledger
from tests.api.client import CLUSTER, Caller, bind, entry, problem_of, unbind

MOST_STATEMENTS = 20


@contextmanager
def _statements(ledger: Ledger) -> Iterator[list[str]]:
    """The statements that are sent to the ledger meanwhile; none of them is sent once per row."""
    sent: list[str] = []

    def note(_: Any, __: Any, statement: str, ___: Any, ____: Any, executemany: bool) -> None:
        assert not executemany, statement
        sent.append(statement)

    engine = ledger._engine
    listening.listen(engine, "before_cursor_execute", note)
    yield sent
    listening.remove(engine, "before_cursor_execute", note)


def _mixed(size: int, first: int) -> list[Any]:
    """Events of every kind: four new pods of five stay, and among the rest are goings, refusals and nonsense."""
    events: list[Any] = [bind(f"u{first + number}") for number in range(size)]
    events[1::10] = [unbind(f"u{first + number}", target={"port": 8080}) for number in range(1, size, 10)]
    events[3::10] = [bind(f"u{first + number}", target={"weight": 101}) for number in range(3, size, 10)]
    events[5::10] = [{"event_id": f"bad-{first + number}"} for number in range(5, size, 10)]
    return events


def test_the_number_of_statements_does_not_depend_on_the_number_of_events(agent: Caller, ledger: Ledger) -> None:
    counts = {}
    for size, first in ((10, 0), (MAX_EVENTS, 1000)):
        events = _mixed(size, first)
        with _statements(ledger) as sent:
            agent.tell(*events)
        counts[size] = len(sent)
    assert counts[10] == counts[MAX_EVENTS]
    assert counts[MAX_EVENTS] <= MOST_STATEMENTS


def test_repeats_changes_and_goings_are_a_handful_of_statements_too(agent: Caller, ledger: Ledger) -> None:
    first = [bind(f"u{number}") for number in range(MAX_EVENTS)]
    agent.tell(*first)
    for events in (
        first,
        [bind(f"u{number}", 11, target={"weight": 20}) for number in range(MAX_EVENTS)],
        [unbind(f"u{number}") for number in range(MAX_EVENTS)],
    ):
        with _statements(ledger) as sent:
            results = agent.tell(*events)
        assert {result["outcome"] for result in results} == {"accepted"}
        assert len(sent) <= MOST_STATEMENTS
    states = {item["state"] for item in agent.get("/v1/bindings", limit=1000).json["items"]}
    assert states == {"released"}


def test_a_snapshot_is_a_handful_of_statements_too(agent: Caller, ledger: Ledger) -> None:
    counts = []
    for revision, size in ((1, 10), (2, 500)):
        entries = [entry(f"u{number}") for number in range(size)]
        with _statements(ledger) as sent:
            agent.replace_targets(revision, *entries)
        counts.append(len(sent))
    assert max(counts) <= MOST_STATEMENTS
    with _statements(ledger) as sent:
        assert len(agent.replace_targets(3)["unbound"]) == 500
    assert len(sent) <= MOST_STATEMENTS


def test_a_batch_is_judged_as_its_events_one_by_one_would_be(agent: Caller, neighbour: Caller) -> None:
    events = [
        bind("u1", 10),
        bind("u1", 11, target={"weight": 50}),
        unbind("u1", 12),
        bind("u1", 11),
        bind("u1", 13),
        bind("u2", 20, pod={"ip": "10.0.0.2"}),
        unbind("u3", 30),
        bind("u3", 29),
    ]
    together = agent.tell(*events)
    one_by_one = [neighbour.tell_one(event) for event in events]
    assert [(result["outcome"], result["code"]) for result in together] == [
        (result["outcome"], result["code"]) for result in one_by_one
    ]


def test_a_repeated_batch_gets_its_first_answers_word_for_word_and_changes_nothing(agent: Caller) -> None:
    events = [event for event in _mixed(50, 0) if isinstance(event, dict)]
    first = agent.post(f"/v1/clusters/{CLUSTER}/pod-events", {"events": events})
    agent.tell(*(unbind(f"u{number}", 50) for number in range(0, 50, 2)))
    kept = (agent.get("/v1/bindings").json, agent.get("/v1/history", limit=1000).json)
    again = agent.post(f"/v1/clusters/{CLUSTER}/pod-events", {"events": events})
    assert again.data == first.data
    assert (agent.get("/v1/bindings").json, agent.get("/v1/history", limit=1000).json) == kept


def test_a_repeat_may_have_its_fields_in_another_order(agent: Caller) -> None:
    event = bind()
    first = agent.tell_one(event)
    assert agent.tell_one(dict(reversed(event.items()))) == first


def test_an_event_id_used_twice_in_one_batch_counts_once(agent: Caller) -> None:
    event = bind()
    first, again = agent.tell(event, event)
    assert first == again
    assert len(agent.get("/v1/bindings").json["items"]) == 1


def test_an_event_id_used_for_something_else_is_refused_and_the_first_stays(agent: Caller, ledger: Ledger) -> None:
    event = bind("u1")
    other = {**bind("u2"), "event_id": event["event_id"]}
    first, *refused = agent.tell(event, other, {**event, "revision": 11}, {"event_id": event["event_id"]})
    refused += agent.tell(other)
    assert first["outcome"] == "accepted"
    assert [(result["outcome"], result["code"], result["binding_id"]) for result in refused] == [
        ("rejected", "event-id-reused", None)
    ] * 4
    assert {result["event_id"] for result in refused} == {event["event_id"]}
    assert agent.tell_one(event) == first
    assert [item["pod"]["uid"] for item in agent.get("/v1/bindings").json["items"]] == ["u1"]
    with ledger.begin() as connection:
        assert connection.execute(select(tables.events.c.content)).scalar_one() == event


def test_two_clusters_have_event_ids_of_their_own(agent: Caller, neighbour: Caller) -> None:
    event = bind()
    mine, theirs = agent.tell_one(event), neighbour.tell_one(event)
    assert (mine["outcome"], theirs["outcome"]) == ("accepted", "accepted")
    assert mine["binding_id"] != theirs["binding_id"]


def test_what_was_answered_is_there_for_another_process(agent: Caller, ledger_url: str) -> None:
    event = bind()
    result = agent.tell_one(event)
    other = Ledger(ledger_url)
    with other.begin() as connection:
        kept = connection.execute(select(tables.events)).one()
        found = connection.execute(select(tables.bindings.c.binding_id)).scalars().all()
    other.close()
    assert (kept.event_id, kept.outcome, kept.binding_id) == (event["event_id"], "accepted", result["binding_id"])
    assert found == [result["binding_id"]]


def test_an_error_in_the_middle_leaves_nothing_half_done(
    agent: Caller, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def everything() -> list[list[str]]:
        with ledger.begin() as connection:
            return [
                sorted(str(row) for row in connection.execute(select(table)))
                for table in tables.METADATA.tables.values()
            ]

    before = everything()
    event = bind()
    with monkeypatch.context() as patched:
        patched.setattr("app.ledger.load_balancers.want", _broken)
        problem_of(agent.post(f"/v1/clusters/{CLUSTER}/pod-events", {"events": [event]}), 500, "internal-error")
    assert everything() == before
    assert agent.tell_one(event)["outcome"] == "accepted"


def _broken(*_: object) -> None:
    raise RuntimeError("the last write of the transaction")


def test_one_batch_sent_by_many_at_once_has_its_effect_once(agent: Caller) -> None:
    events = [bind(f"u{number}") for number in range(40)]
    start = threading.Barrier(4)
    answers: list[list[dict[str, Any]]] = []

    def send() -> None:
        start.wait(timeout=60)
        answers.append(agent.tell(*events))

    senders = [threading.Thread(target=send) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert answers == [answers[0]] * 4
    assert len(agent.get("/v1/bindings").json["items"]) == 40
    assert len(agent.get("/v1/history", action="binding-created").json["items"]) == 40


def test_two_clusters_that_want_the_same_places_at_once_both_get_their_answers(
    agent: Caller, neighbour: Caller
) -> None:
    start = threading.Barrier(2)
    results: dict[str, list[dict[str, Any]]] = {}

    def send(caller: Caller) -> None:
        start.wait(timeout=60)
        results[caller.cluster_id] = caller.tell(*(bind(f"u{number}") for number in range(100)))

    senders = [threading.Thread(target=send, args=(caller,)) for caller in (agent, neighbour)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert {result["outcome"] for found in results.values() for result in found} == {"accepted"}
    assert len({result["binding_id"] for found in results.values() for result in found}) == 200
