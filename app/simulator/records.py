"""What the simulated cloud remembers: every call that was made to it, and every change of a target, whoever made it.

Both are numbered from 1 without gaps, and both forget their oldest entries when they grow too long. Request bodies
are kept compressed: half a million targets would not fit otherwise.
"""

import dataclasses
import json
import threading
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Row = dict[str, Any]


@dataclass
class Call:
    """One call. It is listed from the moment it arrives; `finished_at` is null while it is at work.

    Times are unix seconds.
    """

    sequence: int
    received_at: float
    action: str = ""
    service: str = ""
    version: str = ""
    region: str = ""
    secret_id: str = ""
    load_balancer_id: str | None = None
    target_count: int = 0
    body: bytes = field(default=b"", repr=False)
    request_id: str = ""
    finished_at: float | None = None
    code: str | None = None
    message: str | None = None
    changed: bool = False
    fault: str | None = None

    def row(self) -> Row:
        """The call as the control path shows it: `body` as `parameters`, null when it was not JSON."""
        row = {name: value for name, value in vars(self).items() if name != "body"}
        row["parameters"] = _parsed(self.body)
        return row


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one target; `kind` is added, removed or weight; `cause` a RequestId or `by-hand`."""

    sequence: int
    at: float
    kind: str
    load_balancer_id: str
    listener_id: str
    location_id: str | None
    ip: str
    port: int
    weight: int
    cause: str

    def row(self) -> Row:
        """The change as the control path shows it."""
        return dataclasses.asdict(self)


Entry = TypeVar("Entry", Call, Change)


class Log(Generic[Entry]):
    """A numbered list that keeps its newest entries. Safe between threads."""

    def __init__(self, size: int) -> None:
        self._entries: deque[Entry] = deque(maxlen=max(size, 1))
        self._last = 0
        self._lock = threading.Lock()

    def append(self, make: Callable[[int], Entry]) -> Entry:
        """Adds what `make` makes of the next number."""
        with self._lock:
            self._last += 1
            entry = make(self._last)
            self._entries.append(entry)
            return entry

    def rows(self, after: int = 0, limit: int | None = None) -> list[Row]:
        """The entries numbered above `after`, oldest first, at most `limit` of them."""
        with self._lock:
            found = [entry for entry in self._entries if entry.sequence > after]
        return [entry.row() for entry in found[:limit]]

    @property
    def last(self) -> int:
        """The number of the newest entry ever made, 0 before the first."""
        return self._last

    def clear(self) -> None:
        """Forgets all entries; the numbers go on."""
        with self._lock:
            self._entries.clear()


def packed(body: bytes) -> bytes:
    """A request body in the form in which `Call.body` keeps it."""
    return zlib.compress(body, 1)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(zlib.decompress(body)) if body else None
    except ValueError:
        return None
