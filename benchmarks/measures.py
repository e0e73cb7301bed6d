"""From the simulator's record of calls and changes to figures. Moments are unix seconds of one machine's clock."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.bound import READS_BEFORE_A_WRITE, Bound, CloudTimes

Row = Mapping[str, Any]

WRITES: Final = frozenset({"BatchRegisterTargets", "RegisterTargets"})

STEPS: Final = (
    ("reads the interfaces", "DescribeNetworkInterfaces"),
    ("reads the cluster's machines", "DescribeClusterInstances"),
    ("reads the targets", "DescribeTargets"),
    ("writes", "BatchRegisterTargets"),
)
"""What the cloud sees of one bind, in this order; each step ends when its call arrives."""


@dataclass(frozen=True, slots=True)
class Convergence:
    """Many targets at once. ``seconds`` until the last is at the cloud, ``known_seconds`` until the ledger says so."""

    who: str
    seconds: float
    known_seconds: float | None
    writes: int
    calls: int
    failed: int
    best: Bound
    least_writes: int

    @property
    def time_ratio(self) -> float:
        """T ÷ T*."""
        return self.seconds / self.best.seconds

    @property
    def call_ratio(self) -> float:
        """Write calls ÷ least write calls."""
        return self.writes / self.least_writes


@dataclass(frozen=True, slots=True)
class SingleBind:
    """One bind on an idle system: what it took beyond the cloud's own time, and where that went; all in seconds.

    ``steps``: one entry per step that this bind took, see `STEPS`; ``answered`` is when the agent had its answer.
    """

    overhead: float
    answered: float
    steps: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """A quiet cluster's single binds before and during a noisy one's burst: overheads in seconds.

    ``noise_seconds`` is how long the burst took, from its first event to its last target.
    """

    idle: Sequence[float]
    during: Sequence[float]
    noise_seconds: float


def convergence(
    who: str, calls: Sequence[Row], changes: Iterable[Row], began: float, best: Bound, least_writes: int
) -> Convergence:
    """The figures of one run that began then; a call counts as failed by its code or by the fault that struck it."""
    last = max(row["at"] for row in changes if row["kind"] == "added")
    return Convergence(
        who=who,
        seconds=last - began,
        known_seconds=None,
        writes=sum(row["action"] in WRITES for row in calls),
        calls=len(calls),
        failed=sum(row["code"] is not None or row["fault"] is not None for row in calls),
        best=best,
        least_writes=least_writes,
    )


def overheads(posted: Mapping[str, float], changes: Iterable[Row], times: CloudTimes) -> list[float]:
    """What binds of single pods took beyond the cloud's own time; ``posted`` says when, by address."""
    visible = {row["ip"]: row["at"] for row in changes if row["kind"] == "added"}
    own = times.call(1) + READS_BEFORE_A_WRITE * times.read_seconds
    return [visible[ip] - at - own for ip, at in posted.items() if ip in visible]


def neighbours(
    idle: Mapping[str, float],
    later: Mapping[str, float],
    noisy: Iterable[str],
    changes: Sequence[Row],
    began: float,
    times: CloudTimes,
) -> Neighbours:
    """The figures of a burst of the ``noisy`` addresses that began then; of the ``later`` binds those posted in it."""
    addresses = set(noisy)
    ended = max(row["at"] for row in changes if row["kind"] == "added" and row["ip"] in addresses)
    during = {ip: at for ip, at in later.items() if began <= at <= ended}
    return Neighbours(overheads(idle, changes, times), overheads(during, changes, times), ended - began)


def calls_by_action(calls: Iterable[Row]) -> dict[str, int]:
    """How many calls of each action, most first."""
    return dict(Counter(row["action"] for row in calls).most_common())


def single_bind(calls: Sequence[Row], visible: float, posted: float, answered: float, times: CloudTimes) -> SingleBind:
    """One bind's figures from the calls made for it, oldest first; a step that it did without is left out.

    The cloud's own time is that of the parameters, one batch of one target and each read before it; what the simulator
    takes beyond that counts as overhead.
    """
    steps: dict[str, float] = {}
    since, reads = posted, 0
    written = min(row["received_at"] for row in calls if row["action"] in WRITES and row["received_at"] >= posted)
    before = [row for row in calls if row["received_at"] <= written]
    for name, action in STEPS:
        call = next((row for row in before if row["action"] == action and row["received_at"] >= since), None)
        if call is None:
            continue
        steps[name] = call["received_at"] - since
        if action in WRITES:
            steps["is there"] = visible - call["received_at"] - times.call(1)
            break
        steps[f"{name}: answer"] = call["finished_at"] - call["received_at"] - times.read_seconds
        since, reads = call["finished_at"], reads + 1
    overhead = visible - posted - times.call(1) - reads * times.read_seconds
    return SingleBind(overhead, answered - posted, steps)
