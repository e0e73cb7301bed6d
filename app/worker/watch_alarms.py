"""Tell of what fails for too long: one line in the log of one worker when it begins, and one when it ends."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from app.broker.mark_alarms import mark_alarms
from app.domain.errors import LedgerUnavailable
from app.worker.workshop import Workshop

log = structlog.get_logger(__name__)

WATCH_SECONDS: Final = 5.0
"""How often a worker looks: two statements over small tables, apart from all work."""


def watch_alarms(workshop: Workshop) -> None:
    """Look once, and tell of what has changed. Raises `LedgerUnavailable`."""
    for alarm in mark_alarms(workshop.ledger, workshop.periods.bound):
        since = alarm.failing_since.isoformat() if alarm.failing_since else None
        named = {"subject": alarm.subject, "subject_id": alarm.subject_id, "begun_at": alarm.at.isoformat()}
        if alarm.begins:
            log.warning("alarm begins", **named, failing_since=since, error=alarm.error)
        else:
            log.warning("alarm ends", **named)


@contextmanager
def watching_alarms(workshop: Workshop, seconds: float = WATCH_SECONDS) -> Iterator[None]:
    """Look every so many ``seconds`` for as long as this lasts. Whatever happens to it, the work goes on."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(seconds):
            try:
                watch_alarms(workshop)
            except LedgerUnavailable as error:
                log.warning("alarms not looked at", error=str(error))
            except Exception:
                log.exception("alarms not looked at")

    thread = threading.Thread(target=watch, name="alarms", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
