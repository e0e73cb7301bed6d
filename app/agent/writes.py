"""Writes that wait for their turn: per key only the newest, in the order in which the keys came up, made by one thread.

A write that fails for now is made again after a growing pause; one that is refused is told in the log and let go, since
what it rests on will have to change first. Writes that wait when this agent stops leading are dropped: the next leader
decides by itself what to write.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

import structlog

from app.agent.errors import CallRefused, CallTemporary, NotLeading
from app.agent.pauses import Pauses

log = structlog.get_logger(__name__)

MOST: Final = 10_000
"""Keys that wait at once, at the most; beyond it the oldest is dropped, and the log says so."""

LOOK_SECONDS: Final = 1.0

Write = Callable[[], None]
"""Raises `CallFailed` or `NotLeading`."""


class Writes:
    """One line of writes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._waiting: OrderedDict[Hashable, Write] = OrderedDict()
        self._condition = threading.Condition()
        self._pauses = Pauses()
        self._told: str | None = None

    def put(self, key: Hashable, write: Write) -> None:
        """Have ``write`` made in its turn, instead of one of the same key that waits still."""
        with self._condition:
            self._waiting[key] = write
            dropped = self._waiting.popitem(last=False)[0] if len(self._waiting) > MOST else None
            self._condition.notify_all()
        if dropped is not None:
            log.warning("write dropped, too many wait", writes=self.name)

    def clear(self) -> None:
        """Forget what waits."""
        with self._condition:
            self._waiting.clear()

    def run(self, stopped: threading.Event) -> None:
        """Write until ``stopped``."""
        while not stopped.is_set():
            pause = self.run_once(LOOK_SECONDS)
            if pause:
                stopped.wait(pause)

    def run_once(self, timeout: float) -> float:
        """Make the write whose turn it is, waiting for one up to ``timeout`` seconds; how long to pause after it."""
        with self._condition:
            if not self._condition.wait_for(lambda: self._waiting, timeout):
                return 0.0
            key, write = self._waiting.popitem(last=False)
        try:
            write()
        except NotLeading:
            self.clear()
        except CallTemporary as error:
            return self._again(key, write, error)
        except CallRefused as error:
            log.warning("write refused", writes=self.name, error=str(error))
        else:
            self._well()
        return 0.0

    def _again(self, key: Hashable, write: Write, error: CallTemporary) -> float:
        with self._condition:
            if key not in self._waiting:
                self._waiting[key] = write
                self._waiting.move_to_end(key, last=False)
        if self._told is None:
            self._told = str(error)
            log.warning("writes fail for now", writes=self.name, error=str(error))
        return self._pauses.next(error.retry_after)

    def _well(self) -> None:
        self._pauses.reset()
        if self._told is not None:
            self._told = None
            log.info("writes work again", writes=self.name)
