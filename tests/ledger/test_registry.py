"""Clusters, load balancers, grants and tokens as rows, and the load balancer's place in the queue."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.cluster import Platform, Topology, Verification
from app.domain.load_balancer import Grant, Inventory
from app.ledger import clusters, grants, load_balancers, tokens, topologies
from app.ledger.connection import Connection, Ledger, clock
from app.ledger.tokens import KeptToken
from tests.ledger.building import ACCOUNT, INVENTORY, REGION, THEN, TOPOLOGY, execute, furnish

SECOND = timedelta(seconds=1)
PLATFORM = Platform(known=True, kubernetes_version="1.30.0", network_type="VPC-CNI", vpc_cni=True)


def put_cluster(connection: Connection, **changes: Any) -> bool:
    usual: dict[str, Any] = {
        "account_id": ACCOUNT,
        "cluster_id": "cls-a",
        "region": REGION,
        "verification": Verification.STRICT,
        "topology": None,
        "max_removal_share": 0.3,
    }
    return clusters.put(connection, **(usual | changes))[1]


def test_a_cluster_is_new_once_and_replaced_after_that(ledger: Ledger) -> None:
    with ledger.begin() as connection:
        assert put_cluster(connection)
        assert not put_cluster(connection, region="ap-shanghai", verification=Verification.DECLARED, topology=TOPOLOGY)
        kept = clusters.find(connection, "cls-a")
    assert kept is not None
    assert (kept.region, kept.verification, kept.topology) == ("ap-shanghai", Verification.DECLARED, TOPOLOGY)


def test_a_discovered_topology_outlives_a_stated_one(ledger: Ledger) -> None:
    found = Topology("vpc-found")
    with ledger.begin() as connection:
        put_cluster(connection)
        topologies.record(connection, "cls-a", found, PLATFORM, THEN)
        put_cluster(connection, topology=TOPOLOGY)
        stated = clusters.find(connection, "cls-a")
        put_cluster(connection)
        again = clusters.find(connection, "cls-a")
    assert stated is not None
    assert again is not None
    assert (stated.topology, again.topology) == (TOPOLOGY, found)


def test_a_topology_that_could_not_be_read_leaves_the_last_one_in_use(ledger: Ledger) -> None:
    with ledger.begin() as connection:
        put_cluster(connection)
        topologies.record(connection, "cls-a", TOPOLOGY, PLATFORM, THEN)
        topologies.record_error(connection, "cls-a", "the cloud is silent")
        kept = clusters.find(connection, "cls-a")
    assert kept is not None
    assert (kept.topology, kept.topology_error) == (TOPOLOGY, "the cloud is silent")


def test_clusters_and_load_balancers_are_listed_after_an_id(ledger: Ledger) -> None:
    furnish(ledger, ["c-1", "c-2", "c-3"], ["l-1", "l-2", "l-3"])
    with ledger.begin() as connection:
        assert [each.cluster_id for each in clusters.listing(connection, "c-1", 1)] == ["c-2"]
        assert [each.cluster_id for each in clusters.listing(connection, "", 9)] == ["c-1", "c-2", "c-3"]
        assert [each.load_balancer_id for each in load_balancers.listing(connection, "l-2", 9)] == ["l-3"]


def test_locking_what_is_not_there_locks_nothing(ledger: Ledger) -> None:
    furnish(ledger)
    with ledger.begin() as connection:
        assert clusters.lock(connection, ["cls-none"]) == []
        assert list(load_balancers.lock(connection, ["lb-2", "lb-none", "lb-1"])) == ["lb-1", "lb-2"]


@pytest.mark.parametrize(
    "inventory",
    [INVENTORY, Inventory("", (), ()), replace(INVENTORY, internal=True, snat_pro=True)],
    ids=["full", "bare", "wide"],
)
def test_an_inventory_comes_back_as_it_was_read(ledger: Ledger, inventory: Inventory) -> None:
    furnish(ledger, inventory=inventory)
    with ledger.begin() as connection:
        kept = load_balancers.find(connection, "lb-1")
    assert kept is not None
    assert (kept.inventory, kept.missing) == (inventory, False)
    assert kept.inventory_read_at is not None


def test_a_load_balancer_that_is_gone_keeps_its_last_inventory(ledger: Ledger) -> None:
    furnish(ledger)
    with ledger.begin() as connection:
        load_balancers.record_inventory(connection, "lb-1", None)
        kept = load_balancers.find(connection, "lb-1")
    assert kept is not None
    assert (kept.inventory, kept.missing) == (INVENTORY, True)


def test_an_inventory_of_an_earlier_version_is_that_of_an_ordinary_load_balancer(ledger: Ledger) -> None:
    furnish(ledger)
    execute(ledger, "UPDATE load_balancers SET inventory = inventory - 'internal' - 'snat_pro'")
    with ledger.begin() as connection:
        kept = load_balancers.find(connection, "lb-1")
    assert kept is not None
    assert kept.inventory == INVENTORY


def finish(ledger: Ledger, **changes: Any) -> tuple[int, int]:
    """End a pass over lb-1; in how many seconds it is due, and until when it is left alone."""
    usual: dict[str, Any] = {
        "reconciled": 1,
        "due_in": 60 * SECOND,
        "due_at": None,
        "not_before": 0 * SECOND,
        "failures": 0,
        "error": None,
    }
    with ledger.begin() as connection:
        load_balancers.finish_pass(connection, "lb-1", **(usual | changes))
        statement = "SELECT due_at - now(), not_before - now() FROM load_balancers WHERE load_balancer_id = 'lb-1'"
        due, spared = connection.exec_driver_sql(statement).one()
    return round(due.total_seconds()), round(spared.total_seconds())


def test_after_a_pass_that_left_nothing_the_next_one_is_a_sweep(ledger: Ledger) -> None:
    furnish(ledger)
    assert finish(ledger)[0] == 60
    assert execute(ledger, "SELECT reconciled_generation, wanted_at FROM load_balancers ORDER BY 1 DESC LIMIT 1") == [
        (1, None)
    ]


def test_after_a_pass_the_earlier_of_sweep_and_next_look_counts(ledger: Ledger) -> None:
    furnish(ledger)
    now = datetime.now(UTC)
    assert finish(ledger, due_at=now + 30 * SECOND)[0] == 30
    assert finish(ledger, due_at=now + 90 * SECOND)[0] == 60


def test_events_that_came_during_a_pass_make_the_next_one_due_at_once(ledger: Ledger) -> None:
    furnish(ledger)
    with ledger.begin() as connection:
        load_balancers.want(connection, ["lb-1"])
    assert finish(ledger, reconciled=1)[0] == 0
    (wanted_at,) = execute(ledger, "SELECT wanted_at FROM load_balancers WHERE load_balancer_id = 'lb-1'")
    assert wanted_at is not None
    assert finish(ledger, reconciled=2)[0] == 60


def test_an_unfinished_pass_is_due_again_but_not_before_its_pause(ledger: Ledger) -> None:
    furnish(ledger)
    assert finish(ledger, reconciled=None, due_in=0 * SECOND, not_before=8 * SECOND, failures=3, error="busy") == (0, 8)
    with ledger.begin() as connection:
        kept = load_balancers.find(connection, "lb-1")
    assert kept is not None
    assert (kept.failures, kept.last_error, kept.reconciled_generation) == (3, "busy", 0)


def test_the_wait_of_what_is_wanted_counts_from_its_first_wish(ledger: Ledger) -> None:
    furnish(ledger)
    finish(ledger)
    for _ in range(2):
        with ledger.begin() as connection:
            load_balancers.want(connection, ["lb-1"], event=True)
    ((wanted, first, last),) = execute(
        ledger,
        "SELECT wanted_generation, wanted_at, last_event_at FROM load_balancers WHERE load_balancer_id = 'lb-1'",
    )
    assert wanted == 3
    assert first < last


@pytest.mark.parametrize(
    ("wishes", "due"),
    [((False,), 0), ((True,), -5), ((False, True), -5), ((True, False), -5), ((True, True), -5)],
)
def test_where_a_target_leaves_a_pass_is_due_as_if_it_had_been_asked_for_earlier(
    ledger: Ledger, wishes: tuple[bool, ...], due: int
) -> None:
    furnish(ledger)
    execute(ledger, "UPDATE load_balancers SET due_at = now() + interval '1 minute'")
    with ledger.begin() as connection:
        for first in wishes:
            load_balancers.want(connection, ["lb-1"], first=first)
        statement = "SELECT due_at - now() FROM load_balancers WHERE load_balancer_id = 'lb-1'"
        found = connection.exec_driver_sql(statement).scalar_one()
    assert timedelta(seconds=due) <= found < timedelta(seconds=due + 5)


@pytest.mark.parametrize("factor", [None, 2.5])
def test_the_tail_is_kept_when_a_write_is_over_and_only_then(ledger: Ledger, factor: float | None) -> None:
    furnish(ledger)
    finish(ledger, tail_factor=factor, not_before=8 * SECOND)
    with ledger.begin() as connection:
        kept = load_balancers.find(connection, "lb-1")
    assert kept is not None
    assert kept.tail_factor == (factor or 1.0)
    ends = "SELECT abs(extract(epoch FROM tail_ends_at - not_before)) < 1 FROM load_balancers ORDER BY load_balancer_id"
    assert execute(ledger, ends) == [True if factor else None, None]


def test_wanting_something_of_nothing_touches_nothing(ledger: Ledger) -> None:
    furnish(ledger)
    before = execute(ledger, "SELECT * FROM load_balancers ORDER BY load_balancer_id")
    with ledger.begin() as connection:
        load_balancers.want(connection, [])
        load_balancers.want(connection, ["lb-none"])
    assert execute(ledger, "SELECT * FROM load_balancers ORDER BY load_balancer_id") == before


def test_the_time_of_the_last_event_is_kept(ledger: Ledger) -> None:
    furnish(ledger)
    with ledger.begin() as connection:
        assert load_balancers.lock(connection, ["lb-1"])["lb-1"].last_event_at is None
        load_balancers.want(connection, ["lb-1"])
        assert load_balancers.lock(connection, ["lb-1"])["lb-1"].last_event_at is None
        load_balancers.want(connection, ["lb-1"], event=True)
        last_event_at = load_balancers.lock(connection, ["lb-1"])["lb-1"].last_event_at
        assert last_event_at is not None
        assert timedelta(0) <= clock(connection) - last_event_at < 60 * SECOND


def test_a_grant_is_replaced_found_from_both_sides_and_removed_once(ledger: Ledger) -> None:
    furnish(ledger)
    with ledger.begin() as connection:
        assert not grants.put(connection, ACCOUNT, "lb-1", "cls-a", ["lbl-1", "lbl-2"])[1]
        expected = Grant("lb-1", "cls-a", ("lbl-1", "lbl-2"))
        assert grants.of_cluster(connection, "cls-a", ["lb-1", "lb-none"]) == {"lb-1": expected}
        assert list(grants.of_load_balancer(connection, "lb-1")) == ["cls-a", "cls-b"]
        assert grants.remove(connection, "lb-1", "cls-a")
        assert not grants.remove(connection, "lb-1", "cls-a")
        assert list(grants.of_load_balancer(connection, "lb-1")) == ["cls-b"]


def test_a_token_is_valid_until_it_is_revoked_or_expires(ledger: Ledger) -> None:
    furnish(ledger)
    agent, person = KeptToken("t-1", "hash", "agent", None, "cls-a"), KeptToken("t-2", "hash", "viewer", "ann", None)
    with ledger.begin() as connection:
        tokens.add(connection, agent, datetime.now(UTC) + SECOND * 60)
        tokens.add(connection, person, None)
        assert (tokens.find_valid(connection, "t-1"), tokens.find_valid(connection, "t-2")) == (agent, person)
        assert tokens.find_valid(connection, "t-3") is None
        assert tokens.revoke(connection, "t-2")
        assert not tokens.revoke(connection, "t-2")
        assert tokens.find_valid(connection, "t-2") is None
    execute(ledger, "UPDATE tokens SET expires_at = now() - interval '1 second' WHERE token_id = 't-1'")
    with ledger.begin() as connection:
        assert tokens.find_valid(connection, "t-1") is None
