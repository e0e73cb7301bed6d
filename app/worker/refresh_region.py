"""Read what an account is in a region: how it is billed, its quota, which addresses its load balancers have."""

import structlog

from app.broker import record_evidence
from app.cloud.clb import read_target_quota, read_vips
from app.cloud.client import Client
from app.cloud.networks import read_account_type
from app.domain.cluster import Cluster
from app.domain.errors import CloudError
from app.ledger.leases import Lease
from app.planning.pacing import pause_after
from app.worker.workshop import Workshop

log = structlog.get_logger(__name__)


def refresh_region(workshop: Workshop, lease: Lease) -> None:
    """Read one region of an account and keep what it says. Raises `LeaseLost`, `LedgerUnavailable`."""
    again_after, error = workshop.periods.topology, None
    try:
        _read(workshop, workshop.cloud_for(lease.account_id, lease.subject_id), lease.account_id, lease.subject_id)
    except CloudError as failure:
        error = str(failure)
        log.warning("region not read", account_id=lease.account_id, region=lease.subject_id, error=error)
        again_after = min(again_after, pause_after(5, workshop.jitter()))
    record_evidence.end_region(workshop.ledger, lease, error, again_after)


def read_region(workshop: Workshop, client: Client, *, cluster: Cluster) -> None:
    """Read and keep the cluster's region. Raises a `CloudError`."""
    _read(workshop, client, cluster.account_id, cluster.region)


def _read(workshop: Workshop, client: Client, account_id: str, region: str) -> None:
    read_at = record_evidence.now(workshop.ledger)
    account_type = read_account_type(client)
    record_evidence.record_account_type(workshop.ledger, account_id, region, account_type, read_at)
    quota = read_target_quota(client)
    if quota is not None:
        record_evidence.record_target_quota(workshop.ledger, account_id, region, quota)
    record_evidence.record_vips(workshop.ledger, account_id, region, read_vips(client), read_at)
