"""The call budget: how many calls of one action all workers together may send in any one second."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by, insert

from app.ledger.tables import call_budget as table
from app.ledger.tables.metadata import TIME

WINDOW: Final = timedelta(milliseconds=1100)
"""A little more than the cloud's second: two calls do not take equally long on their way there."""

LATEST: Final = WINDOW - timedelta(seconds=1)
"""How long after its time a call may still be sent; later it is a call of another window, and is reserved anew."""

_NONE: Final = literal([], ARRAY(TIME))


def reserve(connection: Connection, account_id: str, region: str, action: str, per_second: int) -> timedelta:
    """Reserve the next call; how long the caller has to wait before it sends it.

    The row keeps the times of all calls that still count, oldest first. The next one may go when the ``per_second``-th
    from the end has left the window, and never before one that was reserved earlier: so no window ever holds more,
    whichever worker they come from, however often one restarts, and also while workers disagree about the budget.
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
    now = func.clock_timestamp()
    kept = table.c.recent
    count = func.cardinality(kept)
    # Outside of the row's bounds there is NULL, which `greatest` passes over: fewer calls set no bound.
    slot = func.greatest(now, kept[count], kept[count - per_second + 1] + WINDOW)
    moment = func.unnest(kept).column_valued("moment")
    counting = select(func.array_agg(aggregate_order_by(moment, moment))).where(moment > now - WINDOW)
    return func.array_append(func.coalesce(counting.scalar_subquery(), _NONE), slot)
