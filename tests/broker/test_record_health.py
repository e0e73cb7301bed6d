"""What a reading of health changes, for whom, and when the next one is due."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.broker import look_up
from app.broker.converge import begin_write
from app.broker.record_health import HealthOpening, HealthReading, HealthTerms, end_health, open_health, record_health
from app.broker.register_load_balancer import register_load_balancer
from app.domain.binding import Binding, Health, State
from app.domain.errors import LeaseLost
from app.domain.target import Place
from app.ledger import leases, load_balancers
from app.ledger.connection import Connection, Ledger
from app.ledger.leases import Lease, LeaseSubject
from app.planning.observed import Inspection, Observed
from tests.broker.passes import TERMS, there
from tests.broker.passes import take as take_pass
from tests.ledger.building import (
    ACCOUNT,
    REGION,
    a_binding,
    at_once,
    execute,
    expire,
    furnish,
    keep,
    wait_until,
    waiting_for_locks,
)
from tests.ledger.due import health_due

SECOND = timedelta(seconds=1)
PERIOD = HealthTerms(period=10 * SECOND, lease=60 * SECOND)
H = Health
NOBODY: Mapping[str, timedelta] = {}


def bound(number: int = 1, known: Health = H.UNKNOWN, load_balancer_id: str = "lb-1", **changes: Any) -> Binding:
    """A bound target at 10.0.3.N."""
    usual = a_binding(f"b-{number}", State.BOUND, ip=f"10.0.3.{number}", health=known, placed=True, holder=True)
    target = replace(usual.target, load_balancer_id=load_balancer_id)
    return replace(usual, **{"target": target, **changes})


def place(number: int = 1, load_balancer_id: str = "lb-1") -> Place:
    return Place(ACCOUNT, load_balancer_id, "lbl-1", "", f"10.0.3.{number}", 8080)


def take(ledger: Ledger) -> Lease:
    """The region's health in the hands of a worker, and due on all load balancers."""
    execute(ledger, "UPDATE load_balancers SET health_due_at = now()")
    with ledger.begin() as connection:
        leases.offer(connection, ACCOUNT, LeaseSubject.HEALTH, REGION)
        (lease,) = leases.take(connection, LeaseSubject.HEALTH, "worker-1", 60 * SECOND, 1)
    return lease


def opened(ledger: Ledger, *made: Binding) -> tuple[Lease, HealthOpening]:
    furnish(ledger)
    keep(ledger, *made)
    lease = take(ledger)
    return lease, open_health(ledger, lease, PERIOD, None, 30)


def read(
    ledger: Ledger, found: Mapping[Place, Health], *made: Binding, unanswered: Mapping[str, timedelta] = NOBODY
) -> int:
    """One reading by which these bindings are judged; how many changed."""
    lease, opening = opened(ledger, *made)
    return record_health(ledger, lease, opening, HealthReading(found, unanswered), PERIOD)


def kept(ledger: Ledger) -> list[Any]:
    return execute(ledger, "SELECT health FROM bindings ORDER BY binding_id")


def rows(ledger: Ledger) -> list[Any]:
    """The versions of all bindings and entries of history."""
    names = ("bindings", "journal")
    return [execute(ledger, f"SELECT ctid::text, xmin::text FROM {name} ORDER BY 1") for name in names]


def feed(ledger: Ledger, cluster_id: str, after: int) -> list[tuple[str, Health]]:
    found = look_up.list_changes(ledger, cluster_id, after, 100, 0)
    return [(binding.binding_id, binding.health) for _, binding in found]


def cursor(ledger: Ledger, cluster_id: str) -> int:
    last: int = execute(ledger, "SELECT last FROM change_numbers WHERE cluster_id = :id", id=cluster_id)[0]
    return last


def test_a_health_that_changed_is_written_and_its_cluster_hears_of_it(ledger: Ledger) -> None:
    furnish(ledger)
    keep(ledger, bound(1), bound(2, H.HEALTHY), bound(3, H.HEALTHY), bound(4, cluster_id="cls-b"))
    mine, theirs = cursor(ledger, "cls-a"), cursor(ledger, "cls-b")
    lease = take(ledger)
    opening = open_health(ledger, lease, PERIOD, None, 30)
    found = {place(1): H.HEALTHY, place(2): H.UNHEALTHY, place(3): H.HEALTHY, place(4): H.OFF}
    assert record_health(ledger, lease, opening, HealthReading(found, {}), PERIOD) == 3
    assert kept(ledger) == ["healthy", "unhealthy", "healthy", "off"]
    assert feed(ledger, "cls-a", mine) == [("b-1", H.HEALTHY), ("b-2", H.UNHEALTHY)]
    assert feed(ledger, "cls-b", theirs) == [("b-4", H.OFF)]


