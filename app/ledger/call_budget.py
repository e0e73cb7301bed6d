"""The call budget: how many calls of one action all workers together may send in any one second.

A call has a turn: it is sent in it or not at all. The ledger keeps when each call arrives at the latest; a further one
opens a second after the one that is a whole budget before it. So no second holds more at the cloud, whichever worker
they come from, however often one restarts, and however differently long they take, up to what the turns allow for.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Float,
    Integer,
    Interval,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by, insert

from app.ledger.tables import call_budget as table
from app.ledger.tables.metadata import TIME
from app.planning import pacing
from app.planning.clocks import Offset

SECOND: Final = timedelta(seconds=1)
"""The cloud counts by seconds."""

GAP: Final = timedelta(milliseconds=10)
"""Between two calls: what leaves at the same moment waits for each other on its way, each time differently long."""

MOST_GAPS: Final = timedelta(milliseconds=250)
"""All gaps of a second together: a great budget has smaller ones."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A call's turn: when it opens (unix seconds, by the database's clock), and for how long it had to wait then.

    ``arrives_at`` is when the call is reckoned to arrive at the latest, which is how the ledger knows it. ``offset`` is
    what the answer tells of the database's clock, as compared with this process's `time.monotonic`.
    """

    opens_at: float
    wait_seconds: float
    arrives_at: datetime
    offset: Offset


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a turn: the call arrives at ``arrives_at`` at the latest; None: it was missed, and not sent."""

    turn: Turn
    arrives_at: datetime | None


def reserve(
    connection: Connection,
    account_id: str,
    region: str,
    action: str,
    per_second: int,
    spread: timedelta,
    outcomes: Sequence[Outcome] = (),
) -> Turn:
    """Reserve the next call, in one statement. ``spread`` is how long its turn is.

    ``outcomes`` are those of earlier turns of this process: a call that was sent early in its turn lets the one that is
    a whole budget behind it come so much earlier, and a turn that was missed counts no more. Calls are sent in the
    order in which they were reserved. Workers may disagree about ``per_second`` and ``spread``.
    """
    values = {
        "of_account": account_id,
        "of_region": region,
        "of_action": action,
        "most": per_second,
        "gap": min(GAP, MOST_GAPS / per_second),
        "on_its_way": pacing.on_its_way(spread),
        "reckoned": [each.turn.arrives_at for each in outcomes],
        "found": [each.arrives_at for each in outcomes],
    }
    before = time.monotonic()
    arrives_at, now, inside = connection.execute(_RESERVE, values).one()
    offset = Offset.seen(now.timestamp(), before + inside.total_seconds(), time.monotonic())
    opens_at = arrives_at - pacing.on_its_way(spread)
    return Turn(opens_at.timestamp(), max(0.0, (opens_at - now).total_seconds()), arrives_at, offset)


def lower(connection: Connection, account_id: str, region: str, action: str, per_second: int) -> float | None:
    """The cloud throttled a call: fewer from now on, for a while. The budget in calls per second that is left.

    None when it stays as it is: it is lowered at most once a second, since what follows is an echo of the same burst.
    """
    mine = (table.c.account_id == account_id, table.c.region == region, table.c.action == action)
    now = func.clock_timestamp()
    found = connection.execute(
        select(table.c.lowered_to, now - table.c.lowered_at).where(*mine).with_for_update()
    ).one_or_none()
    if found is None or (found[1] is not None and timedelta(0) <= found[1] < SECOND):
        return None
    lowered_to = pacing.lowered(pacing.recovered(per_second, *found))
    connection.execute(update(table).where(*mine).values(lowered_to=lowered_to, lowered_at=now))
    return lowered_to


def _reservation() -> Executable:
    now = func.clock_timestamp()
    on_its_way = bindparam("on_its_way", type_=Interval())
    new = insert(table).values(
        account_id=bindparam("of_account"),
        region=bindparam("of_region"),
        action=bindparam("of_action"),
        recent=func.array_append(literal([], ARRAY(TIME)), now + on_its_way),
    )
    reserved = new.on_conflict_do_update(constraint="call_budget_pkey", set_={"recent": _with_next(now, on_its_way)})
    last = table.c.recent[func.cardinality(table.c.recent)]
    return reserved.returning(last, now, now - func.statement_timestamp())


def _with_next(now: ColumnElement[Any], on_its_way: ColumnElement[Any]) -> ColumnElement[Any]:
    """The arrivals that still count, as far as they are known by now, and the next call's at the end."""
    moment = func.unnest(table.c.recent).column_valued("moment")
    reckoned, found = (bindparam(name, type_=ARRAY(TIME)) for name in ("reckoned", "found"))
    corrected = func.coalesce(found, type_=ARRAY(TIME))[func.array_position(reckoned, moment)]
    arrival = case((moment == any_(reckoned), corrected), else_=moment)  # NULL for a call that was not sent
    known = select(func.array_agg(aggregate_order_by(arrival, arrival)).label("kept"))
    counting = known.where(arrival > now - SECOND).subquery("counting")
    kept = func.coalesce(counting.c.kept, literal([], ARRAY(TIME)), type_=ARRAY(TIME))
    count = func.cardinality(kept)
    gap = bindparam("gap", type_=Interval())
    # Outside of the array's bounds there is NULL, which `greatest` passes over: fewer calls set no bound.
    turn = func.greatest(now, kept[count] - on_its_way + gap, kept[count - _budget(now) + 1] + SECOND)
    return select(func.array_append(kept, turn + on_its_way)).scalar_subquery()


def _budget(now: ColumnElement[Any]) -> ColumnElement[int]:
    """`pacing.recovered` of the row, in whole calls."""
    # By their names: as columns of the table they would put it into the subquery's own FROM.
    lowered_to = literal_column("call_budget.lowered_to", Float)
    lowered_at = literal_column("call_budget.lowered_at", TIME)
    most = bindparam("most", type_=Integer())
    seconds = func.greatest(func.extract("epoch", now - lowered_at), 0)
    recovered = lowered_to + cast(seconds, Float) * most * pacing.RECOVERY
    return cast(func.floor(func.greatest(1, func.least(most, recovered))), Integer)


_RESERVE: Final = _reservation()
