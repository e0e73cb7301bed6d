"""The call budget: how many calls of one action all workers together may send in any one second."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, case, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from app.ledger.tables import call_budget as table
from app.ledger.tables.metadata import TIME

WINDOW: Final = timedelta(milliseconds=1100)
"""A little more than the cloud's second: two calls do not take equally long on their way there."""

_NONE: Final = literal([], ARRAY(TIME))


def reserve(connection: Connection, account_id: str, region: str, action: str, per_second: int) -> timedelta:
    """Reserve the next call; how long the caller has to wait before it sends it.

    The row keeps the times of the last ``per_second`` calls, oldest first. The next one may go when the oldest has left
    the window, so no window ever holds more, whichever worker they come from and however often one restarts.
    """
    mine = and_(table.c.account_id == account_id, table.c.region == region, table.c.action == action)
    statement = update(table).where(mine).values(recent=_with_next(per_second)).returning(table.c.recent)
    recent: list[datetime] | None = connection.execute(statement).scalar_one_or_none()
    if recent is None:
        first = insert(table).values(account_id=account_id, region=region, action=action, recent=_NONE)
        connection.execute(first.on_conflict_do_nothing(constraint="call_budget_pkey"))
        recent = connection.execute(statement).scalar_one()
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return max(recent[-1] - now, timedelta(0))


def _with_next(per_second: int) -> ColumnElement[list[datetime]]:
    """The times kept, without those that count no more, and with the next call's at the end."""
    kept = table.c.recent
    count = func.cardinality(kept)
    # With a full row the oldest that counts is ``per_second`` places from the end: a smaller budget keeps fewer.
    bound = case((count >= per_second, kept[count - per_second + 1] + WINDOW), else_=func.clock_timestamp())
    slot = func.greatest(func.clock_timestamp(), bound)
    start = func.greatest(count - per_second + 2, 1)
    return func.array_append(kept[start:count], slot)
