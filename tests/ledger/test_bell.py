"""The bell: whoever listens hears of new work at once, and notices when nothing can be heard any more."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from app.domain.errors import LedgerUnavailable
from app.ledger.bell import listen, ring
from app.ledger.connection import Ledger

LISTENERS = text("SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()")


@contextmanager
def listening(ledger: Ledger, rung: Callable[[], object]) -> Iterator[queue.SimpleQueue[Exception | None]]:
    """Listen in a thread until the end; the queue says how that ended: None, or by which error."""
    stopped = threading.Event()
    ended: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def hear() -> None:
        try:
            listen(ledger, rung, stopped)
        except LedgerUnavailable as error:
            ended.put(error)
        else:
            ended.put(None)

    thread = threading.Thread(target=hear)
    thread.start()
    try:
        yield ended
    finally:
        stopped.set()
        thread.join(60)
        assert not thread.is_alive()


def test_a_ring_is_heard_by_another_ledger_and_by_a_new_listener_at_once(ledger: Ledger, ledger_url: str) -> None:
    heard: queue.SimpleQueue[None] = queue.SimpleQueue()
    other = Ledger(ledger_url)
    with listening(other, lambda: heard.put(None)) as ended:
        heard.get(timeout=60)  # it may have rung before
        ring(ledger)
        heard.get(timeout=60)
        ring(ledger)
        heard.get(timeout=60)
    assert ended.get(timeout=60) is None
    assert heard.empty()
    other.close()


def test_a_connection_that_has_listened_is_nobody_elses_afterwards(ledger: Ledger) -> None:
    heard: queue.SimpleQueue[None] = queue.SimpleQueue()
    with listening(ledger, lambda: heard.put(None)):
        heard.get(timeout=60)
    with ledger.statements() as connection:
        assert connection.execute(text("SELECT count(*) FROM pg_listening_channels()")).scalar_one() == 0


def test_a_listener_whose_connection_is_cut_says_so(ledger: Ledger, ledger_url: str) -> None:
    heard: queue.SimpleQueue[None] = queue.SimpleQueue()
    owner = Ledger(ledger_url, role=None)
    with listening(ledger, lambda: heard.put(None)) as ended:
        heard.get(timeout=60)
        with owner.statements() as connection:
            found = [pid for (pid,) in connection.execute(LISTENERS)]
            assert len(found) == 1
            connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": found[0]})
        assert isinstance(ended.get(timeout=60), LedgerUnavailable)
    owner.close()


def test_nobody_listens_and_nothing_rings_where_there_is_no_ledger() -> None:
    nowhere = Ledger("postgresql://127.0.0.1:1/none")
    with pytest.raises(LedgerUnavailable):
        ring(nowhere)
    with pytest.raises(LedgerUnavailable):
        listen(nowhere, lambda: None, threading.Event())
