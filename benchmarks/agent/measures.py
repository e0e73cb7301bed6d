"""From what recorder, cluster and agents say to figures. Moments and times are seconds of the monotonic clock."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Row = Mapping[str, Any]

EVENTS_PER_REQUEST: Final = 1000
"""The most that the broker takes."""


@dataclass(frozen=True, slots=True)
class Telling:
    """How ``needed`` changes of pods came to the broker: how long each took, and how many words a request brought.

    ``delays`` run from the moment before the change was stored at the Kubernetes API, and so before it was sent, to the
    moment when the broker had the whole request.
    """

    who: str
    what: str
    delays: Sequence[float]
    words_per_request: Sequence[int]
    needed: int
    runs: int = 1

    @property
    def fewest(self) -> int:
        """The fewest requests that each run's changes have room in."""
        return self.runs * -(-self.needed // (self.runs * EVENTS_PER_REQUEST))

    @property
    def words(self) -> int:
        """All words that were sent."""
        return sum(self.words_per_request)

    @property
    def requests(self) -> int:
        """All requests that brought words."""
        return len(self.words_per_request)


@dataclass(frozen=True, slots=True)
class Idle:
    """One process that has nothing to do for so long: processor seconds used meanwhile, bytes resident at the end."""

    who: str
    seconds: float
    processor_seconds: float
    resident_bytes: int
    snapshots: int
    """Full truths told meanwhile."""

    @property
    def share(self) -> float:
        """Of one core."""
        return self.processor_seconds / self.seconds


@dataclass(frozen=True, slots=True)
class Restart:
    """An agent that takes over: seconds until it leads, then until everything was told and answered, and what for.

    ``lease_ran_out``: nobody gave the lease up, so it had to run out first, which is not the new leader's time.
    """

    how: str
    lease_ran_out: bool
    until_leading: float
    until_right: float
    requests: int
    cloud_writes: int
    ledger_changes: int
    kubernetes_writes: int

    @property
    def judged_seconds(self) -> float:
        """From the beginning, or from the leading where a lease had to run out."""
        return self.until_right if self.lease_ran_out else self.until_leading + self.until_right


def telling(who: str, what: str, changed: Mapping[tuple[str, str], float], rows: Sequence[Row]) -> Telling:
    """The figures of changes that happened then, by (type of word, address), from the requests that told of them.

    Raises ``ValueError`` naming the changes that no request told of.
    """
    arrived: dict[tuple[str, str], float] = {}
    for row in rows:
        for kind, address in row["words"]:
            if row["at"] >= changed.get((kind, address), float("inf")):
                arrived.setdefault((kind, address), row["at"])
    missing = sorted(set(changed) - set(arrived))
    if missing:
        raise ValueError(f"never told of: {missing[:5]} and {len(missing[5:])} more")
    delays = [arrived[key] - at for key, at in changed.items()]
    return Telling(who, what, delays, [len(row["words"]) for row in rows], len(changed))


def together(parts: Sequence[Telling]) -> Telling:
    """Several runs of one and the same as one. Raises ``ValueError`` for none."""
    if not parts:
        raise ValueError("no runs")
    first = parts[0]
    delays = [each for part in parts for each in part.delays]
    words = [each for part in parts for each in part.words_per_request]
    return Telling(first.who, first.what, delays, words, sum(part.needed for part in parts), len(parts))


def total(text: str, name: str, **labels: str) -> float:
    """The sum of a metric's series with these labels, from the text that Prometheus reads."""
    found = 0.0
    for line in text.splitlines():
        parsed = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if parsed is None or parsed[1] != name:
            continue
        given = dict(re.findall(r'(\w+)="([^"]*)"', parsed[2] or ""))
        if labels.items() <= given.items():
            found += float(parsed[3])
    return found
