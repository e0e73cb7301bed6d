"""What this worker last read at load balancers, for as long as nobody else may have written there.

Every pass ends with a reading, so the next one could begin with the same reading again. It is good as long as the lease
went from this worker to this worker: the epoch counts every taking, so an epoch in between tells of another holder.
What somebody does by hand meanwhile shows in the reading after the write.
"""

import threading
import time
from typing import Final

from app.ledger.leases import Lease
from app.planning.observed import Observed

GOOD_FOR_SECONDS: Final = 60.0
MOST_READINGS: Final = 10_000
"""Most load balancers that are remembered: a reading of 500 targets is some hundred kilobytes at most."""


class Readings:
    """Readings by load balancer. Thread-safe; lost with the process, as they must be."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], tuple[int, float, Observed]] = {}

    def keep(self, lease: Lease, observed: Observed) -> None:
        """Remember what was read under ``lease``, after everything that was written under it."""
        with self._lock:
            if len(self._kept) >= MOST_READINGS:
                self._kept.clear()
            self._kept[lease.account_id, lease.subject_id] = (lease.epoch, time.monotonic(), observed)

    def recall(self, lease: Lease) -> Observed | None:
        """What was read under the lease before this one, if that was this worker's and not long ago. Only once."""
        with self._lock:
            kept = self._kept.pop((lease.account_id, lease.subject_id), None)
        if kept is None:
            return None
        epoch, at, observed = kept
        return observed if epoch == lease.epoch - 1 and time.monotonic() - at < GOOD_FOR_SECONDS else None
