"""One worker at a time per subject, by the database's clock; an old epoch changes no row."""

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest

from app.domain.errors import LeaseLost
from app.ledger import clusters, leases, load_balancers, regions
from app.ledger.connection import Connection, Ledger
from app.ledger.leases import Lease, LeaseSubject
from tests.ledger.building import ACCOUNT, at_once, execute, expire, fail, furnish, in_one

MINUTE = timedelta(minutes=1)
LB = LeaseSubject.LOAD_BALANCER


def take(
    ledger: Ledger,
    limit: int = 10,
    subject: LeaseSubject = LB,
    incarnation: str = "worker-1",
    duration: timedelta = MINUTE,
) -> list[Lease]:
    with ledger.begin() as connection:
        return leases.take(connection, subject, incarnation, duration, limit)


def ids(taken: list[Lease]) -> list[str]:
    return [lease.subject_id for lease in taken]


def test_a_taken_subject_is_taken_by_nobody_else(ledger: Ledger) -> None:
    furnish(ledger)
    assert sorted(ids(take(ledger))) == ["lb-1", "lb-2"]
    assert take(ledger, incarnation="worker-2") == []
    assert take(ledger, incarnation="worker-1") == []  # not even by the same worker's other hand


def test_every_taking_has_an_epoch_of_its_own(ledger: Ledger) -> None:
    furnish(ledger, load_balancer_ids=["lb-1"])
    epochs = []
    for _ in range(3):
        (lease,) = take(ledger)
        epochs.append(lease.epoch)
        with ledger.begin() as connection:
            leases.give_back(connection, lease)
    assert epochs == [1, 2, 3]


def test_holding_renews_a_lease(ledger: Ledger) -> None:
    furnish(ledger, load_balancer_ids=["lb-1"])
    (lease,) = take(ledger, duration=timedelta(milliseconds=1))
    with ledger.begin() as connection:
        leases.hold(connection, lease, MINUTE)
    assert take(ledger, incarnation="worker-2") == []


def test_an_expired_lease_is_taken_over_with_the_next_epoch(ledger: Ledger) -> None:
    furnish(ledger, load_balancer_ids=["lb-1"])
    (old,) = take(ledger, incarnation="worker-1")
    expire(ledger, old)
    (new,) = take(ledger, incarnation="worker-2")
    assert (new.subject_id, new.incarnation, new.epoch) == ("lb-1", "worker-2", old.epoch + 1)


def test_an_expired_lease_that_nobody_took_over_can_be_held_again(ledger: Ledger) -> None:
    furnish(ledger, load_balancer_ids=["lb-1"])
    (lease,) = take(ledger)
    expire(ledger, lease)
    with ledger.begin() as connection:
        leases.hold(connection, lease, MINUTE)
    assert take(ledger, incarnation="worker-2") == []


@pytest.mark.parametrize("step", ["hold", "give_back"])
def test_the_holder_of_an_old_epoch_changes_no_row(ledger: Ledger, step: str) -> None:
    furnish(ledger, load_balancer_ids=["lb-1"])
    (old,) = take(ledger)
    expire(ledger, old)
    (new,) = take(ledger)  # the same incarnation: the epoch alone tells them apart
    before = execute(ledger, "SELECT incarnation, epoch, expires_at FROM leases WHERE subject_id = 'lb-1'")

    def write(connection: Connection) -> None:
        connection.exec_driver_sql("UPDATE load_balancers SET last_error = 'from the grave'")
        leases.hold(connection, old, MINUTE) if step == "hold" else leases.give_back(connection, old)

    with pytest.raises(LeaseLost, match=f"lb-1: epoch {old.epoch} is over"):
        in_one(ledger, write)
    assert execute(ledger, "SELECT incarnation, epoch, expires_at FROM leases WHERE subject_id = 'lb-1'") == before
    assert execute(ledger, "SELECT last_error FROM load_balancers") == [None]
    with ledger.begin() as connection:
        leases.hold(connection, new, MINUTE)


def test_a_lease_that_was_given_back_is_over_for_who_had_it(ledger: Ledger) -> None:
    furnish(ledger, load_balancer_ids=["lb-1"])
    (lease,) = take(ledger)
    with ledger.begin() as connection:
        leases.give_back(connection, lease)
    with pytest.raises(LeaseLost):
        in_one(ledger, lambda connection: leases.hold(connection, lease, MINUTE))


def test_a_lease_given_back_in_a_transaction_that_fails_is_still_held(ledger: Ledger) -> None:
    furnish(ledger, load_balancer_ids=["lb-1"])
    (lease,) = take(ledger)
    with pytest.raises(ZeroDivisionError):
        in_one(ledger, lambda connection: leases.give_back(connection, lease), fail)
    assert take(ledger, incarnation="worker-2") == []


def test_offering_a_subject_again_takes_it_from_nobody(ledger: Ledger) -> None:
    furnish(ledger, load_balancer_ids=["lb-1"])
    (lease,) = take(ledger)
    with ledger.begin() as connection:
        leases.offer(connection, ACCOUNT, LB, "lb-1")
    assert take(ledger, incarnation="worker-2") == []
    with ledger.begin() as connection:
        leases.hold(connection, lease, MINUTE)


