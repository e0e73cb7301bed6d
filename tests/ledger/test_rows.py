"""Many rows in one statement keep their types, their nulls and their number."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, MetaData, Table, Text, event, select
from sqlalchemy.exc import DataError

from app.ledger.connection import Connection, Ledger
from app.ledger.rows import GIVEN, insert_rows, recordset, update_rows
from app.ledger.tables.metadata import DOCUMENT, TIME

KINDS = Table(
    "kinds",
    MetaData(),
    Column("key", Text, primary_key=True),
    Column("text", Text),
    Column("whole", Integer),
    Column("large", BigInteger),
    Column("flag", Boolean),
    Column("share", Float),
    Column("time", TIME),
    Column("document", DOCUMENT),
)
AT = datetime(2026, 11, 23, 8, 0, 0, 123456, tzinfo=UTC)
FULL: dict[str, Any] = {
    "key": "full",
    "text": 'it\'s "quoted"; DROP TABLE kinds; -- \\ {} [] \n\t 语 🎈 :name %s',
    "whole": -2_147_483_648,
    "large": 2**63 - 1,
    "flag": True,
    "share": 0.3,
    "time": AT,
    "document": {"list": [1, "two", None, {"three": 3}], "empty": {}},
}
EMPTY: dict[str, Any] = {**dict.fromkeys(FULL), "key": "empty"}


@pytest.fixture
def kinds(ledger: Ledger) -> Iterator[Ledger]:
    """A ledger with a table that has a column of every kind."""
    with ledger.begin() as connection:
        connection.exec_driver_sql("SET LOCAL ROLE NONE")  # the application makes no tables
        KINDS.create(connection)
        connection.exec_driver_sql("GRANT ALL ON kinds TO clb_broker_application")
    yield ledger
    with ledger.begin() as connection:
        connection.exec_driver_sql("SET LOCAL ROLE NONE")
        KINDS.drop(connection)


def stored(connection: Connection) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in connection.execute(select(KINDS).order_by(KINDS.c.key))]


def test_values_of_every_type_come_back_as_they_went_in(kinds: Ledger) -> None:
    with kinds.begin() as connection:
        insert_rows(connection, KINDS, [FULL, EMPTY])
        assert stored(connection) == [EMPTY, FULL]


def test_times_keep_their_moment_whatever_zone_they_are_told_in(kinds: Ledger) -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=8)))
    with kinds.begin() as connection:
        insert_rows(connection, KINDS, [{"key": "a", "time": elsewhere}])
        assert stored(connection)[0]["time"] == AT


def test_none_is_null_also_in_a_document_column(kinds: Ledger) -> None:
    with kinds.begin() as connection:
        insert_rows(connection, KINDS, [FULL, EMPTY])
        without = connection.exec_driver_sql("SELECT key FROM kinds WHERE document IS NULL").scalars().all()
        assert without == ["empty"]
        update_rows(connection, KINDS, ("key",), [{"key": "full", "document": None, "text": None}])
        assert connection.exec_driver_sql("SELECT count(*) FROM kinds WHERE document IS NULL").scalar_one() == 2


def test_an_empty_string_is_no_null(kinds: Ledger) -> None:
    with kinds.begin() as connection:
        insert_rows(connection, KINDS, [{"key": "a", "text": "", "whole": 0, "flag": False}])
        row = stored(connection)[0]
        assert (row["text"], row["whole"], row["flag"]) == ("", 0, False)


def test_an_update_touches_the_named_rows_and_columns_alone(kinds: Ledger) -> None:
    with kinds.begin() as connection:
        insert_rows(connection, KINDS, [FULL, {**FULL, "key": "other"}])
        found = update_rows(
            connection, KINDS, ("key",), [{"key": "full", "whole": 7}, {"key": "not there", "whole": 8}]
        )
        assert found == 1
        assert stored(connection) == [{**FULL, "whole": 7}, {**FULL, "key": "other"}]


def test_a_thousand_rows_are_one_statement_each_way(kinds: Ledger) -> None:
    said: list[str] = []
    rows = [{**FULL, "key": f"key-{number:04}", "whole": number} for number in range(1000)]
    with kinds.begin() as connection:
        event.listen(connection, "before_cursor_execute", lambda *given: said.append(given[2]))
        insert_rows(connection, KINDS, rows)
        changes = [
            {
                "key": row["key"],
                "whole": -row["whole"],
            }
            for row in rows
        ]
        assert update_rows(connection, KINDS, ("key",), changes) == 1000
        assert len(said) == 2
        assert stored(connection) == [{**row, "whole": -row["whole"]} for row in rows]


def test_no_rows_are_no_statement(kinds: Ledger) -> None:
    said: list[str] = []
    with kinds.begin() as connection:
        event.listen(connection, "before_cursor_execute", lambda *given: said.append(given[2]))
        insert_rows(connection, KINDS, [])
        assert update_rows(connection, KINDS, ("key",), []) == 0
        assert said == []


def test_a_record_set_of_no_rows_is_an_empty_relation(kinds: Ledger) -> None:
    with kinds.begin() as connection:
        given = recordset(KINDS, "key", "whole")
        assert connection.execute(select(*given.c), {GIVEN: []}).all() == []


def test_a_value_that_does_not_fit_is_refused_and_nothing_is_kept(kinds: Ledger) -> None:
    with pytest.raises(DataError), kinds.begin() as connection:
        insert_rows(connection, KINDS, [FULL, {**FULL, "key": "large", "whole": 2**31}])
    with kinds.begin() as connection:
        assert stored(connection) == []
