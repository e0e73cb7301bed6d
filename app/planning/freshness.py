"""How old evidence may be when a verdict rests on it. Pure."""

from datetime import datetime, timedelta
from typing import Final

SHARED_FOR: Final = timedelta(seconds=5)
"""What one look at proofs has read serves others that begin soon after it."""

CHEAP_CALLS: Final = 3
"""What reading an ordinary Cloud Connect Network takes: its name, what is attached, a page of routes."""

CONFIRMED_FOR: Final = timedelta(seconds=10)
"""A refusal by a large network is confirmed by reading it again, unless that was done this short a time ago."""

OUTDATED_AFTER: Final = 3
"""How many of its periods slow evidence may be old: twice the cloud may fail to answer, and then nobody knows."""


def asked_at(opened_at: datetime, newest: datetime | None) -> datetime:
    """From when on evidence counts as read for this look, which began at ``opened_at``.

    ``newest`` is when the youngest of the questions came: an answer from before may be the one from before the change
    that made somebody ask.
    """
    shared = opened_at - SHARED_FOR
    return shared if newest is None else max(newest, shared)


def network_counts_since(asked: datetime, calls: int, most: timedelta) -> datetime:
    """From when on a network that took ``calls`` calls to read counts as read.

    An ordinary one is read for each look. One with thousands of routes would eat the budget of all: it may be older by
    a second per call that reading it takes, and never by more than ``most``.
    """
    return asked - min(timedelta(seconds=max(0, calls - CHEAP_CALLS)), most)


def outdated(read_at: datetime | None, now: datetime, period: timedelta) -> bool:
    """Whether slow evidence is so old that it says nothing any more."""
    return read_at is None or now - read_at > OUTDATED_AFTER * period
