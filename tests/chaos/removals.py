"""Rules over what was taken off: only at its own cluster's word, and implicitly never more than the guard's share."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tests.chaos.claims import BY_HAND
from tests.chaos.histories import Breach, Entry, History, Place
from tests.chaos.writes import intents

LEAVES = frozenset({"draining", "removing", "released", "rejected"})
THERE = frozenset({"pending", "bound", "held"})
WAITS = "verifying"
TARGETED = THERE | {"draining", "removing"}
"""States in which a binding may have a target at the cloud."""

BY_OPERATOR = frozenset({"hold-approved", "cluster-evacuated"})
SUPERSEDED = "superseded"
LOCK_WAIT = 1.0
"""The ledger's times are those at which transactions began. One that waited for a lock bears an earlier time than what
it followed, so what was in effect within this many seconds before an intent counts as known to it."""


def justified(history: History) -> Iterator[Breach]:
    """A4: whatever is taken off or drained has left by a word of its own cluster, or by a proof that was lost."""
    behind, by_binding = intents(history), _journals(history)
    for change in history.changes:
        operation = behind.get(change.cause)
        gone = change.kind == "removed" or (change.kind == "weight" and change.weight == 0)
        if change.cause == BY_HAND or operation is None or not gone:
            continue  # without an intent it is A9's
        for binding_id in (name for place, name in operation.targets if place == change.place):
            told = _in_effect(by_binding[binding_id], operation.intended_at - LOCK_WAIT, change.at)
            problem = _problem(told, change.place, history)
            if problem:
                yield Breach("A4", f"{change.kind} at {change.place} for {binding_id}: {problem}")


def _in_effect(entries: Sequence[Entry], since: float, until: float) -> Sequence[Entry]:
    """The journal up to the last leaving that was in effect at some time between; all of it until then if none was."""
    known = [entry for entry in entries if entry.recorded_at <= until]
    for index in range(len(known) - 1, -1, -1):
        if known[index].to_state in LEAVES:
            return known[: index + 1]
        if known[index].recorded_at < since:
            break
    return known


def _problem(told: Sequence[Entry], place: Place, history: History) -> str | None:
    if not told or told[-1].to_state not in LEAVES:
        return f"its binding was {told[-1].to_state if told else 'unknown'}, so nobody had asked for that"
    if (told[-1].place.load_balancer_id, told[-1].place.ip) != (place.load_balancer_id, place.ip):
        return f"its binding is at {told[-1].place}"
    start = max((index for index, entry in enumerate(told) if entry.to_state not in LEAVES), default=-1)
    left = told[start + 1]
    if left.event_id is not None:
        said = any((word.cluster_id, word.event_id) == (left.cluster_id, left.event_id) for word in history.words)
        return None if said else f"{left.event_id} is no word of {left.cluster_id}"
    if left.action in BY_OPERATOR or left.reason == SUPERSEDED:
        return None
    if place.ip in history.doubted or place.ip in history.owners:
        return None
    return None if _omitted(left, history) else f"nobody said so ({left.action}, {left.reason}, {left.actor})"


def _omitted(left: Entry, history: History) -> bool:
    return any(
        snapshot.cluster_id == left.cluster_id
        and snapshot.sent_at <= left.recorded_at
        and left.pod_uid not in {uid for uid, _, _ in snapshot.named}
        for snapshot in history.snapshots
    )


def blast(history: History) -> Iterator[Breach]:
    """A10: what one transaction takes off a listener without an event or an operator is within the guard's share."""
    state: dict[str, str | None] = {}
    slot: dict[str, tuple[str, str]] = {}
    heirs: set[str] = set()
    groups: dict[tuple[float, str], list[Entry]] = defaultdict(list)
    for entry in sorted(history.entries, key=lambda entry: entry.sequence):
        groups[entry.recorded_at, entry.actor].append(entry)
    for (_, actor), entries in sorted(groups.items(), key=lambda item: item[1][0].sequence):
        taken: dict[tuple[str, str], set[str]] = defaultdict(set)
        for entry in entries:
            if _implicit(entry):
                taken[entry.place.load_balancer_id, entry.place.listener_id].add(entry.binding_id)
        for where, bindings in taken.items():
            there = (known in THERE or (known == WAITS and each in heirs) for each, known in state.items())
            present = sum(slot.get(each) == where and is_there for each, is_there in zip(state, there, strict=True))
            if len(bindings) >= present or len(bindings) > history.terms.guard_share * present:
                yield Breach("A10", f"{actor} took {len(bindings)} of {present} targets off {where[1]} without a word")
        heirs |= _heirs(entries, heirs)
        for entry in entries:
            state[entry.binding_id] = entry.to_state
            slot[entry.binding_id] = entry.place.load_balancer_id, entry.place.listener_id


def _heirs(entries: Sequence[Entry], heirs: set[str]) -> set[str]:
    """The new bindings that took over the target of the pod before: it is there while they wait for their proof."""
    left = {
        entry.place
        for entry in entries
        if entry.reason == SUPERSEDED and (entry.from_state in TARGETED or entry.binding_id in heirs)
    }
    return {entry.binding_id for entry in entries if entry.from_state is None and entry.place in left}


def _implicit(entry: Entry) -> bool:
    explicit = entry.event_id is not None or entry.action in BY_OPERATOR or entry.reason == SUPERSEDED
    return not explicit and entry.from_state in {"bound", "held"} and entry.to_state in {"draining", "removing"}


def _journals(history: History) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in sorted(history.entries, key=lambda entry: entry.sequence):
        found[entry.binding_id].append(entry)
    return found
