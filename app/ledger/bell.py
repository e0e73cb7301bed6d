"""A bell that processes ring for each other: there may be work now, look at once and not at your next look.

A hint and no more. Nothing rests on its being heard: the ledger is the queue, and everybody looks for work every few
hundredths of a second as well. By LISTEN and NOTIFY (https://www.postgresql.org/docs/current/sql-notify.html).
"""

import threading
from collections.abc import Callable
from typing import Any, Final, cast

import psycopg
from sqlalchemy import text

from app.domain.errors import LedgerUnavailable
from app.ledger.connection import Ledger

_RING: Final = text("NOTIFY clb_broker_work")
_LISTEN: Final = text("LISTEN clb_broker_work")

LISTEN_SECONDS: Final = 0.2
"""How soon somebody who listens sees that he is to stop."""


def ring(ledger: Ledger) -> None:
    """Tell whoever listens that there may be work. Raises `LedgerUnavailable`.

    After the commit, in a statement of its own that does not wait for the disk: transactions that notify commit one
    after the other, in the whole database.
    """
    with ledger.statements() as connection:
        connection.execute(_RING)


def listen(ledger: Ledger, rung: Callable[[], object], stopped: threading.Event) -> None:
    """Call ``rung`` for each time that it rings, until ``stopped``. Raises `LedgerUnavailable`."""
    with ledger.statements() as connection:
        driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
        connection.detach()  # what listens must not come back into the pool
        connection.execute(_LISTEN)
        rung()  # for what was rung before this moment
        try:
            while not stopped.is_set():
                for _ in driver.notifies(timeout=LISTEN_SECONDS, stop_after=1):
                    rung()
        except psycopg.OperationalError as error:
            raise LedgerUnavailable(str(error).strip().partition("\n")[0]) from error
