"""The targets that were at the cloud at a moment, by what history says of them.

Entries that speak of a place (`app.domain.journal.Presence`) are told in the order of their numbers: the last that
shows or misses the target says whether it was there, the last with a weight which one, the last of all whose it was.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Select, Text, and_, bindparam, cast, func, literal, select, union_all
from sqlalchemy.dialects.postgresql import aggregate_order_by

from app.domain.journal import Presence
from app.ledger.tables import journal, journal_standing
from app.ledger.tables import journal_boundaries as boundaries
from app.ledger.tables.metadata import TIME


@dataclass(frozen=True, slots=True)
class HeldTarget:
    """A target, whose it was, and the entry that says so: its number, and ``since`` when."""

    load_balancer_id: str
    listener_id: str
    location_id: str
    ip: str
    port: int
    weight: int | None
    cluster_id: str
    pod_uid: str | None
    binding_id: str
    since: datetime
    sequence: int


_PLACE: Final = ("account_id", "load_balancer_id", "listener_id", "location_id", "ip", "port")
_OWNER: Final = ("cluster_id", "pod_uid", "binding_id")


def held(connection: Connection, name: str, value: str, at: datetime) -> list[HeldTarget]:
    """The targets whose ``name`` (``ip`` or ``load_balancer_id``) is ``value``, as they were at ``at``, by place."""
    rows = connection.execute(statement(name), {"value": value, "at": at})
    return [HeldTarget(**row._mapping) for row in rows]  # noqa: SLF001


def begins(connection: Connection) -> datetime | None:
    """From when on history is kept; None: from the beginning."""
    first: datetime | None = connection.execute(select(cast(func.max(boundaries.c.month), TIME))).scalar_one()
    return first


@cache
def statement(name: str) -> Select[Any]:
    """The query by a column, with the parameters ``value`` and ``at``."""
    said = _said(name).cte("said")
    newest = said.c.sequence.desc()
    shown = func.array_agg(aggregate_order_by(said.c.presence, newest)).filter(
        said.c.presence.in_([Presence.PRESENT, Presence.ABSENT])
    )
    weight = func.array_agg(aggregate_order_by(said.c.weight, newest)).filter(said.c.weight.is_not(None))
    place = [said.c[each] for each in _PLACE]
    last = func.max(said.c.sequence).label("last")
    places = select(*place, last, shown[1].label("shown"), weight[1].label("weight")).group_by(*place).cte("places")
    same = and_(*(said.c[each] == places.c[each] for each in _PLACE), said.c.sequence == places.c.last)
    return (
        select(
            *(places.c[each] for each in _PLACE[1:]),
            places.c.weight,
            *(said.c[each] for each in _OWNER),
            said.c.recorded_at.label("since"),
            said.c.sequence,
        )
        .join(said, same)
        .where(places.c.shown == Presence.PRESENT)
        .order_by(*(places.c[each] for each in _PLACE))
    )


def _said(name: str) -> Any:
    """What was said until then, after what was so when history began."""
    at = journal.c.recorded_at <= bindparam("at", type_=TIME)
    entries = select(
        *(
            journal.c[each] if each != "location_id" else func.coalesce(journal.c[each], "").label(each)
            for each in _PLACE
        ),
        *(journal.c[each] for each in _OWNER),
        journal.c.weight,
        journal.c.presence,
        journal.c.sequence,
        journal.c.recorded_at,
    ).where(journal.c[name] == bindparam("value"), at, journal.c.presence.is_not(None))
    standing = select(
        *(journal_standing.c[each] for each in (*_PLACE, *_OWNER)),
        journal_standing.c.weight,
        literal(Presence.PRESENT.value, Text).label("presence"),
        journal_standing.c.sequence,
        journal_standing.c.recorded_at,
    ).where(journal_standing.c[name] == bindparam("value"))
    return union_all(entries, standing)
