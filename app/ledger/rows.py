"""Many rows in one statement: they travel as one JSON parameter and are unfolded by the database.

A thousand rows cost one round trip and one parse, and no limit on the number of parameters is met.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, bindparam, column, func, select, update
from sqlalchemy import Row as DatabaseRow
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.sql.selectable import TableValuedAlias

Row = Mapping[str, Any]


def recordset(table: Table, names: Sequence[str], rows: Sequence[Row]) -> TableValuedAlias:
    """``rows`` as a relation with the columns ``names``, typed as in ``table``."""
    columns = [column(name, table.c[name].type) for name in names]
    parameter = bindparam(None, list(rows), type_=JSONB)
    return func.jsonb_to_recordset(parameter).table_valued(*columns, name="given").render_derived(with_types=True)


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert ``rows``, which all have the same keys; nothing for no rows."""
    if rows:
        names = list(rows[0])
        given = recordset(table, names, rows)
        connection.execute(insert(table).from_select(names, select(*given.c)))


def update_rows(connection: Connection, table: Table, key: Sequence[str], rows: Sequence[Row]) -> int:
    """Update the rows named by ``key`` with everything else in ``rows``; the number of rows found."""
    if not rows:
        return 0
    names = list(rows[0])
    given = recordset(table, names, rows)
    changes = {name: given.c[name] for name in names if name not in key}
    statement = update(table).values(changes).where(*(table.c[name] == given.c[name] for name in key))
    return connection.execute(statement).rowcount


def put_row(
    connection: Connection, table: Table, key: Row, values: Row, on_change: Row
) -> tuple[DatabaseRow[Any] | None, bool]:
    """Insert a row, or change the one of that ``key``, then with ``on_change`` too; the row, and whether it is new.

    None when a unique constraint besides the key's says that the row cannot be. Why is this safe? The indexes decide:
    the insertion waits for others of the same id, and the change sees what they have committed.
    """
    added = insert(table).values(**key, **values).on_conflict_do_nothing().returning(table)
    row = connection.execute(added).one_or_none()
    if row is not None:
        return row, True
    mine = (table.c[name] == value for name, value in key.items())
    changed = update(table).where(*mine).values(**values, **on_change).returning(table)
    return connection.execute(changed).one_or_none(), False


def fields_of(value: Any) -> dict[str, Any]:
    """The fields of a flat dataclass by name; `dataclasses.asdict` would copy each value, deeply, a thousand times."""
    return {name: getattr(value, name) for name in value.__dataclass_fields__}
