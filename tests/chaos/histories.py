"""The three histories that the checker judges, as frozen values. All times are unix seconds of one machine's clock.

What clients said and heard (`Word`, `Snapshot`, `Heard`, `Probe`), what the simulator's cloud saw (`Call`, `Change`,
`Target`), and what the ledger keeps (`Row`, `Entry`, `Operation`, `Kept`, `Head`); `History` is all of it for one run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One backend slot at the cloud."""

    load_balancer_id: str
    listener_id: str
    ip: str
    port: int = 8080


@dataclass(frozen=True, slots=True)
class Word:
    """One pod event as a client sent it (again, until it was answered) and the answer; ``outcome`` None: no answer."""

    cluster_id: str
    event_id: str
    kind: str
    revision: int
    pod_uid: str
    place: Place
    sent_at: float
    weight: int = 10
    answered_at: float | None = None
    outcome: str | None = None
    code: str | None = None
    binding_id: str | None = None

    @property
    def subject(self) -> tuple[str, str, str, str, int]:
        """Cluster, pod uid and target: what a revision belongs to."""
        place = self.place
        return self.cluster_id, self.pod_uid, place.load_balancer_id, place.listener_id, place.port

    @property
    def content(self) -> tuple[object, ...]:
        """What makes two events with one id the same event."""
        return self.kind, self.revision, self.pod_uid, self.place, self.weight


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The full truth for one Service as a client sent it: ``named`` are (pod uid, place, weight)."""

    cluster_id: str
    service: str
    revision: int
    named: tuple[tuple[str, Place, int], ...]
    sent_at: float
    answered_at: float | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """One item of a cluster's changes, in the order in which its follower read them."""

    cluster_id: str
    binding_id: str
    state: str


@dataclass(frozen=True, slots=True)
class Probe:
    """A request without the right to what it asks, and the HTTP status it got; None: no answer at all."""

    name: str
    status: int | None


@dataclass(frozen=True, slots=True)
class Call:
    """One call under the broker's credential. ``finished_at`` is when the cloud was done with it."""

    request_id: str
    action: str
    load_balancer_id: str | None
    received_at: float
    finished_at: float | None
    code: str | None = None
    changed: bool = False
    places: frozenset[Place] = frozenset()
    target_count: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one target: added, removed or weight; ``cause`` is a request id or ``by-hand``."""

    at: float
    kind: str
    place: Place
    weight: int
    cause: str


@dataclass(frozen=True, slots=True)
class Row:
    """A binding as the ledger has it at the end."""

    binding_id: str
    cluster_id: str
    pod_uid: str
    place: Place
    state: str
    weight: int = 10
    reason: str | None = None
    placed: bool = True
    holder: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the journal about a binding."""

    sequence: int
    recorded_at: float
    actor: str
    action: str
    binding_id: str
    cluster_id: str
    pod_uid: str
    place: Place
    from_state: str | None
    to_state: str | None
    reason: str | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """A recorded write: its intent and, when known, its outcome. ``targets`` are places with the bindings' ids."""

    operation_id: int
    load_balancer_id: str
    action: str
    targets: tuple[tuple[Place, str], ...]
    incarnation: str
    epoch: int
    intended_at: float
    outcome: str | None = None
    finished_at: float | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """An event as the ledger keeps it, with its first answer."""

    cluster_id: str
    event_id: str
    outcome: str
    binding_id: str | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault while it lasted. ``silent``: no worker ran, so nothing may have changed at the cloud."""

    name: str
    began_at: float
    ended_at: float
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Stall:
    """For how many seconds until then a process waited for a processor: a worker, or the cloud's own (number 0). A call
    that was sent meanwhile, or came, did so at the end of it."""

    until: float
    seconds: float
    process_id: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """What the run was held to: periods in seconds, the budget in calls per second, the guard's share.

    ``at_hand`` is how many calls of one action may have been begun when a bind becomes due: one for each of the hands
    of two workers, and a second's calls for the time that a verdict takes to be seen.
    """

    budget: int = 18
    at_hand: int = 2 * 16 + 18
    cloud_timeout: float = 1.0
    right_target: float = 33.0
    converge: float = 35.0
    guard_share: float = 0.3


@dataclass(frozen=True, slots=True)
class History:
    """One run. ``targets`` is what is at the cloud when all was over, ``at_rest`` is when it had become right (None:
    it never did); ``owners`` says which cluster the world gives an address to where that is not plain from the words;
    ``doubted`` are addresses whose proof a
    fault took away, each with the revision after which an agent has spoken of it again."""

    words: tuple[Word, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    heard: tuple[Heard, ...] = ()
    probes: tuple[Probe, ...] = ()
    calls: tuple[Call, ...] = ()
    changes: tuple[Change, ...] = ()
    targets: Mapping[Place, int] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()
    entries: tuple[Entry, ...] = ()
    operations: tuple[Operation, ...] = ()
    kept: tuple[Kept, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    stalls: tuple[Stall, ...] = ()
    owners: Mapping[str, str] = field(default_factory=dict)
    doubted: Mapping[str, int] = field(default_factory=dict)
    ended_at: float = 0.0
    at_rest: float | None = None
    terms: Terms = Terms()


@dataclass(frozen=True, slots=True, order=True)
class Breach:
    """A promise that broke, and how it shows."""

    promise: str
    evidence: str
