"""The months of history: the journal's partitions, which nobody makes by accident and nobody forgets to.

There is no default partition: rows in it would keep their month from being made. Migrations and workers make months
ahead; where neither did for months, the first writer that finds none has it made, and asks again.
"""

from datetime import date
from typing import Final

from sqlalchemy import Connection, text

from app.domain.journal import month_after, month_of_name

AHEAD: Final = 3
"""How many months after this one are there, when a worker has looked."""

_THIS: Final = text("SELECT CAST(date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') AS date)")
_MAKE: Final = text("SELECT make_journal_month(:month)")
_FOUND: Final = text(
    "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
    " WHERE i.inhparent = CAST('journal' AS regclass) ORDER BY c.relname"
)


def this_month(connection: Connection) -> date:
    """The first day of the month by the database's clock, in UTC."""
    month: date = connection.execute(_THIS).scalar_one()
    return month


def months(connection: Connection) -> list[date]:
    """The months that there are, each by its first day, in order."""
    return [month_of_name(name) for name in connection.execute(_FOUND).scalars()]


def make_ahead(connection: Connection, ahead: int = AHEAD) -> list[date]:
    """Make this month and ``ahead`` after it, as far as they are missing; those that were made now."""
    month, there, made = this_month(connection), set(months(connection)), []
    for _ in range(ahead + 1):
        # Asked for only where it seems to be missing: making one takes a lock, though one that few meet.
        if month not in there and connection.execute(_MAKE, {"month": month}).scalar_one():
            made.append(month)
        month = month_after(month)
    return made
