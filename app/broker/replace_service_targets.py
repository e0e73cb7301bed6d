"""Replace the targets of one Service by the full truth about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.broker.call_workers import call_workers
from app.broker.identifiers import new_identifiers
from app.broker.known_facts import known_around, lock_agent, write_reception
from app.domain.event import PodEvent, Service
from app.ledger import bindings
from app.ledger.connection import Ledger
from app.planning.reception import Reception
from app.planning.snapshot import SnapshotOutcome, replace_targets


@dataclass(frozen=True, slots=True)
class Replaced:
    """What became of a snapshot, and the addresses (VIPs) of the load balancers that it names, as far as they were
    read: by id."""

    outcome: SnapshotOutcome
    vips: Mapping[str, Sequence[str]]


def replace_service_targets(
    ledger: Ledger,
    cluster_id: str,
    service: Service,
    revision: int,
    targets: Sequence[PodEvent],
    *,
    actor: str,
    drain_seconds: int,
) -> Replaced:
    """Bind what ``targets`` names and let go what the Service had besides, as far as the guard allows.

    Raises `RequestRefused` (404) for an unknown cluster, `LedgerUnavailable`.
    """
    with ledger.begin() as connection:
        cluster = lock_agent(connection, cluster_id)
        # Only events of this cluster change whose pods a Service has, and they are locked out: reading the bindings
        # before their load balancers are locked shows all of them; their states are read again under the locks.
        live = bindings.live_of_service(connection, cluster_id, service)
        known = known_around(connection, cluster, targets, cluster.drain(drain_seconds), others=live)
        reception = Reception(known, new_identifiers("b"))
        present = bindings.placed_counts(connection, {binding.target.load_balancer_id for binding in live})
        outcome = replace_targets(reception, revision, targets, live, present, cluster.max_removal_share)
        write_reception(connection, known, reception, actor, {})
    call_workers(ledger)
    named = {event.target.load_balancer_id for event in targets}
    inventories = {each: known.load_balancers[each].inventory for each in named & known.load_balancers.keys()}
    return Replaced(outcome, {each: kept.vips for each, kept in inventories.items() if kept is not None})
