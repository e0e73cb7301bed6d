"""How far ahead the calls of accounts are reserved, as far as this worker has seen."""

import threading
import time
from collections.abc import Collection
from typing import Final

from app.broker.converge import ACTIONS

OF_PASSES: Final = frozenset({*ACTIONS.values(), "DescribeTargets"})
"""The actions that every pass over a load balancer calls."""


class Crowding:
    """When the last call reserved so far may be sent, by account. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reserved_until: dict[str, float] = {}

    def note(self, account_id: str, action: str, pause_seconds: float) -> None:
        """A call of ``action`` was reserved that has to wait for so long."""
        if action not in OF_PASSES:
            return
        until = time.monotonic() + pause_seconds
        with self._lock:
            self._reserved_until[account_id] = max(self._reserved_until.get(account_id, 0.0), until)

    def accounts(self, seconds: float) -> Collection[str]:
        """The accounts whose last reserved call waits for longer than ``seconds`` from now."""
        limit = time.monotonic() + seconds
        with self._lock:
            return sorted(each for each, until in self._reserved_until.items() if until > limit)
