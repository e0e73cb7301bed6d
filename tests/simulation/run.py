"""One run: a seed in, three histories and their judgement out. The same seed gives the same history."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from random import Random

from app.broker.record_evidence import record_target_quota
from app.domain.errors import LedgerUnavailable
from app.planning.known import Answer
from tests.chaos.checker import broken
from tests.chaos.claims import not_converged
from tests.chaos.histories import Breach, History, Kept, Row, Terms, Trouble
from tests.chaos.histories import Place as Where
from tests.chaos.story import Story
from tests.chaos.world import LISTENERS, LOAD_BALANCERS
from tests.simulation.agents import DRAIN_SECONDS, Agents
from tests.simulation.calling import BUDGET
from tests.simulation.cloud import Cloud
from tests.simulation.faults import DOUBTED, FAULTS
from tests.simulation.installed import Installation
from tests.simulation.ledger import ACCOUNT, MAX_SHARE, REGION, furnished, next_due
from tests.simulation.schedule import Schedule
from tests.simulation.workers import PERIODS, TIMEOUT, Worker, Yard

ARRIVALS = (("cls-a", 3), ("cls-b", 2))
CLUSTERS = tuple(name for name, _ in ARRIVALS)
TERMS = Terms(
    budget=BUDGET,
    cloud_timeout=TIMEOUT,
    right_target=PERIODS.reverify.total_seconds() + DRAIN_SECONDS + 30,
    converge=PERIODS.lease.total_seconds() + PERIODS.sweep.total_seconds() + 30,
    guard_share=MAX_SHARE,
)
MOVING = frozenset({"verifying", "pending", "draining", "removing"})
STEP_SECONDS = 0.6
"""The longest pause between two steps of a story."""

RESTART_SECONDS = 1.0
CRASH = "crash"
"""Stands where the broken promise stands when the broker's code raised what it does not expect."""

