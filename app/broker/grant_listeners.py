"""Grant a cluster the right to bind on a load balancer, or take it back."""

from collections.abc import Sequence

from app.domain.errors import RequestRefused
from app.domain.journal import Action, Entry
from app.domain.load_balancer import Grant, LoadBalancer
from app.ledger import clusters, grants, journal, load_balancers
from app.ledger.connection import Connection, Ledger


def grant_listeners(
    ledger: Ledger, load_balancer_id: str, cluster_id: str, listener_ids: Sequence[str], *, actor: str
) -> tuple[Grant, bool]:
    """The grant, and whether it is new.

    Raises `RequestRefused`: 404 for an unknown load balancer or cluster, 409 when they are of two accounts.
    """
    with ledger.begin() as connection:
        load_balancer = _load_balancer(connection, load_balancer_id)
        cluster = clusters.find(connection, cluster_id)
        if cluster is None:
            raise RequestRefused(404, "cluster-not-found", f"there is no cluster {cluster_id}")
        if cluster.account_id != load_balancer.account_id:
            raise RequestRefused(
                409,
                "account-mismatch",
                f"{cluster_id} is of account {cluster.account_id}, {load_balancer_id} of {load_balancer.account_id}",
            )
        grant, created = grants.put(connection, cluster.account_id, load_balancer_id, cluster_id, listener_ids)
        load_balancers.want(connection, [load_balancer_id])  # bindings that wait for this right are looked at again
        journal.add(connection, actor, [_entry(Action.GRANT_MADE, load_balancer, cluster_id, ", ".join(listener_ids))])
    return grant, created


def revoke_grant(ledger: Ledger, load_balancer_id: str, cluster_id: str, *, actor: str) -> None:
    """Take the right back: no new bindings. What is bound stays until its pod goes or its cluster is evacuated.

    Raises `RequestRefused` (404) when there is no such grant.
    """
    with ledger.begin() as connection:
        load_balancer = _load_balancer(connection, load_balancer_id)
        if not grants.remove(connection, load_balancer_id, cluster_id):
            raise RequestRefused(404, "grant-not-found", f"{cluster_id} has no grant on {load_balancer_id}")
        journal.add(connection, actor, [_entry(Action.GRANT_REVOKED, load_balancer, cluster_id, None)])


def _load_balancer(connection: Connection, load_balancer_id: str) -> LoadBalancer:
    found = load_balancers.find(connection, load_balancer_id)
    if found is None:
        raise RequestRefused(404, "load-balancer-not-found", f"there is no load balancer {load_balancer_id}")
    return found


def _entry(action: Action, load_balancer: LoadBalancer, cluster_id: str, detail: str | None) -> Entry:
    return Entry(
        action,
        account_id=load_balancer.account_id,
        cluster_id=cluster_id,
        load_balancer_id=load_balancer.load_balancer_id,
        detail=detail,
    )
