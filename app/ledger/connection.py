"""Transactions on the ledger, and what its failures are called."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection, create_engine, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.domain.errors import LedgerUnavailable

SESSION_OPTIONS: Final = (
    "-c statement_timeout=20000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=30000 -c timezone=UTC"
)
"""No statement, lock or forgotten transaction may stop the others for longer; in milliseconds."""

CONNECT_SECONDS: Final = 3
POOL_SECONDS: Final = 5


def engine_url(database_url: str) -> str:
    """The libpq URI as SQLAlchemy wants it, with psycopg 3 as driver."""
    url = make_url(database_url)
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


class Ledger:
    """The database behind the broker. Thread-safe; one per process, made after any fork."""

    def __init__(self, database_url: str, pool_size: int = 10) -> None:
        self._engine = create_engine(
            engine_url(database_url),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=POOL_SECONDS,
            pool_pre_ping=True,
            pool_use_lifo=True,  # the connection that was used last has its statements prepared
            json_serializer=_dump,
            json_deserializer=orjson.loads,
            connect_args={"connect_timeout": CONNECT_SECONDS, "options": SESSION_OPTIONS},
        )

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back by any exception. Raises `LedgerUnavailable`.

        When the database goes away during COMMIT nobody knows whether it happened; the caller hears
        `LedgerUnavailable` and asks again, which is safe because every use case may be repeated.
        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise LedgerUnavailable(_first_line(error)) from error
        except ProgrammingError as error:
            if _undefined_table(error):
                raise LedgerUnavailable("the schema is not there yet: run clb-broker migrate") from error
            raise
        except DBAPIError as error:
            if error.connection_invalidated:
                raise LedgerUnavailable(_first_line(error)) from error
            raise

    def close(self) -> None:
        """Close all pooled connections."""
        self._engine.dispose()


def clock(connection: Connection) -> datetime:
    """The database's clock: the only one that all processes share."""
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now


def _dump(value: Any) -> str:
    return orjson.dumps(value).decode()


def _undefined_table(error: ProgrammingError) -> bool:
    return getattr(error.orig, "sqlstate", None) in {"42P01", "42703"}  # undefined table, undefined column


def _first_line(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    return str(original).strip().partition("\n")[0]


__all__ = ["Connection", "Ledger", "clock", "engine_url"]
