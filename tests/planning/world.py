"""A worker and a cloud in memory: passes as the broker makes them, over the bindings of a `Shelf`.

The cloud takes every call, unless a step says that the call was lost, or that its effect was not seen. It watches too:
nothing unproven is registered, and nothing that stood there before the broker came is ever taken off.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from app.domain.binding import Binding, State, Verdict, Verification
from app.domain.codes import Code
from app.domain.event import PodEvent
from app.domain.load_balancer import Inventory, Listener
from app.domain.target import Place
from app.planning.batches import Batch, next_batch
from app.planning.observed import Observed
from app.planning.places import Places
from app.planning.plan import Kind, plan
from app.planning.promotion import PROOFS, Surroundings, promoted
from app.planning.proofs import Decision, judged, looked_at_again
from app.planning.settle import settled
from tests.planning.builders import LISTENERS, TCP, UDP, WEB, observed
from tests.planning.shelf import Shelf

LISTS: tuple[tuple[Listener, ...], ...] = (
    LISTENERS,
    (TCP, WEB),  # the UDP listener is gone
    (UDP, WEB),  # the TCP listener is gone
    (replace(TCP, listener_id="lbl-new"), UDP, WEB),  # another one came in its stead
    (replace(TCP, port=81), replace(TCP, listener_id="lbl-new"), UDP, WEB),  # its name means another one now
    (TCP, replace(TCP, listener_id="lbl-new"), UDP, WEB),  # its name means no single one now
)
"""What the load balancer may be made into by hand."""


@dataclass
class World:
    """The ledger, the cloud, and the targets that somebody else had put there."""

    shelf: Shelf = field(default_factory=Shelf)
    foreign: Mapping[Place, int] = field(default_factory=dict)
    listeners: tuple[Listener, ...] = LISTENERS
    cloud: dict[Place, int] = field(init=False)
    calls: int = 0

    def __post_init__(self) -> None:
        self.cloud = dict(self.foreign)

    def relist(self, number: int) -> None:
        """The load balancer's listeners and rules are changed by hand; the targets of those that go, go with them."""
        self.listeners = LISTS[number]
        slots = self._slots()
        self.cloud = {
            place: weight for place, weight in self.cloud.items() if (place.listener_id, place.location_id) in slots
        }
        self.foreign = {place: weight for place, weight in self.foreign.items() if place in self.cloud}

    def receive(self, events: Sequence[PodEvent], cluster_id: str) -> None:
        """A cluster's agent sends events."""
        self.shelf.receive(events, cluster_id)

    def replace(self, events: Sequence[PodEvent], revision: int) -> None:
        """An agent sends the full truth about the shop's Service."""
        self.shelf.replace(revision, [replace(event, revision=revision) for event in events])

    def lose(self, number: int) -> None:
        """One of the targets is taken off by hand."""
        ours = sorted(self.cloud.keys() - self.foreign.keys())
        if ours:
            del self.cloud[ours[number % len(ours)]]

    def tick(self, seconds: int) -> None:
        """Let time pass."""
        self.shelf.now += timedelta(seconds=seconds)

    def read_inventory(self) -> None:
        """The listeners are known from now on."""
        inventory = Inventory("vpc-1", ("1.1.1.1",), self.listeners)
        self.shelf.load_balancer = replace(self.shelf.load_balancer, inventory=inventory)

    def verify(self, verdict: Verdict, cluster_id: str) -> None:
        """Give one verdict on all that waits for one in a cluster."""
        for binding in self._at_work():
            silent = binding.state is State.VERIFYING and binding.verification.verdict is Verdict.UNKNOWN
            claimed = binding.state is State.HELD and binding.reason is Code.CLAIMED_BY_OTHER_CLUSTER
            refused = claimed and binding.verification.verdict is Verdict.DISPROVEN
            if binding.cluster_id == cluster_id and (silent or refused):
                self._decide(binding.binding_id, self._decision(verdict))
        self.shelf.check()

    def sweep(self, verdict: Verdict, cluster_id: str, uids: Sequence[str], share: float = 0.3) -> None:
        """Look again at the standing proofs of a cluster: this is the verdict on these pods, the others' holds."""
        standing = [
            binding
            for binding in self._at_work()
            if binding.wanted
            and binding.cluster_id == cluster_id
            and binding.verification.verdict is not Verdict.UNKNOWN
            and not (binding.reason is Code.CLAIMED_BY_OTHER_CLUSTER and binding.verification.verdict not in PROOFS)
        ]
        decisions = {
            each.binding_id: self._decision(verdict if each.pod.uid in uids else Verdict.PROVEN) for each in standing
        }
        for _, after in looked_at_again(standing, decisions, self.shelf.present(), share, self.shelf.now):
            self.shelf.move(after)
        self.shelf.check()

    def _decision(self, verdict: Verdict) -> Decision:
        proof = Verification(verdict, "eni", self.shelf.now, {"detail": f"the verdict is {verdict}"})
        return proof, Code.ENI_NOT_FOUND if verdict is Verdict.DISPROVEN else None

    def _decide(self, binding_id: str, decision: Decision) -> None:
        binding = self.shelf.bindings[binding_id]
        others = Places(self._at_work()).others(binding) if binding.place is not None else []
        claimants = [
            each
            for each in others
            if each.holder
            and each.wanted
            and each.cluster_id != binding.cluster_id
            and each.verification.verdict in PROOFS
            and each.state is not State.VERIFYING
        ]
        self.shelf.move(judged(binding, decision, self.shelf.now, claimants[0] if claimants else None))
        self._promote(binding_id)

    def bring_up(self, cluster_id: str) -> None:
        """Prove all that waits in a cluster, and make a pass that nothing disturbs."""
        self.verify(Verdict.PROVEN, cluster_id)
        self.converge()

    def settle(self) -> Observed:
        """Read the cloud and let the reading confirm what it confirms."""
        reading = self._reading()
        for binding in self._at_work():
            self.shelf.move(settled(binding, self.shelf.load_balancer, reading, self.shelf.now))
        for binding in self._at_work():
            self._promote(binding.binding_id)
        self.shelf.check()
        return reading

    def _reading(self) -> Observed:
        """The targets of the listeners that the broker knows of; one that is gone is not read."""
        inventory = self.shelf.load_balancer.inventory
        known = {listener.listener_id for listener in inventory.listeners} if inventory is not None else set()
        read = known & {listener.listener_id for listener in self.listeners}
        return observed({place: weight for place, weight in self.cloud.items() if place.listener_id in read}, read)

    def _slots(self) -> set[tuple[str, str]]:
        rules = {(each.listener_id, rule.location_id) for each in self.listeners for rule in each.rules}
        return rules | {(each.listener_id, "") for each in self.listeners if not each.layer_7}

    def converge(self, arrives: bool = True, seen: bool = True) -> bool:
        """Make one pass; whether there was anything to do."""
        reading = self.settle()
        batch = next_batch(plan(self._at_work(), reading), self.shelf.now)
        if batch is None:
            return False
        self._intend(batch)
        if arrives:
            self._call(batch)
        if seen:
            self.settle()
        return True

    def come_to_rest(self) -> None:
        """Answer every question with a proof, and make passes until there is nothing more to do."""
        self.read_inventory()
        for _ in range(60):
            self.tick(31)
            for cluster_id in self.shelf.answers:
                self.verify(Verdict.PROVEN, cluster_id)
                self.sweep(Verdict.PROVEN, cluster_id, ())
            before = dict(self.shelf.bindings)
            if not self.converge() and before == self.shelf.bindings:
                return
        raise AssertionError("the broker never comes to rest")

    def _at_work(self) -> list[Binding]:
        return sorted(
            (b for b in self.shelf.bindings.values() if b.live or b.placed), key=lambda binding: binding.binding_id
        )

    def _promote(self, binding_id: str) -> None:
        around = Surroundings(self.shelf.load_balancer, self.shelf.grants, Places(self._at_work()))
        for after in list(promoted(self.shelf.bindings[binding_id], around, self.shelf.now)):
            self.shelf.move(after)

    def _intend(self, batch: Batch) -> None:
        for change in batch.changes:
            binding = self.shelf.bindings[change.binding_id]
            if batch.kind is Kind.REGISTER:
                self.shelf.move(replace(binding, placed=True, generation=binding.generation + 1))
        self.shelf.check()

    def _call(self, batch: Batch) -> None:
        self.calls += 1
        for change in batch.changes:
            binding = self.shelf.bindings[change.binding_id]
            assert change.place not in self.foreign
            if (change.place.listener_id, change.place.location_id) not in self._slots():
                continue  # refused: there is no such listener or rule
            if batch.kind is Kind.DEREGISTER:
                assert binding.placed
                del self.cloud[change.place]
            else:
                assert change.weight == 0 or binding.verification.verdict in PROOFS
                assert (batch.kind is Kind.REWEIGH) is (change.place in self.cloud)
                self.cloud[change.place] = change.weight
