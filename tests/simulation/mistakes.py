"""Mistakes that other systems shipped, and some easily made here, put back to see that the checker catches them.

Nothing in ``app`` knows of this: each mistake replaces functions of the running process, for as long as it is put back.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from unittest.mock import patch

import app.broker.converge as passes
import app.worker.converge_load_balancer as writing
from app.broker.scene import Scene
from app.domain.binding import Binding
from app.domain.event import PodEvent
from app.ledger import leases
from app.ledger.leases import Lease, LeaseSubject
from app.planning import batches, proofs, snapshot
from app.planning.observed import Observed
from app.planning.plan import Change, Kind, plan
from app.planning.reception import Reception
from app.worker.readings import Readings
from tests.chaos.wrong import pause_that_ends, plan_with_a_stranger, write_and_the_empty_rest, write_whenever
from tests.simulation import calling, work_rooms, workers
from tests.simulation import ledger as rows
from tests.simulation.installed import Installation, Replacement
from tests.simulation.ledger import ACCOUNT, Books, LeaseRow
from tests.simulation.run import CRASH, Played, play
from tests.simulation.schedule import START

MOST_SEEDS = 300
"""Within so many runs a mistake has to show; most of them do in the first ten."""

HOST = "host-1"
RESCUED = timedelta(seconds=2.95)
"""Of a lease of three seconds: what was taken a moment ago is rescued."""

_judge: Any = Reception._judge


def _hold_without_looking(books: Books, lease: Lease, duration: timedelta) -> datetime:
    key = lease.subject, lease.subject_id
    books.leases[key] = replace(books.leases[key], expires_at=books.now + duration)
    return books.now


def _give_back_without_looking(books: Books, lease: Lease) -> datetime:
    key = lease.subject, lease.subject_id
    books.leases[key] = replace(books.leases[key], incarnation=None, expires_at=books.now)
    return books.now


def _take_as_before(
    books: Books, subject: LeaseSubject, incarnation: str, duration: timedelta, limit: int, *_: Any
) -> list[Lease]:
    before = dict(books.leases)
    taken = work_rooms.take(books, subject, incarnation, duration, limit)
    again = []
    for lease in taken:
        key = subject, lease.subject_id
        mine = before[key].incarnation == incarnation
        books.leases[key] = replace(books.leases[key], epoch=lease.epoch - mine)
        again.append(Lease(ACCOUNT, subject, lease.subject_id, incarnation, lease.epoch - mine))
    return again


def _free_to_its_host(lease: LeaseRow) -> datetime:
    return lease.expires_at - timedelta(days=1) if lease.incarnation == HOST else lease.expires_at


def _free_soon(lease: LeaseRow) -> datetime:
    return lease.expires_at - RESCUED if lease.incarnation else lease.expires_at


def _plan_of_the_unknown(bindings: Iterable[Binding], observed: Observed) -> tuple[Change, ...]:
    found = list(bindings)
    changes = plan(found, observed)
    known = {binding.place for binding in found}
    unknown = [place for place in observed.weights if place not in known]
    if changes or not unknown:
        return changes
    return tuple(Change(Kind.DEREGISTER, place, 0, "nobody", START) for place in unknown)


def _recall_whoever_wrote(readings: Readings, lease: Lease) -> Observed | None:
    kept = readings._kept.get((lease.account_id, lease.subject_id))
    return None if kept is None else kept[-1]


def _in_the_order_of_arrival() -> Callable[[Reception, Any], Any]:
    arrived = count(10**6)

    def judge(reception: Reception, item: Any) -> Any:
        newest = replace(item, revision=next(arrived)) if isinstance(item, PodEvent) else item
        return _judge(reception, newest)

    return judge


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is replaced; the ``faults`` under which it shows (None: as each seed chooses), the promises it may break."""

    told: str
    replaced: Callable[[], Iterable[Replacement]]
    promises: frozenset[str]
    faults: tuple[str, ...] | None = ()


def _old_writer() -> Iterator[Replacement]:
    yield leases, "hold", _hold_without_looking
    yield leases, "give_back", _give_back_without_looking
    yield writing, "write_changes", write_whenever


