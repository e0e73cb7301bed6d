"""How long until the broker hears of a change of a pod, and how many requests it takes: before a recording broker."""

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.agent import measures, objects
from benchmarks.agent.measures import Telling
from benchmarks.agent.objects import Member
from benchmarks.agent.stage import Agent, Cluster, Recorder, Started, start_recorder
from benchmarks.stage import wait_for

BURST: Final = 100
REST_SECONDS: Final = (0.1, 0.25)
"""Before each change, at random: nothing is under way by then, and no two are in step with a loop's period."""

SETTLE_SECONDS: Final = 2.0


def tellings(singles: int, bursts: int, seed: int) -> tuple[list[Telling], list[Telling]]:
    """Single pods and bursts that become ready, told by the agent and by a bare client; and rolling changes."""
    with _surroundings() as (place, cluster, recorder):
        members = objects.members()
        cluster.fill(members)
        changes = Changes(cluster, recorder, members, random.Random(seed))
        with Agent(place, "agent-0", cluster, recorder.url):
            wait_for("all gates to be open", lambda: cluster.open_gates() == len(members))
            by_agent = changes.both("the agent", singles, bursts, hears_unbinds=True)
            rolled = [changes.roll(at_once=at_once) for at_once in (False, True)]
        relay = (place / "bare.log", "watches", "benchmarks.agent.bare", "relay", cluster.api.endpoint, recorder.url)
        with Started(*relay):
            by_bare = changes.both("a bare client", singles, bursts, hears_unbinds=False)
        return [*by_agent, *by_bare], rolled


class Changes:
    """Changes pods and looks what the recorder hears of it."""

    def __init__(self, cluster: Cluster, recorder: Recorder, members: Sequence[Member], dice: random.Random) -> None:
        self._cluster = cluster
        self._recorder = recorder
        self._members = list(members)
        self._dice = dice

    def both(self, who: str, singles: int, bursts: int, *, hears_unbinds: bool) -> list[Telling]:
        """Single pods, then bursts, of one of each Service in turn."""
        one_by_one = [self._ready(who, "single pods", self._group(each, 1), hears_unbinds) for each in range(singles)]
        in_bursts = [
            self._ready(who, f"bursts of {BURST}", self._group(each, BURST), hears_unbinds) for each in range(bursts)
        ]
        return [measures.together(each) for each in (one_by_one, in_bursts) if each]

    def _group(self, number: int, count: int) -> list[Member]:
        return [self._members[(number * count + each) % len(self._members)] for each in range(count)]

    def _ready(self, who: str, what: str, those: Sequence[Member], hears_unbinds: bool) -> Telling:  # noqa: FBT001
        for each in those:
            self._cluster.set_ready(each, ready=False)
        if hears_unbinds:
            self._recorder.told_of([("unbind", each.ip) for each in those])
        self._rest()
        changed = {("bind", each.ip): self._cluster.set_ready(each, ready=True) for each in those}
        rows = self._recorder.told_of(changed)
        self._rest()
        return measures.telling(who, what, changed, rows)

    def roll(self, *, at_once: bool) -> Telling:
        """Replace every pod by one of the next generation: each comes, ready, and the one before begins to terminate.

        ``at_once``: the API tells nobody before all of it has happened.
        """
        time.sleep(SETTLE_SECONDS)
        old = self._members
        new = self._members = objects.members(generation=old[0].generation + 1)
        changed: dict[tuple[str, str], float] = {}
        if at_once:
            with self._cluster.api.store.held():
                self._replace(old, new, changed)
            changed = dict.fromkeys(changed, time.monotonic())
        else:
            self._replace(old, new, changed)
        rows = self._recorder.told_of(changed)
        time.sleep(SETTLE_SECONDS)
        rows += self._recorder.others()
        for each in old:
            self._cluster.remove_pod(each)
        rows += self._recorder.others()
        what = "all 1,000 pods replaced, told all at once" if at_once else "all 1,000 pods replaced, as the API goes"
        return measures.telling("the agent", what, changed, rows)

    def _replace(self, old: Sequence[Member], new: Sequence[Member], changed: dict[tuple[str, str], float]) -> None:
        width = objects.SIZE.load_balancers
        for start in range(0, len(new), width):
            coming, going = new[start : start + width], old[start : start + width]
            for each in coming:
                self._cluster.add_pod(each)
            slices = [*old[start:], *new[: start + width]]
            at = time.monotonic()
            self._cluster.write_slices(slices)
            changed |= {("bind", each.ip): at for each in coming}
            changed |= {("unbind", each.ip): self._cluster.end_pod(each) for each in going}
        self._cluster.write_slices(new)

    def _rest(self) -> None:
        time.sleep(self._dice.uniform(*REST_SECONDS))


@contextmanager
def _surroundings() -> Iterator[tuple[Path, Cluster, Recorder]]:
    with TemporaryDirectory(prefix="clb-broker-bench-", ignore_cleanup_errors=True) as name:
        place = Path(name)
        with Cluster(place) as cluster, start_recorder(place) as recorder:
            yield place, cluster, Recorder(recorder.line.split()[-1])
