"""Keep what the cloud said of networks, for all workers; what has changed makes proofs due that rest on it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from app.domain.cluster import Cluster, Node, Platform, Topology
from app.domain.load_balancer import Inventory
from app.ledger import clusters, leases, load_balancers, networks, regions, topologies
from app.ledger.connection import Connection, Ledger, clock
from app.ledger.leases import Lease
from app.ownership.evidence import Ccn, Policy, Vip


def now(ledger: Ledger) -> datetime:
    """The ledger's time: what is read from now on counts as read at it."""
    with ledger.begin() as connection:
        return clock(connection)


def record_topology(
    ledger: Ledger,
    cluster: Cluster,
    topology: Topology | None,
    platform: Platform,
    nodes: Sequence[Node],
    read_at: datetime,
) -> None:
    """A cluster's networks, what it is made of, and its machines. Raises `LedgerUnavailable`."""
    with ledger.begin() as connection:
        (current,) = clusters.lock(connection, [cluster.cluster_id])
        if current.topology_read_at is not None and current.topology_read_at > read_at:
            return  # another worker has read it since
        known = {node.instance_id for node in topologies.nodes_of(connection, cluster.cluster_id)}
        topologies.record(connection, cluster.cluster_id, topology, platform, read_at)
        topologies.replace_nodes(connection, cluster.account_id, cluster.cluster_id, nodes)
        gone = known - {node.instance_id for node in nodes}
        moved = current.topology_found is not None and topology not in {None, current.topology_found}
        if gone or current.platform not in {None, platform}:
            clusters.want_reverification(connection, [cluster.cluster_id])
        clusters.want_waiting(connection, [cluster.cluster_id])
    if moved:
        # Its container and Service networks are looked at by other clusters' proofs too. Locks are taken anew: those
        # of several clusters in the order of their ids.
        with ledger.begin() as connection:
            clusters.want_reverification(connection, clusters.all_of(connection))


def end_topology(ledger: Ledger, lease: Lease, error: str | None, again_after: timedelta) -> None:
    """End a lease on a cluster's topology; an ``error`` is told, and leaves what is known. Raises `LeaseLost`."""
    with ledger.begin() as connection:
        clusters.lock(connection, [lease.subject_id])
        leases.give_back(connection, lease)
        if error is not None:
            topologies.record_error(connection, lease.subject_id, error)
        topologies.read_again(connection, lease.subject_id, again_after, unread=error is not None)


def record_network(
    ledger: Ledger, account_id: str, vpc_id: str, found: Mapping[str, tuple[Ccn, int]], read_at: datetime
) -> None:
    """The Cloud Connect Networks of a VPC, each with the number of calls that reading it took."""
    with ledger.begin() as connection:
        changed = networks.keep(connection, account_id, vpc_id, found, read_at)
        members = {each.vpc_id for ccn_id in found.keys() & changed for each in found[ccn_id][0].attachments} | {vpc_id}
        concerned = clusters.of_vpcs(connection, account_id, members) if changed else []
    if concerned:
        with ledger.begin() as connection:
            clusters.want_reverification(connection, concerned)


def record_policies(ledger: Ledger, account_id: str, found: Mapping[str, Sequence[Policy]], read_at: datetime) -> None:
    """The rules of security groups."""
    with ledger.begin() as connection:
        networks.keep_policies(connection, account_id, found, read_at)


def record_account_type(ledger: Ledger, account_id: str, region: str, account_type: str, read_at: datetime) -> None:
    """How an account is billed."""
    with ledger.begin() as connection:
        regions.record_account_type(connection, account_id, region, account_type, read_at)


def record_target_quota(ledger: Ledger, account_id: str, region: str, quota: int) -> None:
    """The most targets that one listener or rule may have."""
    with ledger.begin() as connection:
        if regions.record_target_quota(connection, account_id, region, quota):
            load_balancers.look_for_room(connection, account_id, region)


def record_vips(
    ledger: Ledger, account_id: str, region: str, found: Mapping[str, Sequence[Vip]], read_at: datetime
) -> None:
    """The addresses of an account's load balancers in a region."""
    with ledger.begin() as connection:
        regions.replace_vips(connection, account_id, region, found, read_at)


def end_region(ledger: Ledger, lease: Lease, error: str | None, again_after: timedelta) -> None:
    """End a lease on a region. Raises `LeaseLost`."""
    with ledger.begin() as connection:
        leases.give_back(connection, lease)
        regions.read_again(connection, lease.account_id, lease.subject_id, again_after, error)


def record_inventory(ledger: Ledger, load_balancer_id: str, inventory: Inventory | None) -> None:
    """What the cloud says a load balancer is; None: that it does not exist."""
    with ledger.begin() as connection:
        keep_inventory(connection, load_balancer_id, inventory)


def keep_inventory(connection: Connection, load_balancer_id: str, inventory: Inventory | None) -> None:
    """The same within a transaction; the load balancer's addresses are kept with all others'."""
    load_balancer = load_balancers.lock(connection, [load_balancer_id])[load_balancer_id]
    load_balancers.record_inventory(connection, load_balancer_id, inventory)
    if inventory is not None:
        regions.add_vips(
            connection,
            load_balancer.account_id,
            load_balancer.region,
            load_balancer_id,
            inventory.vpc_id,
            inventory.vips,
        )
