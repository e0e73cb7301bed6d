"""History: entries are added in the transaction of the change that they record, and never changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from app.domain.binding import State
from app.domain.journal import Action, Entry
from app.ledger.rows import fields_of, insert_rows
from app.ledger.tables import journal as table


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry with what the ledger added: its number, its time, and who did it."""

    sequence: int
    recorded_at: datetime
    actor: str
    entry: Entry


def add(connection: Connection, actor: str, entries: Sequence[Entry]) -> None:
    """Add ``entries`` in their order."""
    insert_rows(
        connection,
        table,
        [{**fields_of(entry), "account_id": entry.account_id or "", "actor": actor} for entry in entries],
    )


def listing(
    connection: Connection,
    filters: Mapping[str, str],
    *,
    since: datetime | None,
    until: datetime | None,
    after: int | None,
    newest_first: bool,
    limit: int,
) -> list[Kept]:
    """Up to ``limit`` entries whose columns equal ``filters``, recorded from ``since`` to before ``until``.

    ``after`` is the sequence number of the last entry already seen, in the order asked for.
    """
    statement = select(table)
    for name, value in filters.items():
        statement = statement.where(table.c[name] == value)
    if since is not None:
        statement = statement.where(table.c.recorded_at >= since)
    if until is not None:
        statement = statement.where(table.c.recorded_at < until)
    if after is not None:
        statement = statement.where(table.c.sequence < after if newest_first else table.c.sequence > after)
    order = table.c.sequence.desc() if newest_first else table.c.sequence
    return [_kept(row._mapping) for row in connection.execute(statement.order_by(order).limit(limit))]  # noqa: SLF001


def _kept(row: RowMapping) -> Kept:
    fields: dict[str, Any] = {name: row[name] for name in Entry.__dataclass_fields__}
    fields["action"] = Action(fields["action"])
    for name in ("from_state", "to_state"):
        fields[name] = State(fields[name]) if fields[name] else None
    return Kept(row["sequence"], row["recorded_at"], row["actor"], Entry(**fields))
