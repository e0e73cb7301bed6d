"""Note in history that somebody known asked for what they may not do."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.caller import Caller
from app.domain.journal import Action, Entry
from app.ledger import clusters, journal
from app.ledger.connection import Connection, Ledger


@dataclass(frozen=True, slots=True)
class Refusal:
    """Who was refused, and what."""

    caller: Caller
    detail: str


def note_refusals(ledger: Ledger, refusals: Sequence[Refusal]) -> None:
    """One entry for each. An agent's is of its own cluster, whatever it reached for. Raises `LedgerUnavailable`."""
    with ledger.begin() as connection:
        for each in refusals:
            journal.add(connection, each.caller.actor, [_entry(connection, each)])


def _entry(connection: Connection, refusal: Refusal) -> Entry:
    cluster_id = refusal.caller.cluster_id
    cluster = clusters.find(connection, cluster_id) if cluster_id is not None else None
    account_id = cluster.account_id if cluster is not None else None
    return Entry(Action.REQUEST_REFUSED, account_id=account_id, cluster_id=cluster_id, detail=refusal.detail)
