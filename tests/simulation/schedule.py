"""Virtual time: what is to happen, in the order of its time; and what happened last, for when a promise breaks."""

import heapq
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import is_dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

START = datetime(2026, 11, 23, 8, tzinfo=UTC)
"""When every run begins, by the ledger's clock."""

REMEMBERED = 60
"""How many of the last events are kept."""


class Schedule:
    """Events by their time, in seconds from the start; two at one time happen in the order in which they were made."""

    def __init__(self) -> None:
        self.now = 0.0
        self._numbers = count()
        self._coming: list[tuple[float, int, Callable[[], None]]] = []
        self._last: deque[tuple[float, tuple[Any, ...]]] = deque(maxlen=REMEMBERED)

    @property
    def time(self) -> datetime:
        """Now, as the ledger's clock says it."""
        return START + timedelta(seconds=self.now)

    def at(self, moment: float, event: Callable[[], None]) -> None:
        """Let ``event`` happen then, at once if that has passed."""
        heapq.heappush(self._coming, (max(moment, self.now), next(self._numbers), event))

    def after(self, seconds: float, event: Callable[[], None]) -> None:
        """Let ``event`` happen ``seconds`` from now."""
        self.at(self.now + seconds, event)

    def run(self, until: float, over: Callable[[], bool]) -> None:
        """Let everything happen that comes before ``until``, or until it is ``over``."""
        while self._coming and self._coming[0][0] <= until and not over():
            self.now, _, event = heapq.heappop(self._coming)
            event()
        if not over():
            self.now = max(self.now, until)

    def note(self, *told: Any) -> None:
        """Remember what happens now; it is made into words only when somebody asks."""
        self._last.append((self.now, told))

    def last_events(self) -> list[str]:
        """What happened last, a line each."""
        return [f"{at:9.3f}  {'  '.join(map(_briefly, told))}" for at, told in self._last]


def crash(error: Exception) -> str:
    """An error that nobody expects, with where it was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{error!r} at {last.name}, {last.filename}:{last.lineno}"


def _briefly(value: Any) -> str:
    """Texts and plain values as they are, bindings and the like by their name; what a write is about in full."""
    changes = getattr(getattr(value, "batch", None), "changes", None)
    if changes is not None:
        targets = (f"{each.place.listener_id}/{each.place.ip}={each.weight}" for each in changes)
        return f"intends {value.batch.kind.name} {' '.join(targets)}"
    begun = getattr(value, "begun", None)
    if begun is not None and begun.intent is not None:
        return _briefly(begun.intent)
    return type(value).__name__ if is_dataclass(value) and not hasattr(value, "ip") else str(value)


def seconds(moment: datetime) -> float:
    """A time of the ledger's clock in seconds from the start."""
    return (moment - START).total_seconds()
