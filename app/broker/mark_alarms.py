"""Mark which load balancers and clusters have failed for too long."""

from datetime import timedelta

from app.ledger import alarms
from app.ledger.alarms import Alarm
from app.ledger.connection import Ledger


def mark_alarms(ledger: Ledger, after: timedelta) -> list[Alarm]:
    """The alarms that begin or end now; each is told to one caller alone. Raises `LedgerUnavailable`."""
    with ledger.begin() as connection:
        return alarms.mark(connection, after)
