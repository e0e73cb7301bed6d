"""How many a second: counts in memory, of one process.

A caller has a time by which what it sent is worked off at its rate; it is served while that lies less than the burst
ahead, and then, however large the piece is that it sends: a batch of a thousand events is never refused for being one.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock, Semaphore
from typing import Final

DEFAULT_REQUESTS: Final = 1000
DEFAULT_EVENTS: Final = 20_000
DEFAULT_STREAMS: Final = 4

BURST_SECONDS: Final = 2.0
ADDRESS_BURST_SECONDS: Final = 10.0
"""An address may be that of a proxy, or of an office."""

MOST_KEPT: Final = 10_000
"""Callers, addresses, and tokens lately found good, each."""


@dataclass(slots=True)
class Rates:
    """So many a second for each key, and ``burst_seconds`` of that at once; 0 a second: as many as they like.

    Thread-safe. A key whose time has passed is as good as unknown, so those are dropped when there are too many, and
    then those that would be next.
    """

    per_second: float
    burst_seconds: float = BURST_SECONDS
    clock: Callable[[], float] = time.monotonic
    _lock: Lock = field(default_factory=Lock)
    _done_at: dict[str, float] = field(default_factory=dict)

    def wait(self, key: str) -> float:
        """In how many seconds ``key`` is served again; 0: now."""
        return max(0.0, self._done_at.get(key, 0.0) - self.clock() - self.burst_seconds)

    def take(self, key: str, many: int = 1) -> float:
        """Let ``key`` have so many, and 0; or not, and in how many seconds it may ask again."""
        if not self.per_second:
            return 0.0
        with self._lock:
            wait = self.wait(key)
            if wait == 0:
                now = self.clock()
                self._done_at[key] = max(self._done_at.get(key, now), now) + many / self.per_second
                if len(self._done_at) > MOST_KEPT:
                    self._drop(now)
        return wait

    def _drop(self, now: float) -> None:
        kept = sorted((done_at, key) for key, done_at in self._done_at.items() if done_at > now)
        self._done_at = {key: done_at for done_at, key in kept[-MOST_KEPT // 2 :]}


@dataclass(slots=True)
class Acquaintances:
    """Tokens lately found good, by their digests: a flood from their address does not shut them out. Thread-safe.

    To be known here is no right: each token is still checked each time.
    """

    _lock: Lock = field(default_factory=Lock)
    _known: dict[bytes, None] = field(default_factory=dict)

    def greet(self, token: str) -> None:
        """It was found good just now."""
        with self._lock:
            digest = _digest(token)
            self._known.pop(digest, None)
            self._known[digest] = None
            if len(self._known) > MOST_KEPT:
                del self._known[next(iter(self._known))]

    def forget(self, token: str) -> None:
        """It is good no longer, or never was."""
        with self._lock:
            self._known.pop(_digest(token), None)

    def __contains__(self, token: str) -> bool:
        return _digest(token) in self._known


class Limits:
    """All limits of one process."""

    def __init__(
        self,
        requests_per_second: int = DEFAULT_REQUESTS,
        events_per_second: int = DEFAULT_EVENTS,
        streams: int = DEFAULT_STREAMS,
    ) -> None:
        """Per token; an address may send as many requests unknown as a token may known. 0: no limit.

        ``streams``: answers without an end in sight, of all callers together. Each has a thread until it is read.
        """
        self.streams = Semaphore(streams)
        self.requests = Rates(requests_per_second)
        self.events = Rates(events_per_second)
        self.strangers = Rates(requests_per_second, ADDRESS_BURST_SECONDS)
        self.known = Acquaintances()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
