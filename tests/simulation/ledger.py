"""The ledger in memory: rows as frozen values, and transactions that happen at one moment, wholly or not at all."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.domain.binding import Binding
from app.domain.cluster import Cluster, Verification
from app.domain.errors import LedgerUnavailable
from app.domain.load_balancer import EVERY_LISTENER, Grant, LoadBalancer
from app.ledger.leases import LeaseSubject
from app.planning.known import Answer, Head
from tests.chaos.histories import Entry, Operation
from tests.simulation.passes import Pass
from tests.simulation.schedule import Schedule

ACCOUNT, REGION = "default", "ap-guangzhou"
MAX_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """Who works on a subject, in which epoch, and until when (None: nobody does)."""

    incarnation: str | None
    epoch: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class BalancerRow:
    """A load balancer and its place in the queue."""

    itself: LoadBalancer
    due_at: datetime
    not_before: datetime


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """A cluster and its place in the queues of looks at proofs."""

    itself: Cluster
    reverification_due_at: datetime
    verification_due_at: datetime | None = None
    failures: int = 0
    change_sequence: int = 0


@dataclass
class Books:
    """All rows, as one transaction sees and changes them; stands for the connection to the real ledger.

    It knows no statements: a room of the real ledger that the simulation has no copy of fails at once.
    """

    now: datetime
    seconds: float
    bindings: dict[str, Binding] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    heads: dict[tuple[str, str, str], Head] = field(default_factory=dict)
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    leases: dict[tuple[LeaseSubject, str], LeaseRow] = field(default_factory=dict)
    load_balancers: dict[str, BalancerRow] = field(default_factory=dict)
    clusters: dict[str, ClusterRow] = field(default_factory=dict)
    grants: dict[tuple[str, str], Grant] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    operations: dict[int, Operation] = field(default_factory=dict)
    calls: dict[str, tuple[float, ...]] = field(default_factory=dict)
    lowered: dict[str, tuple[float, float]] = field(default_factory=dict)
    quota: int | None = None

    def copy(self, now: datetime, seconds: float) -> "Books":
        """The same rows at another time, to be changed apart from these."""
        return Books(
            now,
            seconds,
            self.bindings.copy(),
            self.numbers.copy(),
            self.heads.copy(),
            self.answers.copy(),
            self.leases.copy(),
            self.load_balancers.copy(),
            self.clusters.copy(),
            self.grants,
            self.entries.copy(),
            self.operations.copy(),
            self.calls.copy(),
            self.lowered.copy(),
            self.quota,
        )

    def balancer(self, load_balancer_id: str, **changes: Any) -> None:
        """Change what a load balancer is."""
        row = self.load_balancers[load_balancer_id]
        self.load_balancers[load_balancer_id] = replace(row, itself=replace(row.itself, **changes))


class Failure(StrEnum):
    """How a transaction fails: nothing of it is kept, or all of it is and nobody is told."""

    BEFORE = "before"
    AFTER = "after"


class Ledger:
    """The books, one transaction after the other. Each of ``troubles`` says of one whether and how it fails."""

    def __init__(self, schedule: Schedule) -> None:
        self.books = Books(schedule.time, schedule.now)
        self.troubles: list[Callable[[], Failure | None]] = []
        self.committed: Callable[[], None] = lambda: None
        self._schedule = schedule

    @contextmanager
    def begin(self) -> Iterator[Books]:
        """As in the real ledger. Raises `LedgerUnavailable`."""
        if Pass.current is not None:
            raise RuntimeError("a pass is run again and again: each of its transactions has to be a step")
        failure = next(filter(None, [trouble() for trouble in self.troubles]), None)
        books = self.books.copy(self._schedule.time, self._schedule.now)
        yield books
        if failure is Failure.BEFORE:
            raise LedgerUnavailable("the transaction was rolled back")
        self.books = books
        self.committed()
        if failure is Failure.AFTER:
            raise LedgerUnavailable("nobody knows whether the transaction was committed")

    @contextmanager
    def statements(self) -> Iterator[Books]:
        """As in the real ledger; what uses it makes one statement."""
        with self.begin() as books:
            yield books


def furnished(schedule: Schedule, cluster_ids: tuple[str, ...], load_balancer_ids: tuple[str, ...]) -> Ledger:
    """A ledger with these clusters and load balancers, and grants of all on all."""
    ledger = Ledger(schedule)
    books, now = ledger.books, schedule.time
    for name in cluster_ids:
        books.clusters[name] = ClusterRow(_cluster(name, now), now)
        books.leases[LeaseSubject.VERIFICATION, name] = LeaseRow(None, 0, now)
        books.leases[LeaseSubject.REVERIFICATION, name] = LeaseRow(None, 0, now)
    for name in load_balancer_ids:
        books.load_balancers[name] = BalancerRow(_load_balancer(name, now), now, now)
        books.leases[LeaseSubject.LOAD_BALANCER, name] = LeaseRow(None, 0, now)
        for cluster_id in cluster_ids:
            books.grants[name, cluster_id] = Grant(name, cluster_id, (EVERY_LISTENER,))
    return ledger


def next_due(books: Books, subjects: Collection[LeaseSubject] = tuple(LeaseSubject)) -> datetime | None:
    """When the first piece of work of these kinds may be taken; None when nothing is due at any time."""
    return min((when for subject, _, when in queue(books) if subject in subjects), default=None)


def subjects_due(books: Books, now: datetime) -> list[LeaseSubject]:
    """The kinds of work of which something may be taken now."""
    return sorted({subject for subject, _, when in queue(books) if when <= now})


def queue(books: Books) -> Iterator[tuple[LeaseSubject, str, datetime]]:
    """All work that is due at some time: what it is for, on what, and when it may be taken."""
    for (subject, name), lease in books.leases.items():
        if subject is LeaseSubject.LOAD_BALANCER:
            balancer = books.load_balancers[name]
            yield subject, name, max(balancer.due_at, balancer.not_before, free_at(lease))
            continue
        cluster = books.clusters[name]
        due = cluster.verification_due_at
        if subject is LeaseSubject.REVERIFICATION:
            due = cluster.reverification_due_at
        if due is not None:
            yield subject, name, max(due, lease.expires_at)


def free_at(lease: LeaseRow) -> datetime:
    """From when on somebody else may take what is leased."""
    return lease.expires_at


def _cluster(name: str, now: datetime) -> Cluster:
    return Cluster(
        account_id=ACCOUNT,
        cluster_id=name,
        region=REGION,
        verification=Verification.STRICT,
        topology_setting=None,
        topology_found=None,
        platform=None,
        topology_read_at=now,
        topology_error=None,
        max_removal_share=MAX_SHARE,
        last_seen_at=None,
        created_at=now,
        updated_at=now,
    )


def _load_balancer(name: str, now: datetime) -> LoadBalancer:
    return LoadBalancer(
        account_id=ACCOUNT,
        load_balancer_id=name,
        region=REGION,
        inventory=None,
        inventory_read_at=None,
        missing=False,
        wanted_generation=1,
        reconciled_generation=0,
        wanted_at=now,
        last_error=None,
        failures=0,
        created_at=now,
    )
