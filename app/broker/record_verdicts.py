"""The transactions of ownership verification: which addresses wait, and what the evidence says of them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from app.domain.binding import Binding, State, Verdict, Verification
from app.domain.cluster import Cluster, Topology
from app.domain.codes import Code
from app.domain.journal import Action, entry_of
from app.domain.target import Place
from app.ledger import bindings, clusters, grants, journal, leases, load_balancers
from app.ledger.connection import Connection, Ledger, clock
from app.ledger.leases import Lease
from app.planning.pacing import pause_after
from app.planning.promotion import Surroundings, judged, promoted

MOST_AT_ONCE = 2000
"""Most bindings of one cluster that are verified in one go; the rest follows at once."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A cluster and its bindings that wait for a verdict."""

    cluster: Cluster
    bindings: tuple[Binding, ...]


def load_unproven(ledger: Ledger, lease: Lease) -> Waiting:
    """What waits for a verdict in the leased cluster."""
    with ledger.begin() as connection:
        cluster = clusters.find(connection, lease.subject_id)
        if cluster is None:
            raise LookupError(f"a lease names cluster {lease.subject_id}, which is not there")
        return Waiting(cluster, tuple(bindings.unproven(connection, lease.subject_id, MOST_AT_ONCE)))


def record_topology(
    ledger: Ledger, lease: Lease, topology: Topology | None, error: str | None, again_after: timedelta
) -> None:
    """Keep what the cloud says the cluster's networks are, and end a lease on its topology."""
    with ledger.begin() as connection:
        clusters.lock(connection, [lease.subject_id])
        leases.give_back(connection, lease)
        clusters.record_topology(connection, lease.subject_id, topology, error, again_after)
        if error is None:
            clusters.want_verification(connection, lease.subject_id)


def record_verdicts(
    ledger: Ledger, lease: Lease, verdicts: Mapping[str, tuple[Verification, Code | None]], jitter: float
) -> None:
    """Write the verdicts by binding id, move on what is proven, and end the lease.

    Bindings that changed in the meantime are judged by what they are now; those without an answer are asked about again
    after a pause that grows. Raises `LeaseLost`, `LedgerUnavailable`.
    """
    with ledger.begin() as connection:
        clusters.lock(connection, [lease.subject_id])
        before = bindings.of_ids(connection, verdicts.keys())
        load_balancer_ids = {binding.target.load_balancer_id for binding in before}
        judgement = _Judgement(connection, lease, load_balancer_ids, verdicts)
        leases.give_back(connection, lease)
        judgement.judge()
        judgement.write(f"worker:{lease.incarnation}")
        _look_again(connection, lease, judgement.unanswered, more=len(verdicts) >= MOST_AT_ONCE, jitter=jitter)


def _look_again(connection: Connection, lease: Lease, unanswered: int, *, more: bool, jitter: float) -> None:
    failures = clusters.failures(connection, lease.subject_id) + 1 if unanswered else 0
    if more and not unanswered:
        clusters.want_verification(connection, lease.subject_id)
    elif bindings.unproven(connection, lease.subject_id, 1):
        pause = pause_after(failures, jitter) if unanswered else timedelta(0)
        clusters.verified(connection, lease.subject_id, pause, failures)
    else:
        clusters.verified(connection, lease.subject_id, None, 0)


class _Judgement:
    """The verdicts on one cluster's bindings, applied under the locks of their load balancers."""

    def __init__(
        self,
        connection: Connection,
        lease: Lease,
        load_balancer_ids: set[str],
        verdicts: Mapping[str, tuple[Verification, Code | None]],
    ) -> None:
        self._connection = connection
        self._cluster_id = lease.subject_id
        self._verdicts = verdicts
        self._load_balancers = load_balancers.lock(connection, load_balancer_ids)
        self._grants = grants.of_cluster(connection, lease.subject_id, load_balancer_ids)
        self._now = clock(connection)
        mine = bindings.of_ids(connection, verdicts.keys())
        addresses = {(binding.target.load_balancer_id, binding.ip) for binding in mine}
        around = bindings.around_addresses(connection, addresses, verdicts.keys())
        self._bindings = {binding.binding_id: binding for binding in around}
        self._at_place: dict[Place, tuple[Binding, ...]] = defaultdict(tuple)
        for binding in around:
            self._index(binding)
        self._before = dict(self._bindings)
        self._steps: list[tuple[Binding, Binding]] = []
        self.unanswered = 0

    def judge(self) -> None:
        """Apply every verdict whose binding still waits for one."""
        for binding_id, (verification, code) in self._verdicts.items():
            binding = self._bindings.get(binding_id)
            if binding is None or binding.state is not State.VERIFYING:
                continue
            if verification.verdict is Verdict.UNKNOWN:
                self.unanswered += 1
                if _same(binding.verification, verification):
                    continue
            self._change(judged(binding, verification, code, self._now))
            around = self._surroundings(binding)
            for after in list(promoted(self._bindings[binding_id], around, self._now)):
                self._change(after)

    def write(self, actor: str) -> None:
        """Write what changed, with its history, and make the load balancers due where something is to be done."""
        changed = [after for binding_id, after in self._bindings.items() if after is not self._before[binding_id]]
        moves = [(before, after) for before, after in self._steps if before.state is not after.state]
        bindings.write(self._connection, [], changed, {after.binding_id for _, after in moves})
        entries = [entry_of(Action.BINDING_MOVED, before, after) for before, after in moves]
        journal.add(self._connection, actor, entries)
        due = {after.target.load_balancer_id for _, after in moves}
        if due:
            load_balancers.want(self._connection, due)

    def _surroundings(self, binding: Binding) -> Surroundings:
        load_balancer_id = binding.target.load_balancer_id
        grant = self._grants.get(load_balancer_id)
        mine = {self._cluster_id: grant} if grant is not None else {}
        return Surroundings(self._load_balancers[load_balancer_id], mine, self._at_place)

    def _change(self, after: Binding) -> None:
        self._steps.append((self._bindings[after.binding_id], after))
        self._bindings[after.binding_id] = after
        self._index(after)

    def _index(self, binding: Binding) -> None:
        if binding.place is not None:
            here = (other for other in self._at_place[binding.place] if other.binding_id != binding.binding_id)
            self._at_place[binding.place] = (*here, binding)


def _same(kept: Verification, found: Verification) -> bool:
    """Whether two lacks of an answer are alike but for their time: repeating it would only make noise."""
    return replace(kept, checked_at=None) == replace(found, checked_at=None)
