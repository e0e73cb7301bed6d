"""The cloud's rate limit: fixed one-second windows per (action, region, secret id), counted at the server."""

import threading

from app.simulator.errors import CloudError

Key = tuple[str, str, str]


class Pace:
    """Counts calls in windows of the wall clock's seconds. A refused call counts too, as it does at the cloud."""

    def __init__(self) -> None:
        self._windows: dict[Key, dict[int, int]] = {}
        self._lock = threading.Lock()

    def admit(self, key: Key, limit: int, now: float) -> None:
        """Counts one call at `now` (unix seconds).

        Raises RequestLimitExceeded when the window holds more than `limit`.
        """
        second = int(now)
        with self._lock:
            windows = self._windows.setdefault(key, {})
            count = windows[second] = windows.get(second, 0) + 1
            # Around a full second two threads may come in the wrong order: the window before is kept for the late one.
            while len(windows) > 2:
                del windows[min(windows)]
        if count > limit:
            raise limit_exceeded(count, limit)


def limit_exceeded(count: int, limit: int) -> CloudError:
    """The throttling error in the cloud's own words."""
    message = (
        f"Your current request times equals to `{count}` in a second, "
        f"which exceeds the frequency limit `{limit}` for a second. Please reduce the frequency of calls."
    )
    return CloudError("RequestLimitExceeded", message)