def test_eight_workers_at_once_take_each_of_forty_subjects_exactly_once(ledger: Ledger) -> None:
    expected = [f"lb-{number:02}" for number in range(40)]
    furnish(ledger, cluster_ids=[], load_balancer_ids=expected, inventory=None)

    def all_that_is_left(incarnation: str) -> list[Lease]:
        mine: list[Lease] = []
        while len(execute(ledger, "SELECT 1 FROM leases WHERE incarnation IS NULL")):
            mine += take(ledger, 3, incarnation=incarnation)
        return mine

    taken = at_once([partial(all_that_is_left, f"worker-{number}") for number in range(8)])
    counts = Counter(lease.subject_id for mine in taken for lease in mine)
    assert counts == dict.fromkeys(expected, 1)
    assert {lease.epoch for mine in taken for lease in mine} == {1}
    assert all(lease.incarnation == f"worker-{number}" for number, mine in enumerate(taken) for lease in mine)


def test_a_row_that_another_transaction_is_taking_is_skipped_not_waited_for(ledger: Ledger) -> None:
    furnish(ledger)
    with ledger.begin() as connection:
        (first,) = leases.take(connection, LB, "worker-1", MINUTE, 1)
        (second,) = take(ledger, 10, incarnation="worker-2")
        assert {first.subject_id, second.subject_id} == {"lb-1", "lb-2"}


def test_no_more_than_the_limit_is_taken_and_the_longest_due_first(ledger: Ledger) -> None:
    furnish(ledger, load_balancer_ids=["lb-1", "lb-2", "lb-3"])
    execute(ledger, "UPDATE load_balancers SET due_at = now() - interval '1 hour' WHERE load_balancer_id = 'lb-2'")
    execute(ledger, "UPDATE load_balancers SET due_at = now() - interval '1 minute' WHERE load_balancer_id = 'lb-3'")
    assert ids(take(ledger, 1)) == ["lb-2"]
    assert ids(take(ledger, 1)) == ["lb-3"]


@pytest.mark.parametrize("column", ["due_at", "not_before"])
def test_a_load_balancer_is_left_alone_until_it_is_due_and_no_longer_spared(ledger: Ledger, column: str) -> None:
    furnish(ledger, load_balancer_ids=["lb-1"])
    execute(ledger, f"UPDATE load_balancers SET {column} = now() + interval '1 hour'")
    assert take(ledger) == []
    execute(ledger, f"UPDATE load_balancers SET {column} = now() - interval '1 second'")
    assert ids(take(ledger)) == ["lb-1"]


def test_wanting_something_makes_a_load_balancer_due_but_does_not_end_its_pause(ledger: Ledger) -> None:
    furnish(ledger, load_balancer_ids=["lb-1"])
    execute(ledger, "UPDATE load_balancers SET due_at = 'infinity', not_before = now() + interval '1 hour'")
    with ledger.begin() as connection:
        load_balancers.want(connection, ["lb-1"])
    assert take(ledger) == []
    execute(ledger, "UPDATE load_balancers SET not_before = now()")
    assert ids(take(ledger)) == ["lb-1"]


def test_a_cluster_where_nothing_waits_is_not_verified(ledger: Ledger) -> None:
    furnish(ledger)
    assert take(ledger, subject=LeaseSubject.VERIFICATION) == []
    with ledger.begin() as connection:
        clusters.want_verification(connection, "cls-b")
    assert ids(take(ledger, subject=LeaseSubject.VERIFICATION)) == ["cls-b"]


def test_a_cluster_whose_topology_an_operator_stated_is_read_from_the_cloud_all_the_same(ledger: Ledger) -> None:
    """What it is made of, its version and its machines, no operator states."""
    furnish(ledger)  # with stated topologies
    assert sorted(ids(take(ledger, subject=LeaseSubject.TOPOLOGY, limit=9))) == ["cls-a", "cls-b"]


def test_regions_are_taken_when_they_are_due(ledger: Ledger) -> None:
    with ledger.begin() as connection:
        for region in ("r-1", "r-2"):
            regions.offer(connection, ACCOUNT, region)
            leases.offer(connection, ACCOUNT, LeaseSubject.REGION, region)
        regions.read_again(connection, ACCOUNT, "r-1", MINUTE, "the cloud is silent")
    assert ids(take(ledger, subject=LeaseSubject.REGION, limit=9)) == ["r-2"]
    assert execute(ledger, "SELECT error FROM regions ORDER BY region") == ["the cloud is silent", None]


def test_proofs_are_looked_at_again_when_that_is_due(ledger: Ledger) -> None:
    furnish(ledger)
    execute(ledger, "UPDATE clusters SET reverification_due_at = now() + interval '1 hour' WHERE cluster_id = 'cls-b'")
    assert ids(take(ledger, subject=LeaseSubject.REVERIFICATION, limit=9)) == ["cls-a"]


def test_leases_on_one_cluster_for_two_purposes_do_not_hinder_each_other(ledger: Ledger) -> None:
    furnish(ledger, cluster_ids=["cls-a"])
    execute(ledger, "UPDATE clusters SET topology_setting = NULL, verification_due_at = now()")
    assert ids(take(ledger, subject=LeaseSubject.TOPOLOGY)) == ["cls-a"]
    (lease,) = take(ledger, subject=LeaseSubject.VERIFICATION)
    assert lease.subject_id == "cls-a"
    with ledger.begin() as connection:
        leases.give_back(connection, lease)
    assert take(ledger, subject=LeaseSubject.TOPOLOGY) == []
