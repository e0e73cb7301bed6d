"""The call budget holds over threads, processes and restarts."""

from datetime import datetime, timedelta
from functools import partial

import pytest

from app.ledger import call_budget
from app.ledger.connection import Ledger
from tests.ledger.building import ACCOUNT, REGION, at_once, execute

SECOND = timedelta(seconds=1)
ACTION = "BatchRegisterTargets"


def reserve(
    ledger: Ledger, per_second: int, action: str = ACTION, account_id: str = ACCOUNT
) -> tuple[datetime, timedelta]:
    """The moment that is reserved, by the database's clock, and the pause before it."""
    with ledger.begin() as connection:
        pause = call_budget.reserve(connection, account_id, REGION, action, per_second)
        statement = "SELECT recent[cardinality(recent)] FROM call_budget WHERE action = %s AND account_id = %s"
        moment = connection.exec_driver_sql(statement, (action, account_id)).scalar_one()
    return moment, pause


def most_in_a_second(moments: list[datetime]) -> int:
    """The greatest number of moments in any window of one second, wherever it begins."""
    return max(sum(first <= moment < first + SECOND for moment in moments) for first in moments)


def test_no_window_of_a_second_holds_more_than_the_budget_whoever_reserves(ledger: Ledger) -> None:
    def eight() -> list[datetime]:
        return [reserve(ledger, 10)[0] for _ in range(8)]

    moments = [moment for mine in at_once([eight] * 8) for moment in mine]
    assert len(moments) == 64
    assert most_in_a_second(moments) == 10


def test_the_budget_is_used_and_not_only_kept(ledger: Ledger) -> None:
    moments = [reserve(ledger, 10)[0] for _ in range(40)]
    assert moments == sorted(moments)
    # Three further windows of a little more than a second each, and not one more.
    assert moments[-1] - moments[0] < 3 * call_budget.WINDOW + SECOND


def test_within_the_budget_nobody_waits(ledger: Ledger) -> None:
    assert [reserve(ledger, 5)[1] for _ in range(5)] == [timedelta(0)] * 5
    assert timedelta(milliseconds=500) < reserve(ledger, 5)[1] <= call_budget.WINDOW


def test_the_pause_leads_to_the_moment_that_was_reserved(ledger: Ledger) -> None:
    first, _ = reserve(ledger, 1)
    second, pause = reserve(ledger, 1)
    third, longer = reserve(ledger, 1)
    assert (second - first, third - second) == (call_budget.WINDOW, call_budget.WINDOW)
    assert pause < longer <= 2 * call_budget.WINDOW


def test_a_restarted_broker_keeps_to_the_same_window(ledger: Ledger, ledger_url: str) -> None:
    before = [reserve(ledger, 3)[0] for _ in range(3)]
    ledger.close()
    restarted = Ledger(ledger_url)
    try:
        after, pause = reserve(restarted, 3)
    finally:
        restarted.close()
    assert after == before[0] + call_budget.WINDOW
    assert pause > timedelta(0)


def test_a_quiet_second_later_the_whole_budget_is_there_again(ledger: Ledger) -> None:
    for _ in range(4):
        reserve(ledger, 4)
    execute(
        ledger,
        "UPDATE call_budget SET recent = ARRAY(SELECT moment - interval '2 seconds' FROM unnest(recent) AS moment)",
    )
    assert [reserve(ledger, 4)[1] for _ in range(4)] == [timedelta(0)] * 4


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
