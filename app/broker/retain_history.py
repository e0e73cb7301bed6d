"""Let go of old months of history, without the chain of seals or the answer to "what was bound then" losing its end."""

from app.domain.errors import RequestRefused
from app.domain.journal import month_name, months_before
from app.ledger import journal_months, retention
from app.ledger.connection import Ledger


def retain_history(ledger: Ledger, months: int) -> list[str]:
    """Detach all months older than this one and the ``months`` before it, oldest first; the tables that they are now.

    What a month's end looked like is kept before it goes: how far the seals had come, and what was bound where. Needs
    the rights of the tables' owner. Raises `RequestRefused` where entries of such a month are not sealed yet,
    `LedgerUnavailable`.
    """
    with ledger.begin() as connection:
        first = months_before(journal_months.this_month(connection), months)
        old = [month for month in journal_months.months(connection) if month < first]
    detached = []
    for month in old:
        with ledger.begin() as connection:
            if not retention.sealed_through(connection, month):
                told = f"entries of {month:%Y-%m} are not sealed yet: a worker has to be running"
                raise RequestRefused(409, "history-not-sealed", told)
            retention.keep_boundary(connection, month)
            retention.keep_standing(connection, month)
            retention.detach(connection, month)
        detached.append(month_name(month))
    return detached
