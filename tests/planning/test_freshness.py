"""How old evidence may be when a verdict rests on it."""

from datetime import datetime, timedelta

import pytest

from app.planning.freshness import CHEAP_CALLS, OUTDATED_AFTER, SHARED_FOR, asked_at, network_counts_since, outdated
from tests.planning.builders import NOW, SECOND

PERIOD = timedelta(seconds=60)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("newest", "asked"),
    [
        (None, NOW - SHARED_FOR),
        (NOW - timedelta(hours=1), NOW - SHARED_FOR),
        (NOW - SHARED_FOR, NOW - SHARED_FOR),
        (NOW - SECOND, NOW - SECOND),
        (NOW, NOW),
        (NOW + SECOND, NOW + SECOND),
    ],
)
def test_what_was_read_shortly_before_serves_unless_somebody_asked_since(
    newest: datetime | None, asked: datetime
) -> None:
    assert asked_at(NOW, newest) == asked


@pytest.mark.parametrize(
    ("calls", "age", "fresh"),
    [
        (0, timedelta(0), True),
        (0, TICK, False),
        (CHEAP_CALLS, timedelta(0), True),
        (CHEAP_CALLS, TICK, False),
        (CHEAP_CALLS + 1, SECOND, True),
        (CHEAP_CALLS + 1, SECOND + TICK, False),
        (CHEAP_CALLS + 100, PERIOD, True),
        (CHEAP_CALLS + 100, PERIOD + TICK, False),
        (CHEAP_CALLS, -SECOND, True),
    ],
)
def test_a_network_may_be_older_the_more_calls_it_takes_and_never_older_than_the_period(
    calls: int, age: timedelta, fresh: bool
) -> None:
    assert (NOW - age >= network_counts_since(NOW, calls, PERIOD)) is fresh


@pytest.mark.parametrize(
    ("read_at", "old"),
    [
        (None, True),
        (NOW, False),
        (NOW + SECOND, False),
        (NOW - PERIOD, False),
        (NOW - OUTDATED_AFTER * PERIOD, False),
        (NOW - OUTDATED_AFTER * PERIOD - TICK, True),
    ],
)
def test_what_the_cloud_has_not_confirmed_for_three_periods_says_nothing(read_at: datetime | None, old: bool) -> None:
    assert outdated(read_at, NOW, PERIOD) is old
