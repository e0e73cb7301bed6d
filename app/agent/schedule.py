"""When each Service is told in full again."""

import random
from typing import Final

from app.agent.deciding.objects import ObjectKey

SOON_SECONDS: Final = 2.0
"""How long after its coming a Service is told in full for the first time: the answer names its addresses."""


class Schedule:
    """The next snapshot of each Service; the first ones are spread over the whole period."""

    def __init__(self, period: float) -> None:
        self._period = period
        self._due: dict[ObjectKey, float] = {}
        self._new: set[ObjectKey] = set()

    def expect(self, key: ObjectKey, now: float) -> None:
        """The Service is there at ``now`` (monotonic seconds); one that is new here has its turn soon."""
        if key not in self._due:
            self._new.add(key)
            self._due[key] = now + SOON_SECONDS

    def told(self, key: ObjectKey, now: float) -> None:
        """The Service was just told in full, at ``now`` (monotonic seconds)."""
        known = key in self._due and key not in self._new
        self._new.discard(key)
        share = 1.0 if known else random.uniform(0.05, 1.0)  # noqa: S311 (no secret)
        self._due[key] = now + self._period * share

    def forget(self, key: ObjectKey) -> None:
        """The Service is no more."""
        self._due.pop(key, None)
        self._new.discard(key)

    def due(self, now: float) -> ObjectKey | None:
        """A Service whose turn it is."""
        first = min(self._due.items(), key=lambda item: item[1], default=None)
        return first[0] if first is not None and first[1] <= now else None

    def seconds_until_due(self, now: float, most: float) -> float:
        """How long until the next turn, no longer than ``most``."""
        return max(0.0, min(min(self._due.values(), default=now + most) - now, most))
