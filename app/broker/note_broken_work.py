"""Note that a piece of work broke off by a mistake, and not for the cloud or the ledger."""

from app.ledger import alarms
from app.ledger.connection import Ledger
from app.ledger.leases import Lease


def note_broken_work(ledger: Ledger, lease: Lease, error: str) -> None:
    """The leased subject fails since now, if it did not before; the next work on it that ends well clears that.

    No lease is asked for: who took the subject over finds the same mistake, or clears the note. Raises
    `LedgerUnavailable`.
    """
    with ledger.begin() as connection:
        alarms.note_broken(connection, lease, error)
