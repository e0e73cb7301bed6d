"""What arrives while a load balancer is busy goes into its next call: a hundred events cost two register calls at most.

That holds for any hundred events that come before the load balancer is free again, a second or longer. How fast the
machine is plays no part here: the first call, or the tail after it, lasts for as long as it takes to post the others.
`tests/simulation/test_coalescing.py` has the same by the clock, in virtual time.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.cloud.client import Account, Client
from app.ledger.connection import Ledger
from app.worker.loops import Worker
from tests.worker.front_door import FrontDoor, of_pod
from tests.worker.two_networks import two_networks
from tests.worker.yard import BINDING_LOOPS, Yard

REGISTER = "BatchRegisterTargets"
PODS = 100


class Interrupted(Client):
    """A cloud whose first call of an action is held up until something else has happened, before or after its work."""

    def __init__(self, account: Account, action: str, *, done: bool, meanwhile: Callable[[], None]) -> None:
        super().__init__(account, "ap-guangzhou", lambda *_: None)
        self._action = action
        self._done = done
        self._meanwhile: Callable[[], None] | None = meanwhile

    def call(self, service: str, action: str, *more: Any, **named: Any) -> dict[str, Any]:
        meanwhile = self._meanwhile if action == self._action else None
        if meanwhile is None:
            return super().call(service, action, *more, **named)
        self._meanwhile = None
        if not self._done:
            meanwhile()
        answer = super().call(service, action, *more, **named)
        if self._done:
            meanwhile()
        return answer


@pytest.fixture
def front(ledger: Ledger) -> Iterator[FrontDoor]:
    with Yard(ledger, two_networks()) as yard:
        yield FrontDoor(yard)


def events() -> list[dict[str, Any]]:
    """A bind of each of a hundred pods of cls-a, on one load balancer."""
    return [of_pod(f"10.0.1.{number}") for number in range(1, PODS + 1)]


def posting(front: FrontDoor, rest: list[dict[str, Any]], requests: int) -> Callable[[], None]:
    """Sends ``rest`` in so many requests."""

    def post() -> None:
        for number in range(requests):
            results = front.say("cls-a", *rest[number::requests])
            assert {result["outcome"] for result in results} == {"accepted"}

    return post


def registered(front: FrontDoor) -> list[int]:
    """How many targets each register call had."""
    return [call["target_count"] for call in front.writes() if call["action"] == REGISTER]


@pytest.mark.parametrize("requests", [99, 10, 1])
@pytest.mark.parametrize("done", [False, True], ids=["before its work", "before its answer"])
def test_what_is_posted_while_the_first_call_is_under_way_goes_into_the_second(
    front: FrontDoor, requests: int, done: bool
) -> None:
    first, *rest = events()
    yard = front.yard
    account = Account("default", "AKIDtest", "test-secret", yard.simulator.endpoint, timeout_seconds=60)
    cloud = Interrupted(account, REGISTER, done=done, meanwhile=posting(front, rest, requests))
    patient = yard.workshop("life-1", lease=600, cloud_timeout=60)
    yard.worker = Worker(replace(patient, cloud_for=lambda *_: cloud), BINDING_LOOPS)
    front.say("cls-a", first)
    front.work()
    assert registered(front) == [1, PODS - 1]
    assert len(yard.targets()) == PODS


@pytest.mark.parametrize("first", [1, 19])
def test_what_is_posted_in_the_tail_of_the_first_call_goes_into_the_second(front: FrontDoor, first: int) -> None:
    said = events()
    yard = front.yard
    front.say("cls-a", *said[:first])
    yard.run_until("the first targets", lambda: len(yard.targets()) == first)
    yard.tell("UPDATE load_balancers SET not_before = now() + interval '1 hour' WHERE load_balancer_id = 'lb-1'")
    for start in range(first, PODS, 10):
        front.say("cls-a", *said[start : start + 10])
        yard.worker.run_once()
    assert registered(front) == [first]
    yard.skip_pauses()
    front.work()
    assert registered(front) == [first, PODS - first]
    assert len(yard.targets()) == PODS


def test_a_burst_that_comes_at_once_takes_one_call(front: FrontDoor) -> None:
    posting(front, events(), 10)()
    front.work()
    assert registered(front) == [PODS]
