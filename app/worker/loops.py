"""Take work when it is due, as much as there are free hands for. The ledger is the queue; memory holds none."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
from structlog.contextvars import bound_contextvars

from app.broker.note_broken_work import note_broken_work
from app.broker.take_work import find_work, take_work
from app.broker.trust_people import trust_people
from app.domain.errors import LeaseLost, LedgerUnavailable
from app.ledger.leases import Lease, LeaseSubject
from app.metrics import count_work_failed, count_work_taken
from app.spans import span
from app.worker.converge_load_balancer import converge_load_balancer
from app.worker.hear_bell import hearing_bell
from app.worker.read_health import read_health
from app.worker.refresh_keys import refresh_keys
from app.worker.refresh_region import refresh_region
from app.worker.refresh_topology import refresh_topology
from app.worker.reverify_ownership import reverify_ownership
from app.worker.seal_history import seal_account
from app.worker.verify_ownership import verify_ownership
from app.worker.workshop import Workshop

log = structlog.get_logger(__name__)

POLL_SECONDS: Final = 0.02
"""How often an idle worker looks for work: one statement that finds nothing."""

BUSY_POLL_SECONDS: Final = 0.05
"""How often a worker looks whose hands are at work; each that ends its work makes it look besides."""

CROWDED_SECONDS: Final = 0.1
"""Load balancers of an account whose next call would have to wait for so long are not taken yet: who comes then may be
in more of a hurry, and a pass that waits for its call takes a hand from other accounts."""

LEDGER_PAUSE_SECONDS: Final = 0.5
"""How long a worker waits when the ledger does not answer."""

Work = Callable[[Workshop, Lease], None]


@dataclass(frozen=True, slots=True)
class Loop:
    """One kind of work: what it is taken for, what is done, how many at once, and how long between two looks for it."""

    subject: LeaseSubject
    work: Work
    hands: int
    least_pause_seconds: float = 0.0


LOOPS: Final = (
    Loop(LeaseSubject.LOAD_BALANCER, converge_load_balancer, hands=16),
    Loop(LeaseSubject.VERIFICATION, verify_ownership, hands=8),
    Loop(LeaseSubject.REVERIFICATION, reverify_ownership, hands=2, least_pause_seconds=0.2),
    Loop(LeaseSubject.TOPOLOGY, refresh_topology, hands=2, least_pause_seconds=0.2),
    Loop(LeaseSubject.REGION, refresh_region, hands=1, least_pause_seconds=0.2),
    Loop(LeaseSubject.HEALTH, read_health, hands=2, least_pause_seconds=0.5),
    Loop(LeaseSubject.SEAL, seal_account, hands=1, least_pause_seconds=1.0),
    Loop(LeaseSubject.KEYS, refresh_keys, hands=2, least_pause_seconds=0.5),
)


PARTS: Final[Mapping[str, tuple[Loop, ...]]] = {
    "all": LOOPS,
    "passes": tuple(loop for loop in LOOPS if loop.subject is LeaseSubject.LOAD_BALANCER),
    "all-but-passes": tuple(loop for loop in LOOPS if loop.subject is not LeaseSubject.LOAD_BALANCER),
}
"""What a worker may be told to do: a Python process computes on one processor, and in a roll-out of thousands verdicts
would keep it from sending calls in their turn."""

SPANS: Final[Mapping[LeaseSubject, str]] = {
    LeaseSubject.LOAD_BALANCER: "pass",
    LeaseSubject.VERIFICATION: "look",
    LeaseSubject.REVERIFICATION: "sweep",
}
"""What a trace calls a piece of work that is not called by what it is taken for."""

_NAMES: Final[Mapping[LeaseSubject, str]] = {
    LeaseSubject.LOAD_BALANCER: "load_balancer_id",
    LeaseSubject.VERIFICATION: "cluster_id",
    LeaseSubject.REVERIFICATION: "cluster_id",
    LeaseSubject.TOPOLOGY: "cluster_id",
    LeaseSubject.REGION: "region",
    LeaseSubject.HEALTH: "region",
}


def hands(loops: Iterable[Loop]) -> int:
    """How many pieces of work are done at once at the most."""
    return sum(loop.hands for loop in loops)


def _named(lease: Lease) -> dict[str, str]:
    """What log lines and spans say of the work under ``lease``."""
    return {"account_id": lease.account_id, _NAMES.get(lease.subject, "subject_id"): lease.subject_id}


class Worker:
    """Runs the loops until it is stopped."""

    def __init__(self, workshop: Workshop, loops: Sequence[Loop] = LOOPS) -> None:
        self._workshop = workshop
        self._loops = loops
        self._busy = dict.fromkeys((loop.subject for loop in loops), 0)
        self._looked = dict.fromkeys((loop.subject for loop in loops), 0.0)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._introduced = not workshop.people  # a worker that was told of no people leaves the others' alone

    def run(self, stopped: threading.Event) -> None:
        """Work until ``stopped`` is set; then finish what is at hand and return."""
        ledger = self._workshop.ledger
        with hearing_bell(ledger, self._wake.set), ThreadPoolExecutor(hands(self._loops), "worker") as pool:
            while not stopped.is_set():
                try:
                    self._introduce_people()
                    taken = self._look(pool)
                except LedgerUnavailable as error:
                    log.warning("ledger unavailable", error=str(error))
                    stopped.wait(LEDGER_PAUSE_SECONDS)
                    continue
                if not taken:
                    # Work that ends makes new work: a verdict makes a load balancer due, so its end wakes the look-out.
                    self._wake.wait(BUSY_POLL_SECONDS if any(self._busy.values()) else POLL_SECONDS)
                    self._wake.clear()

    def run_once(self) -> int:
        """Take everything that is due and do it here, one after the other; how much there was."""
        done = 0
        for loop in self._loops:
            for lease in self._leases(loop, loop.hands):
                self._work(loop, lease)
                done += 1
        return done

    def _introduce_people(self) -> None:
        if not self._introduced:
            trust_people(self._workshop.ledger, self._workshop.people)
            self._introduced = True

    def _look(self, pool: ThreadPoolExecutor) -> int:
        """Find out what there is for the free hands, and take it; how much that is."""
        now = time.monotonic()
        able = [
            loop
            for loop in self._loops
            if self._busy[loop.subject] < loop.hands and now - self._looked[loop.subject] >= loop.least_pause_seconds
        ]
        self._looked.update(dict.fromkeys((loop.subject for loop in able), now))
        due = find_work(self._workshop.ledger, [loop.subject for loop in able]) if able else set()
        return sum(self._take(loop, pool) for loop in able if loop.subject in due)

    def _take(self, loop: Loop, pool: ThreadPoolExecutor) -> int:
        leases = self._leases(loop, loop.hands - self._busy[loop.subject])
        for lease in leases:
            with self._lock:
                self._busy[loop.subject] += 1
            pool.submit(self._work, loop, lease).add_done_callback(partial(self._end, loop, lease))
        return len(leases)

    def _work(self, loop: Loop, lease: Lease) -> None:
        named = _named(lease)
        with span(SPANS.get(loop.subject, loop.subject), **named) as here:
            if here.context is not None:
                named["trace_id"] = here.context.trace_id
            with bound_contextvars(**named):
                loop.work(self._workshop, lease)

    def _leases(self, loop: Loop, limit: int) -> list[Lease]:
        workshop = self._workshop
        crowded = workshop.crowding.accounts(CROWDED_SECONDS) if loop.subject is LeaseSubject.LOAD_BALANCER else ()
        held_lease = workshop.periods.held_lease
        taken = take_work(workshop.ledger, loop.subject, workshop.incarnation, held_lease, limit, crowded)
        count_work_taken(loop.subject, len(taken))
        return taken

    def _end(self, loop: Loop, lease: Lease, done: Future[None]) -> None:
        with self._lock:
            self._busy[loop.subject] -= 1
        self._wake.set()
        error = done.exception()
        if error is not None:
            with bound_contextvars(**_named(lease)):
                self._tell(loop, lease, error)

    def _tell(self, loop: Loop, lease: Lease, error: BaseException) -> None:
        count_work_failed(loop.subject)
        # The lease is left to run out: the work is taken again then, by whoever is free.
        if isinstance(error, (LeaseLost, LedgerUnavailable)):
            log.warning("work left to a later pass", subject=str(loop.subject), error=str(error))
        else:
            log.error("work failed", subject=str(loop.subject), subject_id=lease.subject_id, exc_info=error)
            self._note(lease, f"the work broke off: {type(error).__name__}")

    def _note(self, lease: Lease, error: str) -> None:
        try:
            note_broken_work(self._workshop.ledger, lease, error)
        except LedgerUnavailable as unavailable:
            log.warning("ledger unavailable", error=str(unavailable))
