"""What a batch of pod events asks of the ledger.

Events are folded one after the other over what the ledger knew, so that a batch of a thousand is judged exactly as a
thousand batches of one, and the ledger is read and written once for all of them.

Two rules order everything. For one (cluster, pod uid, target) the revision never goes back. For one place, the bind of
the greatest revision holds it, whichever pod it came from and in whichever order the events arrived.
"""

from collections.abc import Iterator
from dataclasses import replace

from app.domain.binding import Binding, State, Verdict, moved, revised
from app.domain.codes import Code
from app.domain.event import EventType, Malformed, Outcome, PodEvent, Result
from app.domain.journal import Action, Entry
from app.domain.target import DEFAULT_WEIGHT, MAX_WEIGHT, MIN_WEIGHT, Place, TargetName, bindable
from app.planning.draft import Draft
from app.planning.known import Answer, Head, Known
from app.planning.promotion import PROOFS
from app.planning.withdrawal import withdrawn


class Reception(Draft):
    """A fold of events over `Known`. After it, ``answers`` are to be written besides what `Draft` names."""

    def __init__(self, known: Known, new_ids: Iterator[str]) -> None:
        super().__init__(known)
        self._new_ids = new_ids
        self._answers = dict(known.answers)
        self.answers: dict[str, Answer] = {}

    def receive(self, item: PodEvent | Malformed, digest: str) -> Result:
        """Judge one event. A repeated event_id gets its first answer, unless it asks for something else."""
        first = self._answers.get(item.event_id) if item.event_id is not None else None
        if first is not None:
            if first.digest == digest:
                return first.result
            return self._rejected(item, Code.EVENT_ID_REUSED, "this event_id was used for another event")
        result = self._judge(item)
        if item.event_id is not None:
            self._answers[item.event_id] = self.answers[item.event_id] = Answer(digest, result)
        return result

    def withdraw(self, binding: Binding, drain_seconds: int | None, event: PodEvent | None = None) -> None:
        """Let ``binding`` leave; ``drain_seconds`` None takes the binding's own, then the broker's."""
        choices = (drain_seconds, binding.drain_seconds, self._known.drain_seconds)
        drain = next(choice for choice in choices if choice is not None)
        before = binding
        for after in withdrawn(binding, self._known.now, drain):
            self._write(before, after, event)
            before = after

    def hold(self, binding: Binding, reason: Code, detail: str) -> None:
        """Keep ``binding`` as it is at the cloud until an operator says what shall become of it."""
        self._write(binding, moved(binding, State.HELD, self._known.now, reason, detail), None)

    def forget(self, binding: Binding, revision: int) -> None:
        """Unbind ``binding`` by what was left out, not by an event: it leaves, and older events about it are stale."""
        head = self._heads.get((binding.pod.uid, self.key(binding.target)))
        if head is not None:
            head = replace(head, revision=max(revision, head.revision))
            self._index(head)
            self.heads[head.pod_uid, head.target.key] = head
        self.withdraw(replace(binding, revision=revision), None)

    def _judge(self, item: PodEvent | Malformed) -> Result:
        if isinstance(item, Malformed):
            return self._rejected(item, Code.INVALID_EVENT, item.detail)
        return self._bind(item) if item.type is EventType.BIND else self._unbind(item)

    def _bind(self, event: PodEvent) -> Result:
        refusal = self._refusal(event)
        if refusal is not None:
            return self._rejected(event, *refusal)
        head = self._heads.get((event.pod.uid, self.key(event.target)))
        if head is not None and event.revision < head.revision:
            return _stale(event, head)
        current = self._current(head)
        if self._outbid(event):
            if current is not None:
                self.withdraw(current, 0, event)
            self._advance(event, head)
            return _stale(event, head, Code.SUPERSEDED, "a bind of a greater revision holds this address")
        if current is not None and self._continues(current, event):
            self._advance(event, head)
            return self._refresh(current, event)
        return self._begin(event, head, current)

    def _begin(self, event: PodEvent, head: Head | None, current: Binding | None) -> Result:
        if head is not None and current is None and event.revision == head.bind_revision:
            ended = self._bindings.get(head.binding_id or "")
            if ended is not None and ended.state is State.REJECTED and ended.ip == event.pod.ip:
                # A rejected binding starts anew at a newer revision only, or each repeat would ask the cloud again.
                return Result(event.event_id, Outcome.UNCHANGED, ended.binding_id, ended.reason, ended.detail)
        place = self._place(event)
        if current is not None and not (current.holder and current.place == place):
            self.withdraw(current, 0, event)  # it leaves a place that the new one does not take over; nothing to drain
        holder, placed = self._take(place, event)
        binding = self._new_binding(event, holder=holder, placed=placed)
        self._write(None, binding, event)
        self._advance(event, head, binding.binding_id)
        return Result(event.event_id, Outcome.ACCEPTED, binding.binding_id)

    def _continues(self, current: Binding, event: PodEvent) -> bool:
        """Whether ``event`` is about ``current``, or about a pod whose address, mode or listener is another by now.

        What left before its proof came is not called back either, but proven anew.
        """
        same = (current.ip, current.network_mode) == (event.pod.ip, event.network_mode)
        here = current.slot is None or self._slot(event.target) in {None, current.slot}
        return same and here and (current.verification.verdict in PROOFS or not _returns(current))

    def _refresh(self, current: Binding, event: PodEvent) -> Result:
        now = self._known.now
        weight = DEFAULT_WEIGHT if event.weight is None else event.weight
        same = weight == current.weight
        current = replace(
            current,
            revision=event.revision,
            pod=event.pod,
            service=event.service,
            workload=event.workload,
            drain_seconds=event.drain_seconds,
        )
        if _returns(current) or (current.state is State.BOUND and not same):
            self._write(current, moved(current, State.PENDING, now, weight=weight, drain_until=None), event)
        elif not same:
            self._write(current, revised(current, now, weight=weight), event)
        else:
            self._keep(current)
            return Result(event.event_id, Outcome.UNCHANGED, current.binding_id)
        return Result(event.event_id, Outcome.ACCEPTED, current.binding_id)

    def _unbind(self, event: PodEvent) -> Result:
        head = self._heads.get((event.pod.uid, self.key(event.target)))
        if head is None and event.target.load_balancer_id not in self._known.grants:
            return self._rejected(event, *self._not_granted(event.target))
        if head is not None and event.revision < head.revision:
            return _stale(event, head)
        self._advance(event, head)
        current = self._current(head)
        if current is None or not current.wanted:
            return Result(event.event_id, Outcome.UNCHANGED, head.binding_id if head else None)
        self.withdraw(replace(current, revision=event.revision), event.drain_seconds, event)
        return Result(event.event_id, Outcome.ACCEPTED, current.binding_id)

    def _refusal(self, event: PodEvent) -> tuple[Code, str] | None:
        if event.weight is not None and not MIN_WEIGHT <= event.weight <= MAX_WEIGHT:
            return Code.WEIGHT_OUT_OF_RANGE, f"target.weight: {event.weight} is not in {MIN_WEIGHT} to {MAX_WEIGHT}"
        if not bindable(event.pod.ip or ""):
            return Code.ADDRESS_NOT_BINDABLE, f"pod.ip: {event.pod.ip} is not a bindable unicast IPv4 address"
        grant = self._known.grants.get(event.target.load_balancer_id)
        slot = self._slot(event.target)
        listener_id = slot.listener_id if slot else event.target.listener_id
        # A listener named by port before the listeners were read is judged when its name is resolved.
        if grant is None or (listener_id is not None and not grant.covers(listener_id)):
            return self._not_granted(event.target)
        return None

    def _not_granted(self, target: TargetName) -> tuple[Code, str]:
        listener = target.listener_id or f"{target.protocol}:{target.listener_port}"
        cluster = self._known.cluster_id
        return Code.NOT_GRANTED, f"cluster {cluster} has no grant for {target.load_balancer_id}, listener {listener}"

    def _place(self, event: PodEvent) -> Place | None:
        slot, target = self._slot(event.target), event.target
        if slot is None or event.pod.ip is None:
            return None
        account_id, load_balancer_id = self._known.account_id, target.load_balancer_id
        return Place(account_id, load_balancer_id, slot.listener_id, slot.location_id, event.pod.ip, target.port)

    def _new_binding(self, event: PodEvent, *, holder: bool, placed: bool) -> Binding:
        if event.network_mode is None or event.pod.ip is None:
            raise ValueError("a bind has a network mode and an address")
        known = self._known
        return Binding(
            binding_id=next(self._new_ids),
            account_id=known.account_id,
            cluster_id=known.cluster_id,
            pod=event.pod,
            ip=event.pod.ip,
            target=event.target,
            slot=self._slot(event.target),
            service=event.service,
            workload=event.workload,
            network_mode=event.network_mode,
            weight=DEFAULT_WEIGHT if event.weight is None else event.weight,
            drain_seconds=event.drain_seconds,
            revision=event.revision,
            state=State.VERIFYING,
            created_at=known.now,
            updated_at=known.now,
            holder=holder,
            placed=placed,
        )

    def _take(self, place: Place | None, event: PodEvent) -> tuple[bool, bool]:
        """Make room at ``place``, unless another cluster holds it: then the proof decides, later.

        Whether the new binding of ``event`` holds it, and whether a target of ours may be there.
        """
        placed = False
        if place is None:
            return False, placed
        for other in self._at(place):
            if other.live and other.cluster_id != self._known.cluster_id:
                if other.holder:
                    return False, placed
            elif other.live:
                ended = moved(other, State.RELEASED, self._known.now, Code.SUPERSEDED, placed=False)
                self._write(other, ended, event)
                placed = placed or other.placed
            elif other.placed:
                # What a former binding left at the cloud is the new one's to keep or to take off.
                self._write(other, revised(other, self._known.now, placed=False), None)
                placed = True
        return True, placed

    def _rejected(self, item: PodEvent | Malformed, code: Code, detail: str) -> Result:
        self.entries.append(self._rejection(item, code, detail))
        return Result(item.event_id, Outcome.REJECTED, None, code, detail)

    def _rejection(self, item: PodEvent | Malformed, code: Code, detail: str) -> Entry:
        entry = Entry(
            action=Action.EVENT_REJECTED,
            account_id=self._known.account_id,
            cluster_id=self._known.cluster_id,
            reason=code,
            event_id=item.event_id,
            detail=detail,
        )
        if isinstance(item, Malformed):
            return entry
        return replace(
            entry,
            pod_uid=item.pod.uid,
            ip=item.pod.ip,
            port=item.target.port,
            load_balancer_id=item.target.load_balancer_id,
            listener_id=item.target.listener_id,
        )


def _returns(current: Binding) -> bool:
    """Whether a bind of ``current`` calls it back: it was leaving, or was left out of a snapshot.

    One whose lost proof is held for an operator is not: the cluster's word is no proof.
    """
    return not current.wanted or (current.guarded and current.verification.verdict is not Verdict.DISPROVEN)


def _stale(event: PodEvent, head: Head | None, code: Code | None = None, detail: str | None = None) -> Result:
    detail = detail or (f"revision {head.revision} is known" if head is not None else None)
    return Result(event.event_id, Outcome.STALE, head.binding_id if head else None, code, detail)
