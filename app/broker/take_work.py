"""Take work that is due, under leases, and keep it while it is done."""

from datetime import timedelta

from app.ledger import leases
from app.ledger.connection import Ledger
from app.ledger.leases import Lease, LeaseSubject


def take_work(ledger: Ledger, subject: LeaseSubject, incarnation: str, duration: timedelta, limit: int) -> list[Lease]:
    """Up to ``limit`` leases on what has been due longest; none when nothing is. Raises `LedgerUnavailable`."""
    with ledger.begin() as connection:
        return leases.take(connection, subject, incarnation, duration, limit)


def keep_lease(ledger: Ledger, lease: Lease, duration: timedelta) -> None:
    """Renew a lease between the parts of long work. Raises `LeaseLost`, `LedgerUnavailable`."""
    with ledger.begin() as connection:
        leases.hold(connection, lease, duration)
