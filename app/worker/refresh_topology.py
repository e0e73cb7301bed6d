"""Read the networks of clusters that no operator stated."""

import structlog

from app.broker.look_up import cluster as find_cluster
from app.broker.record_verdicts import record_topology
from app.cloud.networks import read_topology
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
    again_after = workshop.periods.topology
    try:
        topology = read_topology(workshop.cloud_for(cluster.account_id, cluster.region), cluster.cluster_id)
        error = None if topology is not None else f"the cloud knows no cluster {cluster.cluster_id} with a VPC"
    except CloudError as failure:
        topology, error = None, str(failure)
    if error is not None:
        log.warning("topology not read", cluster_id=cluster.cluster_id, error=error)
        again_after = min(again_after, pause_after(5, workshop.jitter()))
    record_topology(workshop.ledger, lease, topology, error, again_after)
