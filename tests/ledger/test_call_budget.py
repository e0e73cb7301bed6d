"""The call budget holds over threads, processes and restarts."""

import time
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise

import pytest
from sqlalchemy import event

from app.ledger import call_budget
from app.ledger.connection import Ledger, clock
from app.planning.pacing import KEPT_SHARE, RECOVERY, lowered, on_its_way, recovered
from tests.ledger.building import ACCOUNT, REGION, at_once, execute

SECOND = timedelta(seconds=1)
ACTION = "BatchRegisterTargets"


SPREAD = timedelta(milliseconds=10)
CYCLE = SECOND + on_its_way(SPREAD)
"""From a call to the one that is a whole budget behind it."""


def reserve(
    ledger: Ledger, per_second: int, action: str = ACTION, account_id: str = ACCOUNT, spread: timedelta = SPREAD
) -> tuple[datetime, timedelta]:
    """When the turn that is reserved opens, by the database's clock, and the pause before it."""
    with ledger.begin() as connection:
        turn = call_budget.reserve(connection, account_id, REGION, action, per_second, spread)
        statement = "SELECT recent[cardinality(recent)] FROM call_budget WHERE action = %s AND account_id = %s"
        arrives: datetime = connection.exec_driver_sql(statement, (action, account_id)).scalar_one()
    return arrives - on_its_way(spread), timedelta(seconds=turn.wait_seconds)


def throttled(ledger: Ledger, per_second: int) -> float | None:
    with ledger.begin() as connection:
        return call_budget.lower(connection, ACCOUNT, REGION, ACTION, per_second)


def most_in_a_second(moments: list[datetime]) -> int:
    """The greatest number of moments in any window of one second, wherever it begins."""
    return max(sum(first <= moment < first + SECOND for moment in moments) for first in moments)


def most_arriving_in_a_second(turns: list[tuple[datetime, timedelta]]) -> int:
    """The greatest number that any second may hold, each call being sent and under way as long as its spread allows."""
    return max(
        sum(opens < start + SECOND and start <= opens + on_its_way(spread) for opens, spread in turns)
        for start in [opens + on_its_way(spread) for opens, spread in turns]
    )


def test_no_window_of_a_second_holds_more_than_the_budget_whoever_reserves(ledger: Ledger) -> None:
    def eight() -> list[datetime]:
        return [reserve(ledger, 10)[0] for _ in range(8)]

    moments = [moment for mine in at_once([eight] * 8) for moment in mine]
    assert len(moments) == 64
    assert most_in_a_second(moments) == 10


def test_the_budget_is_used_and_not_only_kept(ledger: Ledger) -> None:
    moments = [reserve(ledger, 10)[0] for _ in range(40)]
    assert moments == sorted(moments)
    # Three further rounds of a little more than a second each, and not one more.
    assert moments[-1] - moments[0] < 3 * CYCLE + SECOND


def test_the_first_call_goes_at_once_and_the_next_ones_within_the_budget_close_behind_it(ledger: Ledger) -> None:
    moments, pauses = zip(*(reserve(ledger, 5) for _ in range(5)), strict=True)
    assert pauses[0] == timedelta(0)
    assert all(pause <= 4 * call_budget.GAP for pause in pauses)
    assert all(after - before >= call_budget.GAP for before, after in pairwise(moments))
    assert reserve(ledger, 5)[0] == moments[0] + CYCLE


def test_the_gaps_of_a_great_budget_are_small(ledger: Ledger) -> None:
    moments = [reserve(ledger, 1000)[0] for _ in range(20)]
    gaps = [after - before for before, after in pairwise(moments)]
    assert min(gaps) >= call_budget.MOST_GAPS / 1000
    assert call_budget.MOST_GAPS / 1000 < call_budget.GAP


def test_the_pause_leads_to_the_moment_that_was_reserved(ledger: Ledger) -> None:
    first, _ = reserve(ledger, 1)
    second, pause = reserve(ledger, 1)
    third, longer = reserve(ledger, 1)
    assert (second - first, third - second) == (CYCLE, CYCLE)
    assert pause < longer <= 2 * CYCLE


