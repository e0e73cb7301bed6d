"""A worker that is rung for looks at once, and one that cannot hear works on."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from app.broker.call_workers import call_workers
from app.domain.errors import LedgerUnavailable
from app.ledger.connection import Ledger
from app.ledger.leases import LeaseSubject
from app.worker import hear_bell, loops
from app.worker.hear_bell import hearing_bell
from app.worker.loops import LOOPS, PARTS, Loop, Worker
from tests.worker.yard import Yard, pod_event, running


def test_a_worker_that_would_look_in_an_hour_takes_what_it_is_rung_for(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "POLL_SECONDS", 3600.0)
    yard.set_the_table("cls-a")
    yard.run()
    listening, taken = threading.Event(), threading.Event()
    listen = hear_bell.listen

    def listened(ledger: Ledger, rung: Callable[[], object], stopped: threading.Event) -> None:
        listen(ledger, lambda: (rung(), listening.set()), stopped)

    monkeypatch.setattr(hear_bell, "listen", listened)
    worker = Worker(yard.workshop("sleepy"), [Loop(LeaseSubject.VERIFICATION, lambda *_: taken.set(), hands=1)])
    with running(worker):
        assert listening.wait(60)
        yard.say("cls-a", pod_event(1))
        assert taken.wait(60)
        monkeypatch.setattr(loops, "POLL_SECONDS", 0.01)
        worker._wake.set()


def test_a_bell_that_cannot_be_heard_is_listened_for_again(
    ledger: Ledger, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hear_bell, "DEAF_SECONDS", 0.0)
    heard: list[threading.Event] = [threading.Event(), threading.Event()]
    coming = iter(heard)
    owner = Ledger(ledger_url, role=None)
    with capture_logs() as lines, hearing_bell(ledger, lambda: next(coming, heard[-1]).set()):
        assert heard[0].wait(60)
        with owner.statements() as connection:
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
            )
        assert heard[1].wait(60)
    assert {(line["event"], line["what"]) for line in lines} == {("ledger unavailable", "new work")}
    owner.close()


def test_what_was_received_stays_received_when_nobody_can_be_called() -> None:
    with capture_logs() as lines:
        call_workers(Ledger("postgresql://127.0.0.1:1/none"))
    assert [line["event"] for line in lines] == ["workers not called"]


def test_a_mistake_in_listening_does_not_stop_the_work(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hear_bell, "DEAF_SECONDS", 0.0)
    tried = threading.Event()
    troubles = iter([ZeroDivisionError(), LedgerUnavailable("gone")])

    def broken(*_: object) -> None:
        trouble = next(troubles, None)
        if trouble is not None:
            raise trouble
        tried.set()

    monkeypatch.setattr(hear_bell, "listen", broken)
    with capture_logs() as lines, hearing_bell(ledger, lambda: None):
        assert tried.wait(60)
    assert [line["log_level"] for line in lines] == ["error", "warning"]


def test_the_parts_of_a_worker_are_together_all_that_there_is_to_do() -> None:
    assert PARTS["all"] == LOOPS
    assert sorted((*PARTS["passes"], *PARTS["all-but-passes"]), key=LOOPS.index) == list(LOOPS)
    assert [loop.subject for loop in PARTS["passes"]] == [LeaseSubject.LOAD_BALANCER]
