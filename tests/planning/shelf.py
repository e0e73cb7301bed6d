"""A ledger in memory: what receptions write is what later ones know, and never more than the real one would read.

It watches while it keeps. One holder and one placed binding per place, as the real ledger's unique indexes demand;
moves that the table allows, each told by an entry; revisions that never go back; one wanted binding per pod and target.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count

from app.domain.binding import MOVES, Binding, State
from app.domain.event import PodEvent, Result
from app.domain.journal import Entry
from app.domain.load_balancer import Grant, LoadBalancer, Slot, resolve
from app.domain.target import TargetName
from app.planning.known import Answer, Head, Known
from app.planning.promotion import PROOFS
from app.planning.reception import Reception
from app.planning.snapshot import SnapshotOutcome, replace_targets
from tests.planning.builders import ACCOUNT, BALANCER, MINE, NOW, SHOP, THEIRS, grant, load_balancer


@dataclass
class Shelf:
    """Two clusters with a right to one load balancer."""

    load_balancer: LoadBalancer = field(default_factory=load_balancer)
    grants: dict[str, Grant] = field(
        default_factory=lambda: {cluster_id: grant(cluster_id=cluster_id) for cluster_id in (MINE, THEIRS)}
    )
    bindings: dict[str, Binding] = field(default_factory=dict)
    heads: dict[tuple[str, str, str], Head] = field(default_factory=dict)
    answers: dict[str, dict[str, Answer]] = field(default_factory=lambda: {MINE: {}, THEIRS: {}})
    told: dict[str, State] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    now: datetime = NOW

    def receive(self, events: Sequence[PodEvent], cluster_id: str = MINE) -> list[Result]:
        """Judge ``events`` as one batch and keep what comes of it."""
        reception = self._reception(events, cluster_id)
        results = [reception.receive(event, digest(event)) for event in events]
        self._keep(reception, cluster_id)
        return results

    def replace(self, revision: int, events: Sequence[PodEvent], max_share: float = 0.3) -> SnapshotOutcome:
        """Take ``events`` as the full truth for the shop's Service."""
        mine = [b for b in self.bindings.values() if b.live and b.cluster_id == MINE and b.service == SHOP]
        reception = self._reception(events, MINE, mine)
        outcome = replace_targets(reception, revision, events, mine, self.present(), max_share)
        self._keep(reception, MINE)
        return outcome

    def present(self) -> Counter[tuple[str, Slot | None]]:
        """How many targets are at the cloud and wanted there, as the real ledger counts them for the guard."""
        wanted = (b for b in self.bindings.values() if b.placed and b.wanted)
        return Counter((b.target.load_balancer_id, b.slot) for b in wanted)

    def put(self, *bindings: Binding) -> None:
        """Keep bindings that came about otherwise, with the heads that led to them."""
        for binding in bindings:
            if binding.binding_id not in self.bindings:
                self.told[binding.binding_id] = binding.state
                head = Head(
                    binding.pod.uid, binding.target, binding.revision, binding.revision, binding.ip, binding.binding_id
                )
                self.heads[binding.cluster_id, head.pod_uid, head.target.key] = head
            self.bindings[binding.binding_id] = binding
        self.check()

    def move(self, after: Binding) -> None:
        """Keep a binding that a worker changed."""
        before = self.bindings[after.binding_id]
        assert after.state is before.state or after.state in MOVES[before.state]
        self.bindings[after.binding_id] = after
        self.told[after.binding_id] = after.state

    def only(self, **wanted: object) -> Binding:
        """The one binding whose fields are as ``wanted``."""
        (found,) = [
            b for b in self.bindings.values() if all(getattr(b, name) == value for name, value in wanted.items())
        ]
        return found

    def wanted(self) -> set[tuple[str, str, str]]:
        """Cluster, address and pod of each wanted binding."""
        return {(b.cluster_id, b.ip, b.pod.uid) for b in self.bindings.values() if b.wanted}

    def meaning(self, target: TargetName) -> object:
        """What a target's name means at the cloud, or the name while that is not known."""
        inventory = self.load_balancer.inventory
        slot = resolve(target, inventory.listeners) if inventory is not None else None
        return (slot or target.key), target.port

    def check(self) -> None:
        """What must hold after every transaction."""
        kept = self.bindings.values()
        assert most_often(b.place for b in kept if b.holder) <= 1
        assert most_often(b.place for b in kept if b.placed) <= 1
        assert all(b.live and b.slot is not None for b in kept if b.holder)
        assert most_often((b.cluster_id, b.pod.uid, self.meaning(b.target)) for b in kept if b.wanted) <= 1
        assert all(b.verification.verdict in PROOFS for b in kept if b.state in {State.PENDING, State.BOUND})
        assert {binding_id: b.state for binding_id, b in self.bindings.items()} == self.told

    def _reception(self, events: Iterable[PodEvent], cluster_id: str, others: Iterable[Binding] = ()) -> Reception:
        uids = {event.pod.uid for event in events} | {other.pod.uid for other in others}
        ips = {event.pod.ip for event in events if event.pod.ip is not None}
        heads = [
            head
            for (of_cluster, uid, _), head in self.heads.items()
            if of_cluster == cluster_id and (uid in uids or head.ip in ips)
        ]
        of_heads = {head.binding_id for head in heads} | {other.binding_id for other in others}
        known = Known(
            account_id=ACCOUNT,
            cluster_id=cluster_id,
            now=self.now,
            drain_seconds=30,
            load_balancers={BALANCER: self.load_balancer},
            grants={BALANCER: self.grants[cluster_id]} if cluster_id in self.grants else {},
            answers=dict(self.answers[cluster_id]),
            heads=heads,
            bindings=[
                b for b in self.bindings.values() if b.binding_id in of_heads or ((b.live or b.placed) and b.ip in ips)
            ],
        )
        return Reception(known, (f"b{number}" for number in self.numbers))

    def _keep(self, reception: Reception, cluster_id: str) -> None:
        assert reception.created.keys().isdisjoint(self.bindings)
        assert reception.changed.keys() <= self.bindings.keys()
        before = dict(self.bindings)
        self.bindings |= reception.changed | reception.created
        for entry in reception.entries:
            self._hear(entry)
        for binding_id, after in reception.changed.items():
            assert after.revision >= before[binding_id].revision
            assert after.generation >= before[binding_id].generation
        for (uid, key), head in reception.heads.items():
            former = self.heads.get((cluster_id, uid, key))
            assert former is None or head.revision >= former.revision
            self.heads[cluster_id, uid, key] = head
        assert reception.answers.keys().isdisjoint(self.answers[cluster_id])
        self.answers[cluster_id] |= reception.answers
        self.entries += reception.entries
        self.check()

    def _hear(self, entry: Entry) -> None:
        if entry.binding_id is None:
            return
        assert entry.to_state is not None
        assert entry.from_state is self.told.get(entry.binding_id)
        if entry.from_state is None:
            assert entry.to_state is State.VERIFYING
        elif entry.to_state is not entry.from_state:
            assert entry.to_state in MOVES[entry.from_state]
        self.told[entry.binding_id] = entry.to_state


def digest(event: PodEvent) -> str:
    """The content of an event as one string."""
    return repr(replace(event, event_id=None))


def most_often(found: Iterable[object]) -> int:
    """How often the most frequent of ``found`` occurs."""
    return max(Counter(found).values(), default=0)
