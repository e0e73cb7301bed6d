"""A call is sent in its turn or waits for another one; and what the cloud says of the pace is told to all workers."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.cloud.client import Account, Client
from app.domain.errors import CloudThrottled
from app.ledger import call_budget
from app.ledger.connection import Ledger
from app.planning.pacing import LEAST_SPREAD, on_its_way
from app.worker import call_turns
from app.worker.call_turns import CallTurns
from app.worker.crowding import Crowding
from tests.ledger.building import execute
from tests.worker.yard import Yard

KEY = ("default", "ap-guangzhou", "DescribeTargets")
SECOND = 1.0


class Night:
    """A clock that only sleeping moves; ``oversleep`` is how much longer each sleep takes, the last one for ever."""

    def __init__(self, *oversleep: float) -> None:
        self._oversleep = list(oversleep) or [0.0]
        self.now = 0.0
        self.asked: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        more = self._oversleep.pop(0) if len(self._oversleep) > 1 else self._oversleep[0]
        self.now += seconds + more

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def spend(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Callable[[Night, int, int], CallTurns]:
    """Waits for so many turns in a night; the database's clock stands still as compared with it."""

    def spend_night(night: Night, calls: int, per_second: int) -> CallTurns:
        monkeypatch.setattr(call_turns.time, "sleep", night.sleep)
        monkeypatch.setattr(call_turns.time, "monotonic", night.monotonic)
        monkeypatch.setattr(call_budget.time, "monotonic", night.monotonic)
        turns = CallTurns(ledger, Crowding())
        for _ in range(calls):
            turns.wait(per_second, *KEY)
        return turns

    return spend_night


def spread_of(ledger: Ledger) -> list[timedelta]:
    """By how much the calls kept lie further apart than a second, for a budget of one."""
    pairs = "SELECT recent[n + 1] - recent[n] FROM call_budget, generate_series(1, cardinality(recent) - 1) AS n"
    return [each - timedelta(seconds=1) for each in execute(ledger, pairs)]


def test_a_slot_is_waited_for_exactly_as_long_as_the_ledger_says(
    spend: Callable[..., CallTurns], ledger: Ledger
) -> None:
    night = Night()
    spend(night, 3, 1)
    assert len(night.asked) == 2
    assert SECOND / 2 < night.asked[0] <= SECOND + on_its_way(LEAST_SPREAD).total_seconds()


def test_a_process_that_slept_past_its_slot_waits_for_another_one(spend: Callable[..., CallTurns]) -> None:
    night = Night(30.0, 0.0)
    spend(night, 2, 1)
    assert len(night.asked) == 2


def test_who_wakes_up_late_takes_longer_slots_until_it_is_in_time(
    spend: Callable[..., CallTurns], ledger: Ledger
) -> None:
    """Otherwise a busy machine would never send a call."""
    night = Night(0.04)
    spend(night, 6, 1)
    last = spread_of(ledger)[-1]
    assert last >= on_its_way(timedelta(milliseconds=39))
    missed = len(night.asked) - 5
    assert 1 <= missed <= 6


def test_a_throttled_call_lowers_the_budget_of_all_workers(yard: Yard, ledger: Ledger) -> None:
    turns = CallTurns(ledger, Crowding())
    account = Account("default", "AKIDtest", "test-secret", yard.simulator.endpoint, 5.0)

    def told(*key: str) -> None:
        turns.lower(18, *key)

    client = Client(account, "ap-guangzhou", lambda *key: turns.wait(18, *key), told)
    yard.simulator.order("throttle", action="DescribeTargets")
    asked: dict[str, Any] = {"LoadBalancerId": "lb-1"}
    with pytest.raises(CloudThrottled):
        client.call("clb", "DescribeTargets", asked)
    client.call("clb", "DescribeTargets", asked)
    client.call("clb", "DescribeTargetHealth", {"LoadBalancerIds": ["lb-1"]})
    lowered = "SELECT action FROM call_budget WHERE lowered_to < 18 ORDER BY action"
    assert execute(ledger, lowered) == ["DescribeTargets"]
