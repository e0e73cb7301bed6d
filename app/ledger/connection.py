"""Transactions on the ledger, and what its failures are called."""

import select as readiness
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NoReturn

import orjson
import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from app.domain.errors import JournalMonthMissing, LedgerNotMigrated, LedgerUnavailable
from app.ledger.endings import begin_gathering, end
from app.ledger.journal_months import make_ahead

SESSION_OPTIONS: Final = (
    "-c statement_timeout=20000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=30000 -c timezone=UTC"
)
"""No statement, lock or forgotten transaction may stop the others for longer; in milliseconds."""

APPLICATION_ROLE: Final = "clb_broker_application"
AGENT_ROLE: Final = "clb_broker_agent"
"""What the broker works as, whatever user it logs in as, and what requests of agents that only read are answered as.
Migrations make both (`migrations/rights.py`)."""

_BEHIND_THE_WALL: Final = text(
    f"SELECT set_config('role', '{AGENT_ROLE}', true), set_config('clb_broker.cluster_id', :cluster_id, true)"
)

RESTED_SECONDS: Final = 1.0
"""A pooled connection that was not used for so long is tried before it is used again."""

PREPARED_AFTER: Final = 1
"""How often a statement is executed on a connection before it is prepared there: what comes twice comes often."""

NOT_THERE: Final = frozenset({"42P01", "42703", "42501"})
"""What statements meet before migrations were run: no such table, no such column, no right."""

CONNECT_SECONDS: Final = 3
POOL_SECONDS: Final = 5


def engine_url(database_url: str) -> str:
    """The libpq URI as SQLAlchemy wants it, with psycopg 3 as driver."""
    url = make_url(database_url)
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


class Ledger:
    """The database behind the broker. Thread-safe; one per process, made after any fork."""

    def __init__(self, database_url: str, pool_size: int = 10, role: str | None = APPLICATION_ROLE) -> None:
        """``role`` None: as the user that the URI names, for what the owner of the tables alone may do."""
        options = f"{SESSION_OPTIONS} -c role={role or 'none'}"
        self._engine = _engine(database_url, pool_size, options)
        # A third of the connections: each is used for a millisecond at a time.
        hasty = _engine(database_url, max(4, pool_size // 3), f"{options} -c synchronous_commit=off")
        self._statements = hasty.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back by any exception. Raises `LedgerUnavailable`.

        When the database goes away during COMMIT nobody knows whether it happened; the caller hears
        `LedgerUnavailable` and asks again, which is safe because every use case may be repeated. Where history has no
        place for this month, that is made, and the caller hears `JournalMonthMissing`, to ask again as well.
        """
        try:
            with _named_errors(), self._engine.begin() as connection:
                begin_gathering(connection)
                yield connection
                end(connection)
        except JournalMonthMissing:
            with _named_errors(), self._engine.begin() as connection:
                make_ahead(connection)
            raise

    @contextmanager
    def statements(self) -> Iterator[Connection]:
        """A connection on which each statement is a transaction of its own, which does not wait for the disk.

        For what is outdated soon: leases taken, calls reserved. A crash of the database may lose the last moments of
        it, but nothing that a later transaction of `begin` rests on, since what is logged first is kept first. Raises
        `LedgerUnavailable` as `begin` does.
        """
        with _named_errors(), self._statements.connect() as connection:
            yield connection

    def behind_the_wall(self, cluster_id: str) -> "Ledger":
        """The same database as the agent of one cluster may see it: to read from, and rows of that cluster alone.

        Whatever a query forgets to say, row level security says. It shares the connections; role and cluster are those
        of each transaction and end with it.
        """
        return _WalledLedger(self._engine, cluster_id)

    def close(self) -> None:
        """Close all pooled connections."""
        self._engine.dispose()
        self._statements.dispose()


class _WalledLedger(Ledger):
    def __init__(self, engine: Engine, cluster_id: str) -> None:
        self._engine = engine
        self._cluster_id = cluster_id

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        with super().begin() as connection:
            connection.execute(_BEHIND_THE_WALL, {"cluster_id": self._cluster_id})
            yield connection

    def statements(self) -> NoReturn:
        raise TypeError("behind the wall every statement belongs to a transaction")

    def behind_the_wall(self, cluster_id: str) -> NoReturn:
        raise TypeError("this ledger is behind the wall already")

    def close(self) -> NoReturn:
        raise TypeError("the connections are another's")


def _engine(database_url: str, pool_size: int, options: str) -> Engine:
    engine = create_engine(
        engine_url(database_url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=POOL_SECONDS,
        hide_parameters=True,  # an error's text goes into logs, and what was sent does not
        pool_use_lifo=True,  # the connection that was used last has its statements prepared
        json_serializer=_dump,
        json_deserializer=orjson.loads,
        connect_args={"connect_timeout": CONNECT_SECONDS, "options": options, "prepare_threshold": PREPARED_AFTER},
    )
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", _ping_if_doubtful)
    return engine


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        if f'role "{APPLICATION_ROLE}"' in str(error):
            raise LedgerNotMigrated("the schema's roles are not there yet: run clb-broker migrate") from error
        raise LedgerUnavailable(_first_line(error)) from error
    except ProgrammingError as error:
        if _state(error) in NOT_THERE:
            said = _first_line(error)
            raise LedgerNotMigrated(f"the schema is not there yet: run clb-broker migrate ({said})") from error
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
        link.commit()  # a rollback would make the driver forget the statements that it has prepared
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
    """As JSON; a flat dataclass becomes an object of its fields."""
    return orjson.dumps(value).decode()


def _state(error: ProgrammingError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def _first_line(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    return str(original).strip().partition("\n")[0]


__all__ = ["Connection", "Ledger", "clock", "engine_url"]
