"""How long to wait before something is tried again: ever longer, never the same twice, half a minute at the most."""

import random
from typing import Final

FIRST_SECONDS: Final = 0.5
LONGEST_SECONDS: Final = 30.0


class Pauses:
    """The pauses between tries that fail, one after the other; for one thread.

    Each is drawn from the upper half of a span that doubles, so that agents that lost the broker at the same moment do
    not come back at the same moment.
    """

    def __init__(self, first: float | None = None, longest: float | None = None) -> None:
        """In seconds; None: `FIRST_SECONDS` and `LONGEST_SECONDS`."""
        self._first = FIRST_SECONDS if first is None else first
        self._longest = LONGEST_SECONDS if longest is None else longest
        self._span = self._first

    def next(self, at_least: float | None = None) -> float:
        """Seconds to wait now; ``at_least`` is what the other side asked for, and a little is added to it."""
        pause = random.uniform(self._span / 2, self._span)  # noqa: S311 (no secret)
        self._span = min(self._span * 2, self._longest)
        return pause if at_least is None else max(pause, at_least * random.uniform(1.0, 1.2))  # noqa: S311 (no secret)

    def reset(self) -> None:
        """It went well: the next pause is a short one again."""
        self._span = self._first
