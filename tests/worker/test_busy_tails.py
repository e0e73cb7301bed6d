"""How long a load balancer is left alone after a write is learned from how the next write finds it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.ledger.connection import Ledger
from app.planning import pacing
from app.planning.pacing import LONGER, SHORTER, busy_tail
from app.worker.converge_load_balancer import LONGEST_REST
from app.worker.loops import Worker
from tests.acceptance.world import world
from tests.worker.judgement import judge
from tests.worker.yard import INSTANT, Yard, name_of, pod_event, running

FACTOR = "SELECT tail_factor FROM load_balancers"


@pytest.fixture(autouse=True)
def _however_slow_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "TELLING", timedelta(minutes=5))


def ready(yard: Yard) -> None:
    """A load balancer with a target, whose tail was over a moment ago."""
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0))
    yard.settle()
    yard.tell("UPDATE load_balancers SET tail_factor = 1, tail_ends_at = clock_timestamp(), not_before = now()")


def test_a_write_that_finds_it_still_busy_makes_the_tail_longer_and_one_that_does_not_a_little_shorter(
    yard: Yard,
) -> None:
    ready(yard)
    yard.simulator.order("busy", action="BatchRegisterTargets")
    yard.say("cls-a", pod_event(1))
    yard.run_until("the busy write", lambda: yard.tell(FACTOR) == [(LONGER,)])
    assert yard.tell("SELECT abs(extract(epoch FROM tail_ends_at - not_before)) < 1 FROM load_balancers") == [(True,)]
    yard.tell("UPDATE load_balancers SET tail_ends_at = clock_timestamp()")
    yard.settle()
    assert yard.targets() == {name_of(0): 10, name_of(1): 10}
    ((factor,),) = yard.tell(FACTOR)
    assert factor == pytest.approx(LONGER * SHORTER)


@pytest.mark.parametrize("ends", ["clock_timestamp() - interval '1 hour'", "NULL"])
def test_what_is_found_busy_long_after_its_tail_is_busy_for_another_reason(yard: Yard, ends: str) -> None:
    ready(yard)
    yard.tell(f"UPDATE load_balancers SET tail_ends_at = {ends}")
    yard.simulator.order("busy", action="BatchRegisterTargets")
    yard.say("cls-a", pod_event(1))
    yard.run_until("the busy write", lambda: any(call["code"] for call in yard.writes()))
    assert yard.tell(FACTOR) == [(1.0,)]


def test_the_next_write_waits_for_as_long_as_was_learned(yard: Yard) -> None:
    ready(yard)
    yard.tell("UPDATE load_balancers SET tail_factor = 8")
    yard.say("cls-a", pod_event(1))
    yard.run_until("the target", lambda: len(yard.targets()) == 2)
    since = "SELECT not_before - finished_at FROM load_balancers, cloud_operations ORDER BY operation_id DESC LIMIT 1"
    ((left_alone,),) = yard.tell(since)
    assert left_alone >= busy_tail(timedelta(0), 1, 7.9)
    assert yard.tell("SELECT abs(extract(epoch FROM tail_ends_at - not_before)) < 1 FROM load_balancers") == [(True,)]


def test_a_tail_that_is_longer_than_anybody_guesses_is_learned_and_all_is_bound(ledger: Ledger) -> None:
    slow = {**INSTANT, "batch_seconds": 0.01, "tail_seconds": 0.6}
    with Yard(ledger, world(**slow)) as yard:
        yard.set_the_table("cls-a")
        with running(yard.worker):
            for number in range(4):
                yard.say("cls-a", pod_event(number))
                yard.wait_for("the target", lambda number=number: len(yard.targets()) == number + 1)
        ((factor,),) = yard.tell(FACTOR)
        assert factor > 1


def test_no_hand_waits_for_a_load_balancer_that_is_busy_for_long(yard: Yard) -> None:
    ready(yard)
    pauses: list[float] = []
    yard.worker = Worker(replace(yard.workshop("life-2"), pause=pauses.append))
    yard.say("cls-a", *(pod_event(number) for number in range(1, 9)))
    yard.simulator.order("error", action="BatchRegisterTargets", code="InvalidParameter")
    yard.tell("UPDATE load_balancers SET tail_factor = 10")
    yard.run_until("the first part", lambda: len(yard.writes()) == 3)
    assert [call["target_count"] for call in yard.writes()[1:]] == [8, 4]
    assert sum(pauses) <= LONGEST_REST.total_seconds()
    assert yard.tell("SELECT failures, last_error FROM load_balancers") == [(0, None)]
    yard.settle()
    assert yard.states() == {("bound", None): 9}
    judge(yard)
