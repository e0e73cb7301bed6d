"""Read what clusters are made of: their networks, versions and machines."""

from collections.abc import Callable, Sequence
from functools import partial

import structlog

from app.broker import record_evidence
from app.broker.look_up import cluster as find_cluster
from app.broker.take_work import keep_lease
from app.cloud.client import Client
from app.cloud.clusters import read_cluster, read_nodes, read_security_groups
from app.domain.cluster import Cluster, Node
from app.domain.errors import CloudError
from app.ledger.leases import Lease
from app.planning.pacing import pause_after
from app.worker.workshop import Workshop

log = structlog.get_logger(__name__)


def refresh_topology(workshop: Workshop, lease: Lease) -> None:
    """Read one cluster's networks and keep them. Raises `LeaseLost`, `LedgerUnavailable`."""
    cluster = find_cluster(workshop.ledger, lease.subject_id)
    if cluster is None:
        raise LookupError(f"a lease names cluster {lease.subject_id}, which is not there")
    again_after, error = workshop.periods.topology, None
    try:
        client = workshop.cloud_for(cluster.account_id, cluster.region)
        error = read_topology(
            workshop,
            client,
            cluster=cluster,
            between=partial(keep_lease, workshop.ledger, lease, workshop.periods.held_lease),
        )
    except CloudError as failure:
        error = str(failure)
    if error is not None:
        log.warning("topology not read", cluster_id=cluster.cluster_id, error=error)
        again_after = min(again_after, pause_after(5, workshop.jitter()))
    record_evidence.end_topology(workshop.ledger, lease, error, again_after)


def read_topology(workshop: Workshop, client: Client, *, cluster: Cluster, between: Callable[[], None]) -> str | None:
    """Read and keep one cluster's networks and machines; why there is nothing to keep, if so. Raises a `CloudError`."""
    read_at = record_evidence.now(workshop.ledger)
    topology, platform = read_cluster(client, cluster.cluster_id)
    nodes = _with_security_groups(client, read_nodes(client, cluster.cluster_id, between)) if platform.known else []
    record_evidence.record_topology(workshop.ledger, cluster, topology, platform, nodes, read_at)
    if topology is None and cluster.topology_setting is None:
        return f"the cloud knows no cluster {cluster.cluster_id} with a VPC"
    return None


def read_clusters(workshop: Workshop, cluster_ids: Sequence[str], between: Callable[[], None]) -> None:
    """Read and keep other clusters, each with its own account's credential.

    Raises a `CloudError` for the first that gives no answer. Its own loop hears the same, and then nobody waits for it.
    """
    for cluster_id in cluster_ids:
        cluster = find_cluster(workshop.ledger, cluster_id)
        if cluster is not None:
            client = workshop.cloud_for(cluster.account_id, cluster.region)
            read_topology(workshop, client, cluster=cluster, between=between)


def _with_security_groups(client: Client, nodes: list[Node]) -> list[Node]:
    """They serve warnings alone: without an answer the machines have none that are known, and nothing is stopped."""
    try:
        groups = read_security_groups(client, [node.instance_id for node in nodes])
    except CloudError as error:
        log.warning("security groups of machines not read", error=str(error))
        return nodes
    return [Node(each.cluster_id, each.instance_id, each.ip, groups.get(each.instance_id, ())) for each in nodes]
