"""The networks and machines of clusters, and the clusters around one."""

from datetime import timedelta

import pytest

from app.domain.cluster import Node, Platform, Topology
from app.ledger import clusters, topologies
from app.ledger.connection import Ledger
from app.ownership.evidence import Neighbour
from tests.ledger.building import ACCOUNT, THEN, TOPOLOGY, execute, furnish

PLATFORM = Platform(known=True, kubernetes_version="1.30.0", network_type="GR", vpc_cni=None)
FOUND = Topology("vpc-found", ("172.20.0.0/16",), None, ("subnet-9",))
ONE = Node("cls-a", "ins-1", "10.0.1.1", ("sg-1",))
TWO = Node("cls-a", "ins-2", "10.0.1.2")
OTHER = Node("cls-b", "ins-3", "10.0.1.3")


def discovered(ledger: Ledger) -> None:
    """Both clusters, with no operator's word on their networks."""
    furnish(ledger)
    execute(ledger, "UPDATE clusters SET topology_setting = NULL")


def test_what_was_read_of_a_cluster_comes_back_as_it_was_read(ledger: Ledger) -> None:
    discovered(ledger)
    with ledger.begin() as connection:
        topologies.record_error(connection, "cls-a", "the cloud is silent")
        topologies.record(connection, "cls-a", FOUND, PLATFORM, THEN)
        kept, other = clusters.find(connection, "cls-a"), clusters.find(connection, "cls-b")
    assert kept is not None
    assert other is not None
    assert (kept.topology, kept.platform, kept.topology_read_at, kept.topology_error) == (FOUND, PLATFORM, THEN, None)
    assert (other.topology, other.platform, other.topology_read_at) == (None, None, None)


def test_a_cluster_that_has_no_vpc_any_more_keeps_the_topology_that_it_had(ledger: Ledger) -> None:
    discovered(ledger)
    with ledger.begin() as connection:
        topologies.record(connection, "cls-a", FOUND, PLATFORM, THEN)
        topologies.record(connection, "cls-a", None, Platform(known=False), THEN + timedelta(seconds=1))
        kept = clusters.find(connection, "cls-a")
    assert kept is not None
    assert (kept.topology, kept.platform) == (FOUND, Platform(known=False))


def test_a_reading_that_failed_leaves_what_is_known_and_how_old_it_is(ledger: Ledger) -> None:
    discovered(ledger)
    with ledger.begin() as connection:
        topologies.record(connection, "cls-a", FOUND, PLATFORM, THEN)
        topologies.record_error(connection, "cls-a", "the cloud is silent")
        kept = clusters.find(connection, "cls-a")
    assert kept is not None
    expected = (FOUND, PLATFORM, THEN, "the cloud is silent")
    assert (kept.topology, kept.platform, kept.topology_read_at, kept.topology_error) == expected


@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        ([], [ONE, TWO], {"ins-1", "ins-2"}),
        ([ONE, TWO], [ONE, TWO], set()),
        ([ONE, TWO], [TWO], set()),
        ([ONE], [Node("cls-a", "ins-1", "10.0.1.9", ("sg-1",))], {"ins-1"}),
        ([ONE], [Node("cls-a", "ins-1", "10.0.1.1", ("sg-1", "sg-2"))], {"ins-1"}),
        ([ONE, TWO], [], set()),
        # Two machines that swap their addresses.
        ([ONE, TWO], [Node("cls-a", "ins-1", "10.0.1.2"), Node("cls-a", "ins-2", "10.0.1.1")], {"ins-1", "ins-2"}),
    ],
)
def test_the_machines_are_those_that_were_read_last_and_what_stays_is_not_written(
    ledger: Ledger, before: list[Node], after: list[Node], written: set[str]
) -> None:
    furnish(ledger)
    with ledger.begin() as connection:
        topologies.replace_nodes(connection, ACCOUNT, "cls-b", [OTHER])
        topologies.replace_nodes(connection, ACCOUNT, "cls-a", before)
    rows = dict(execute(ledger, "SELECT instance_id, ctid::text FROM nodes WHERE cluster_id = 'cls-a'"))
    with ledger.begin() as connection:
        topologies.replace_nodes(connection, ACCOUNT, "cls-a", after)
        assert topologies.nodes_of(connection, "cls-a") == after
        assert topologies.nodes_of(connection, "cls-b") == [OTHER]
    now = dict(execute(ledger, "SELECT instance_id, ctid::text FROM nodes WHERE cluster_id = 'cls-a'"))
    assert {instance_id for instance_id, row in now.items() if rows.get(instance_id) != row} == written


def test_machines_are_found_by_address_and_by_id_in_all_clusters(ledger: Ledger) -> None:
    furnish(ledger)
    with ledger.begin() as connection:
        topologies.replace_nodes(connection, ACCOUNT, "cls-a", [ONE, TWO])
        topologies.replace_nodes(connection, ACCOUNT, "cls-b", [OTHER])
        assert topologies.nodes_at(connection, ["10.0.1.3", "10.9.9.9"], []) == [OTHER]
        assert topologies.nodes_at(connection, [], ["ins-1", "ins-none"]) == [ONE]
        assert topologies.nodes_at(connection, ["10.0.1.1"], ["ins-1", "ins-3"]) == [ONE, OTHER]
        assert topologies.nodes_at(connection, [], []) == []


def test_neighbours_are_the_other_clusters_whose_networks_are_known_by_the_word_that_counts(ledger: Ledger) -> None:
    furnish(ledger, ["cls-a", "cls-b", "cls-c", "cls-d"])
    execute(ledger, "UPDATE clusters SET topology_setting = NULL WHERE cluster_id IN ('cls-c', 'cls-d')")
    with ledger.begin() as connection:
        topologies.record(connection, "cls-b", FOUND, PLATFORM, THEN)
        topologies.record(connection, "cls-c", FOUND, PLATFORM, THEN)
        assert topologies.neighbours(connection, "cls-a") == [Neighbour("cls-b", TOPOLOGY), Neighbour("cls-c", FOUND)]


def test_clusters_are_found_by_the_vpc_that_counts(ledger: Ledger) -> None:
    furnish(ledger, ["cls-a", "cls-b", "cls-c"])
    execute(ledger, "UPDATE clusters SET topology_setting = NULL WHERE cluster_id <> 'cls-a'")
    with ledger.begin() as connection:
        topologies.record(connection, "cls-a", FOUND, PLATFORM, THEN)
        topologies.record(connection, "cls-b", FOUND, PLATFORM, THEN)
        assert clusters.of_vpcs(connection, ACCOUNT, ["vpc-found"]) == ["cls-b"]
        assert clusters.of_vpcs(connection, ACCOUNT, ["vpc-1", "vpc-found"]) == ["cls-a", "cls-b"]
        assert clusters.of_vpcs(connection, "second", ["vpc-1"]) == []
