"""How long to wait."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.planning.batches import MAX_TARGETS
from app.planning.pacing import (
    FIRST_PAUSE,
    KEPT_SHARE,
    LEAST_BUDGET,
    LEAST_SPREAD,
    LEAST_TAIL_FACTOR,
    LONGEST_GATHERING,
    LONGEST_PAUSE,
    LONGEST_WAY,
    MOST_SPREAD,
    MOST_TAIL_FACTOR,
    QUIET,
    RECOVERY,
    SMALL,
    SMALLEST_TAIL,
    TELLING,
    TRAVELS,
    USUAL_CALL,
    USUAL_CALL_PER_TARGET,
    busy_tail,
    gathers,
    lowered,
    next_spread,
    next_tail_factor,
    on_its_way,
    pause_after,
    recovered,
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


sizes = st.integers(1, MAX_TARGETS)
factors = st.floats(LEAST_TAIL_FACTOR, MOST_TAIL_FACTOR)


@law
@given(times, sizes, factors)
def test_a_load_balancer_is_left_alone_for_as_long_as_the_call_took_and_a_little_more_times_what_was_learned(
    call: timedelta, targets: int, factor: float
) -> None:
    usual = USUAL_CALL + targets * USUAL_CALL_PER_TARGET
    assert busy_tail(call, targets, 1.0) == min(call, usual) + SMALLEST_TAIL
    assert busy_tail(call, targets, factor) == busy_tail(call, targets, 1.0) * factor > ZERO


@law
@given(factors, st.none() | st.timedeltas(timedelta(seconds=-2), timedelta(seconds=10)), st.booleans())
def test_only_a_write_soon_after_the_tail_tells_of_it(factor: float, rested: timedelta | None, busy: bool) -> None:
    after = next_tail_factor(factor, rested, busy=busy)
    assert LEAST_TAIL_FACTOR <= after <= MOST_TAIL_FACTOR
    if rested is None or not ZERO <= rested <= TELLING:
        assert after == factor
    elif busy:
        assert after > factor or factor == MOST_TAIL_FACTOR
    else:
        assert after < factor or factor == LEAST_TAIL_FACTOR


@pytest.mark.parametrize("true", [0.1, 0.3, 0.9, 1.0, 2.0, 5.0, 7.0], ids=lambda each: f"{each} times the guess")
def test_the_tail_of_a_load_balancer_is_found_and_few_calls_are_lost_to_it(true: float) -> None:
    """Writes one after the other; one that finds it busy is sent again after the pause for a failure."""
    call = timedelta(milliseconds=400)
    tail, factor = busy_tail(call, 50, 1.0) * true, 1.0
    refused, left_alone = [], []
    for _ in range(400):
        rest, failures = busy_tail(call, 50, factor), 0
        while rest < tail:
            factor, failures = next_tail_factor(factor, ZERO, busy=True), failures + 1
            rest += pause_after(failures, 0)
        factor = next_tail_factor(factor, ZERO, busy=False)
        refused.append(failures)
        left_alone.append(rest)
    assert sum(refused[:20]) <= 20
    assert sum(refused[200:]) <= 200 * 0.04
    usual = max(true, LEAST_TAIL_FACTOR) * busy_tail(call, 50, 1.0)
    assert sum(left_alone[300:], ZERO) / 100 < usual * 1.25


budgets = st.integers(1, 1000)
lower_budgets = st.floats(LEAST_BUDGET, 1000)


@law
@given(budgets, lower_budgets, times, times)
def test_a_lowered_budget_comes_back_with_time_and_never_leaves_its_bounds(
    configured: int, lowered_to: float, since: timedelta, more: timedelta
) -> None:
    now = recovered(configured, lowered_to, since)
    assert LEAST_BUDGET <= now <= recovered(configured, lowered_to, since + more) <= configured
    assert recovered(configured, lowered_to, timedelta(seconds=1 / RECOVERY)) == configured


@law
@given(budgets, lower_budgets, times)
def test_what_comes_back_is_added_in_even_steps(configured: int, lowered_to: float, since: timedelta) -> None:
    now, soon = (recovered(configured, lowered_to, each) for each in (since, since + timedelta(seconds=1)))
    assert soon == pytest.approx(min(now + configured * RECOVERY, configured))


@law
@given(st.floats(LEAST_BUDGET, 1000), st.integers(1, 100))
def test_throttled_answers_take_shares_down_to_a_call_a_second(budget: float, answers: int) -> None:
    after = budget
    for _ in range(answers):
        after, before = lowered(after), after
        assert LEAST_BUDGET <= after <= before
        assert after in {LEAST_BUDGET, before * KEPT_SHARE}


@pytest.mark.parametrize(("lowered_to", "since"), [(None, None), (None, ZERO), (5.0, None)])
def test_a_budget_that_nobody_lowered_is_the_configured_one(lowered_to: float | None, since: timedelta | None) -> None:
    assert recovered(18, lowered_to, since) == 18


def test_a_clock_that_goes_backwards_takes_nothing_more_away() -> None:
    assert recovered(18, 9.0, timedelta(minutes=-10)) == 9.0


@pytest.mark.parametrize("limit", [5, 9, 12, 17])
def test_a_budget_finds_the_cloud_s_own_limit_and_stays_near_it(limit: int) -> None:
    """A second at a time: calls beyond the limit are throttled."""
    lowered_to, since, used, refused = 18.0, ZERO, 0, 0
    for _ in range(300):
        calls = int(recovered(18, lowered_to, since))
        used += min(calls, limit)
        if calls > limit:
            refused += calls - limit
            lowered_to, since = lowered(recovered(18, lowered_to, since)), ZERO
        since += timedelta(seconds=1)
    assert used > 0.75 * limit * 300
    assert refused < 0.2 * used


spreads = st.timedeltas(LEAST_SPREAD, MOST_SPREAD)


@law
@given(spreads, spreads, st.timedeltas(timedelta(seconds=-1), timedelta(hours=1)))
def test_a_turn_grows_when_it_was_missed_only_and_stays_within_its_bounds(
    spread: timedelta, given: timedelta, late: timedelta
) -> None:
    after = next_spread(spread, given, late)
    assert LEAST_SPREAD <= after <= MOST_SPREAD
    if late > given:
        assert after >= spread
        assert after > given or given == MOST_SPREAD
    else:
        assert after < spread or spread == LEAST_SPREAD


@law
@given(spreads, st.integers(1, 30))
def test_turns_that_are_missed_at_the_same_moment_make_the_next_ones_longer_only_once(
    spread: timedelta, many: int
) -> None:
    after = spread
    for _ in range(many):
        after = next_spread(after, spread, timedelta(seconds=3))
    assert after == next_spread(spread, spread, timedelta(seconds=3))


@law
@given(spreads)
def test_a_machine_that_is_always_late_is_in_time_before_long_and_a_quick_one_gets_short_turns(
    spread: timedelta,
) -> None:
    late, after, missed = timedelta(milliseconds=74), spread, 0
    while late > after:
        after, missed = next_spread(after, after, late), missed + 1
    assert missed <= 7
    for _ in range(250):
        after = next_spread(after, after, ZERO)
    assert after == LEAST_SPREAD


def test_a_call_s_way_is_part_of_its_turn_s_second() -> None:
    assert on_its_way(LEAST_SPREAD) == LEAST_SPREAD * (1 + TRAVELS)
    assert on_its_way(MOST_SPREAD) == MOST_SPREAD + LONGEST_WAY
    # What the least turn costs: more than 17.4 of 18 calls a second go.
    assert 18 / (timedelta(seconds=1) + on_its_way(LEAST_SPREAD)).total_seconds() > 17.4
