"""Evacuate a cluster: take all of its targets off, drained. An operator's explicit act: no guard is asked."""

from app.domain.binding import Binding
from app.domain.errors import RequestRefused
from app.domain.journal import Action, Entry, entry_of
from app.ledger import bindings, clusters, journal, load_balancers
from app.ledger.connection import Ledger, clock
from app.planning.withdrawal import withdrawn


def evacuate_cluster(ledger: Ledger, cluster_id: str, *, drain_seconds: int, actor: str) -> list[str]:
    """The ids of the bindings that leave now. Raises `RequestRefused` (404) for an unknown cluster."""
    with ledger.begin() as connection:
        found = clusters.lock(connection, [cluster_id])
        if not found:
            raise RequestRefused(404, "cluster-not-found", f"there is no cluster {cluster_id}")
        live = bindings.live_of_cluster(connection, cluster_id)
        load_balancers.lock(connection, {binding.target.load_balancer_id for binding in live})
        now = clock(connection)
        last: dict[str, Binding] = {}
        summary = Entry(Action.CLUSTER_EVACUATED, account_id=found[0].account_id, cluster_id=cluster_id)
        entries = [summary]
        for binding in bindings.of_ids(connection, [binding.binding_id for binding in live]):  # as under the locks
            before = binding
            drain = drain_seconds if binding.drain_seconds is None else binding.drain_seconds
            for after in withdrawn(binding, now, drain):
                entries.append(entry_of(Action.BINDING_MOVED, before, after))
                last[after.binding_id] = before = after
        bindings.write(connection, [], list(last.values()), last.keys())
        journal.add(connection, actor, entries)
        load_balancers.want(connection, {binding.target.load_balancer_id for binding in last.values()})
    return sorted(last)
