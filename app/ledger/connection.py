"""Transactions on the ledger, and what its failures are called."""

import select as readiness
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import orjson
import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from app.domain.errors import LedgerUnavailable

SESSION_OPTIONS: Final = (
    "-c statement_timeout=20000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=30000 -c timezone=UTC"
)
"""No statement, lock or forgotten transaction may stop the others for longer; in milliseconds."""

RESTED_SECONDS: Final = 1.0
"""A pooled connection that was not used for so long is tried before it is used again."""

CONNECT_SECONDS: Final = 3
POOL_SECONDS: Final = 5


def engine_url(database_url: str) -> str:
    """The libpq URI as SQLAlchemy wants it, with psycopg 3 as driver."""
    url = make_url(database_url)
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


class Ledger:
    """The database behind the broker. Thread-safe; one per process, made after any fork."""

    def __init__(self, database_url: str, pool_size: int = 10) -> None:
        self._engine = _engine(database_url, pool_size, SESSION_OPTIONS)
        # A third of the connections: each is used for a millisecond at a time.
        hasty = _engine(database_url, max(4, pool_size // 3), f"{SESSION_OPTIONS} -c synchronous_commit=off")
        self._statements = hasty.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back by any exception. Raises `LedgerUnavailable`.

        When the database goes away during COMMIT nobody knows whether it happened; the caller hears
        `LedgerUnavailable` and asks again, which is safe because every use case may be repeated.
        """
        with _named_errors(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def statements(self) -> Iterator[Connection]:
        """A connection on which each statement is a transaction of its own, which does not wait for the disk.

        For what is outdated soon: leases taken, calls reserved. A crash of the database may lose the last moments of
        it, but nothing that a later transaction of `begin` rests on, since what is logged first is kept first. Raises
        `LedgerUnavailable` as `begin` does.
        """
        with _named_errors(), self._statements.connect() as connection:
            yield connection

    def close(self) -> None:
        """Close all pooled connections."""
        self._engine.dispose()
        self._statements.dispose()


def _engine(database_url: str, pool_size: int, options: str) -> Engine:
    engine = create_engine(
        engine_url(database_url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=POOL_SECONDS,
        pool_use_lifo=True,  # the connection that was used last has its statements prepared
        json_serializer=_dump,
        json_deserializer=orjson.loads,
        connect_args={"connect_timeout": CONNECT_SECONDS, "options": options},
    )
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", _ping_if_doubtful)
    return engine


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
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


def _note_use(_: Any, record: ConnectionPoolEntry) -> None:
    record.info["used_at"] = time.monotonic()


def _ping_if_doubtful(link: Any, record: ConnectionPoolEntry, _: Any) -> None:
    """Find out whether the database is still there, but not before each of a thousand transactions a minute.

    A server that ends a connection says so on it, so one that was used a moment ago is doubted only if it has news.
    """
    used_at = record.info.get("used_at")  # None: it was opened just now
    if used_at is None or (time.monotonic() - used_at < RESTED_SECONDS and not _has_news(link)):
        return
    try:
        link.execute("SELECT 1")
        link.rollback()
    except psycopg.Error as error:
        raise InvalidatePoolError("the connection is gone") from error


def _has_news(link: Any) -> bool:
    watch = readiness.poll()
    watch.register(link.fileno(), readiness.POLLIN)
    return bool(watch.poll(0))


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
