"""Since when work fails, and the alarms that begin when it has failed for too long: each is told once."""

from datetime import timedelta
from typing import Any

import pytest

from app.ledger import alarms, clusters, load_balancers, topologies
from app.ledger.alarms import Alarm
from app.ledger.connection import Ledger, clock
from tests.ledger.building import at_once, execute, furnish

MINUTE = timedelta(minutes=1)
NOTHING = timedelta(0)
WORK = ("topology", "verification", "reverification")


def end_pass(ledger: Ledger, failures: int, error: str | None = "reset", load_balancer_id: str = "lb-1") -> None:
    with ledger.begin() as connection:
        load_balancers.finish_pass(
            connection,
            load_balancer_id,
            reconciled=None,
            due_in=NOTHING,
            due_at=None,
            not_before=NOTHING,
            failures=failures,
            error=error if failures else None,
        )


def end_work(ledger: Ledger, work: str, *, failed: bool) -> None:
    """One look of a kind at cls-a has ended."""
    with ledger.begin() as connection:
        if work == "topology":
            topologies.read_again(connection, "cls-a", MINUTE, unread=failed)
        elif work == "verification":
            clusters.verified(connection, "cls-a", MINUTE if failed else None, int(failed), unanswered=failed)
        else:
            clusters.reverified(connection, "cls-a", clock(connection), MINUTE, unanswered=failed)


def marked(ledger: Ledger, after: timedelta = MINUTE) -> list[tuple[str, bool]]:
    """The alarms that begin (True) or end now."""
    with ledger.begin() as connection:
        return [(each.subject_id, each.begins) for each in alarms.mark(connection, after)]


def age(ledger: Ledger, table: str = "load_balancers", column: str = "failing_since") -> None:
    """Let what fails have failed for two minutes longer."""
    execute(ledger, f"UPDATE {table} SET {column} = {column} - interval '2 minutes'")


def since(ledger: Ledger) -> Any:
    (found,) = execute(ledger, "SELECT failing_since FROM load_balancers WHERE load_balancer_id = 'lb-1'")
    return found


def test_passes_fail_since_the_first_of_those_that_failed_in_a_row(ledger: Ledger) -> None:
    furnish(ledger)
    assert since(ledger) is None
    end_pass(ledger, 1)
    first = since(ledger)
    end_pass(ledger, 2)
    assert first is not None
    assert since(ledger) == first
    end_pass(ledger, 0)
    assert since(ledger) is None
    end_pass(ledger, 1)
    assert since(ledger) > first


@pytest.mark.parametrize("work", WORK)
def test_each_kind_of_work_on_a_cluster_fails_since_a_time_of_its_own(ledger: Ledger, work: str) -> None:
    furnish(ledger)

    def failing() -> Any:
        with ledger.begin() as connection:
            found = clusters.find(connection, "cls-a")
        assert found is not None
        return found.failing_since

    assert failing() == {}
    end_work(ledger, work, failed=True)
    first = failing()
    assert first.keys() == {work}
    end_work(ledger, work, failed=True)
    for other in WORK:
        end_work(ledger, other, failed=other == work)
    assert failing() == first
    end_work(ledger, work, failed=False)
    assert failing() == {}


def test_an_alarm_begins_when_passes_have_failed_for_too_long_and_ends_with_the_first_that_does_not(
    ledger: Ledger,
) -> None:
    furnish(ledger)
    end_pass(ledger, 1)
    assert marked(ledger) == []
    age(ledger)
    assert marked(ledger) == [("lb-1", True)]
    end_pass(ledger, 2)
    assert marked(ledger) == []
    end_pass(ledger, 0)
    assert marked(ledger) == [("lb-1", False)]
    assert marked(ledger) == []


def test_what_fails_anew_is_another_alarm(ledger: Ledger) -> None:
    furnish(ledger)
    end_pass(ledger, 1)
    age(ledger)
    marked(ledger)
    end_pass(ledger, 0)
    end_pass(ledger, 1)
    assert marked(ledger) == [("lb-1", False)]
    age(ledger)
    assert marked(ledger) == [("lb-1", True)]


@pytest.mark.parametrize("work", WORK)
def test_a_cluster_is_in_alarm_when_any_work_on_it_has_failed_for_too_long(ledger: Ledger, work: str) -> None:
    furnish(ledger)
    end_work(ledger, work, failed=True)
    assert marked(ledger) == []
    age(ledger, "clusters", f"{work}_failing_since")
    assert marked(ledger) == [("cls-a", True)]
    with ledger.begin() as connection:
        found = clusters.find(connection, "cls-a")
    assert found is not None
    assert found.alarm
    end_work(ledger, work, failed=False)
    assert marked(ledger) == [("cls-a", False)]


def test_an_alarm_is_told_with_its_times_and_the_last_error(ledger: Ledger) -> None:
    furnish(ledger)
    end_pass(ledger, 1, "AuthFailure: revoked")
    age(ledger)
    with ledger.begin() as connection:
        now = clock(connection)
        (begun,) = alarms.mark(connection, MINUTE)
    assert begun.at >= now
    assert begun == Alarm("load-balancer", "lb-1", True, begun.at, since(ledger), "AuthFailure: revoked")
    end_pass(ledger, 0)
    with ledger.begin() as connection:
        (ended,) = alarms.mark(connection, MINUTE)
    assert ended == Alarm("load-balancer", "lb-1", False, begun.at, None, None)


def test_of_several_workers_one_tells_of_an_alarm(ledger: Ledger) -> None:
    names = [f"lb-{number}" for number in range(10)]
    furnish(ledger, load_balancer_ids=names)
    for name in names:
        end_pass(ledger, 1, load_balancer_id=name)
    age(ledger)
    told = [each for found in at_once([lambda: marked(ledger)] * 6) for each in found]
    told += marked(ledger)
    assert sorted(told) == [(name, True) for name in names]


def test_a_load_balancer_that_is_worked_on_is_not_waited_for(ledger: Ledger) -> None:
    furnish(ledger)
    end_pass(ledger, 1)
    age(ledger)
    with ledger.begin() as connection:
        load_balancers.lock(connection, ["lb-1"])
        assert marked(ledger) == []
    assert marked(ledger) == [("lb-1", True)]
