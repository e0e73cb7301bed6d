"""Load balancers are taken in turn for each cluster that wants something there; accounts can be passed over."""

import pytest

from app.ledger import leases, load_balancers
from app.ledger.connection import Ledger
from app.ledger.leases import LeaseSubject
from tests.ledger.building import ACCOUNT, execute, furnish
from tests.ledger.test_leases import LB, MINUTE, ids, take

NOISY = [f"lb-{number:02}" for number in range(1, 7)]


def want(ledger: Ledger, cluster_id: str, *load_balancer_ids: str) -> None:
    for load_balancer_id in load_balancer_ids:
        with ledger.begin() as connection:
            load_balancers.want(connection, [load_balancer_id], cluster_id=cluster_id)


def made_ready(ledger: Ledger, *load_balancer_ids: str) -> None:
    furnish(ledger, load_balancer_ids=load_balancer_ids)
    execute(ledger, "UPDATE load_balancers SET due_at = now() + interval '1 day', not_before = now()")


def taken_one_by_one(ledger: Ledger, count: int) -> list[str]:
    return [ids(take(ledger, limit=1))[0] for _ in range(count)]


def test_a_single_load_balancer_of_one_cluster_does_not_stand_behind_all_of_another_s(ledger: Ledger) -> None:
    made_ready(ledger, *NOISY, "lb-quiet")
    want(ledger, "cls-a", *NOISY)
    want(ledger, "cls-b", "lb-quiet")
    assert taken_one_by_one(ledger, 4) == ["lb-01", "lb-quiet", "lb-02", "lb-03"]


def test_a_load_balancer_that_several_clusters_wait_for_goes_by_the_best_of_their_turns(ledger: Ledger) -> None:
    made_ready(ledger, *NOISY, "lb-shared")
    want(ledger, "cls-a", *NOISY, "lb-shared")
    want(ledger, "cls-b", "lb-shared")
    assert taken_one_by_one(ledger, 3) == ["lb-01", "lb-shared", "lb-02"]


def test_within_a_cluster_what_was_due_first_is_taken_first(ledger: Ledger) -> None:
    made_ready(ledger, *NOISY)
    want(ledger, "cls-a", *reversed(NOISY))
    assert taken_one_by_one(ledger, 6) == list(reversed(NOISY))


def test_what_is_only_looked_at_again_has_its_turn_too(ledger: Ledger) -> None:
    made_ready(ledger, *NOISY, "lb-swept")
    want(ledger, "cls-a", *NOISY)
    execute(ledger, "UPDATE load_balancers SET due_at = now() WHERE load_balancer_id = 'lb-swept'")
    assert "lb-swept" in taken_one_by_one(ledger, 2)


def test_who_wants_something_is_kept_until_nothing_is_left_to_do(ledger: Ledger) -> None:
    made_ready(ledger, "lb-1")
    want(ledger, "cls-a", "lb-1", "lb-1")
    want(ledger, "cls-b", "lb-1")
    assert execute(ledger, "SELECT wanted_by FROM load_balancers") == [["cls-a", "cls-b"]]


def test_nothing_is_taken_of_an_account_that_is_passed_over(ledger: Ledger) -> None:
    made_ready(ledger, "lb-1")
    want(ledger, "cls-a", "lb-1")
    with ledger.statements() as connection:
        assert leases.take(connection, LB, "worker-1", MINUTE, 10, [ACCOUNT, "another"]) == []
        assert ids(leases.take(connection, LB, "worker-1", MINUTE, 10, ["another"])) == ["lb-1"]


@pytest.mark.parametrize("subject", list(LeaseSubject))
def test_work_is_found_where_there_is_some_to_take_and_nowhere_else(ledger: Ledger, subject: LeaseSubject) -> None:
    furnish(ledger)
    others = [each for each in LeaseSubject if each is not subject]
    for other in others:
        take(ledger, subject=other)
    execute(ledger, "UPDATE load_balancers SET health_due_at = now() - interval '1 hour'")
    if subject is not LeaseSubject.HEALTH:
        take(ledger, subject=LeaseSubject.HEALTH)
    expected = {subject} if take_is_possible(ledger, subject) else set()
    with ledger.statements() as connection:
        assert leases.due(connection, [*others, subject]) == expected
        taken = leases.take(connection, subject, "worker-1", MINUTE, 100)
        assert bool(taken) is bool(expected)
        assert leases.due(connection, [subject]) == set()


def take_is_possible(ledger: Ledger, subject: LeaseSubject) -> bool:
    """Whether furnishing a ledger leaves work of this kind, in plain words: a lease that nobody has."""
    free = "SELECT count(*) FROM leases WHERE subject = :subject AND incarnation IS NULL"
    waits = "SELECT count(*) FROM clusters WHERE verification_due_at <= now()"
    if subject is LeaseSubject.VERIFICATION and not execute(ledger, waits)[0]:
        return False
    return bool(execute(ledger, free, subject=subject)[0])
