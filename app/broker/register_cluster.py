"""Register a cluster, or change what is said of it."""

from app.broker.trust_cluster import GivenTrust, trust_cluster
from app.domain.cluster import Cluster, Removal, Topology, Verification
from app.domain.errors import RequestRefused
from app.domain.journal import Action, Entry
from app.ledger import clusters, journal, leases, regions
from app.ledger.connection import Ledger
from app.ledger.leases import LeaseSubject


def register_cluster(  # noqa: PLR0913 (all that is said of a cluster)
    ledger: Ledger,
    cluster_id: str,
    *,
    account_id: str,
    region: str,
    verification: Verification,
    topology: Topology | None,
    removal: Removal,
    actor: str,
    trust: GivenTrust | None = None,
) -> tuple[Cluster, bool]:
    """The cluster, and whether it is new.

    Raises `RequestRefused` (409) when the id belongs to another account, or a key of ``trust`` to another cluster.
    """
    with ledger.begin() as connection:
        cluster, created = clusters.put(
            connection,
            account_id=account_id,
            cluster_id=cluster_id,
            region=region,
            verification=verification,
            topology=topology,
            max_removal_share=removal.max_share,
            drain_seconds=removal.drain_seconds,
        )
        if cluster is None:
            raise RequestRefused(409, "account-mismatch", f"{cluster_id} belongs to another account")
        for subject in (LeaseSubject.VERIFICATION, LeaseSubject.REVERIFICATION, LeaseSubject.TOPOLOGY):
            leases.offer(connection, account_id, subject, cluster_id)
        regions.offer(connection, account_id, region)
        leases.offer(connection, account_id, LeaseSubject.REGION, region)
        leases.offer(connection, account_id, LeaseSubject.SEAL, account_id)
        entries = trust_cluster(connection, account_id, cluster_id, trust)
        detail = f"verification {verification}, region {region}"
        journal.add(connection, actor, [_entry(account_id, cluster_id, detail), *entries])
    return cluster, created


def _entry(account_id: str, cluster_id: str, detail: str) -> Entry:
    return Entry(Action.CLUSTER_REGISTERED, account_id=account_id, cluster_id=cluster_id, detail=detail)
