"""The worker's way to its turns in the call budget: reserve one, sleep until it opens, see that it is not over."""

import threading
import time
from datetime import timedelta

import structlog

from app.ledger import call_budget
from app.ledger.call_budget import Outcome, Turn
from app.ledger.connection import Ledger
from app.metrics import count_budget_lowered
from app.planning.clocks import Offset
from app.planning.pacing import LEAST_SPREAD, next_spread
from app.worker.crowding import Crowding

log = structlog.get_logger(__name__)


class CallTurns:
    """Turns for all calls of a process, as long as it needs them to be. Thread-safe."""

    def __init__(self, ledger: Ledger, crowding: Crowding) -> None:
        self._ledger = ledger
        self._crowding = crowding
        self._lock = threading.Lock()
        self._offset: Offset | None = None
        self._spread = LEAST_SPREAD
        self._outcomes: dict[tuple[str, str, str], list[Outcome]] = {}

    def wait(self, per_second: int, account_id: str, region: str, action: str) -> None:
        """Wait until a call of ``action`` may be sent, which has to be done at once then. Raises `LedgerUnavailable`.

        Who wakes up when the turn is over, since the machine is busy or the process was stopped, waits for another one.
        """
        late, spread = timedelta.max, self._spread
        while late > spread:
            spread = self._spread
            with self._lock:
                outcomes = self._outcomes.pop((account_id, region, action), [])
            with self._ledger.statements() as connection:
                turn = call_budget.reserve(connection, account_id, region, action, per_second, spread, outcomes)
            self._crowding.note(account_id, action, turn.wait_seconds)
            late = self._sleep(turn)
            arrives_at = turn.arrives_at - (spread - late) if late <= spread else None
            with self._lock:
                self._spread = next_spread(self._spread, spread, late)
                self._outcomes.setdefault((account_id, region, action), []).append(Outcome(turn, arrives_at))

    def _sleep(self, turn: Turn) -> timedelta:
        """Sleep until the turn has opened; how late it is then."""
        offset = self._learn_offset(turn.offset)
        pause = offset.surely_at(turn.opens_at) - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        return timedelta(seconds=time.monotonic() - offset.not_before(turn.opens_at))

    def _learn_offset(self, seen: Offset) -> Offset:
        with self._lock:
            self._offset = seen if self._offset is None else self._offset.narrowed(seen)
            return self._offset

    def lower(self, per_second: int, account_id: str, region: str, action: str) -> None:
        """Tell all workers that a call of ``action`` was throttled. Raises `LedgerUnavailable`."""
        with self._ledger.begin() as connection:
            left = call_budget.lower(connection, account_id, region, action, per_second)
        if left is not None:
            count_budget_lowered(account_id, action)
            log.warning("budget lowered", account_id=account_id, region=region, action=action, calls_per_second=left)
