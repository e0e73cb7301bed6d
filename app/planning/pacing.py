"""How long to wait: for more of a burst, for a busy load balancer, after a failure; and how many calls a second."""

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
USUAL_CALL: Final = timedelta(milliseconds=500)
USUAL_CALL_PER_TARGET: Final = timedelta(milliseconds=3)
"""What a batch call takes at the cloud at most, as a rule; inferred. What took longer had to wait for its turn."""

LEAST_TAIL_FACTOR: Final = 0.25
MOST_TAIL_FACTOR: Final = 10.0
LONGER: Final = 1.2
SHORTER: Final = 0.995
"""A tail that was too short costs a call and a pause, one that is too long a moment: up in few steps, down in many."""

TELLING: Final = timedelta(seconds=1)
"""A write tells of the tail before it when it was sent so soon after; later, others may have kept it busy."""

FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 8.0
"""Bounds of the pause after a failure, in seconds; it doubles in between and the last one is repeated for ever."""

LEAST_BUDGET: Final = 1.0
"""Calls per second that throttled answers leave at the least: without any call nobody would hear that more may go."""

KEPT_SHARE: Final = 0.7
RECOVERY: Final = 0.05
"""A throttled answer leaves this share of the budget; this share of the whole comes back each second."""

LEAST_SPREAD: Final = timedelta(milliseconds=8)
MOST_SPREAD: Final = timedelta(milliseconds=75)
"""Bounds of how long a call's turn is. The greater one is for a machine so busy that who sleeps wakes up that late."""

TRAVELS: Final = 3
LONGEST_WAY: Final = timedelta(milliseconds=75)
"""A call may be under way for so many times the length of its turn, since both grow when a machine is busy, but for no
longer than this: more would cost much of the budget for the few that are held up for so long."""

HEAD_START: Final = timedelta(seconds=5)
"""How much earlier than it comes a pass is due that takes a target off or its weight to 0: it goes before others that
only bind, and after those that have waited for longer than this."""


def gathers(changes: int, verifying: int, newest: timedelta, oldest: timedelta) -> bool:
    """Whether a call with ``changes`` should wait for more.

    A batch costs the cloud about 0.3 s and keeps the load balancer busy as long again, so a half-filled one in the
    middle of a burst delays everything behind it. ``verifying`` more may soon join; ``newest`` and ``oldest`` are the
    times since the last event on the load balancer and since the first of the changes became due.
    """
    if changes < SMALL or changes >= MAX_TARGETS or oldest >= LONGEST_GATHERING:
        return False
    return verifying > 0 or newest < QUIET


def busy_tail(call: timedelta, targets: int, factor: float) -> timedelta:
    """How long a load balancer is left alone after a write of so many targets that took ``call``.

    After a large batch it stays busy beyond the answer, for about as long as the call itself took; a write in that time
    is refused and only costs budget. ``factor`` is what was learned of this load balancer, see `next_tail_factor`.
    """
    return (min(call, USUAL_CALL + targets * USUAL_CALL_PER_TARGET) + SMALLEST_TAIL) * factor


def next_tail_factor(factor: float, rested: timedelta | None, *, busy: bool) -> float:
    """The factor after a write that was sent ``rested`` after the tail was thought to be over; None: nobody knows.

    It grows when the write found the load balancer still ``busy``, and shrinks slowly when it did not.
    """
    if rested is None or not timedelta(0) <= rested <= TELLING:
        return factor
    return min(MOST_TAIL_FACTOR, factor * LONGER) if busy else max(LEAST_TAIL_FACTOR, factor * SHORTER)


def pause_after(failures: int, jitter: float) -> timedelta:
    """The pause after the ``failures``-th failure in a row; ``jitter`` from 0 to 1 spreads it by up to a half."""
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(max(failures - 1, 0), 10))
    return timedelta(seconds=pause * (1 - jitter / 2))


def recovered(configured: int, lowered_to: float | None, since: timedelta | None) -> float:
    """The budget now, in calls per second, when throttled answers have lowered it so far so long ago; None: never."""
    if lowered_to is None or since is None:
        return float(configured)
    back = max(since.total_seconds(), 0.0) * configured * RECOVERY
    return max(LEAST_BUDGET, min(float(configured), lowered_to + back))


def lowered(budget: float) -> float:
    """The budget after a throttled answer."""
    return max(LEAST_BUDGET, budget * KEPT_SHARE)


def next_spread(spread: timedelta, given: timedelta, late: timedelta) -> timedelta:
    """How long this process's next turns are, after a call that was ``late`` in a turn that was ``given`` it.

    A longer turn is fewer calls a second, so it grows when one was missed only, and shrinks again with time. Several
    that were missed in one and the same moment were given alike, and make it longer only once.
    """
    if late > given:
        return max(spread, min(MOST_SPREAD, given * 1.5))
    return max(LEAST_SPREAD, spread * 0.99)


def on_its_way(spread: timedelta) -> timedelta:
    """How long after its turn opens a call arrives at the latest."""
    return spread + min(LONGEST_WAY, spread * TRAVELS)
