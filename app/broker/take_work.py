"""Take work that is due, under leases, and keep it while it is done."""

from collections.abc import Collection
from datetime import timedelta

from app.ledger import leases
from app.ledger.connection import Ledger
from app.ledger.leases import Lease, LeaseSubject


def find_work(ledger: Ledger, subjects: Collection[LeaseSubject]) -> set[LeaseSubject]:
    """For which of ``subjects`` there is work to take. Raises `LedgerUnavailable`."""
    with ledger.statements() as connection:
        return leases.due(connection, subjects)


def take_work(
    ledger: Ledger,
    subject: LeaseSubject,
    incarnation: str,
    duration: timedelta,
    limit: int,
    passing_over: Collection[str] = (),
) -> list[Lease]:
    """Up to ``limit`` leases on what has been due longest; none when nothing is. Raises `LedgerUnavailable`.

    Nothing of the accounts in ``passing_over`` is taken.
    """
    with ledger.statements() as connection:
        return leases.take(connection, subject, incarnation, duration, limit, passing_over)


def keep_lease(ledger: Ledger, lease: Lease, duration: timedelta) -> None:
    """Renew a lease between the parts of long work. Raises `LeaseLost`, `LedgerUnavailable`."""
    with ledger.statements() as connection:
        leases.hold(connection, lease, duration)
