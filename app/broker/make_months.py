"""Make the months of history that are to come, so that no entry ever finds none."""

from datetime import date

from app.ledger import journal_months
from app.ledger.connection import Ledger


def make_months(ledger: Ledger) -> list[date]:
    """This month and the next ones, as far as they were missing; safe to do by several at once.

    Raises `LedgerUnavailable`.
    """
    with ledger.begin() as connection:
        return journal_months.make_ahead(connection)