def test_an_answer_tells_of_the_database_s_clock(ledger: Ledger) -> None:
    with ledger.begin() as connection:
        offset = call_budget.reserve(connection, ACCOUNT, REGION, ACTION, 1, SPREAD).offset
        far = clock(connection).timestamp()
        now = time.monotonic()
    assert offset.least < offset.most
    assert offset.most >= far - now - 0.001  # both clocks go on between the two readings
    assert offset.least <= far - now + 60.0


def test_workers_whose_calls_take_differently_long_share_one_budget(ledger: Ledger) -> None:
    spreads = [timedelta(milliseconds=each) for each in (8, 60, 8, 8, 30, 75)]
    turns = [(reserve(ledger, 5, spread=spread)[0], spread) for spread in spreads * 8]
    assert most_arriving_in_a_second(turns) == 5


def test_a_restarted_broker_keeps_to_the_same_window(ledger: Ledger, ledger_url: str) -> None:
    before = [reserve(ledger, 3)[0] for _ in range(3)]
    ledger.close()
    restarted = Ledger(ledger_url)
    try:
        after, pause = reserve(restarted, 3)
    finally:
        restarted.close()
    assert after == before[0] + CYCLE
    assert pause > timedelta(0)


def test_a_quiet_second_later_the_whole_budget_is_there_again(ledger: Ledger) -> None:
    for _ in range(4):
        reserve(ledger, 4)
    execute(
        ledger,
        "UPDATE call_budget SET recent = ARRAY(SELECT moment - interval '2 seconds' FROM unnest(recent) AS moment)",
    )
    assert all(reserve(ledger, 4)[1] <= 3 * call_budget.GAP for _ in range(4))


def test_a_smaller_budget_holds_from_the_next_call_on(ledger: Ledger) -> None:
    before = [reserve(ledger, 10)[0] for _ in range(10)]
    after = [reserve(ledger, 2)[0] for _ in range(6)]
    assert most_in_a_second([*before[-1:], *after]) <= 2
    assert after[0] > before[-1] + SECOND


def test_a_greater_budget_later_is_used_and_never_overdrawn(ledger: Ledger) -> None:
    moments = [reserve(ledger, 2)[0] for _ in range(8)]
    moments += [reserve(ledger, 10)[0] for _ in range(30)]
    assert most_in_a_second(moments) == 10
    assert moments == sorted(moments)  # nobody overtakes who waits already


def test_workers_that_disagree_about_the_budget_stay_within_the_greater_one(ledger: Ledger) -> None:
    moments = [reserve(ledger, per_second)[0] for _ in range(12) for per_second in (10, 10, 2)]
    assert most_in_a_second(moments) <= 10


@pytest.mark.parametrize(
    "other", [{"action": "DescribeTargets"}, {"account_id": "second"}], ids=["another action", "another account"]
)
def test_what_has_a_budget_of_its_own_does_not_wait(ledger: Ledger, other: dict[str, str]) -> None:
    for _ in range(2):
        reserve(ledger, 2)
    assert reserve(ledger, 2, **other)[1] == timedelta(0)


def test_two_that_are_the_first_at_once_both_get_their_call(ledger: Ledger) -> None:
    for number in range(5):
        action = f"Action{number}"
        moments = [moment for moment, _ in at_once([partial(reserve, ledger, 1, action)] * 4)]
        assert len(moments) == 4
        assert execute(ledger, "SELECT cardinality(recent) > 0 FROM call_budget WHERE action = :a", a=action) == [True]


def lower_by_hand(ledger: Ledger, lowered_to: float, seconds_ago: float) -> None:
    statement = "UPDATE call_budget SET lowered_to = :to, lowered_at = clock_timestamp() - :ago * interval '1 second'"
    execute(ledger, statement, to=lowered_to, ago=seconds_ago)


@pytest.mark.parametrize(
    ("configured", "lowered_to", "seconds_ago"),
    [(10, 4.0, 0.0), (10, 4.5, 2.2), (10, 4.0, 60.0), (2, 1.0, 1.0), (20, 1.5, 10.2), (10, 4.5, -600.0)],
)
def test_the_statement_counts_by_the_same_arithmetic_as_the_plan(
    ledger: Ledger, configured: int, lowered_to: float, seconds_ago: float
) -> None:
    """The figures are such that the few milliseconds between the two make no difference. A clock may go backwards."""
    reserve(ledger, configured)
    lower_by_hand(ledger, lowered_to, seconds_ago)
    moments = [reserve(ledger, configured)[0] for _ in range(2 * configured)]
    assert most_in_a_second(moments) == int(recovered(configured, lowered_to, timedelta(seconds=seconds_ago)))


