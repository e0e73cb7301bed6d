"""Hear at once of work that other processes have made."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from app.domain.errors import LedgerUnavailable
from app.ledger.bell import listen
from app.ledger.connection import Ledger

log = structlog.get_logger(__name__)

DEAF_SECONDS: Final = 1.0
"""How long a worker that cannot listen waits until it tries again; it looks for work by itself meanwhile."""


@contextmanager
def hearing_bell(ledger: Ledger, rung: Callable[[], object]) -> Iterator[None]:
    """Call ``rung`` whenever it rings, for as long as this lasts. Whatever happens to it, the work goes on."""
    ended = threading.Event()

    def hear() -> None:
        while not ended.is_set():
            try:
                listen(ledger, rung, ended)
            except LedgerUnavailable as error:
                log.warning("not listening for new work", error=str(error))
            except Exception:
                log.exception("not listening for new work")
            ended.wait(DEAF_SECONDS)

    thread = threading.Thread(target=hear, name="bell", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
