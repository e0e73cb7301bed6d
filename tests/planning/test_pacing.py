"""How long to wait."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.planning.batches import MAX_TARGETS
from app.planning.pacing import (
    FIRST_PAUSE,
    LONGEST_GATHERING,
    LONGEST_PAUSE,
    QUIET,
    SMALL,
    SMALLEST_TAIL,
    busy_tail,
    gathers,
    pause_after,
)
from tests.planning.histories import law

ZERO = timedelta(0)
TICK = timedelta(microseconds=1)
times = st.timedeltas(ZERO, timedelta(seconds=10))
jitters = st.floats(0, 1)


@pytest.mark.parametrize(
    ("changes", "verifying", "newest", "oldest", "waits"),
    [
        (SMALL, 0, ZERO, ZERO, True),
        (SMALL, 0, QUIET - TICK, ZERO, True),
        (SMALL, 0, QUIET, ZERO, False),
        (SMALL, 1, QUIET, ZERO, True),
        (SMALL - 1, 9, ZERO, ZERO, False),
        (1, 9, ZERO, ZERO, False),
        (MAX_TARGETS - 1, 0, ZERO, ZERO, True),
        (MAX_TARGETS, 9, ZERO, ZERO, False),
        (SMALL, 9, ZERO, LONGEST_GATHERING - TICK, True),
        (SMALL, 9, ZERO, LONGEST_GATHERING, False),
    ],
)
def test_a_call_waits_for_more_in_the_middle_of_a_burst_only(
    changes: int, verifying: int, newest: timedelta, oldest: timedelta, waits: bool
) -> None:
    assert gathers(changes, verifying, newest, oldest) is waits


@law
@given(st.integers(1, 600), st.integers(0, 600), times, times)
def test_a_small_a_full_or_an_old_call_never_waits(
    changes: int, verifying: int, newest: timedelta, oldest: timedelta
) -> None:
    if changes < SMALL or changes >= MAX_TARGETS or oldest >= timedelta(seconds=1.5):
        assert not gathers(changes, verifying, newest, oldest)


def test_the_pause_doubles_up_to_its_bound_and_stays_there() -> None:
    pauses = [pause_after(failures, 0).total_seconds() for failures in range(1, 9)]
    assert pauses == [0.25, 0.5, 1, 2, 4, 8, 8, 8]


@law
@given(st.integers(0, 10**6), jitters)
def test_the_pause_is_never_zero_nor_longer_than_its_bound(failures: int, jitter: float) -> None:
    pause = pause_after(failures, jitter).total_seconds()
    assert FIRST_PAUSE / 2 <= pause <= LONGEST_PAUSE
    assert pause <= pause_after(failures + 1, jitter).total_seconds()


@law
@given(st.integers(0, 100), jitters)
def test_the_dice_take_at_most_half_of_the_pause(failures: int, jitter: float) -> None:
    whole = pause_after(failures, 0)
    assert whole / 2 <= pause_after(failures, jitter) <= whole
    assert pause_after(failures, 1) == whole / 2


@law
@given(times)
def test_a_load_balancer_is_left_alone_for_as_long_as_the_call_took_and_a_little_more(call: timedelta) -> None:
    assert busy_tail(call) == call + SMALLEST_TAIL
    assert SMALLEST_TAIL > ZERO
