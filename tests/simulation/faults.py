"""The faults of the simulation: what each does to a run, and how it is undone. All are in one table, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from tests.chaos.histories import Place
from tests.chaos.world import LISTENERS, LOAD_BALANCERS
from tests.simulation.cloud import Balancer
from tests.simulation.installed import ANSWERLESS
from tests.simulation.ledger import Failure
from tests.simulation.workers import PERIODS

if TYPE_CHECKING:
    from tests.simulation.run import Run

Undo = Callable[[], None]
Begin = Callable[["Run", Random], Undo]
DOUBTED = 2**62
"""Until its agent has spoken again, whatever was said of an address is in doubt."""

LONGEST_STEPS = 25
"""A worker that is to be killed is killed within so many of its steps."""


@dataclass(frozen=True, slots=True)
class Fault:
    """``begin`` starts it and returns what ends it after ``seconds``; ``silent``: no worker can work meanwhile."""

    begin: Begin
    silent: bool = False
    seconds: float = 3.0


def _mischief(kind: str, likely: float) -> Begin:
    """Something goes wrong with calls to the cloud."""

    def begin(run: "Run", _: Random) -> Undo:
        run.cloud.mischief.likely[kind] = likely

        def undo() -> None:
            run.cloud.mischief.likely.pop(kind, None)

        return undo

    return begin


def _killed(run: "Run", chance: Random) -> Undo:
    """Each worker in its turn is killed at some step, and a new one starts in its place soon."""
    for worker in chance.sample(run.workers, chance.randint(1, len(run.workers))):
        worker.dies_in = chance.randint(1, LONGEST_STEPS)

    def undo() -> None:
        for worker in run.workers:
            worker.dies_in = None

    return undo


def _stopped(run: "Run", chance: Random) -> Undo:
    """SIGSTOP for two lease times, then SIGCONT."""
    worker = chance.choice(run.workers)
    worker.stopped_until = run.schedule.now + 2 * PERIODS.held_lease.total_seconds()
    return lambda: None


def _both_workers(run: "Run", _: Random) -> Undo:
    run.restarts = False
    for worker in run.workers:
        worker.kill()

    def undo() -> None:
        run.restarts = True

    return undo


def _transactions(failure: Failure, likely: float) -> Begin:
    def begin(run: "Run", chance: Random) -> Undo:
        def trouble() -> Failure | None:
            return failure if chance.random() < likely else None

        run.ledger.troubles.append(trouble)
        return lambda: run.ledger.troubles.remove(trouble)

    return begin


def _listener(run: "Run", chance: Random) -> Undo:
    name, listener_id = chance.choice(LOAD_BALANCERS), chance.choice(LISTENERS)
    balancer = run.cloud.balancers.get(name)
    if balancer is not None and listener_id in balancer.listeners:
        run.cloud.empty(name, listener_id)
        del balancer.listeners[listener_id]

    def undo() -> None:
        if name in run.cloud.balancers:
            run.cloud.balancers[name].listeners.setdefault(listener_id, {})

    return undo


def _load_balancer(run: "Run", _: Random) -> Undo:
    name = LOAD_BALANCERS[1]
    if name in run.cloud.balancers:
        for listener_id in run.cloud.balancers[name].listeners:
            run.cloud.empty(name, listener_id)
        del run.cloud.balancers[name]

    def undo() -> None:
        run.cloud.balancers.setdefault(name, Balancer({each: {} for each in LISTENERS}))

    return undo


def _by_hand(run: "Run", chance: Random) -> Undo:
    """Targets taken off and reweighed behind the broker's back, and some of others' own added."""
    there = sorted(run.cloud.targets)
    for place in chance.sample(there, min(3, len(there))):
        run.cloud.edit(place, chance.choice([None, None, 1, 99]))
    for _ in range(2):
        where = Place(chance.choice(LOAD_BALANCERS), chance.choice(LISTENERS), f"10.0.9.{chance.randint(1, 9)}", 9000)
        run.cloud.edit(where, 7)
    return lambda: None


def _quota(run: "Run", _: Random) -> Undo:
    run.cloud.quota = 2
    return lambda: setattr(run.cloud, "quota", 500)


def _poisoned(run: "Run", chance: Random) -> Undo:
    """The cloud refuses one address, and with it every call that names it."""
    ips = sorted({pod.ip for pod in run.story.alive})
    run.cloud.mischief.poisoned = chance.choice(ips) if ips else None
    return lambda: setattr(run.cloud.mischief, "poisoned", None)


def _addresses(run: "Run", chance: Random) -> Undo:
    """Addresses leave their interfaces without a word, and come back later: their proofs are lost meanwhile."""
    bound = sorted({place.ip for place in run.cloud.targets if place.ip.startswith("10.0.1.")})
    gone = chance.sample(bound, min(2, len(bound)))
    run.agents.told.doubted.update(dict.fromkeys(gone, DOUBTED))
    run.agents.simulator.away.update(gone)
    return lambda: run.agents.simulator.away.difference_update(gone)


def _no_answer(run: "Run", _: Random) -> Undo:
    """The cloud says nothing about networks: nothing is proven, nothing refused."""
    truth = run.installation.owner
    run.installation.owner = lambda _: ANSWERLESS
    return lambda: setattr(run.installation, "owner", truth)


FAULTS: Mapping[str, Fault] = {
    "worker killed": Fault(_killed),
    "worker stopped for two lease times": Fault(_stopped, seconds=2 * PERIODS.held_lease.total_seconds()),
    "no worker": Fault(_both_workers, silent=True, seconds=4.0),
    "transactions fail": Fault(_transactions(Failure.BEFORE, 0.3)),
    "commits unanswered": Fault(_transactions(Failure.AFTER, 0.3)),
    "ledger gone": Fault(_transactions(Failure.BEFORE, 1.0), silent=True, seconds=4.0),
    "cloud cut": Fault(_mischief("request-lost", 1.0)),
    "requests lost": Fault(_mischief("request-lost", 0.3)),
    "answers lost": Fault(_mischief("answer-lost", 0.4)),
    "resets": Fault(_mischief("reset", 0.5)),
    "cloud hangs before": Fault(_mischief("hang-before", 0.4)),
    "cloud hangs after": Fault(_mischief("hang-after", 0.4)),
    "internal errors before": Fault(_mischief("internal-before", 0.5)),
    "internal errors after": Fault(_mischief("internal-after", 0.6)),
    "throttled": Fault(_mischief("throttled", 0.6)),
    "credentials revoked": Fault(_mischief("credential", 1.0)),
    "busy load balancers": Fault(_mischief("busy", 0.7)),
    "partial batches": Fault(_mischief("partial", 0.7)),
    "no effect": Fault(_mischief("no-effect", 0.7)),
    "tasks fail": Fault(_mischief("task-fails", 1.0)),
    "tasks never end": Fault(_mischief("task-hangs", 1.0)),
    "an address refused": Fault(_poisoned),
    "listener deleted": Fault(_listener),
    "load balancer deleted": Fault(_load_balancer),
    "targets changed by hand": Fault(_by_hand),
    "quota lowered": Fault(_quota, seconds=8.0),
    "addresses away": Fault(_addresses, seconds=6.0),
    "networks unanswered": Fault(_no_answer),
}
"""Every fault of the simulation. The troubles of events themselves (repeats, reorderings, late words, snapshots) are in
every run, by `tests.chaos.story` and `tests.simulation.agents`."""
