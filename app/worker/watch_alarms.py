"""Tell of what fails for too long: one line in the log of one worker when it begins, and one when it ends."""

from contextlib import AbstractContextManager
from typing import Final

import structlog

from app.broker.mark_alarms import mark_alarms
from app.worker.beside import every
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


def watching_alarms(workshop: Workshop, seconds: float = WATCH_SECONDS) -> AbstractContextManager[None]:
    """Look every so many ``seconds`` for as long as this lasts. Whatever happens to it, the work goes on."""
    return every(seconds, "alarms", lambda _: watch_alarms(workshop))
