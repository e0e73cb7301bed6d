"""The broker does not hear us: how long to keep quiet, and when to say so."""

import time
from collections.abc import Callable
from typing import Final

import structlog

from app.agent.errors import CallFailed, CallRefused, CallTemporary
from app.agent.pauses import Pauses

log = structlog.get_logger(__name__)

LASTING_SECONDS: Final = 30.0
"""For how long the broker may give no answer before Services get an Event that says so."""


class Trouble:
    """For one thread. ``say`` hears, once per change, what lasts; None when it is over."""

    def __init__(self, say: Callable[[str | None], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._pauses = Pauses()
        self._since: float | None = None
        self._said: str | None = None

    def failed(self, error: CallFailed) -> float:
        """A request failed; how many seconds to wait before the next one."""
        now, text = self._clock(), str(error)
        if self._since is None:
            self._since = now
            log.warning("the broker was not reached", error=text)
        lasting = isinstance(error, CallRefused) or now - self._since >= LASTING_SECONDS
        if lasting and text != self._said:
            self._said = text
            self._say(text)
            log.error("the broker is not reached", error=text, failing_seconds=round(now - self._since))
        return self._pauses.next(error.retry_after if isinstance(error, CallTemporary) else None)

    def over(self) -> None:
        """A request was answered."""
        self._pauses.reset()
        if self._since is not None:
            log.info("the broker answers again", after_seconds=round(self._clock() - self._since))
        self._since = None
        if self._said is not None:
            self._said = None
            self._say(None)