def _same_name() -> Iterator[Replacement]:
    yield workers, "incarnation", lambda *_: HOST
    yield leases, "take", _take_as_before
    yield rows, "free_at", _free_to_its_host


def _rescue() -> Iterator[Replacement]:
    yield rows, "free_at", _free_soon
    yield from _old_writer()


def _empty_call() -> Iterator[Replacement]:
    yield batches, "MAX_TARGETS", 2
    yield writing, "write_changes", write_and_the_empty_rest


def _unguarded() -> Iterator[Replacement]:
    yield from ((room, "allows", lambda *_: True) for room in (snapshot, proofs))


MISTAKES: dict[str, Mistake] = {
    "old-writer": Mistake(
        "a writer whose lease is another's by now goes on, and overwrites a newer plan",
        _old_writer,
        frozenset({"A7"}),
        ("worker stopped for two lease times", "cloud hangs after"),
    ),
    "strangers-cleaned-up": Mistake(
        "a removal takes another cluster's target along",
        lambda: [(passes, "plan", plan_with_a_stranger)],
        frozenset({"A4", "A9"}),
    ),
    "same-name-same-lease": Mistake(
        "a restarted worker has its host's name, and takes what is leased to that name as still its own",
        _same_name,
        frozenset({"A7"}),
    ),
    "rescue-by-time": Mistake(
        "what was taken a moment ago is rescued, whether its holder still works or not",
        _rescue,
        frozenset({"A7"}),
    ),
    "empty-call": Mistake("a batch of exactly the limit is followed by the empty rest", _empty_call, frozenset({"A9"})),
    "retries-that-end": Mistake(
        "after three failures in a row nobody tries again",
        lambda: [(passes, "pause_after", pause_that_ends)],
        frozenset({"A6"}),
        ("cloud cut", "internal errors before"),
    ),
    "absence-believed-too-soon": Mistake(
        "after a time-out the target is not there, so the call is taken for undone",
        lambda: [(passes, "_so_far", lambda observed, *_: observed)],
        frozenset({"A5", "A6"}),
        ("cloud hangs before",),
    ),
    "mark-after-the-call": Mistake(
        "what may be at the cloud is marked when it is seen there, not before the call",
        lambda: [(Scene, "place", lambda *_: None)],
        frozenset({"A5", "A6"}),
        ("worker killed", "answers lost"),
    ),
    "strangers-not-spared": Mistake(
        "whatever no binding names is taken off",
        lambda: [(passes, "plan", _plan_of_the_unknown)],
        frozenset({"A6"}),
        ("targets changed by hand",),
    ),
    "reading-of-another-life": Mistake(
        "a remembered reading serves although somebody else has written since",
        lambda: [(Readings, "recall", _recall_whoever_wrote)],
        frozenset({"A7"}),
    ),
    "order-of-arrival": Mistake(
        "an event has its effect when it comes, however old its revision is",
        lambda: [(Reception, "_judge", _in_the_order_of_arrival())],
        frozenset({"A3", "A5", "A6"}),
    ),
    "no-budget": Mistake(
        "each worker sends as it likes",
        lambda: [(calling.CallingClient, "wait_for_slot", lambda *_: None)],
        frozenset({"A8"}),
    ),
    "no-guard": Mistake("a snapshot takes off whatever it leaves out", _unguarded, frozenset({"A10"})),
}


@contextmanager
def put_back(name: str) -> Iterator[None]:
    """The process with the mistake in it, within `tests.simulation.installed.installed`."""
    with ExitStack() as stack:
        for room, function, wrong in MISTAKES[name].replaced():
            stack.enter_context(patch.object(room, function, wrong))
        yield


def caught(installation: Installation, name: str, first_seed: int) -> Played | None:
    """The first of `MOST_SEEDS` runs in which a promise breaks that the mistake may break; None: not caught."""
    mistake = MISTAKES[name]
    with put_back(name):
        for seed in range(first_seed, first_seed + MOST_SEEDS):
            played = play(installation, seed, mistake.faults)
            promises = {breach.promise for breach in played.breaches}
            if promises & mistake.promises and CRASH not in promises:
                return played
    return None