def test_a_throttled_answer_lowers_the_budget_of_all_once_a_second_and_time_brings_it_back(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert throttled(ledger, 10) is None  # of an action that nobody has called: there is nothing to lower
    reserve(ledger, 10)
    assert execute(ledger, "SELECT lowered_to FROM call_budget") == [None]
    assert throttled(ledger, 10) == 10 * KEPT_SHARE
    assert execute(ledger, "SELECT lowered_to FROM call_budget") == [10 * KEPT_SHARE]
    with monkeypatch.context() as patched:
        patched.setattr(call_budget, "SECOND", timedelta(hours=1))  # however slow the machine
        assert throttled(ledger, 10) is None
    lower_by_hand(ledger, 5.0, 4.0)
    throttled(ledger, 10)
    (again,) = execute(ledger, "SELECT lowered_to FROM call_budget")
    assert lowered(5.0 + 4.0 * 10 * RECOVERY) <= again < lowered(10.0)


def test_however_often_calls_are_throttled_one_a_second_goes(ledger: Ledger) -> None:
    reserve(ledger, 3)
    for _ in range(12):
        throttled(ledger, 3)
        execute(ledger, "UPDATE call_budget SET lowered_at = clock_timestamp() - interval '1001 milliseconds'")
    lower_by_hand(ledger, execute(ledger, "SELECT lowered_to FROM call_budget")[0], 0.0)
    moments = [reserve(ledger, 3)[0] for _ in range(4)]
    assert [after - before for before, after in pairwise(moments)] == [CYCLE] * 3


def test_a_throttled_action_leaves_the_others_as_they_are(ledger: Ledger) -> None:
    for action in (ACTION, "DescribeTargets"):
        reserve(ledger, 4, action)
    throttled(ledger, 4)
    kept = execute(ledger, "SELECT lowered_to IS NULL FROM call_budget ORDER BY action")
    assert kept == [False, True]


def test_a_reservation_is_one_statement_the_first_as_well_as_later_ones(ledger: Ledger) -> None:
    with ledger.begin() as connection:
        statements: list[str] = []
        event.listen(connection, "before_cursor_execute", lambda *given: statements.append(given[2]))
        for _ in range(2):
            call_budget.reserve(connection, ACCOUNT, REGION, ACTION, 2, SPREAD)
    assert [statement.split()[0] for statement in statements] == ["INSERT", "INSERT"]


@pytest.mark.parametrize(
    ("arrives", "expected"),
    [
        (timedelta(0), SECOND + on_its_way(SPREAD)),
        (timedelta(milliseconds=-7), SECOND + on_its_way(SPREAD) - timedelta(milliseconds=7)),
        (None, timedelta(0)),
    ],
    ids=["as reckoned", "early in its turn", "missed"],
)
def test_what_became_of_a_turn_counts_for_the_one_a_whole_budget_behind_it(
    ledger: Ledger, arrives: timedelta | None, expected: timedelta
) -> None:
    with ledger.begin() as connection:
        first = call_budget.reserve(connection, ACCOUNT, REGION, ACTION, 1, SPREAD)
        arrives_at = None if arrives is None else first.arrives_at + arrives
        outcomes = [call_budget.Outcome(first, arrives_at)]
        second = call_budget.reserve(connection, ACCOUNT, REGION, ACTION, 1, SPREAD, outcomes)
    between = timedelta(seconds=second.opens_at - first.opens_at)
    if arrives is None:
        assert second.wait_seconds == 0
        assert between < SECOND * 30
    else:
        assert abs(between - expected) < timedelta(microseconds=10)


def test_the_outcome_of_a_turn_that_is_not_known_any_more_changes_nothing(ledger: Ledger) -> None:
    with ledger.begin() as connection:
        first = call_budget.reserve(connection, ACCOUNT, REGION, ACTION, 1, SPREAD)
        elsewhere = [call_budget.Outcome(first, None)]
        call_budget.reserve(connection, ACCOUNT, REGION, "DescribeTargets", 1, SPREAD, elsewhere)
        second = call_budget.reserve(connection, ACCOUNT, REGION, ACTION, 1, SPREAD)
    assert second.opens_at - first.opens_at >= CYCLE.total_seconds() - 0.00001
