"""Pod events received: each judged alone, all written at once, and durable when answered."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event as sql_event

from app.broker.receive_pod_events import Received, receive_pod_events
from app.domain.codes import Code
from app.domain.errors import RequestRefused
from app.domain.event import Malformed, Outcome, PodEvent, Result
from app.domain.target import TargetName
from app.ledger import journal
from app.ledger.connection import Ledger
from tests.ledger.building import a_bind, an_unbind, execute, furnish, received


def send(ledger: Ledger, *items: PodEvent | Malformed, cluster_id: str = "cls-a") -> list[Result]:
    given = [Received(item, repr(item), {"sent": item.event_id}) for item in items]
    return receive_pod_events(ledger, cluster_id, given, actor=f"agent:{cluster_id}", drain_seconds=30)


def outcomes(results: list[Result]) -> list[tuple[Outcome, Code | None]]:
    return [(result.outcome, result.code) for result in results]


def test_an_accepted_bind_is_in_the_ledger_with_its_history_and_calls_for_work(ledger: Ledger) -> None:
    furnish(ledger)
    execute(ledger, "UPDATE load_balancers SET due_at = now() + interval '1 day', wanted_generation = 1")
    (result,) = send(ledger, a_bind())
    assert (result.event_id, result.outcome, result.code) == ("u-1-bind-100", Outcome.ACCEPTED, None)
    kept = execute(ledger, "SELECT binding_id, cluster_id, state, holder, placed, revision, listener_id FROM bindings")
    assert kept == [(result.binding_id, "cls-a", "verifying", True, False, 100, "lbl-1")]
    history = execute(ledger, "SELECT action, actor, event_id, from_state, to_state, binding_id FROM journal")
    assert history == [("binding-created", "agent:cls-a", "u-1-bind-100", None, "verifying", result.binding_id)]
    assert execute(ledger, "SELECT outcome, binding_id FROM events") == [("accepted", result.binding_id)]
    assert execute(ledger, "SELECT revision, bind_revision, ip FROM heads") == [(100, 100, "10.0.3.17")]
    due = "SELECT load_balancer_id, due_at <= now(), wanted_generation FROM load_balancers ORDER BY 1"
    assert execute(ledger, due) == [("lb-1", False, 2), ("lb-2", False, 1)]  # the verdict makes it due
    waiting = "SELECT cluster_id FROM clusters WHERE verification_due_at <= now() AND last_seen_at IS NOT NULL"
    assert execute(ledger, waiting) == ["cls-a"]


def test_a_bad_event_does_not_stop_its_neighbours_and_every_one_is_answered_in_order(ledger: Ledger) -> None:
    furnish(ledger)
    results = send(
        ledger,
        a_bind("u-1", ip="10.0.4.1"),
        Malformed("e-bad", "pod.ip: missing"),
        a_bind("u-2", ip="127.0.0.1"),
        Malformed(None, "not an object"),
        a_bind("u-3", ip="10.0.4.3", weight=101),
        a_bind("u-4", ip="10.0.4.4", target=TargetName("lb-none", 80, listener_id="lbl-1")),
        a_bind("u-5", ip="10.0.4.5"),
    )
    assert outcomes(results) == [
        (Outcome.ACCEPTED, None),
        (Outcome.REJECTED, Code.INVALID_EVENT),
        (Outcome.REJECTED, Code.ADDRESS_NOT_BINDABLE),
        (Outcome.REJECTED, Code.INVALID_EVENT),
        (Outcome.REJECTED, Code.WEIGHT_OUT_OF_RANGE),
        (Outcome.REJECTED, Code.NOT_GRANTED),
        (Outcome.ACCEPTED, None),
    ]
    assert [result.detail for result in results][1:4:2] == ["pod.ip: missing", "not an object"]
    assert execute(ledger, "SELECT count(*) FROM bindings") == [2]
    assert execute(ledger, "SELECT count(*) FROM journal WHERE action = 'event-rejected'") == [5]
    assert execute(ledger, "SELECT count(*) FROM events") == [6]  # all but the one without an id


def test_a_repeat_gets_its_first_answer_word_for_word_and_changes_nothing(ledger: Ledger) -> None:
    furnish(ledger)
    items: list[PodEvent | Malformed] = [a_bind(), a_bind("u-2", ip="127.0.0.1"), Malformed("e-bad", "pod: missing")]
    first = send(ledger, *items)
    before = [execute(ledger, f"SELECT * FROM {table}") for table in ("bindings", "heads", "events", "journal")]
    assert send(ledger, *items) == first
    assert [execute(ledger, f"SELECT * FROM {table}") for table in ("bindings", "heads", "events", "journal")] == before


def test_a_repeat_gets_its_first_answer_also_after_the_world_went_on(ledger: Ledger) -> None:
    furnish(ledger)
    first = send(ledger, a_bind(revision=100))
    send(ledger, an_unbind(revision=200))
    assert send(ledger, a_bind(revision=100)) == first
    assert execute(ledger, "SELECT state FROM bindings") == ["released"]


def test_the_same_event_id_with_other_content_is_refused_and_the_first_content_stays(ledger: Ledger) -> None:
    furnish(ledger)
    send(ledger, a_bind(event_id="e-1"))
    assert outcomes(send(ledger, a_bind(event_id="e-1", weight=99))) == [(Outcome.REJECTED, Code.EVENT_ID_REUSED)]
    assert execute(ledger, "SELECT weight FROM bindings") == [10]
    assert execute(ledger, "SELECT outcome FROM events") == ["accepted"]
    assert execute(ledger, "SELECT reason FROM journal WHERE action = 'event-rejected'") == ["event-id-reused"]


def test_of_one_event_id_twice_in_a_batch_the_first_is_kept_with_its_own_content(ledger: Ledger) -> None:
    furnish(ledger)
    first, second = a_bind(event_id="e-1"), a_bind(event_id="e-1", weight=99)
    given = [Received(first, "1", {"weight": 10}), Received(second, "2", {"weight": 99})]
    results = receive_pod_events(ledger, "cls-a", given, actor="agent:cls-a", drain_seconds=30)
    assert outcomes(results) == [(Outcome.ACCEPTED, None), (Outcome.REJECTED, Code.EVENT_ID_REUSED)]
    assert execute(ledger, "SELECT digest, content FROM events") == [("1", {"weight": 10})]


def test_event_ids_of_two_clusters_have_nothing_to_do_with_each_other(ledger: Ledger) -> None:
    furnish(ledger)
    (mine,) = send(ledger, a_bind(event_id="e-1", ip="10.0.4.1"))
    (theirs,) = send(ledger, a_bind(event_id="e-1", ip="10.0.4.2"), cluster_id="cls-b")
    assert (mine.outcome, theirs.outcome) == (Outcome.ACCEPTED, Outcome.ACCEPTED)
    assert mine.binding_id != theirs.binding_id


def test_an_older_event_is_recorded_and_has_no_effect(ledger: Ledger) -> None:
    furnish(ledger)
    send(ledger, a_bind(revision=100))
    results = send(ledger, an_unbind(revision=99), a_bind(revision=98, weight=99))
    assert [result.outcome for result in results] == [Outcome.STALE, Outcome.STALE]
    assert execute(ledger, "SELECT state, weight, revision FROM bindings") == [("verifying", 10, 100)]
    assert execute(ledger, "SELECT outcome FROM events ORDER BY event_id") == ["accepted", "stale", "stale"]


def test_a_bind_that_comes_after_its_own_unbind_is_stale(ledger: Ledger) -> None:
    furnish(ledger)
    assert outcomes(send(ledger, an_unbind(revision=200))) == [(Outcome.UNCHANGED, None)]
    assert [result.outcome for result in send(ledger, a_bind(revision=100))] == [Outcome.STALE]
    assert execute(ledger, "SELECT count(*) FROM bindings") == [0]
    assert [result.outcome for result in send(ledger, a_bind(revision=201))] == [Outcome.ACCEPTED]


def test_a_cluster_s_unbind_leaves_the_same_pod_of_another_cluster_alone(ledger: Ledger) -> None:
    furnish(ledger)
    send(ledger, a_bind(), cluster_id="cls-a")
    assert outcomes(send(ledger, an_unbind(revision=10**9), cluster_id="cls-b")) == [(Outcome.UNCHANGED, None)]
    assert execute(ledger, "SELECT cluster_id, state FROM bindings") == [("cls-a", "verifying")]


def test_an_address_that_passes_on_within_a_batch_has_one_holder_and_keeps_its_target(ledger: Ledger) -> None:
    furnish(ledger)
    send(ledger, a_bind("u-1", 100))
    execute(ledger, "UPDATE bindings SET state = 'bound', placed = true, verdict = 'proven'")
    results = send(ledger, a_bind("u-2", 110), an_unbind("u-1", 105), a_bind("u-3", 120))
    assert [result.outcome for result in results] == [Outcome.ACCEPTED, Outcome.UNCHANGED, Outcome.ACCEPTED]
    kept = execute(ledger, "SELECT pod_uid, state, reason, holder, placed FROM bindings ORDER BY pod_uid")
    assert kept == [
        ("u-1", "released", "superseded", False, False),
        ("u-2", "released", "superseded", False, False),
        ("u-3", "verifying", None, True, True),
    ]


@pytest.mark.parametrize(("own", "asked", "expected"), [(None, None, 30), (5, None, 5), (5, 0, None), (None, 7, 7)])
def test_the_drain_time_is_the_event_s_else_the_binding_s_else_the_broker_s(
    ledger: Ledger, own: int | None, asked: int | None, expected: int | None
) -> None:
    furnish(ledger)
    send(ledger, a_bind(drain_seconds=own))
    execute(ledger, "UPDATE bindings SET state = 'bound', placed = true, verdict = 'proven'")
    send(ledger, an_unbind(drain_seconds=asked))
    waits = execute(ledger, "SELECT state, extract(epoch FROM drain_until - updated_at)::int FROM bindings")
    assert waits == [("removing" if expected is None else "draining", expected)]


def test_an_unknown_cluster_is_refused_and_nothing_is_kept(ledger: Ledger) -> None:
    furnish(ledger)
    with pytest.raises(RequestRefused) as refused:
        send(ledger, a_bind(), cluster_id="cls-none")
    assert (refused.value.status, refused.value.code) == (404, "cluster-not-found")
    assert execute(ledger, "SELECT count(*) FROM events") == [0]


def test_when_the_writing_fails_nothing_of_the_batch_is_kept(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    furnish(ledger)

    def refuse(*_: Any) -> None:
        raise ConnectionError("cut")

    with monkeypatch.context() as patch:
        patch.setattr(journal, "add", refuse)
        with pytest.raises(ConnectionError):
            send(ledger, a_bind())
    counts = [execute(ledger, f"SELECT count(*) FROM {table}")[0] for table in ("bindings", "heads", "events")]
    assert counts == [0, 0, 0]
    assert [result.outcome for result in send(ledger, a_bind())] == [Outcome.ACCEPTED]


def test_a_thousand_events_are_a_handful_of_statements(ledger: Ledger) -> None:
    furnish(ledger)
    said: list[str] = []
    sql_event.listen(ledger._engine, "before_cursor_execute", lambda *given: said.append(given[2]))
    binds = [a_bind(f"u-{number}", ip=f"10.1.{number // 250}.{number % 250 + 1}") for number in range(1000)]
    receive_pod_events(ledger, "cls-a", received(*binds), actor="agent:cls-a", drain_seconds=30)
    assert len(said) <= 20
    assert execute(ledger, "SELECT count(*), count(DISTINCT binding_id) FROM bindings") == [(1000, 1000)]
    del said[:]
    changed = [replace(bind, event_id=f"again-{bind.pod.uid}", revision=101, weight=20) for bind in binds]
    receive_pod_events(ledger, "cls-a", received(*changed), actor="agent:cls-a", drain_seconds=30)
    assert len(said) <= 20
    assert execute(ledger, "SELECT count(*), min(weight) FROM bindings") == [(1000, 20)]


def test_no_events_are_a_sign_of_life_and_nothing_else(ledger: Ledger) -> None:
    furnish(ledger)
    assert send(ledger) == []
    assert execute(ledger, "SELECT last_seen_at IS NOT NULL FROM clusters ORDER BY cluster_id") == [True, False]
