"""Look things up: reads that change nothing."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from app.domain.binding import MOVED_BY_PASSES, Binding
from app.domain.cluster import Cluster
from app.domain.errors import LedgerNotMigrated, RequestRefused
from app.domain.load_balancer import Grant, LoadBalancer
from app.domain.trust import KeptTrust
from app.ledger import bindings, clusters, load_balancers, schema
from app.ledger import grants as grant_rows
from app.ledger import trusts as trust_rows
from app.ledger.connection import Ledger
from app.ledger.figures import Figures
from app.ledger.figures import figures as figures_now

CHANGES_POLL_SECONDS = 0.1
"""How often a waiting reader of changes looks again."""


def cluster(ledger: Ledger, cluster_id: str) -> Cluster | None:
    """The cluster of that id, if there is one."""
    with ledger.begin() as connection:
        return clusters.find(connection, cluster_id)


def list_clusters(ledger: Ledger, after: str, limit: int) -> list[Cluster]:
    """Up to ``limit`` clusters after the id ``after``."""
    with ledger.begin() as connection:
        return clusters.listing(connection, after, limit)


def trusts(ledger: Ledger, cluster_ids: Collection[str]) -> dict[str, KeptTrust]:
    """The trusts in these clusters' own identities, where there are any."""
    with ledger.begin() as connection:
        return trust_rows.of_clusters(connection, cluster_ids)


def all_trusts(ledger: Ledger) -> dict[str, tuple[str | None, KeptTrust]]:
    """All trusts by their ids, each with its cluster, None for people's. Raises `LedgerUnavailable`."""
    with ledger.begin() as connection:
        return trust_rows.everything(connection)


def load_balancer(ledger: Ledger, load_balancer_id: str) -> LoadBalancer | None:
    """The load balancer of that id, if there is one."""
    with ledger.begin() as connection:
        return load_balancers.find(connection, load_balancer_id)


def list_load_balancers(ledger: Ledger, after: str, limit: int) -> list[LoadBalancer]:
    """Up to ``limit`` load balancers after the id ``after``."""
    with ledger.begin() as connection:
        return load_balancers.listing(connection, after, limit)


def grants(ledger: Ledger, load_balancer_id: str) -> dict[str, Grant]:
    """The grants on a load balancer, by cluster. Raises `RequestRefused` (404) for an unknown load balancer."""
    with ledger.begin() as connection:
        if load_balancers.find(connection, load_balancer_id) is None:
            raise RequestRefused(404, "load-balancer-not-found", f"there is no load balancer {load_balancer_id}")
        return grant_rows.of_load_balancer(connection, load_balancer_id)


def binding(ledger: Ledger, binding_id: str) -> Binding | None:
    """The binding of that id, if there is one."""
    with ledger.begin() as connection:
        return bindings.find(connection, binding_id)


def list_bindings(ledger: Ledger, filters: Mapping[str, str], after: str, limit: int) -> list[Binding]:
    """Up to ``limit`` bindings whose columns equal ``filters``, after the id ``after``."""
    with ledger.begin() as connection:
        return bindings.listing(connection, filters, after, limit)


def list_changes(
    ledger: Ledger,
    cluster_id: str,
    after: int,
    limit: int,
    wait_seconds: float,
    pause: Callable[[float], bool | None] = time.sleep,
) -> list[tuple[int, Binding]]:
    """Bindings of a cluster changed since change ``after``; waits up to ``wait_seconds`` for the first.

    No transaction stays open while it waits. A ``pause`` that returns True ends the wait.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        with ledger.begin() as connection:
            found = bindings.changes(connection, cluster_id, after, limit)
        if found or time.monotonic() >= deadline:
            return found
        if pause(CHANGES_POLL_SECONDS):
            return found


def figures(ledger: Ledger, silent_after: timedelta) -> Figures:
    """The ledger in numbers. Raises `LedgerUnavailable`."""
    with ledger.begin() as connection:
        return figures_now(connection, silent_after)


def with_errors(ledger: Ledger, found: Sequence[Binding]) -> list[Binding]:
    """Bindings that say why nothing moves, where they wait for a pass and the last one failed.

    That is kept once for a load balancer: to write it to each of its thousands of bindings would cost more than a pass.
    """
    waiting = {each.target.load_balancer_id for each in found if each.state in MOVED_BY_PASSES}
    if not waiting:
        return list(found)
    with ledger.begin() as connection:
        errors = load_balancers.errors(connection, waiting)
    return [_with_error(each, errors.get(each.target.load_balancer_id)) for each in found]


def ready(ledger: Ledger) -> bool:
    """Whether the ledger answers and its schema is this code's. Raises `LedgerUnavailable` when it does not answer."""
    try:
        with ledger.begin() as connection:
            return schema.migrated(connection)
    except LedgerNotMigrated:
        return False


def _with_error(binding: Binding, error: str | None) -> Binding:
    if error is None or binding.state not in MOVED_BY_PASSES:
        return binding
    return replace(binding, detail=f"{binding.detail}; {error}" if binding.detail else error)
