"""Where a target is to leave, the pass comes before those that only bind, but for those that have waited for long."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.ledger.connection import Ledger
from app.ledger.leases import LeaseSubject
from app.planning.pacing import HEAD_START
from app.worker.loops import LOOPS, Worker
from tests.acceptance.world import LISTENERS, world
from tests.worker.yard import INSTANT, Yard, pod_event

LOAD_BALANCERS = ("lb-1", "lb-2", "lb-3")


def shelf() -> dict[str, Any]:
    """The usual world with three load balancers; those of one have other listeners than those of another."""
    given = world(**INSTANT)
    (first,) = given["load_balancers"]
    given["load_balancers"] = [
        {
            **first,
            "load_balancer_id": load_balancer_id,
            "vips": [f"203.0.113.{number}"],
            "listeners": [
                {"listener_id": f"lbl-{number}-{name}", "protocol": "TCP", "port": 80 + each}
                for each, name in enumerate(LISTENERS)
            ],
        }
        for number, load_balancer_id in enumerate(LOAD_BALANCERS, 1)
    ]
    return given


def on(number: int, pod: int, **more: Any) -> Any:
    """An event of a pod on the load balancer of that number."""
    named = {"load_balancer_id": f"lb-{number}", "listener_id": f"lbl-{number}-lbl-1"}
    return pod_event(pod, **named, **more)


@pytest.fixture
def yard(ledger: Ledger) -> Iterator[Yard]:
    """Four pods bound on lb-3, and one whose address is proven on each of the other two."""
    with Yard(ledger, shelf()) as opened:
        opened.set_the_table("cls-a", load_balancer_ids=LOAD_BALANCERS)
        opened.say("cls-a", *(on(3, pod) for pod in range(4)))
        opened.settle()
        assert opened.states() == {("bound", None): 4}
        opened.say("cls-a", on(1, 4), on(2, 5))
        only(opened, LeaseSubject.VERIFICATION).run_once()
        assert opened.states()["pending", None] == 2
        opened.simulator.clear_calls()
        yield opened


def only(yard: Yard, subject: LeaseSubject) -> Worker:
    """A worker with one hand for one kind of work."""
    return Worker(yard.workshop("life-1"), [replace(loop, hands=1) for loop in LOOPS if loop.subject is subject])


def lose_a_proof(yard: Yard) -> None:
    yard.take_addresses(0)
    yard.tell("UPDATE clusters SET reverification_due_at = clock_timestamp()")
    only(yard, LeaseSubject.REVERIFICATION).run_once()
    yard.simulator.clear_calls()


LEAVES: dict[str, Callable[[Yard], object]] = {
    "unbind": lambda yard: yard.say("cls-a", on(3, 0, kind="unbind", revision=2)),
    "unbind that drains": lambda yard: yard.say("cls-a", on(3, 0, kind="unbind", revision=2), drain_seconds=60),
    "lost proof": lose_a_proof,
}


def written(yard: Yard, passes: int) -> list[str]:
    """The load balancers in the order in which they are written to."""
    worker = only(yard, LeaseSubject.LOAD_BALANCER)
    for _ in range(passes):
        yard.skip_pauses()
        worker.run_once()
    return [call["load_balancer_id"] for call in yard.writes()]


@pytest.mark.parametrize("leave", LEAVES.values(), ids=LEAVES)
def test_where_a_target_leaves_is_written_first_although_binds_came_before(
    yard: Yard, leave: Callable[[Yard], object]
) -> None:
    leave(yard)
    order = written(yard, 3)
    assert order[0] == "lb-3"
    assert sorted(order) == ["lb-1", "lb-2", "lb-3"]


@pytest.mark.parametrize("leave", LEAVES.values(), ids=LEAVES)
def test_a_bind_that_has_waited_for_longer_than_the_head_start_goes_before(
    yard: Yard, leave: Callable[[Yard], object]
) -> None:
    yard.tell(
        f"UPDATE load_balancers SET due_at = due_at - interval '{HEAD_START.total_seconds() + 60} seconds'"
        " WHERE load_balancer_id = 'lb-2'"
    )
    leave(yard)
    assert written(yard, 3)[:2] == ["lb-2", "lb-3"]


def test_a_bind_gets_no_head_start(yard: Yard) -> None:
    yard.say("cls-a", on(3, 6))
    only(yard, LeaseSubject.VERIFICATION).run_once()
    yard.simulator.clear_calls()
    order = written(yard, 3)
    assert order[-1] == "lb-3"


def test_what_a_pass_leaves_to_be_taken_off_keeps_its_head_start(yard: Yard) -> None:
    """A pass that binds first, since it may, is followed by the one that takes off before others that bind."""
    yard.say("cls-a", on(3, 0, kind="unbind", revision=2), on(3, 6))
    only(yard, LeaseSubject.VERIFICATION).run_once()
    yard.simulator.clear_calls()
    order = written(yard, 4)
    assert [call["action"] for call in yard.writes()][:2] == ["BatchRegisterTargets", "BatchDeregisterTargets"]
    assert order[:2] == ["lb-3", "lb-3"]