def test_nothing_is_written_when_nothing_changes(ledger: Ledger) -> None:
    furnish(ledger)
    keep(ledger, bound(1, H.HEALTHY), bound(2, H.UNHEALTHY))
    before = rows(ledger)
    found = {place(1): H.HEALTHY, place(2): H.UNHEALTHY, place(9): H.HEALTHY}
    assert read(ledger, found) == 0
    assert rows(ledger) == before
    assert (cursor(ledger, "cls-a"), kept(ledger)) == (2, ["healthy", "unhealthy"])


def test_only_the_rows_that_change_are_written(ledger: Ledger) -> None:
    versions = "SELECT binding_id, xmin::text FROM bindings ORDER BY 1"
    furnish(ledger)
    keep(ledger, *(bound(number, H.HEALTHY) for number in range(1, 10)))
    before = dict(execute(ledger, versions))
    found = {place(number): H.UNHEALTHY if number == 4 else H.HEALTHY for number in range(1, 10)}
    assert read(ledger, found) == 1
    after = dict(execute(ledger, versions))
    assert {name for name in after if after[name] != before[name]} == {"b-4"}


def test_health_leaves_everything_else_of_a_binding_and_history_as_it_was(ledger: Ledger) -> None:
    binding = bound(1)
    read(ledger, {place(1): H.HEALTHY}, binding)
    after = look_up.binding(ledger, "b-1")
    assert after == replace(binding, health=H.HEALTHY, generation=binding.generation + 1)
    assert execute(ledger, "SELECT action FROM journal") == []
    assert execute(ledger, "SELECT reconciled_generation, wanted_generation FROM load_balancers") == [(0, 1), (0, 1)]


def test_no_answer_leaves_health_as_it_is_and_is_asked_for_again(ledger: Ledger) -> None:
    assert read(ledger, {}, bound(1, H.HEALTHY), unanswered={"lb-1": 4 * SECOND}) == 0
    assert kept(ledger) == ["healthy"]
    assert health_due(ledger) == [4, None]


def test_a_load_balancer_without_targets_is_not_asked_about_again_although_it_gave_no_answer(ledger: Ledger) -> None:
    read(ledger, {}, unanswered={"lb-1": 4 * SECOND, "lb-2": 4 * SECOND})
    assert health_due(ledger) == [None, None]


@pytest.mark.parametrize(
    ("known", "found", "expected"),
    [
        (H.UNKNOWN, H.HEALTHY, 30),
        (H.UNHEALTHY, H.OFF, 30),
        (H.HEALTHY, H.UNHEALTHY, 10),
        (H.UNHEALTHY, H.UNHEALTHY, 10),
        (H.HEALTHY, H.UNKNOWN, 10),  # bound long ago
    ],
)
def test_the_next_reading_is_due_by_what_this_one_showed(
    ledger: Ledger, known: Health, found: Health, expected: int
) -> None:
    read(ledger, {place(1): found}, bound(1, known), bound(2, H.HEALTHY, "lb-2"))
    assert health_due(ledger) == [expected, 30]


def test_a_binding_that_changed_while_the_cloud_was_asked_is_not_judged_by_the_answer(ledger: Ledger) -> None:
    lease, opening = opened(ledger, bound(1), bound(2))
    execute(ledger, "UPDATE bindings SET updated_at = clock_timestamp() WHERE binding_id = 'b-2'")
    found = {place(1): H.HEALTHY, place(2): H.HEALTHY}
    assert record_health(ledger, lease, opening, HealthReading(found, {}), PERIOD) == 1
    assert kept(ledger) == ["healthy", "unknown"]
    assert health_due(ledger)[0] == 1


def test_a_bind_while_the_cloud_was_asked_keeps_the_reading_that_it_asked_for(ledger: Ledger) -> None:
    lease, opening = opened(ledger, bound(1))
    execute(ledger, "UPDATE load_balancers SET health_due_at = now() + interval '4 seconds'")
    record_health(ledger, lease, opening, HealthReading({place(1): H.HEALTHY}, {}), PERIOD)
    assert health_due(ledger)[0] == 4


def test_a_worker_that_lost_its_lease_changes_no_row(ledger: Ledger) -> None:
    lease, opening = opened(ledger, bound(1))
    expire(ledger, lease)
    take(ledger)
    names = "SELECT bindings.xmin::text, health_due_at FROM bindings, load_balancers ORDER BY 2"
    before = execute(ledger, names)
    with pytest.raises(LeaseLost):
        record_health(ledger, lease, opening, HealthReading({place(1): H.HEALTHY}, {}), PERIOD)
    assert execute(ledger, names) == before
    for step in (lambda: open_health(ledger, lease, PERIOD, None, 30), lambda: end_health(ledger, lease)):
        with pytest.raises(LeaseLost):
            step()


