"""Explain why a pod is or is not bound: everything that the ledger knows of it, in one answer."""

from dataclasses import dataclass
from typing import Final

from app.domain.binding import Binding
from app.domain.journal import Action
from app.ledger import bindings, grants, journal, load_balancers
from app.ledger.connection import Connection, Ledger
from app.ledger.journal import Kept, Span
from app.planning.explanation import Step, explained

MOST_BINDINGS: Final = 50
MOST_ENTRIES: Final = 500
"""Of one pod's bindings and one binding's entries, the newest are told."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Bindings with their steps, newest first, and events that were refused and made none."""

    bindings: tuple[tuple[Binding, tuple[Step, ...]], ...]
    refused_events: tuple[Kept, ...]


def explain_bindings(ledger: Ledger, filters: dict[str, str]) -> Explanation:
    """Everything about the pod that ``filters`` names, by ``ip`` or ``pod_uid``. Raises `LedgerUnavailable`."""
    with ledger.begin() as connection:
        found = bindings.newest(connection, filters, MOST_BINDINGS)
        steps = tuple((binding, tuple(_explained(connection, binding))) for binding in found)
        refused = _entries(connection, {**filters, "action": Action.EVENT_REJECTED.value}, newest_first=True)
        return Explanation(steps, tuple(refused))


def _explained(connection: Connection, binding: Binding) -> list[Step]:
    load_balancer = load_balancers.find(connection, binding.target.load_balancer_id)
    of_cluster = grants.of_cluster(connection, binding.cluster_id, [binding.target.load_balancer_id])
    entries = _entries(connection, {"binding_id": binding.binding_id}, newest_first=False)
    history = [(kept.recorded_at, kept.entry) for kept in entries]
    return explained(binding, history, load_balancer, of_cluster.get(binding.target.load_balancer_id))


def _entries(connection: Connection, filters: dict[str, str], *, newest_first: bool) -> list[Kept]:
    """Of one account or of several that a filter spans: a pod's address may be in use in each."""
    span = Span(filters, newest_first=newest_first)
    found = [
        kept
        for account_id in journal.accounts(connection)
        for kept in journal.listing(connection, account_id, span, MOST_ENTRIES)
    ]
    return sorted(found, key=lambda kept: kept.recorded_at, reverse=newest_first)[:MOST_ENTRIES]
