"""The loops: work is taken when it is due, by as many as have hands, and one that fails does not stop the others."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.cloud.client import Account, Client
from app.domain.binding import State
from app.domain.errors import LeaseLost, LedgerUnavailable
from app.ledger.connection import Ledger
from app.ledger.leases import Lease, LeaseSubject
from app.worker.loops import Loop, Worker
from app.worker.verify_ownership import verify_ownership
from app.worker.workshop import Periods, Workshop
from tests.worker.judgement import judge
from tests.worker.yard import Yard, name_of, pod_event, running

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(("lease", "timeout", "expected"), [(15, 5, 15), (15, 15, 17), (1, 30, 32)])
def test_a_lease_is_held_for_longer_than_any_call_takes(lease: int, timeout: int, expected: int) -> None:
    periods = Periods(lease * SECOND, SECOND, SECOND, SECOND, timeout * SECOND)
    assert periods.held_lease == expected * SECOND


def test_nothing_due_is_nothing_done(yard: Yard) -> None:
    assert yard.worker.run_once() == 0


def test_a_stopped_worker_finishes_what_is_at_hand(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    begun, finish, done = threading.Event(), threading.Event(), threading.Event()

    def slow(_: Workshop, __: Lease) -> None:
        begun.set()
        finish.wait(60)
        done.set()

    worker = Worker(yard.workshop("slow"), [Loop(LeaseSubject.LOAD_BALANCER, slow, hands=1)])
    stopped = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stopped,))
    thread.start()
    assert begun.wait(60)
    stopped.set()
    assert thread.is_alive()
    finish.set()
    thread.join(60)
    assert done.is_set()
    assert not thread.is_alive()


def test_no_more_is_taken_than_there_are_hands(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    names = tuple(f"lb-{number}" for number in range(5))
    yard.set_the_table(load_balancer_ids=names)
    at_work: set[str] = set()
    most: list[int] = []
    full, go = threading.Barrier(3), threading.Event()
    looks: list[Worker] = []
    look = Worker._look

    def counted(worker: Worker, pool: Any) -> int:
        looks.append(worker)
        return look(worker, pool)

    monkeypatch.setattr(Worker, "_look", counted)

    def work(_: Workshop, lease: Lease) -> None:
        at_work.add(lease.subject_id)
        most.append(len(at_work))
        if not go.is_set():
            full.wait(60)
            go.wait(60)
        at_work.discard(lease.subject_id)

    with running(Worker(yard.workshop("two hands"), [Loop(LeaseSubject.LOAD_BALANCER, work, hands=2)])):
        full.wait(60)
        looked = len(looks)
        yard.wait_for("some more looks for work", lambda: len(looks) > looked + 2)
        held = yard.tell("SELECT count(*) FROM leases WHERE incarnation IS NOT NULL")
        go.set()
        yard.wait_for("the rest", lambda: len(most) == 5)
    assert held == [(2,)]
    assert max(most) == 2


@pytest.mark.parametrize(
    ("error", "event", "level"),
    [
        (LeaseLost("epoch 1 is over"), "work left to a later pass", "warning"),
        (LedgerUnavailable("cut"), "work left to a later pass", "warning"),
        (KeyError("a mistake"), "work failed", "error"),
    ],
)
def test_work_that_fails_is_told_of_and_left_to_its_lease_and_the_worker_goes_on(
    yard: Yard, error: Exception, event: str, level: str
) -> None:
    yard.set_the_table(load_balancer_ids=("lb-1", "lb-2"))
    done: list[str] = []

    def work(_: Workshop, lease: Lease) -> None:
        if lease.subject_id == "lb-1":
            raise error
        done.append(lease.subject_id)

    with capture_logs() as logs, running(Worker(yard.workshop("w"), [Loop(LeaseSubject.LOAD_BALANCER, work, hands=1)])):
        yard.wait_for("both", lambda: done and logs)
    assert done == ["lb-2"]
    assert [(log["event"], log["log_level"]) for log in logs] == [(event, level)]
    held = yard.tell("SELECT subject_id FROM leases WHERE incarnation IS NOT NULL ORDER BY 1")
    assert held == [("lb-1",), ("lb-2",)]  # neither was given back: it is taken again when it runs out


def test_a_ledger_that_goes_away_for_a_while_stops_no_worker(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    yard.set_the_table("cls-a")
    original, away, refused = Ledger.begin, threading.Event(), threading.Event()

    def begin(ledger: Ledger) -> Any:
        if away.is_set() and threading.current_thread() is not threading.main_thread():
            refused.set()
            raise LedgerUnavailable("away")
        return original(ledger)

    monkeypatch.setattr(Ledger, "begin", begin)
    monkeypatch.setattr("app.worker.loops.LEDGER_PAUSE_SECONDS", 0.02)
    away.set()
    with running(yard.worker):
        assert refused.wait(60)
        yard.say("cls-a", pod_event(0))
        away.clear()
        yard.wait_for("the target", yard.targets)
    yard.settle()
    judge(yard)


def test_a_change_on_an_idle_system_is_picked_up_at_once(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    with running(yard.worker):
        yard.wait_for("rest", lambda: not yard.tell("SELECT 1 FROM load_balancers WHERE due_at <= now()"))
        yard.say("cls-a", pod_event(0))
        yard.wait_for("the target", yard.targets)
    ((seconds,),) = yard.tell(
        "SELECT extract(epoch FROM min(o.intended_at) - min(b.created_at))::float8 FROM cloud_operations o, bindings b"
    )
    assert seconds < 10  # a look or two on however busy a machine; the schedule alone would take a minute


def test_a_burst_that_comes_in_while_the_worker_runs_costs_the_least_number_of_calls(yard: Yard) -> None:
    yard.set_the_table("cls-a", "cls-b")
    yard.settle()
    with running(yard.worker):
        for start in range(0, 600, 100):
            for cluster_id in ("cls-a", "cls-b"):
                numbers = range(start, start + 100)
                events = [pod_event(n, cluster_id=cluster_id, listener_id=f"lbl-{n % 4 + 1}") for n in numbers]
                yard.say(cluster_id, *events)
        yard.wait_for("all targets", lambda: len(yard.targets()) == 1200)
        yard.wait_for("the record of it", lambda: yard.states() == {("bound", None): 1200})
    calls = [call["target_count"] for call in yard.writes()]
    assert sum(calls) == 1200
    assert len(calls) <= 1.2 * 3
    judge(yard)


def test_the_lease_is_kept_while_hundreds_of_addresses_are_asked_about(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.settle()
    yard.say("cls-a", *(pod_event(number) for number in range(250)))
    ends: list[Any] = []

    def watch(_account_id: str, _region: str, action: str) -> None:
        if action == "DescribeNetworkInterfaces":
            ends.extend(yard.tell("SELECT expires_at FROM leases WHERE subject = 'verification'"))

    _verify(yard, watch)
    assert len(ends) == 3
    assert ends == sorted(set(ends))
    assert yard.states() == {("pending", None): 250}


def test_addresses_that_were_answered_for_are_proven_although_a_later_answer_fails(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.settle()
    yard.say("cls-a", *(pod_event(number) for number in range(250)))
    calls: list[str] = []

    def watch(_account_id: str, _region: str, action: str) -> None:
        calls.append(action)
        if len(calls) == 2:
            yard.simulator.order("reset", action=action)

    _verify(yard, watch)
    assert calls == ["DescribeNetworkInterfaces", "DescribeNetworkInterfaces", "DescribeClusterInstances"]
    assert yard.states() == {("pending", None): 100, ("verifying", None): 150}
    assert yard.tell("SELECT failures, verification_due_at IS NULL FROM clusters") == [(1, False)]
    yard.settle()
    assert {binding.state for binding in yard.bindings()} == {State.BOUND}
    assert len(yard.targets()) == 250
    assert name_of(0) in yard.targets()


def _verify(yard: Yard, watch: Callable[[str, str, str], None]) -> None:
    """One look at what waits in cls-a, with ``watch`` called before each call to the cloud."""
    account = Account("default", "AKIDtest", "test-secret", yard.simulator.endpoint, 5.0)
    tools = replace(yard.workshop("life-1"), cloud_for=lambda _account_id, region: Client(account, region, watch))
    worker = Worker(tools, [Loop(LeaseSubject.VERIFICATION, verify_ownership, hands=1)])
    assert worker.run_once() == 1
