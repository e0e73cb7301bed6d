"""Refused writes leave a trace in history, and a flood of them leaves one for each caller, route and minute."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

import structlog

from app.broker.note_refusals import Refusal, note_refusals
from app.domain.caller import Caller
from app.domain.errors import LedgerUnavailable
from app.ledger.connection import Ledger

log = structlog.get_logger(__name__)

WINDOW_SECONDS: Final = 60
MOST_KEPT: Final = 1000
"""Callers and routes that are told apart within a minute; more are counted by the metric alone."""


@dataclass(slots=True)
class _Window:
    caller: Caller
    began: float
    more: int = 0


@dataclass(slots=True)
class Refusals:
    """What was refused lately, of one process. Thread-safe.

    The first refusal of a window is noted at once; how many followed is noted with the next one after the window, be it
    another's. What follows last of all is in the metric alone.
    """

    clock: Callable[[], float] = time.monotonic
    _lock: Lock = field(default_factory=Lock)
    _windows: dict[tuple[str, str], _Window] = field(default_factory=dict)

    def note(self, ledger: Ledger, caller: Caller, route: str, path: str) -> None:
        """``caller`` may not do what ``route``, a method and the pattern of a path, does; ``path`` was asked for."""
        noted = self._due(caller, route, path)
        if not noted:
            return
        try:
            note_refusals(ledger, noted)
        except LedgerUnavailable as error:
            log.warning("refusals not noted", many=len(noted), error=str(error))

    def _due(self, caller: Caller, route: str, path: str) -> list[Refusal]:
        now, key = self.clock(), (caller.actor, route)
        with self._lock:
            over = {each: window for each, window in self._windows.items() if now - window.began >= WINDOW_SECONDS}
            for each in over:
                del self._windows[each]
            if key in self._windows:
                self._windows[key].more += 1
                return []
            if len(self._windows) >= MOST_KEPT:
                return []
            self._windows[key] = _Window(caller, now)
        told = [Refusal(window.caller, f"{of}: {window.more} more") for (_, of), window in over.items() if window.more]
        return [*told, Refusal(caller, f"{route.partition(' ')[0]} {path}")]
