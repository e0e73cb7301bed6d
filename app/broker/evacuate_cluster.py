"""Evacuate a cluster: take all of its targets off, drained. An operator's explicit act: no guard is asked."""

from app.broker.known_facts import lock_agent
from app.domain.binding import Binding
from app.domain.journal import Action, Entry, entry_of
from app.ledger import bindings, journal, load_balancers
from app.ledger.connection import Ledger, clock
from app.planning.withdrawal import withdrawn


def evacuate_cluster(ledger: Ledger, cluster_id: str, *, drain_seconds: int, actor: str) -> list[str]:
    """The ids of the bindings that leave now. Raises `RequestRefused` (404) for an unknown cluster."""
    with ledger.begin() as connection:
        cluster = lock_agent(connection, cluster_id)
        live = bindings.live_of_cluster(connection, cluster_id)
        load_balancers.lock(connection, {binding.target.load_balancer_id for binding in live})
        now = clock(connection)
        last: dict[str, Binding] = {}
        summary = Entry(Action.CLUSTER_EVACUATED, account_id=cluster.account_id, cluster_id=cluster_id)
        entries = [summary]
        for binding in bindings.of_ids(connection, [binding.binding_id for binding in live]):  # as under the locks
            before = binding
            drain = cluster.drain(drain_seconds) if binding.drain_seconds is None else binding.drain_seconds
            for after in withdrawn(binding, now, drain):
                entries.append(entry_of(Action.BINDING_MOVED, before, after))
                last[after.binding_id] = before = after
        journal.add(connection, actor, entries)
        leaving = {binding.target.load_balancer_id for binding in last.values()}
        load_balancers.want(connection, leaving, cluster_id=cluster_id, first=True)
        bindings.write(connection, [], list(last.values()), last.keys())
    return sorted(last)
