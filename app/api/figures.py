"""The ledger in numbers, asked for no more often than it has to be."""

import time
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from typing import Final

from app.broker import look_up
from app.ledger.connection import Ledger
from app.ledger.figures import Figures

KEPT_SECONDS: Final = 5.0
"""However often, and by however many, metrics are asked for, the ledger counts once in this time."""


@dataclass(slots=True)
class KeptFigures:
    """The figures as last counted, for ``seconds``. Thread-safe; those who ask meanwhile wait for one count."""

    seconds: float = KEPT_SECONDS
    _lock: Lock = field(default_factory=Lock)
    _figures: Figures | None = None
    _counted_at: float = 0.0

    def of(self, ledger: Ledger, silent_after: timedelta) -> Figures:
        """The figures, at most ``seconds`` old. Raises `LedgerUnavailable`: numbers of before are not told then."""
        with self._lock:
            if self._figures is None or time.monotonic() - self._counted_at >= self.seconds:
                self._figures = None
                self._figures = look_up.figures(ledger, silent_after)
                self._counted_at = time.monotonic()
            return self._figures
