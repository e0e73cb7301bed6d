"""Sign how far history is sealed: what was sealed until then cannot be sealed anew unnoticed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from app.domain.seal import Checkpoint, Link
from app.ledger import journal, seals
from app.ledger.connection import Connection, Ledger, clock


class Signer(Protocol):
    """A key that signs."""

    @property
    def key_id(self) -> str:
        """Which key it is."""

    def sign(self, statement: bytes) -> bytes:
        """The signature under ``statement``."""


@dataclass(frozen=True, slots=True)
class CheckpointTerms:
    """Who signs, how often, and what takes a checkpoint out of the ledger's reach; that may raise `OSError`."""

    signer: Signer
    every: timedelta
    export: Callable[[Checkpoint], None]


def sign_checkpoints(ledger: Ledger, terms: CheckpointTerms) -> list[Checkpoint]:
    """Sign a checkpoint of each account with new seals whose last one is old enough; those that were signed.

    It is exported before it is kept: the ledger says of a checkpoint no more than the outside knows. An `OSError` of
    the export is raised and nothing kept; the next call signs anew. Two workers at once sign the same. Raises
    `LedgerUnavailable`.
    """
    with ledger.begin() as connection:
        now = clock(connection)
        due = {each: _due(connection, each, now, terms.every) for each in journal.accounts(connection)}
    signed = []
    for account_id, link in due.items():
        if link is not None:
            bare = Checkpoint(account_id, link.sequence, link.hash, now, terms.signer.key_id)
            made = replace(bare, signature=terms.signer.sign(bare.statement))
            terms.export(made)
            with ledger.begin() as connection:
                seals.add_checkpoint(connection, made)
            signed.append(made)
    return signed


def _due(connection: Connection, account_id: str, now: datetime, every: timedelta) -> Link | None:
    head, last = seals.head(connection, account_id), seals.last_checkpoint(connection, account_id)
    if head is None or (last is not None and (last.sequence >= head.sequence or now - last.signed_at < every)):
        return None
    return head
