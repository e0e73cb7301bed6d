"""Looking things up, and waiting for changes without keeping a transaction open."""

import pytest

from app.broker import look_up
from app.broker.identifiers import new_identifier, new_identifiers
from app.domain.binding import State
from app.domain.errors import RequestRefused
from app.ledger.connection import Ledger
from tests.ledger.building import a_binding, execute, furnish, keep


def test_what_is_known_is_found_and_what_is_not_is_none(ledger: Ledger) -> None:
    furnish(ledger)
    keep(ledger, a_binding("b-1"))
    cluster, balancer = look_up.cluster(ledger, "cls-a"), look_up.load_balancer(ledger, "lb-1")
    binding = look_up.binding(ledger, "b-1")
    assert (cluster and cluster.cluster_id, balancer and balancer.load_balancer_id) == ("cls-a", "lb-1")
    assert binding == a_binding("b-1")
    for find in (look_up.cluster, look_up.load_balancer, look_up.binding):
        assert find(ledger, "unknown") is None
    assert [each.cluster_id for each in look_up.list_clusters(ledger, "cls-a", 5)] == ["cls-b"]
    assert [each.load_balancer_id for each in look_up.list_load_balancers(ledger, "", 1)] == ["lb-1"]
    assert look_up.list_bindings(ledger, {"state": "pending"}, "", 5) == [a_binding("b-1")]
    assert set(look_up.grants(ledger, "lb-1")) == {"cls-a", "cls-b"}


def test_grants_of_an_unknown_load_balancer_are_refused(ledger: Ledger) -> None:
    with pytest.raises(RequestRefused) as raised:
        look_up.grants(ledger, "lb-none")
    assert (raised.value.status, raised.value.code) == (404, "load-balancer-not-found")


def test_a_reader_of_changes_waits_for_the_first_and_not_longer(ledger: Ledger) -> None:
    furnish(ledger)
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        assert execute(ledger, "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'") == [0]
        pauses.append(seconds)
        if len(pauses) == 3:
            keep(ledger, a_binding("b-1", State.BOUND))

    ((number, binding),) = look_up.list_changes(ledger, "cls-a", 0, 10, wait_seconds=60, pause=pause)
    assert (number, binding.binding_id, len(pauses)) == (1, "b-1", 3)


def test_a_reader_of_changes_that_waits_in_vain_hears_of_none(ledger: Ledger) -> None:
    furnish(ledger)
    assert look_up.list_changes(ledger, "cls-a", 0, 10, wait_seconds=0) == []
    assert look_up.list_changes(ledger, "cls-a", 0, 10, wait_seconds=0.01) == []


def test_a_migrated_ledger_is_ready_and_another_one_is_not(ledger: Ledger) -> None:
    assert look_up.ready(ledger)
    execute(ledger, "UPDATE alembic_version SET version_num = '0000'")
    try:
        assert not look_up.ready(ledger)
    finally:
        execute(ledger, "UPDATE alembic_version SET version_num = '0001'")


def test_identifiers_are_never_repeated_and_stand_in_the_order_of_their_time() -> None:
    made = [next(numbers) for numbers in [new_identifiers("b")] for _ in range(1000)]
    assert len(set(made)) == 1000
    prefixes = [each[: len("b-") + 12] for each in made]
    assert prefixes == sorted(prefixes)
    assert new_identifier("t").startswith("t-")
