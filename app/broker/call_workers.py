"""Tell workers at once that there is something to do, instead of letting them find it at their next look."""

import structlog

from app.domain.errors import LedgerUnavailable
from app.ledger.bell import ring
from app.ledger.connection import Ledger

log = structlog.get_logger(__name__)


def call_workers(ledger: Ledger) -> None:
    """Ring for them. What was written stays written if that fails, and they find it by themselves."""
    try:
        ring(ledger)
    except LedgerUnavailable as error:
        log.warning("workers not called", error=str(error))
