"""A plan as calls: of one kind each, none empty, none larger than the cloud takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.planning.plan import Change, Kind

MAX_TARGETS: Final = 500
"""Most targets of one batch call (CLB API: BatchRegisterTargets, BatchDeregisterTargets, BatchModifyTargetWeight)."""

MAX_RULES: Final = 100
MAX_TARGETS_PER_RULE: Final = 50
"""Most entries of a BatchModifyTargetWeight call, and most targets in one of them (CLB API)."""

PATIENCE: Final = timedelta(seconds=5)
"""How long a removal stands behind registrations before it goes first: a stream of binds must not starve unbinds."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One call: changes of one kind on one load balancer."""

    kind: Kind
    changes: tuple[Change, ...]


def batches(changes: Sequence[Change]) -> tuple[Batch, ...]:
    """All calls of a plan, in order. Their changes joined are the plan; for no change there is no call."""
    return tuple(
        Batch(kind, tuple(part))
        for kind in Kind
        for part in _parts(kind, [change for change in changes if change.kind is kind])
    )


def next_batch(changes: Sequence[Change], now: datetime) -> Batch | None:
    """The one call to make now; None when there is nothing to do.

    Registrations come first, since more backends never hurt; a removal or weight that waited for `PATIENCE` goes before
    them, the longest waiting one first.
    """
    calls = batches(changes)
    overdue = [call for call in calls if call.kind is not Kind.REGISTER and _waited(call, now) > PATIENCE]
    if overdue:
        return max(overdue, key=lambda call: _waited(call, now))
    return next(iter(calls), None)


def halves(batch: Batch) -> tuple[Batch, ...]:
    """``batch`` in two, listeners kept together where that splits it; nothing for a batch of one."""
    if len(batch.changes) < 2:
        return ()
    ordered = sorted(batch.changes, key=lambda change: change.place)
    listeners = sorted({change.place.listener_id for change in ordered})
    if len(listeners) > 1:
        first = set(listeners[: len(listeners) // 2])
        parts = [
            [change for change in ordered if (change.place.listener_id in first) is side] for side in (True, False)
        ]
    else:
        parts = [ordered[: len(ordered) // 2], ordered[len(ordered) // 2 :]]
    return tuple(Batch(batch.kind, tuple(part)) for part in parts)


def _waited(batch: Batch, now: datetime) -> timedelta:
    return max(now - change.since for change in batch.changes)


def _parts(kind: Kind, changes: Sequence[Change]) -> list[list[Change]]:
    parts: list[list[Change]] = []
    entries: dict[tuple[str, str, int], int] = {}
    for change in changes:
        if not parts or len(parts[-1]) == MAX_TARGETS or (kind is Kind.REWEIGH and not _fits(entries, change)):
            parts.append([])
            entries = {}
        parts[-1].append(change)
        key = (change.place.listener_id, change.place.location_id, change.weight)
        entries[key] = entries.get(key, 0) + 1
    return parts


def _fits(entries: dict[tuple[str, str, int], int], change: Change) -> bool:
    """Whether one more weight fits into the call, whose entries are one listener or rule and one weight each."""
    key = (change.place.listener_id, change.place.location_id, change.weight)
    with_it = entries | {key: entries.get(key, 0) + 1}
    return sum(-(-count // MAX_TARGETS_PER_RULE) for count in with_it.values()) <= MAX_RULES
