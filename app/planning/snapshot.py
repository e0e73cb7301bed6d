"""What the full truth for one Service asks of the ledger: bind what it names, let go what it leaves out."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.binding import Binding, State
from app.domain.codes import Code
from app.domain.event import PodEvent, Result
from app.domain.load_balancer import Slot
from app.planning.guard import allows
from app.planning.reception import Reception

SlotKey = tuple[str, Slot | None]
"""Load balancer, and the listener or rule on it."""


@dataclass(frozen=True, slots=True)
class SnapshotOutcome:
    """The answer per target in order, and the bindings that were let go or held because the snapshot left them out."""

    results: tuple[Result, ...]
    withdrawn: tuple[str, ...]
    held: tuple[str, ...]


def replace_targets(
    reception: Reception,
    revision: int,
    events: Sequence[PodEvent],
    bindings: Sequence[Binding],
    present: Mapping[SlotKey, int],
    max_share: float,
) -> SnapshotOutcome:
    """Fold a snapshot of one Service.

    ``bindings`` are the Service's live ones before it, ``present`` counts the targets that the broker has at the cloud
    and that are still wanted, per listener or rule, of all clusters: what drains already is as good as gone, or two
    snapshots in a row would take the last. A binding with a newer revision than the snapshot stays.
    """
    results = tuple(reception.receive(event, "") for event in events)
    named = {(event.pod.uid, reception.key(event.target)) for event in events}
    missing = [
        binding
        for binding in map(reception.binding, sorted(before.binding_id for before in bindings))
        if binding.wanted and binding.revision <= revision and _subject(reception, binding) not in named
    ]
    by_slot: dict[SlotKey, list[Binding]] = defaultdict(list)
    for binding in missing:
        if binding.placed:
            by_slot[binding.target.load_balancer_id, binding.slot].append(binding)
    guarded = {
        binding.binding_id
        for slot, group in by_slot.items()
        if not allows(len(group), present.get(slot, len(group)), max_share)
        for binding in group
    }
    for binding in missing:
        if binding.binding_id not in guarded:
            reception.forget(binding, revision)
        elif binding.state is not State.HELD:
            reception.hold(binding, Code.REMOVAL_GUARD, f"left out of a snapshot at revision {revision}")
    withdrawn = tuple(binding.binding_id for binding in missing if binding.binding_id not in guarded)
    return SnapshotOutcome(results, withdrawn, tuple(sorted(guarded)))


def _subject(reception: Reception, binding: Binding) -> object:
    return binding.pod.uid, reception.key(binding.target)