def record_behind(
    ledger: Ledger,
    lease: Lease,
    opening: HealthOpening,
    meanwhile: Callable[[Connection], Any],
    found: Mapping[Place, Health] | None = None,
) -> None:
    """Record what was ``found`` (10.0.3.1 healthy), which waits for a load balancer; ``meanwhile`` is done before."""
    locked = threading.Event()

    def hold() -> None:
        with ledger.begin() as connection:
            load_balancers.lock(connection, ["lb-1"])
            locked.set()
            wait_until(lambda: waiting_for_locks(ledger))
            meanwhile(connection)

    def record() -> None:
        assert locked.wait(60)
        record_health(ledger, lease, opening, HealthReading(found or {place(1): H.HEALTHY}, {}), PERIOD)

    at_once([hold, record])


def test_what_changes_while_a_reading_waits_for_its_locks_is_not_overwritten(ledger: Ledger) -> None:
    lease, opening = opened(ledger, bound(1))
    change = "UPDATE bindings SET weight = 77, updated_at = clock_timestamp()"
    record_behind(ledger, lease, opening, lambda connection: connection.exec_driver_sql(change))
    assert execute(ledger, "SELECT health, weight FROM bindings") == [("unknown", 77)]


def test_what_becomes_due_after_the_first_opening_is_left_to_a_later_lease(ledger: Ledger) -> None:
    lease, first = opened(ledger, bound(1))
    assert set(first.due) == {"lb-1", "lb-2"}
    execute(
        ledger, "UPDATE load_balancers SET health_due_at = now() - interval '1 hour' WHERE load_balancer_id = 'lb-1'"
    )
    past = first.read_at - 10 * SECOND
    execute(ledger, "UPDATE load_balancers SET health_due_at = :at WHERE load_balancer_id = 'lb-2'", at=first.read_at)
    assert set(open_health(ledger, lease, PERIOD, past, 30).due) == {"lb-1"}
    execute(ledger, "UPDATE load_balancers SET health_due_at = :at", at=first.read_at)
    assert open_health(ledger, lease, PERIOD, past, 30).due == {}


def test_what_is_due_within_a_second_shares_the_call_but_makes_none(ledger: Ledger) -> None:
    lease, _ = opened(ledger)
    execute(ledger, "UPDATE load_balancers SET health_due_at = now() + interval '0.8 seconds'")
    assert open_health(ledger, lease, PERIOD, None, 30).due == {}
    execute(ledger, "UPDATE load_balancers SET health_due_at = now() WHERE load_balancer_id = 'lb-2'")
    assert list(open_health(ledger, lease, PERIOD, None, 30).due) == ["lb-2", "lb-1"]
    assert list(open_health(ledger, lease, PERIOD, None, 1).due) == ["lb-2"]


def test_an_ended_lease_is_free_for_others(ledger: Ledger) -> None:
    lease, _ = opened(ledger)
    end_health(ledger, lease)
    assert take(ledger).epoch == lease.epoch + 1


def test_a_registered_load_balancer_brings_the_work_of_reading_its_region_s_health(ledger: Ledger) -> None:
    register_load_balancer(ledger, "lb-1", account_id=ACCOUNT, region="ap-shanghai", actor="test")
    subjects = execute(ledger, "SELECT subject_id FROM leases WHERE subject = 'health'")
    assert subjects == ["ap-shanghai"]


def pass_over(ledger: Ledger, observed: Observed, *made: Binding) -> None:
    """A pass that finds nothing to write."""
    furnish(ledger, load_balancer_ids=["lb-1"])
    keep(ledger, *made)
    assert begin_write(ledger, take_pass(ledger), Inspection(observed), TERMS) is None


PENDING = replace(bound(1), state=State.PENDING)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (PENDING, 1),
        (bound(1), 1),
        (bound(1, H.HEALTHY), None),
        (bound(1, H.UNHEALTHY), None),
        (replace(bound(1), state=State.DRAINING, drain_until=datetime(2100, 1, 1, tzinfo=UTC)), None),
    ],
    ids=["newly bound", "bound before", "known", "unhealthy", "leaving"],
)
def test_a_pass_asks_for_health_soon_where_something_is_bound_that_nobody_knows_it_of(
    ledger: Ledger, made: Binding, expected: int | None
) -> None:
    leaving = made.state is State.DRAINING
    pass_over(ledger, there("10.0.3.1", weight=0 if leaving else 10), made)
    assert health_due(ledger) == [expected]


def test_a_held_target_that_is_gone_has_no_health_and_its_cluster_hears_of_that(ledger: Ledger) -> None:
    held = replace(bound(1, H.HEALTHY), state=State.HELD)
    furnish(ledger, load_balancer_ids=["lb-1"])
    keep(ledger, held)
    before = cursor(ledger, "cls-a")
    begin_write(ledger, take_pass(ledger), Inspection(there()), TERMS)
    assert kept(ledger) == ["unknown"]
    assert feed(ledger, "cls-a", before) == [("b-1", H.UNKNOWN)]
