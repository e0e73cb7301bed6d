"""What the clients' words come to, by the contract alone: who should be at which place.

Shares no code with the broker.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf

from tests.chaos.histories import Breach, Change, History, Place, Row, Word

BY_HAND = "by-hand"


@dataclass(frozen=True, slots=True)
class Claims:
    """``wanted``: the word that holds each place. ``open``: places of which the words do not decide."""

    wanted: Mapping[Place, Word]
    open: frozenset[Place]


def claims(history: History) -> Claims:
    """Fold all answered words: per subject the greatest revision, per place the greatest bind of the owner's pods."""
    heads: dict[tuple[object, ...], Word] = {}
    for word in [*_answered(history), *_named(history)]:
        known = heads.get(word.subject)
        if known is None or word.revision >= known.revision:
            heads[word.subject] = word
    left_out = {subject for subject, head in heads.items() if _left_out(head, history)}
    binds = [head for head in heads.values() if head.kind == "bind"]
    uncertain = {head.place for head in binds if head.subject in left_out or _doubted(head, history)}
    wanted: dict[Place, Word] = {}
    for head in sorted(binds, key=lambda head: head.revision):
        if history.owners.get(head.place.ip, head.cluster_id) == head.cluster_id:
            wanted[head.place] = head
    return Claims({place: word for place, word in wanted.items() if place not in uncertain}, frozenset(uncertain))


def foreign_targets(changes: Iterable[Change]) -> dict[Place, int]:
    """What others put there and did not take away: places with weights."""
    found: dict[Place, int] = {}
    ours: set[Place] = set()
    for change in changes:
        if change.cause != BY_HAND:
            ours.add(change.place)
        elif change.kind == "removed":
            found.pop(change.place, None)
        elif change.place in found or (change.kind == "added" and change.place not in ours):
            found[change.place] = change.weight
    return found


def not_converged(history: History) -> Iterator[Breach]:
    """How the cloud differs from what the clients' words ask for, and from what the ledger says is there."""
    asked, foreign = claims(history), foreign_targets(history.changes)
    bound = {row.place: row for row in history.rows if row.state == "bound"}
    kept = {row.place for row in history.rows if row.state in {"bound", "held"}}
    for place, word in asked.wanted.items():
        yield from _missing(place, word, history.targets, bound.get(place))
    for place, weight in foreign.items():
        if history.targets.get(place) != weight:
            yield Breach("A6", f"foreign target {place} had weight {weight} and has {history.targets.get(place)}")
    for place in history.targets.keys() - foreign.keys() - kept:
        yield Breach("A6", f"{place} is at the cloud and nothing in the ledger keeps it there")
    for place in history.targets.keys() - foreign.keys() - asked.wanted.keys() - asked.open:
        yield Breach("A5", f"{place} is at the cloud and no client's word asks for it")
    for row in bound.values():
        if history.targets.get(row.place) != row.weight:
            yield Breach(
                "A6", f"{row.binding_id} is bound at {row.place}, where the cloud has another weight or nothing"
            )


def _missing(place: Place, word: Word, targets: Mapping[Place, int], row: Row | None) -> Iterator[Breach]:
    if targets.get(place) != word.weight:
        told = f"{word.event_id} of {word.cluster_id} asks for weight {word.weight} at {place}"
        yield Breach("A6", f"{told}; the cloud has {targets.get(place)}")
    elif row is None or (row.cluster_id, row.pod_uid) != (word.cluster_id, word.pod_uid):
        yield Breach("A5", f"{place} should be bound for {word.pod_uid} of {word.cluster_id} by {word.event_id}: {row}")


def _answered(history: History) -> Iterator[Word]:
    for word in history.words:
        if word.outcome is not None and word.outcome != "rejected":
            yield word


def _named(history: History) -> Iterator[Word]:
    for snapshot in history.snapshots:
        for uid, place, weight in snapshot.named:
            told = Word(snapshot.cluster_id, "", "bind", snapshot.revision, uid, place, snapshot.sent_at, weight)
            yield replace(told, answered_at=snapshot.answered_at, outcome="accepted", event_id="a snapshot")


def _left_out(head: Word, history: History) -> bool:
    """Whether a snapshot at least as new does not name it: unbound, unless the guard holds it. There is one Service."""
    return any(
        snapshot.cluster_id == head.cluster_id
        and snapshot.revision >= head.revision
        and head.kind == "bind"
        and (head.pod_uid, head.place) not in {(uid, place) for uid, place, _ in snapshot.named}
        for snapshot in history.snapshots
    )


def overdue(history: History) -> Iterator[Breach]:
    """Targets that outlived their pod's claim by more than the published bound D, faults not counted."""
    undecided = claims(history).open
    by_place: dict[Place, dict[tuple[object, ...], list[Word]]] = defaultdict(lambda: defaultdict(list))
    for word in _answered(history):
        by_place[word.place][word.subject].append(word)
    for place, subjects in by_place.items():
        times = {subject: _claimed(said) for subject, said in subjects.items()}
        for subject, (_, ended_at) in times.items():
            deadline = _deadline(ended_at, history)
            heirs = [start for other, (start, end) in times.items() if other != subject and end >= ended_at]
            left_alone = place not in undecided and not any(start <= deadline for start in heirs)
            if left_alone and deadline <= history.ended_at and _weight_at(place, deadline, history.changes):
                yield Breach("A5", f"{place} outlived the claim of {subject[1]} by {history.terms.right_target:g} s")


def _claimed(said: list[Word]) -> tuple[float, float]:
    """From when to when a pod claims its place by its own words; the end is infinite while it does."""
    start = min(word.sent_at for word in said)
    last = max(said, key=lambda word: word.revision)
    return start, inf if last.kind == "bind" else last.answered_at or inf


def _deadline(ended_at: float, history: History) -> float:
    bound = history.terms.right_target
    deadline = ended_at + bound
    for trouble in sorted(history.troubles, key=lambda trouble: trouble.began_at):
        if trouble.began_at <= deadline and trouble.ended_at >= ended_at:
            deadline = max(deadline, trouble.ended_at + bound)
    return deadline


def _weight_at(place: Place, moment: float, changes: Iterable[Change]) -> int:
    weight = 0
    for change in changes:
        if change.place == place and change.at <= moment:
            weight = 0 if change.kind == "removed" else change.weight
    return weight


def _doubted(head: Word, history: History) -> bool:
    return head.revision <= history.doubted.get(head.place.ip, -1)
