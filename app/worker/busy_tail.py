"""How long one load balancer stays busy after a write, learned from how the next ones find it."""

import time
from datetime import timedelta
from typing import Final

from app.broker.passes import Call, CallOutcome, Opening
from app.planning.pacing import busy_tail, next_tail_factor

THROTTLED_PAUSE: Final = timedelta(seconds=1)
"""The cloud counts calls in windows of one second."""

TAKEN: Final = frozenset({CallOutcome.DONE, CallOutcome.PARTIAL})
FREE: Final = frozenset({CallOutcome.REFUSED, CallOutcome.THROTTLED, CallOutcome.NOT_SENT})
"""Outcomes of a write that did not begin: it leaves no tail."""


class BusyTail:
    """What is known of one load balancer's tail, through the writes of a pass."""

    def __init__(self, opening: Opening) -> None:
        self._factor = opening.load_balancer.tail_factor
        rested = opening.rested
        self._ends: float | None = None if rested is None else time.monotonic() - rested.total_seconds()

    def after(self, call: Call, began: float, targets: int) -> timedelta:
        """Learn from a write of so many targets; for how long to leave the load balancer alone now that it is over.

        ``began`` is when it began, by `time.monotonic`.
        """
        ended = time.monotonic()
        rested = None if self._ends is None else timedelta(seconds=began - self._ends)
        if call.outcome in TAKEN or call.outcome is CallOutcome.BUSY:
            self._factor = next_tail_factor(self._factor, rested, busy=call.outcome is CallOutcome.BUSY)
        self._ends = None
        if call.outcome in FREE:
            return THROTTLED_PAUSE if call.outcome is CallOutcome.THROTTLED else timedelta(0)
        took = timedelta(seconds=ended - began)
        tail = busy_tail(took, targets, self._factor)
        if call.outcome is CallOutcome.AMBIGUOUS:
            # It may be at work still, and what is read before it has ended says nothing of what it will have done.
            tail = max(tail, took)
        self._ends = ended + tail.total_seconds()
        return tail

    @property
    def factor(self) -> float | None:
        """What to keep of it; None when the last write left no tail, and so nothing to learn from for the next one."""
        return None if self._ends is None else self._factor
