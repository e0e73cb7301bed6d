"""The ledger as it would be after the events so far: what is known, indexed, and what is to be written."""

from app.domain.binding import Binding
from app.domain.event import EventType, PodEvent
from app.domain.journal import Action, Entry, entry_of
from app.domain.load_balancer import Slot, resolve
from app.domain.target import Place, TargetName
from app.planning.known import Head, Known
from app.planning.plan import leaves

TargetKey = tuple[str, Slot | str, int]
"""Load balancer, slot (while the listeners are not known: the name's key), and the pod's port."""


class Draft:
    """`Known`, as changed so far.

    ``created``, ``changed``, ``heads`` and ``entries`` are to be written, and the load balancers in ``dirty`` want
    something else than before; those in ``urgent`` a pass at once, and not only when an address has its verdict; those
    in ``leaving`` before others, because a target is to leave there.
    """

    def __init__(self, known: Known) -> None:
        self._known = known
        self._bindings: dict[str, Binding] = {}
        self._by_place: dict[Place, set[str]] = {}
        for binding in known.bindings:
            self._index_binding(binding)
        self._heads: dict[tuple[str, TargetKey], Head] = {}
        self._named: dict[tuple[str, str], Head] = {}
        self._rivals: dict[tuple[str, TargetKey], set[tuple[str, str]]] = {}
        self._meanings: dict[TargetName, tuple[Slot | None, TargetKey]] = {}
        for head in sorted(known.heads, key=lambda head: head.revision):
            self._index(head)
        self.created: dict[str, Binding] = {}
        self.changed: dict[str, Binding] = {}
        self.heads: dict[tuple[str, str], Head] = {}
        self.entries: list[Entry] = []
        self.dirty: set[str] = set()
        self.urgent: set[str] = set()
        self.leaving: set[str] = set()

    def binding(self, binding_id: str) -> Binding:
        """The binding as it stands after the events so far."""
        return self._bindings[binding_id]

    def key(self, target: TargetName) -> TargetKey:
        """What ``target`` means at the cloud, or its name while the listeners are not known."""
        return self._meaning(target)[1]

    def _slot(self, target: TargetName) -> Slot | None:
        return self._meaning(target)[0]

    def _meaning(self, target: TargetName) -> tuple[Slot | None, TargetKey]:
        """What `_slot` and `key` say: a batch asks several times for each event, and names few targets."""
        known = self._meanings.get(target)
        if known is None:
            slot = self._resolved(target)
            known = slot, (target.load_balancer_id, slot or target.key, target.port)
            self._meanings[target] = known
        return known

    def _resolved(self, target: TargetName) -> Slot | None:
        load_balancer = self._known.load_balancers.get(target.load_balancer_id)
        if load_balancer is None or load_balancer.inventory is None:
            return None
        return resolve(target, load_balancer.inventory.listeners)

    def _current(self, head: Head | None) -> Binding | None:
        binding = self._bindings.get(head.binding_id) if head is not None and head.binding_id else None
        return binding if binding is not None and binding.live else None

    def _outbid(self, event: PodEvent) -> bool:
        names = self._rivals.get((event.pod.ip or "", self.key(event.target)), set())
        rivals = (self._named[name] for name in names)
        return any(
            # A rival whose own latest bind names another address has left this one.
            rival.pod_uid != event.pod.uid and rival.ip == event.pod.ip and (rival.bind_revision or 0) > event.revision
            for rival in rivals
        )

    def _at(self, place: Place) -> list[Binding]:
        # Other clusters first: a place that one of them holds is left as it is.
        found = [self._bindings[binding_id] for binding_id in self._by_place.get(place, ())]
        return sorted(found, key=lambda binding: (binding.cluster_id == self._known.cluster_id, binding.binding_id))

    def _advance(self, event: PodEvent, head: Head | None, binding_id: str | None = None) -> None:
        binds = event.type is EventType.BIND
        before = head or Head(event.pod.uid, event.target, event.revision)
        head = Head(
            before.pod_uid,
            before.target,
            event.revision,
            event.revision if binds else before.bind_revision,
            event.pod.ip if binds else before.ip,
            binding_id or before.binding_id,
        )
        self._index(head)
        self.heads[head.pod_uid, head.target.key] = head

    def _index(self, head: Head) -> None:
        key = self.key(head.target)
        name = head.pod_uid, head.target.key
        self._heads[head.pod_uid, key] = self._named[name] = head
        if head.ip is not None:
            self._rivals.setdefault((head.ip, key), set()).add(name)

    def _index_binding(self, binding: Binding) -> None:
        self._bindings[binding.binding_id] = binding
        place = binding.place
        if place is not None:
            self._by_place.setdefault(place, set()).add(binding.binding_id)

    def _keep(self, binding: Binding) -> None:
        self._index_binding(binding)
        (self.created if binding.binding_id in self.created else self.changed)[binding.binding_id] = binding

    def _write(self, before: Binding | None, after: Binding, event: PodEvent | None) -> None:
        if before is None:
            self.created[after.binding_id] = after
            action = Action.BINDING_CREATED
        else:
            action = Action.BINDING_MOVED if before.state is not after.state else Action.BINDING_WEIGHED
        self._keep(after)
        self.dirty.add(after.target.load_balancer_id)
        if before is not None or after.slot is None:
            self.urgent.add(after.target.load_balancer_id)
        if leaves(after):
            self.leaving.add(after.target.load_balancer_id)
        if before is None or before.state is not after.state or before.weight != after.weight:
            self.entries.append(entry_of(action, before, after, event_id=event.event_id if event else None))