SELDOM = 0.25
"""How many of the runs have a second chapter, and how many go on after they have come to rest."""


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a seed: the promises that broke, the history, and what happened last."""

    seed: int
    faults: tuple[str, ...]
    breaches: tuple[Breach, ...]
    history: History
    last_events: tuple[str, ...]

    def told(self) -> str:
        """The seed, the promises that broke, and the last events, to be read by a person."""
        promises = ", ".join(sorted({breach.promise for breach in self.breaches})) or "none"
        lines = [f"seed {self.seed} ({' + '.join(self.faults) or 'no fault'}): broken: {promises}"]
        lines += [f"    {breach.promise}: {breach.evidence}" for breach in self.breaches]
        return "\n".join([*lines, *(f"    {line}" for line in self.last_events)])


def play(installation: Installation, seed: int, faults: Sequence[str] | None = None) -> Played:
    """Let one story be told under faults, wait for rest, and judge; ``faults`` None: as the seed chooses."""
    return Run(installation, seed, faults).play()


class Run:
    """One run and all its parts, which faults change."""

    def __init__(self, installation: Installation, seed: int, faults: Sequence[str] | None) -> None:
        self.seed = seed
        self.chance = Random(seed)
        self.schedule = Schedule()
        self.installation = installation
        installation.time.schedule, installation.numbers = self.schedule, count(1)
        self.ledger = furnished(self.schedule, CLUSTERS, LOAD_BALANCERS)
        self.cloud = Cloud(self.schedule, self._dice(), dict.fromkeys(LOAD_BALANCERS, LISTENERS))
        self.agents = Agents(self.schedule, self.ledger, self._dice())
        installation.owner = self.agents.simulator.owner
        self.story = Story(self._dice(), ARRIVALS)
        self.yard = Yard(self.schedule, self.ledger, self.cloud, self._dice())
        self.workers = [Worker(name, self.yard, installation.time) for name in ("worker-1", "worker-2")]
        self.faults = tuple(self._choice() if faults is None else faults)
        self.restarts = True
        self.at_rest: float | None = None

    def play(self) -> Played:
        """Play it, once."""
        self.ledger.committed = self._wake
        for worker in self.workers:
            worker.start()
        self._keep_up()
        self._read_quota()
        told_at = self._tell()
        over_at = max([told_at, *(self._strike(name, told_at) for name in self.faults)])
        self.schedule.at(over_at, self._speak_again)
        self.schedule.run(over_at, lambda: False)
        self.yard.ended = self._look_for_rest
        self.schedule.run(over_at + TERMS.converge + 5, lambda: self.at_rest is not None)
        if self.at_rest is not None and self.chance.random() < SELDOM:
            # What is at rest stays so, the next sweeps included.
            self.schedule.run(self.at_rest + PERIODS.sweep.total_seconds() + 3, lambda: False)
        return self._judged()

    def _dice(self) -> Random:
        return Random(self.chance.random())

    def _choice(self) -> list[str]:
        return self.chance.sample(sorted(FAULTS), self.chance.choice([0, 1, 1, 2, 2, 2, 3]))

    def _tell(self) -> float:
        at = 0.2
        for _ in range(1 + (self.chance.random() < SELDOM)):
            for step in self.story.steps():
                self.schedule.at(at, partial(step, self.agents))
                at += self.chance.random() * STEP_SECONDS
        for _ in range(2):
            for cluster_id in CLUSTERS:
                self.schedule.at(self.chance.random() * at, partial(self.agents.follow, cluster_id))
        return at

    def _strike(self, name: str, told_at: float) -> float:
        fault = FAULTS[name]
        began = self.chance.random() * told_at * 0.8
        chance = self._dice()

        def begin() -> None:
            self.schedule.note("fault", name)
            undo = fault.begin(self, chance)
            self.schedule.at(began + fault.seconds, partial(end, undo))

        def end(undo) -> None:  # type: ignore[no-untyped-def]
            undo()
            self.schedule.note("fault", name, "is over")
            last_call = self.cloud.mischief.hang_seconds  # what was sent before may be done so late
            self.agents.told.troubles.append(
                Trouble(name, began + (last_call if fault.silent else 0.0), began + fault.seconds, fault.silent)
            )

        self.schedule.at(began, begin)
        return began + fault.seconds

    def _keep_up(self) -> None:
        """Start what was killed."""
        for worker in self.workers:
            if self.restarts and not worker.lives:
                worker.start()
        self.schedule.after(RESTART_SECONDS * self.chance.random(), self._keep_up)

    def _read_quota(self) -> None:
        """What the worker's loop over regions does."""
        if any(worker.lives for worker in self.workers):
            try:
                record_target_quota(self.ledger, ACCOUNT, REGION, self.cloud.quota)  # type: ignore[arg-type]
            except LedgerUnavailable:
                self.schedule.note("quota not recorded")
        self.schedule.after(PERIODS.topology.total_seconds() / 2, self._read_quota)

    def _speak_again(self) -> None:
        """Agents speak again of the addresses whose proofs the faults took away."""
        told = self.agents.told
        told.troubles.append(Trouble("the end of it", self.schedule.now, self.schedule.now))
        doubted = {ip for ip, revision in told.doubted.items() if revision == DOUBTED}
        told.doubted.update(dict.fromkeys(doubted, self.story.revision))
        self.story.speak_again(self.agents, doubted)

    def _wake(self) -> None:
        due = next_due(self.ledger.books)
        for worker in self.workers:
            worker.wake(due)

    def _look_for_rest(self) -> None:
        books = self.ledger.books
        if self.agents.waiting or self.cloud.busy or self.at_rest is not None:
            return
        if any(binding.state in MOVING for binding in books.bindings.values()):
            return
        if any(operation.outcome is None for operation in books.operations.values()):
            return
        if not list(not_converged(self._history())):
            self.at_rest = self.schedule.now

    def _judged(self) -> Played:
        for cluster_id in CLUSTERS:
            self.agents.follow(cluster_id, to_the_end=True)
        history = self._history(whole=True)
        crashes = [Breach(CRASH, told) for told in [*self.yard.crashes, *self.agents.crashes]]
        breaches = (*broken(history), *crashes)
        return Played(self.seed, self.faults, breaches, history, tuple(self.schedule.last_events()) if breaches else ())

    def _history(self, *, whole: bool = False) -> History:
        told, books = self.agents.told, self.ledger.books
        rows = tuple(
            Row(
                each.binding_id,
                each.cluster_id,
                each.pod.uid,
                Where(
                    each.target.load_balancer_id,
                    each.slot.listener_id if each.slot else each.target.listener_id or "",
                    each.ip,
                    each.target.port,
                ),
                each.state,
                each.weight,
                each.reason,
                each.placed,
                each.holder,
            )
            for each in books.bindings.values()
        )
        return History(
            words=tuple(told.words),
            snapshots=tuple(told.snapshots),
            heard=tuple(told.heard),
            troubles=tuple(told.troubles),
            owners=dict(told.owners),
            doubted=dict(told.doubted),
            targets=self.cloud.targets,
            changes=tuple(self.cloud.changes),
            rows=rows,
            calls=tuple(each.seen() for each in self.cloud.arrived) if whole else (),
            entries=tuple(books.entries),
            operations=tuple(books.operations.values()),
            kept=tuple(_kept(cluster_id, answer) for (cluster_id, _), answer in books.answers.items()) if whole else (),
            at_rest=self.at_rest,
            ended_at=self.schedule.now,
            terms=TERMS,
        )


def _kept(cluster_id: str, answer: Answer) -> Kept:
    result = answer.result
    return Kept(cluster_id, result.event_id or "", str(result.outcome), result.binding_id)
