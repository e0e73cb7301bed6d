"""Keep the keys that an issuer publishes, as a worker read them; or that they could not be read."""

from collections.abc import Sequence
from datetime import timedelta

from app.domain.journal import Action, Entry
from app.domain.trust import PublicKey
from app.ledger import journal, leases, trusts
from app.ledger.connection import Connection, Ledger
from app.ledger.leases import Lease
from app.ledger.trusts import KeyChange, Source


class KeyOfAnother(Exception):
    """A key of the set is trusted for another already; nothing of the set was kept."""


def find_source(ledger: Ledger, lease: Lease) -> Source | None:
    """Where the leased trust's keys are read; None: nowhere any more. Raises `LedgerUnavailable`."""
    with ledger.begin() as connection:
        found = trusts.lock(connection, lease.subject_id)
    return None if found is None or found.jwks_uri is None else found


def record_keys(
    ledger: Ledger, lease: Lease, source: Source, keys: Sequence[PublicKey], again_after: timedelta
) -> KeyChange | None:
    """Keep ``keys`` and end the lease; what changed, None: the trust is another one by now, and nothing was kept.

    Keys that left the set are believed for ``again_after`` more. Raises `KeyOfAnother`, `LeaseLost`,
    `LedgerUnavailable`.
    """
    with ledger.begin() as connection:
        leases.give_back(connection, lease)
        if not _still(connection, source):
            return None
        change = trusts.put_keys(connection, source.account_id, source.trust_id, keys, again_after)
        if change is None:
            raise KeyOfAnother
        trusts.read_again(connection, source.trust_id, None, again_after)
        if change.came or change.left:
            journal.add(connection, f"worker:{lease.incarnation}", [_entry(source, change)])
    return change


def record_unread_keys(ledger: Ledger, lease: Lease, source: Source, error: str, again_after: timedelta) -> None:
    """The keys could not be read: those that are known stay. Raises `LeaseLost`, `LedgerUnavailable`."""
    with ledger.begin() as connection:
        leases.give_back(connection, lease)
        if _still(connection, source):
            trusts.read_again(connection, source.trust_id, error, again_after)


def end_lease(ledger: Ledger, lease: Lease) -> None:
    """There is nothing to read. Raises `LeaseLost`, `LedgerUnavailable`."""
    with ledger.begin() as connection:
        leases.give_back(connection, lease)


def _still(connection: Connection, source: Source) -> bool:
    """Whether keys are still to be read there; no other change of the trust matters."""
    current = trusts.lock(connection, source.trust_id)
    return current is not None and current.jwks_uri == source.jwks_uri


def _entry(source: Source, change: KeyChange) -> Entry:
    action = Action.KEYS_REPLACED if change.replaced_all else Action.KEYS_CHANGED
    parts = [f"{word}: {', '.join(names)}" for word, names in (("came", change.came), ("left", change.left)) if names]
    detail = f"{source.trust_id}, {'; '.join(parts)}"
    return Entry(action, account_id=source.account_id or None, cluster_id=source.cluster_id, detail=detail)
