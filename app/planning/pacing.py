"""How long to wait: for more of a burst, for a busy load balancer, after a failure."""

from datetime import timedelta
from typing import Final

from app.planning.batches import MAX_TARGETS

SMALL: Final = 20
"""Fewer changes than this go at once: waiting would cost one pod more than it could save in calls."""

QUIET: Final = timedelta(milliseconds=250)
"""A burst is over when nothing new came for this long."""

LONGEST_GATHERING: Final = timedelta(milliseconds=1500)
"""The longest that a change waits for others to share its call."""

SMALLEST_TAIL: Final = timedelta(milliseconds=250)
FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 8.0
"""Bounds of the pause after a failure, in seconds; it doubles in between and the last one is repeated for ever."""


def gathers(changes: int, verifying: int, newest: timedelta, oldest: timedelta) -> bool:
    """Whether a call with ``changes`` should wait for more.

    A batch costs the cloud about 0.3 s and keeps the load balancer busy as long again, so a half-filled one in the
    middle of a burst delays everything behind it. ``verifying`` more may soon join; ``newest`` and ``oldest`` are the
    times since the last event on the load balancer and since the first of the changes became due.
    """
    if changes < SMALL or changes >= MAX_TARGETS or oldest >= LONGEST_GATHERING:
        return False
    return verifying > 0 or newest < QUIET


def busy_tail(call: timedelta) -> timedelta:
    """How long a load balancer is left alone after a write that took ``call``.

    After a large batch it stays busy beyond the answer, for about as long as the call itself took; a write in that time
    is refused and only costs budget.
    """
    return call + SMALLEST_TAIL


def pause_after(failures: int, jitter: float) -> timedelta:
    """The pause after the ``failures``-th failure in a row; ``jitter`` from 0 to 1 spreads it by up to a half."""
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(max(failures - 1, 0), 10))
    return timedelta(seconds=pause * (1 - jitter / 2))
