"""What the ledger knows about addresses of a cluster before the cloud is asked."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.domain.cluster import Cluster
from app.domain.load_balancer import Inventory
from app.ledger import clusters, load_balancers, networks, proofs, regions, topologies
from app.ledger.connection import Connection, Ledger
from app.ledger.networks import KeptNetwork
from app.ownership.evidence import Evidence, Owner, Policy, Source, Subject


@dataclass(frozen=True, slots=True)
class Known:
    """Evidence as far as the ledger has it.

    ``network`` is that of the cluster's VPC; ``unread`` are the load balancers that were never read; ``vips_read_at``
    says when the addresses of all of the region's were.
    """

    evidence: Evidence
    network: KeptNetwork | None
    unread: tuple[str, ...]
    vips_read_at: datetime | None


def known_evidence(connection: Connection, cluster: Cluster, subjects: Collection[Subject]) -> Known:
    """What is known around ``subjects`` of ``cluster``; nothing that only the cloud can say now."""
    load_balancer_ids = {subject.load_balancer_id for subject in subjects if subject.load_balancer_id is not None}
    ips = {subject.ip for subject in subjects}
    machines = {subject.node for subject in subjects if subject.node is not None}
    inventories, read_at = _inventories(connection, load_balancer_ids)
    region = regions.find(connection, cluster.account_id, cluster.region)
    topology = cluster.topology
    network = networks.find(connection, cluster.account_id, topology.vpc_id) if topology else None
    times = {
        Source.TOPOLOGY: cluster.topology_read_at,
        Source.REGION: region.read_at,
        Source.LOAD_BALANCER: read_at,
        Source.NETWORK: network.read_at if network else None,
    }
    neighbours = topologies.neighbours(connection, cluster.cluster_id)
    vpc_ids = {neighbour.cluster_id: neighbour.topology.vpc_id for neighbour in neighbours}
    owned = proofs.owners(connection, cluster.cluster_id, ips)
    evidence = Evidence(
        cluster.cluster_id,
        topology,
        cluster.platform,
        cluster.topology_setting is not None,
        ccns=network.ccns if network else None,
        account_type=region.account_type,
        load_balancers=inventories,
        neighbours=tuple(neighbours),
        unread_neighbours=tuple(topologies.never_read(connection, cluster.cluster_id)),
        nodes=tuple(topologies.nodes_at(connection, ips | machines, ())),
        owners={ip: tuple(Owner(each, vpc_ids.get(each, "")) for each in sorted(owned[ip])) for ip in owned},
        vips=regions.vips_at(connection, ips),
        read_at={source: at for source, at in times.items() if at is not None},
        problem=cluster.topology_error if topology is None else None,
    )
    unread = tuple(sorted(load_balancer_ids - inventories.keys()))
    return Known(evidence, network, unread, region.vips_read_at)


def leased_cluster(connection: Connection, cluster_id: str) -> Cluster:
    """The cluster that a lease names."""
    cluster = clusters.find(connection, cluster_id)
    if cluster is None:
        raise LookupError(f"a lease names cluster {cluster_id}, which is not there")
    return cluster


def nodes_around(ledger: Ledger, evidence: Evidence, instance_ids: Sequence[str]) -> Evidence:
    """``evidence`` with what is known of these machines besides."""
    with ledger.statements() as connection:
        found = topologies.nodes_at(connection, (), instance_ids)
    return replace(evidence, nodes=tuple(dict.fromkeys([*evidence.nodes, *found])))


def known_policies(
    ledger: Ledger, account_id: str, group_ids: Collection[str], since: datetime
) -> Mapping[str, tuple[Policy, ...]]:
    """The rules of security groups that were read after ``since``."""
    with ledger.statements() as connection:
        found = networks.policies(connection, account_id, group_ids)
    return {group_id: rules for group_id, (rules, read_at) in found.items() if read_at >= since}


def _inventories(
    connection: Connection, load_balancer_ids: Collection[str]
) -> tuple[dict[str, Inventory | None], datetime | None]:
    """Those that were read, None for those that the cloud does not know, and when the oldest was read."""
    found = load_balancers.of_ids(connection, load_balancer_ids)
    read = [each for each in found if each.missing or each.inventory is not None]
    times = [each.inventory_read_at for each in read if each.inventory_read_at is not None]
    return {each.load_balancer_id: None if each.missing else each.inventory for each in read}, min(times, default=None)
