"""What a worker read at the end of one pass serves for the beginning of the next, unless somebody may have written."""

from typing import Any

import pytest

from app.broker.converge import begin_part
from app.domain.errors import LedgerUnavailable
from app.ledger.leases import Lease, LeaseSubject
from app.planning.observed import Observed
from app.worker import converge_load_balancer
from app.worker import readings as module
from app.worker.loops import Worker
from app.worker.readings import Readings
from tests.worker.judgement import judge
from tests.worker.yard import Yard, address, pod_event

SEEN = Observed(frozenset({"lbl-1"}))
PLACE: dict[str, Any] = {"load_balancer_id": "lb-1", "listener_id": "lbl-1", "port": 8080}


def lease(epoch: int, subject_id: str = "lb-1") -> Lease:
    return Lease("default", LeaseSubject.LOAD_BALANCER, subject_id, "life-1", epoch)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (lease(8), SEEN),
        (lease(9), None),  # somebody had it in between
        (lease(7), None),
        (lease(8, "lb-2"), None),
    ],
)
def test_a_reading_serves_the_next_epoch_alone(asked: Lease, found: Observed | None) -> None:
    readings = Readings()
    readings.keep(lease(7), SEEN)
    assert readings.recall(asked) == found


def test_a_reading_serves_once_and_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = Readings()
    readings.keep(lease(7), SEEN)
    assert [readings.recall(lease(8)) for _ in range(2)] == [SEEN, None]
    readings.keep(lease(8), SEEN)
    monkeypatch.setattr(module, "GOOD_FOR_SECONDS", 0.0)
    assert readings.recall(lease(9)) is None


def test_readings_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_READINGS", 2)
    readings = Readings()
    for number in range(3):
        readings.keep(lease(1, f"lb-{number}"), SEEN)
    assert [readings.recall(lease(2, f"lb-{number}")) for number in range(3)] == [None, None, SEEN]


@pytest.fixture
def known(yard: Yard) -> Yard:
    """A load balancer that was read, and a pod that is bound there."""
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0))
    yard.settle()
    yard.simulator.clear_calls()
    return yard


def calls(yard: Yard) -> list[str]:
    """What was asked of the load balancer."""
    return [call["action"] for call in yard.simulator.calls if call["service"] == "clb"]


def test_a_new_pod_is_registered_without_reading_again_and_read_back(known: Yard) -> None:
    known.say("cls-a", pod_event(1))
    known.settle()
    assert calls(known) == ["BatchRegisterTargets", "DescribeTargets"]
    judge(known)


@pytest.mark.parametrize(
    ("event", "write"),
    [
        (pod_event(0, kind="unbind", revision=2), "BatchDeregisterTargets"),
        (pod_event(0, revision=2, weight=3), "BatchModifyTargetWeight"),
    ],
)
def test_everything_else_begins_with_a_reading(known: Yard, event: Any, write: str) -> None:
    known.say("cls-a", event)
    known.settle()
    assert calls(known)[:2] == ["DescribeTargets", write]
    judge(known)


def test_another_worker_reads_before_it_writes(known: Yard) -> None:
    known.say("cls-a", pod_event(1))
    known.worker = Worker(known.workshop("life-2"))
    known.settle()
    assert calls(known) == ["DescribeTargets", "BatchRegisterTargets", "DescribeTargets"]


def test_a_worker_reads_again_after_another_one_had_the_load_balancer(known: Yard) -> None:
    mine, other = known.worker, Worker(known.workshop("life-2"))
    known.worker = other
    known.say("cls-a", pod_event(1))
    known.settle()
    known.worker = mine
    known.simulator.clear_calls()
    known.say("cls-a", pod_event(2))
    known.settle()
    assert calls(known)[0] == "DescribeTargets"
    judge(known)


def test_after_a_write_that_nobody_knows_the_end_of_the_next_pass_reads(known: Yard) -> None:
    known.simulator.order("answer-lost", action="BatchRegisterTargets", times=1)
    known.say("cls-a", pod_event(1))
    known.settle()
    known.simulator.clear_calls()
    known.say("cls-a", pod_event(2))
    known.settle()
    judge(known)
    assert sorted(ip for _, ip, _ in known.targets()) == [address("cls-a", number) for number in range(3)]


def test_a_part_of_a_write_of_which_nothing_is_heard_makes_the_reading_before_it_worthless(
    known: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unanswered(*arguments: Any) -> None:
        begin_part(*arguments)
        raise LedgerUnavailable("nobody knows whether it was committed")

    known.simulator.order("partial", action="BatchRegisterTargets", times=1)
    known.say("cls-a", pod_event(1), pod_event(2))
    monkeypatch.setattr(converge_load_balancer, "begin_part", unanswered)
    with pytest.raises(LedgerUnavailable):
        known.settle()
    ((epoch,),) = known.tell("SELECT epoch FROM leases WHERE subject_id = 'lb-1'")
    assert known.worker._workshop.readings.recall(lease(epoch + 1)) is None


def test_a_target_that_somebody_put_there_meanwhile_is_adopted(known: Yard) -> None:
    known.simulator.edit("add-target", ip=address("cls-a", 1), weight=10, **PLACE)
    known.say("cls-a", pod_event(1))
    known.settle()
    assert known.only(ip=address("cls-a", 1)).state == "bound"
    judge(known)


def test_a_target_that_somebody_took_off_meanwhile_is_put_back(known: Yard) -> None:
    known.simulator.edit("remove-target", ip=address("cls-a", 0), **PLACE)
    known.say("cls-a", pod_event(1))
    known.settle()
    judge(known)
    assert sorted(ip for _, ip, _ in known.targets()) == [address("cls-a", number) for number in range(2)]
