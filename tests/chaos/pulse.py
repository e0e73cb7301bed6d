"""How long processes had to wait for a processor: so much later than it was sent in its turn may a call have come.

The machine has other work, and the broker allows for so much of it only as decision 0018 says. Looked at are the
workers' threads, by what Linux tells of each (`/proc/PID/task/TID/schedstat`; elsewhere nothing is known of them), and
this process, in which the simulated cloud lives.
"""

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.chaos.histories import Stall

BEAT_SECONDS = 0.05
NOTED_SECONDS = 0.005
"""Shorter ones are not noted."""


class Pulse:
    """A thread that wakes up again and again, and notes how late it was and how long others waited meanwhile.

    ``watched`` are the ids of the processes that send calls.
    """

    def __init__(self, watched: Callable[[], Iterable[int]]) -> None:
        self.stalls: list[Stall] = []
        self._watched = watched
        self._waited: dict[Path, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def start(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def end(self) -> None:
        """Stop noting."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _beat(self) -> None:
        while not self._over.is_set():
            before = time.monotonic()
            time.sleep(BEAT_SECONDS)
            late = time.monotonic() - before - BEAT_SECONDS
            for process_id, seconds in [(0, late), *((each, self._wait_of(each)) for each in self._watched())]:
                if seconds > NOTED_SECONDS:
                    self.stalls.append(Stall(time.time(), seconds, process_id))

    def _wait_of(self, process_id: int) -> float:
        """The longest that a thread of the process has waited since the last look."""
        longest = 0.0
        with suppress(OSError):  # it has ended
            for task in Path(f"/proc/{process_id}/task").iterdir():
                with suppress(OSError):
                    waited = int((task / "schedstat").read_text().split()[1]) / 1e9
                    longest = max(longest, waited - self._waited.get(task, waited))
                    self._waited[task] = waited
        return longest
