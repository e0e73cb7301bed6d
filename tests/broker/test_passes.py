"""When a load balancer is looked at again, and what a reading says of listeners, drains and bursts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.broker.converge import begin_write, end_write, fail_pass, open_pass
from app.domain.binding import Binding, State
from app.domain.codes import Code
from app.domain.load_balancer import Inventory, Listener, Slot
from app.domain.target import TargetName
from app.ledger import load_balancers
from app.ledger.connection import Ledger
from app.planning.observed import Inspection, Observed
from app.planning.plan import Kind
from tests.broker.passes import (
    BOUND,
    DONE,
    LAST,
    MINUTE,
    NOTHING,
    NOW,
    OTHER,
    PENDING,
    TERMS,
    begun,
    kept,
    operations,
    queue,
    ready,
    take,
    there,
)
from tests.ledger.building import INVENTORY, a_binding, execute, furnish, keep


def test_a_pass_opens_with_what_is_at_work_and_how_old_the_inventory_is(ledger: Ledger) -> None:
    lease = ready(ledger, PENDING, a_binding("b-2", slot=Slot("lbl-web", "loc-1"), ip="10.0.4.1"))
    opening = open_pass(ledger, lease, TERMS)
    assert opening.load_balancer.inventory == INVENTORY
    assert opening.listener_ids == {"lbl-1", "lbl-web"}
    assert (opening.unresolved, opening.doubted) == (False, False)
    assert NOW <= opening.inventory_age < MINUTE


@pytest.mark.parametrize(
    "waiting",
    [
        a_binding("b-1", State.VERIFYING, slot=None),
        a_binding("b-1", State.HELD, slot=None, reason=Code.LISTENER_NOT_FOUND),
        a_binding("b-1", State.HELD, slot=None, reason=Code.LOAD_BALANCER_NOT_FOUND),
    ],
    ids=lambda binding: binding.reason or binding.state,
)
def test_a_binding_that_waits_for_a_listener_asks_for_the_inventory(ledger: Ledger, waiting: Binding) -> None:
    assert open_pass(ledger, ready(ledger, waiting), TERMS).unresolved


def test_an_inventory_that_was_never_read_is_older_than_any(ledger: Ledger) -> None:
    furnish(ledger, load_balancer_ids=["lb-1"], inventory=None)
    assert open_pass(ledger, take(ledger), TERMS).inventory_age == timedelta.max


def test_a_pass_that_could_not_read_concludes_nothing_and_pauses_longer_each_time(ledger: Ledger) -> None:
    lease = ready(ledger, BOUND)
    pauses = []
    for _ in range(7):
        fail_pass(ledger, lease, "the cloud is silent", TERMS, 0.0)
        statement = "SELECT extract(epoch FROM not_before - expires_at)::float8 FROM load_balancers, leases"
        pauses += execute(ledger, f"{statement} WHERE subject_id = load_balancer_id")
        execute(ledger, "UPDATE load_balancers SET not_before = now()")
        lease = take(ledger)
    expected = [0.25, 0.5, 1, 2, 4, 8, 8]
    assert all(full / 2 < pause <= full for pause, full in zip(pauses, expected, strict=True))
    assert open_pass(ledger, lease, TERMS).doubted
    assert kept(ledger) == [("bound", None, True)]


def many(count: int) -> list[Binding]:
    now = datetime.now(UTC)
    return [replace(PENDING, binding_id=f"b-{n:03}", ip=f"10.0.4.{n}", updated_at=now) for n in range(count)]


def test_a_burst_that_still_grows_is_waited_for_and_a_small_one_is_not(ledger: Ledger) -> None:
    # Times a minute ahead, so that nothing is over on a slow machine either.
    soon = datetime.now(UTC) + timedelta(minutes=1)
    lease = ready(ledger, *(replace(each, updated_at=soon) for each in many(20)))
    execute(ledger, "UPDATE load_balancers SET last_event_at = now() + interval '1 minute'")
    assert begin_write(ledger, lease, Inspection(NOTHING), TERMS) is None
    assert queue(ledger) == (0, 0, False, None, True)
    assert operations(ledger) == []
    execute(ledger, "UPDATE load_balancers SET last_event_at = now() - interval '1 second', not_before = now()")
    assert len(begun(ledger, take(ledger)).batch.changes) == 20


def test_a_burst_is_not_waited_for_longer_than_its_first_change_may_wait(ledger: Ledger) -> None:
    late = [replace(each, updated_at=datetime.now(UTC) - timedelta(seconds=2)) for each in many(20)]
    lease = ready(ledger, *late)
    execute(ledger, "UPDATE load_balancers SET last_event_at = now() + interval '1 minute'")
    assert len(begun(ledger, lease).batch.changes) == 20


def test_a_drain_that_ends_makes_the_next_pass_due_then(ledger: Ledger) -> None:
    until = datetime.now(UTC) + timedelta(seconds=20)
    lease = ready(ledger, replace(BOUND, state=State.DRAINING, drain_until=until))
    assert begin_write(ledger, lease, Inspection(there("10.0.3.17", weight=0)), TERMS) is None
    assert 18 <= queue(ledger)[0] <= 20


def test_a_drain_that_is_over_is_followed_by_the_removal(ledger: Ledger) -> None:
    lease = ready(ledger, replace(BOUND, state=State.DRAINING, drain_until=datetime.now(UTC)))
    assert begun(ledger, lease, there("10.0.3.17", weight=0)).batch.kind is Kind.DEREGISTER
    assert kept(ledger) == [("removing", None, True)]


def test_a_listener_that_was_not_read_leaves_its_bindings_and_is_asked_for_again(ledger: Ledger) -> None:
    lease = ready(ledger, PENDING, replace(BOUND, binding_id="b-2", target=OTHER, slot=Slot("lbl-2", "")))
    read = replace(there("10.0.3.17"), listener_ids=frozenset({"lbl-1"}))
    assert begin_write(ledger, lease, Inspection(read), TERMS) is None
    assert kept(ledger) == [("bound", None, True), ("bound", None, True)]
    assert queue(ledger)[3] == "not read yet: lbl-2"


def test_a_listener_that_is_gone_takes_its_targets_along(ledger: Ledger) -> None:
    lease = ready(ledger, BOUND, replace(BOUND, binding_id="b-2", ip="10.0.4.2", state=State.DRAINING))
    rest = Inventory("vpc-1", (), (Listener("lbl-2", "TCP", 81),))
    begin_write(ledger, lease, Inspection(Observed(frozenset({"lbl-2"})), rest), TERMS)
    assert kept(ledger) == [("held", "listener-not-found", False), ("released", None, False)]


def test_a_load_balancer_that_is_gone_holds_what_was_bound_and_the_return_of_it_brings_all_back(ledger: Ledger) -> None:
    lease = ready(ledger, BOUND)
    assert begin_write(ledger, lease, Inspection(Observed(frozenset()), missing=True), TERMS) is None
    assert kept(ledger) == [("held", "load-balancer-not-found", False)]
    execute(ledger, "UPDATE load_balancers SET due_at = now(), not_before = now()")
    intent = begin_write(ledger, take(ledger), Inspection(NOTHING, INVENTORY), TERMS)
    assert intent is not None
    assert intent.batch.kind is Kind.REGISTER
    assert kept(ledger) == [("pending", None, True)]


def test_what_waits_for_a_place_gets_it_when_the_holder_leaves(ledger: Ledger) -> None:
    leaving = replace(BOUND, state=State.REMOVING)
    waiting = a_binding("b-2", State.HELD, reason=Code.CLAIMED_BY_OTHER_CLUSTER, cluster_id="cls-b")
    lease = ready(ledger, leaving, waiting)
    intent = begun(ledger, lease)  # the target is gone from the cloud already
    assert [change.binding_id for change in intent.batch.changes] == ["b-2"]
    assert kept(ledger) == [("released", None, False), ("pending", None, True)]


def test_events_that_come_between_reading_and_recording_make_another_pass_due(ledger: Ledger) -> None:
    lease = ready(ledger, PENDING)
    intent = begun(ledger, lease)
    with ledger.begin() as connection:
        load_balancers.want(connection, ["lb-1"])
    end_write(ledger, lease, intent, DONE, there("10.0.3.17"), TERMS, LAST)
    keep(ledger, replace(PENDING, binding_id="b-2", target=TargetName("lb-1", 9090, listener_id="lbl-1")))
    with ledger.begin() as connection:
        load_balancers.want(connection, ["lb-1"])
    assert queue(ledger)[:3] == (0, 0, False)
