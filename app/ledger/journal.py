"""History: entries are added in the transaction of the change that they record, and never changed.

Each account's entries are numbered without a gap in the order in which they are committed: the numbers are handed out
last in a transaction, under the lock of the account's row, which lasts until the commit. So a reader who has seen a
number has seen all before it, and a number that is missing was deleted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    column,
    func,
    literal,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB, Insert, insert
from sqlalchemy.exc import IntegrityError

from app.domain.binding import State
from app.domain.errors import JournalMonthMissing
from app.domain.journal import Action, Entry, Position, Presence
from app.ledger.endings import at_the_end
from app.ledger.rows import GIVEN, fields_of
from app.ledger.tables import journal as table
from app.ledger.tables import journal_numbers as numbers
from app.trail import current_trail

_NO_PARTITION: Final = "no partition of relation"


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry with what the ledger added: its number in its account, its time, who did it, and on which trail."""

    sequence: int
    recorded_at: datetime
    actor: str
    entry: Entry
    request_id: str | None = None
    trace_id: str | None = None

    @property
    def position(self) -> Position:
        """Where a reading that has come to this entry stands in its account."""
        return Position(self.sequence, self.recorded_at)


@dataclass(frozen=True, slots=True)
class Span:
    """Which entries of an account are asked for: ``filters`` by column, recorded from ``since`` to before ``until``.

    Beyond ``after`` in the order asked for, and not beyond number ``last``; None sets no bound.
    """

    filters: Mapping[str, str]
    since: datetime | None = None
    until: datetime | None = None
    after: Position | None = None
    last: int | None = None
    newest_first: bool = False


def add(connection: Connection, actor: str, entries: Sequence[Entry]) -> None:
    """Add ``entries`` in their order, when the transaction ends; they belong to the trail of the work at hand, or where
    that has no trace to their own.

    The transaction's end raises `JournalMonthMissing` where there is no place for this month.
    """
    if not entries:
        return
    trail = current_trail()
    told = {"actor": actor, "request_id": trail.request_id}
    rows = at_the_end(connection, _write)
    for entry in entries:
        row = fields_of(entry)
        row |= told
        row["account_id"] = entry.account_id or ""
        row["trace_id"] = trail.trace_id or entry.trace_id
        rows.append(row)


def accounts(connection: Connection) -> dict[str, int]:
    """The accounts that have a history, each with the number of its last entry."""
    found = connection.execute(select(numbers.c.account_id, numbers.c.last).order_by(numbers.c.account_id))
    return {row.account_id: row.last for row in found}


def listing(connection: Connection, account_id: str, span: Span, limit: int) -> list[Kept]:
    """Up to ``limit`` entries of an account, in the order of their numbers or backwards."""
    statement = select(table).where(table.c.account_id == account_id, *_conditions(span))
    order = (table.c.recorded_at, table.c.sequence)
    by = [each.desc() for each in order] if span.newest_first else order
    return [_kept(row) for row in connection.execute(statement.order_by(*by).limit(limit))]


def _conditions(span: Span) -> Iterable[ColumnElement[bool]]:
    for name, value in span.filters.items():
        yield table.c[name] == value
    if span.since is not None:
        yield table.c.recorded_at >= span.since
    if span.until is not None:
        yield table.c.recorded_at < span.until
    if span.last is not None:
        yield table.c.sequence <= span.last
    if span.after is None:
        return
    # The time alone says which months need not be looked at; of one time, the numbers decide.
    here = tuple_(table.c.recorded_at, table.c.sequence)
    there = tuple_(literal(span.after.recorded_at), literal(span.after.sequence))
    if span.newest_first:
        yield table.c.recorded_at <= span.after.recorded_at
        yield here < there
    else:
        yield table.c.recorded_at >= span.after.recorded_at
        yield here > there


def _write(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Number and insert, one statement for each account; accounts in one order, as every lock is taken."""
    by_account = sorted(rows, key=lambda row: str(row["account_id"]))
    for account_id, group in groupby(by_account, key=lambda row: row["account_id"]):
        given = list(group)
        statement = _insertion(tuple(name for name in given[0] if name != "account_id"))
        for number, row in enumerate(given, start=1):
            row["ordinal"] = number
        try:
            connection.execute(statement, {GIVEN: given, "of": account_id, "many": len(given)})
        except IntegrityError as error:
            if _NO_PARTITION not in str(error.orig):
                raise
            raise JournalMonthMissing(
                "history has no place for this month; it is made now, ask again. Does no worker run?"
            ) from error


@cache
def _insertion(names: tuple[str, ...]) -> Insert:
    """Why is this safe? The account's row is locked by the statement that hands out the numbers, until the commit:
    whoever comes second waits, and numbers and times are taken after that."""
    given = _given(names)
    taken = _taking().cte("taken")
    ahead = taken.c.last - bindparam("many", type_=BigInteger)
    columns = [given.c[name] for name in names]
    rows: Select[Any] = select(taken.c.account_id, ahead + given.c.ordinal, taken.c.recorded_at, *columns)
    return insert(table).from_select(
        ["account_id", "sequence", "recorded_at", *names], rows.select_from(given.join(taken, true()))
    )


def _given(names: tuple[str, ...]) -> Any:
    columns: list[Column[Any] | Any] = [column(name, table.c[name].type) for name in names]
    columns.append(column("ordinal", BigInteger))
    parameter = bindparam(GIVEN, type_=JSONB)
    return func.jsonb_to_recordset(parameter).table_valued(*columns, name="given").render_derived(with_types=True)


def _taking() -> Any:
    """The account's next numbers, and the time, which does not go back even where the database's clock does."""
    now = func.clock_timestamp()
    added = insert(numbers).values(
        account_id=bindparam("of"), last=bindparam("many", type_=BigInteger), recorded_at=now
    )
    following = {
        "last": numbers.c.last + added.excluded.last,
        "recorded_at": func.greatest(numbers.c.recorded_at, now),
    }
    return added.on_conflict_do_update(constraint="journal_numbers_pkey", set_=following).returning(numbers)


def _kept(row: Row[Any]) -> Kept:
    found = row._mapping  # noqa: SLF001
    fields: dict[str, Any] = {name: found[name] for name in Entry.__dataclass_fields__}
    fields["action"] = Action(fields["action"])
    fields["presence"] = Presence(fields["presence"]) if fields["presence"] else None
    for name in ("from_state", "to_state"):
        fields[name] = State(fields[name]) if fields[name] else None
    return Kept(row.sequence, row.recorded_at, row.actor, Entry(**fields), row.request_id, row.trace_id)
