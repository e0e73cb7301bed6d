"""What a worker does beside its loops, in threads of its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from app.domain.errors import LedgerUnavailable

log = structlog.get_logger(__name__)


@contextmanager
def every(seconds: float, what: str, act: Callable[[threading.Event], object]) -> Iterator[None]:
    """Act at once and then every so many ``seconds``, for as long as this lasts.

    What takes long is told by the event when it is to end. Whatever happens to it is logged, and the work goes on.
    """
    ended = threading.Event()

    def run() -> None:
        while True:
            try:
                act(ended)
            except LedgerUnavailable as error:
                log.warning("ledger unavailable", what=what, error=str(error))
            except Exception:
                log.exception("broke off", what=what)
            if ended.wait(seconds):
                return

    thread = threading.Thread(target=run, name=what, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
