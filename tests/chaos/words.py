"""Rules over what clients said and what the ledger keeps: durable, once, monotone, own, and a feed without gaps."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.chaos.histories import Breach, History, Word


def durable(history: History) -> Iterator[Breach]:
    """A1: what was answered is in the ledger, with that answer."""
    kept = {(each.cluster_id, each.event_id): each for each in history.kept}
    for word in history.words:
        if word.outcome is None or word.code == "event-id-reused":
            continue
        found = kept.get((word.cluster_id, word.event_id))
        if found is None:
            yield Breach("A1", f"{word.event_id} of {word.cluster_id} was answered and is not in the ledger")
        elif (found.outcome, found.binding_id) != (word.outcome, word.binding_id):
            yield Breach("A2", f"{word.event_id} was answered {word.outcome} and is kept as {found.outcome}")


def once(history: History) -> Iterator[Breach]:
    """A2: one effect per event; a repeat hears the first answer, and another content under the same id is refused."""
    first: dict[tuple[str, str], Word] = {}
    answered = [word for word in history.words if word.outcome is not None]
    for word in sorted(answered, key=lambda word: word.answered_at or 0.0):
        known = first.setdefault((word.cluster_id, word.event_id), word)
        if known.code == "event-id-reused":
            first[word.cluster_id, word.event_id] = word
        elif word.content != known.content and word.code != "event-id-reused":
            yield Breach("A2", f"{word.event_id} was taken twice with different content")
        elif word.content == known.content and _answer(word) != _answer(known):
            yield Breach("A2", f"{word.event_id} was answered {_answer(known)}, then {_answer(word)}")
    created = Counter(
        (entry.cluster_id, entry.event_id) for entry in history.entries if entry.action == "binding-created"
    )
    for (cluster_id, event_id), count in created.items():
        if event_id is not None and count > 1:
            yield Breach("A2", f"{event_id} of {cluster_id} made {count} bindings")


def monotone(history: History) -> Iterator[Breach]:
    """A3: what is sent after a greater revision was answered has no effect."""
    by_subject: dict[object, list[Word]] = defaultdict(list)
    for word in history.words:
        if word.outcome is not None and word.outcome != "rejected":
            by_subject[word.subject].append(word)
    for said in by_subject.values():
        for late in said:
            newer = [word for word in said if word.revision > late.revision and _before(word, late)]
            repeat = any(word.event_id == late.event_id and _before(word, late) for word in said)
            if newer and late.outcome == "accepted" and not repeat:
                yield Breach("A3", f"{late.event_id} at {late.revision} had an effect after {newer[0].revision}")


def own(history: History) -> Iterator[Breach]:
    """A4, A11: what has no right is refused, whatever else is wrong: never a 2xx."""
    for probe in history.probes:
        if probe.status is not None and probe.status < 400:
            yield Breach("A4" if probe.name == "other cluster" else "A11", f"{probe.name} was answered {probe.status}")


def feed(history: History) -> Iterator[Breach]:
    """Contract, section 4: the changes of a cluster come in an order that never skips one."""
    last = {(each.cluster_id, each.binding_id): each.state for each in history.heard}
    followed = {each.cluster_id for each in history.heard}
    for row in history.rows:
        heard = last.get((row.cluster_id, row.binding_id))
        if row.cluster_id in followed and heard != row.state:
            yield Breach("feed", f"{row.binding_id} is {row.state}; its cluster's changes said {heard} last")


def _answer(word: Word) -> tuple[object, ...]:
    return word.outcome, word.code, word.binding_id


def _before(first: Word, second: Word) -> bool:
    return first.answered_at is not None and first.answered_at <= second.sent_at
