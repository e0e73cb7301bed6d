"""Changes: every change of a cluster's bindings is told, none is skipped, and a reader may wait for the next."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event as listening

from app.api.context import DEFAULT_WAITING_PLACES, EXTENSION
from app.broker import look_up
from app.domain.binding import State, revised
from app.ledger import bindings, load_balancers
from app.ledger.connection import Ledger, clock
from tests.api import stage
from tests.api.client import CLUSTER, Caller, bind, problem_of, unbind

PATH = f"/v1/clusters/{CLUSTER}/changes"


def _told(agent: Caller, after: str | None = None, **query: Any) -> tuple[list[tuple[str, str]], str]:
    """The bindings told with their states, and the cursor to go on with."""
    asked = query if after is None else {**query, "after": after}
    answer = agent.get(PATH, **asked)
    assert answer.status_code == 200, answer.text
    cursor = answer.json["next_cursor"]
    assert isinstance(cursor, str)
    assert cursor
    return [(item["binding_id"], item["state"]) for item in answer.json["items"]], cursor


def test_without_changes_there_is_a_cursor_all_the_same(agent: Caller) -> None:
    nothing, cursor = _told(agent)
    assert nothing == []
    assert _told(agent, cursor) == ([], cursor)


def test_changes_are_whole_bindings_in_the_order_of_their_last_change(agent: Caller, ledger: Ledger) -> None:
    first, second, third = (agent.tell_one(bind(f"u{number}"))["binding_id"] for number in range(3))
    stage.prove(ledger, first)
    stage.move(ledger, second, State.PENDING)
    answer = agent.get(PATH).json
    assert [item["binding_id"] for item in answer["items"]] == [third, first, second]
    assert answer["items"] == [agent.binding(binding_id) for binding_id in (third, first, second)]


def test_a_cursor_goes_on_where_the_last_answer_ended(agent: Caller, ledger: Ledger) -> None:
    first = agent.tell_one(bind("u1"))["binding_id"]
    told, cursor = _told(agent)
    assert told == [(first, "verifying")]
    assert _told(agent, cursor) == ([], cursor)
    stage.move(ledger, first, State.PENDING)
    told, cursor = _told(agent, cursor)
    assert told == [(first, "pending")]
    second = agent.tell_one(bind("u2"))["binding_id"]
    assert _told(agent, cursor)[0] == [(second, "verifying")]


def test_changes_come_in_pages(agent: Caller) -> None:
    found = [result["binding_id"] for result in agent.tell(*(bind(f"u{number}") for number in range(5)))]
    first, cursor = _told(agent, limit=2)
    second, cursor = _told(agent, cursor, limit=2)
    third, cursor = _told(agent, cursor, limit=2)
    assert [binding_id for binding_id, _ in first + second + third] == sorted(found)
    assert (len(first), len(second), len(third)) == (2, 2, 1)


def test_a_change_of_health_is_told(agent: Caller, ledger: Ledger) -> None:
    binding_id = agent.tell_one(bind())["binding_id"]
    cursor = _told(agent)[1]
    stage.bring_to_the_cloud(ledger, binding_id)
    (item,) = agent.get(PATH, after=cursor).json["items"]
    assert (item["state"], item["health"], item["binding_id"]) == ("bound", "healthy", binding_id)


def test_an_event_that_changes_nothing_is_not_told(agent: Caller) -> None:
    agent.tell(bind())
    cursor = _told(agent)[1]
    agent.tell(bind(revision=11), bind(revision=1), unbind("u9"), bind("u8", target={"weight": 101}))
    assert _told(agent, cursor) == ([], cursor)


def test_another_clusters_changes_are_not_told(agent: Caller, neighbour: Caller) -> None:
    neighbour.tell(bind("u1"))
    assert _told(agent)[0] == []


@pytest.mark.parametrize("wait", ["-1", "31", "x", "", "0.5", "1e1"])
def test_the_time_to_wait_is_from_0_to_30_whole_seconds(agent: Caller, wait: str) -> None:
    assert "wait" in problem_of(agent.get(PATH, wait=wait), 422, "invalid-request")["detail"]


def test_a_cursor_beyond_everything_waits_for_what_comes_after_it(agent: Caller) -> None:
    agent.tell(bind())
    answer = agent.get(PATH, after="OTk5OTk5").json  # 999999
    assert answer == {"items": [], "next_cursor": "OTk5OTk5"}


@contextmanager
def _looks(ledger: Ledger) -> Iterator[threading.Semaphore]:
    """Counts each look that a reader takes at the changes."""
    taken = threading.Semaphore(0)

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if "change_sequence >" in statement:
            taken.release()

    listening.listen(ledger._engine, "after_cursor_execute", note)
    yield taken
    listening.remove(ledger._engine, "after_cursor_execute", note)


def test_a_waiting_reader_is_answered_as_soon_as_something_comes(agent: Caller, ledger: Ledger) -> None:
    cursor = _told(agent)[1]
    heard: list[list[tuple[str, str]]] = []
    reader = threading.Thread(target=lambda: heard.append(_told(agent, cursor, wait=30)[0]))
    began = time.monotonic()
    with _looks(ledger) as looks:
        reader.start()
        for _ in range(2):  # it looked, found nothing, and looked again
            assert looks.acquire(timeout=60)
        assert heard == []
        binding_id = agent.tell_one(bind())["binding_id"]
        reader.join(timeout=60)
    assert heard == [[(binding_id, "verifying")]]
    assert time.monotonic() - began < 15


def test_a_reader_that_waits_in_vain_gets_its_cursor_back(agent: Caller) -> None:
    cursor = _told(agent)[1]
    began = time.monotonic()
    assert _told(agent, cursor, wait=1) == ([], cursor)
    assert 1 <= time.monotonic() - began < 10


def test_no_transaction_stays_open_while_a_reader_waits(agent: Caller, ledger: Ledger) -> None:
    open_while_pausing: list[int] = []

    def pause(_: float) -> None:
        open_while_pausing.append(ledger._engine.pool.checkedout())
        agent.tell(bind())

    found = look_up.list_changes(ledger, CLUSTER, 0, 10, 30, pause)
    assert len(found) == 1
    assert open_while_pausing == [0]


def test_a_reader_sees_every_change_although_many_write_at_once(agent: Caller) -> None:
    writers, batches, size = 4, 6, 5
    start = threading.Barrier(writers + 1)
    made: set[str] = set()
    done = threading.Event()

    def write(writer: int) -> None:
        start.wait(timeout=60)
        for batch in range(batches):
            first = writer * 1000 + batch * size
            results = agent.tell(*(bind(f"u{first + number}") for number in range(size)))
            made.update(result["binding_id"] for result in results)

    def read(seen: list[str]) -> None:
        start.wait(timeout=60)
        cursor, finished = None, False
        while True:
            told, cursor = _told(agent, cursor, limit=7)
            seen += [binding_id for binding_id, _ in told]
            if not told and finished:
                return
            finished = done.is_set()

    seen: list[str] = []
    reader = threading.Thread(target=read, args=(seen,))
    senders = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    for thread in (reader, *senders):
        thread.start()
    for sender in senders:
        sender.join()
    done.set()
    reader.join()
    assert len(made) == writers * batches * size
    assert sorted(seen) == sorted(made)


def _somebody_waits_for_a_lock(ledger: Ledger) -> bool:
    with ledger.begin() as connection:
        waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
        return bool(connection.exec_driver_sql(waiting).scalar_one())


def test_a_change_written_first_and_committed_last_is_not_skipped(agent: Caller, ledger: Ledger) -> None:
    first, second = (agent.tell_one(bind(f"u{number}"))["binding_id"] for number in range(2))
    cursor = _told(agent)[1]
    with ledger.begin() as connection:
        load_balancers.lock(connection, ["lb-1"])
        (before,) = bindings.of_ids(connection, [first])
        bindings.write(connection, [], [revised(before, clock(connection), weight=77)], {first})
        late = threading.Thread(target=lambda: agent.tell(unbind("u1")))
        late.start()
        while late.is_alive() and not _somebody_waits_for_a_lock(ledger):
            pass
        assert _told(agent, cursor) == ([], cursor)  # the second change waits until the first is committed
    late.join()
    told, _ = _told(agent, cursor)
    assert [binding_id for binding_id, _ in told] == [first, second]


def test_when_all_places_are_taken_a_reader_is_answered_at_once(agent: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    original = look_up.list_changes

    def noted(ledger: Ledger, cluster_id: str, after: int, limit: int, wait_seconds: float, _: object) -> Any:
        waits.append(wait_seconds)
        return original(ledger, cluster_id, after, limit, 0)

    monkeypatch.setattr(look_up, "list_changes", noted)
    places = agent.app.extensions[EXTENSION].waiting_places
    taken = [places.acquire(blocking=False) for _ in range(DEFAULT_WAITING_PLACES)]
    _told(agent, wait=20)
    places.release()
    _told(agent, wait=20)
    _told(agent, wait=20)
    assert taken == [True] * DEFAULT_WAITING_PLACES
    assert waits == [0, 20, 20]
