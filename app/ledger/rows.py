"""Many rows in one statement: they travel as one JSON parameter and are unfolded by the database.

A thousand rows cost one round trip and one parse, and no limit on the number of parameters is met.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Connection, Table, Update, bindparam, column, func, select, update
from sqlalchemy import Row as DatabaseRow
from sqlalchemy.dialects.postgresql import JSONB, Insert, insert
from sqlalchemy.sql.selectable import TableValuedAlias

Row = Mapping[str, Any]


GIVEN: Final = "given_rows"
"""The name of the parameter that the rows travel in."""


def recordset(table: Table, *names: str) -> TableValuedAlias:
    """The rows given in the parameter `GIVEN` as a relation with the columns ``names``, typed as in ``table``."""
    columns = [column(name, table.c[name].type) for name in names]
    parameter = bindparam(GIVEN, type_=JSONB)
    return func.jsonb_to_recordset(parameter).table_valued(*columns, name="given").render_derived(with_types=True)


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert ``rows``, which all have the same keys; nothing for no rows."""
    if rows:
        connection.execute(_insertion(table, tuple(rows[0])), {GIVEN: rows})


def update_rows(connection: Connection, table: Table, key: tuple[str, ...], rows: Sequence[Row]) -> int:
    """Update the rows named by ``key`` with everything else in ``rows``; the number of rows found."""
    return connection.execute(_change(table, key, tuple(rows[0])), {GIVEN: rows}).rowcount if rows else 0


# Making a statement of thirty columns takes longer than the database takes to carry it out for a few rows.
@cache
def _insertion(table: Table, names: tuple[str, ...]) -> Insert:
    return insert(table).from_select(list(names), select(*recordset(table, *names).c))


@cache
def _change(table: Table, key: tuple[str, ...], names: tuple[str, ...]) -> Update:
    given = recordset(table, *names)
    changes = {name: given.c[name] for name in names if name not in key}
    return update(table).values(changes).where(*(table.c[name] == given.c[name] for name in key))


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
    names, values = _READINGS.get(type(value)) or _reading(type(value))
    return dict(zip(names, values(value), strict=True))


_Reading = tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]
_READINGS: Final[dict[type[Any], _Reading]] = {}


def _reading(kind: type[Any]) -> _Reading:
    """The names of a dataclass's two or more fields, and what reads all their values at once; made once."""
    names = tuple(kind.__dataclass_fields__)
    _READINGS[kind] = names, attrgetter(*names)
    return _READINGS[kind]
