"""What is told to the broker, as section 4 of its contract wants it: one event per word, or a snapshot."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.agent.deciding.objects import ObjectKey
from app.agent.deciding.targets import TargetName, Wanted

MAX_WORDS: Final = 1000
"""Most events in one request, and most targets in one snapshot."""

MAX_BODY_BYTES: Final = 1024 * 1024
"""The most that the broker reads of one request."""

_WORD_BYTES: Final = 800
"""More than an event is long as JSON but for the names in it, an event_id of 128 characters included."""

OUTCOMES: Final = frozenset({"accepted", "unchanged", "stale", "rejected"})

SubjectKey = tuple[str, TargetName]
"""What a word is about: pod uid and target."""


@dataclass(frozen=True, slots=True)
class Word:
    """The word on one (pod uid, target): bind it as ``wanted`` says, or, where ``bind`` is False, unbind it."""

    wanted: Wanted
    revision: int
    bind: bool = True

    @property
    def subject(self) -> SubjectKey:
        """What it is about."""
        return self.wanted.pod_uid, self.wanted.target


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The full truth for one Service, as it is to be sent: all its words are binds of its ``revision``."""

    service: ObjectKey
    revision: int
    words: tuple[Word, ...]

    def body(self) -> dict[str, Any]:
        """The body of ``PUT .../targets``."""
        return {"revision": self.revision, "targets": [_entry(word) for word in self.words]}


@dataclass(frozen=True, slots=True)
class Answer:
    """The broker's answer to one word: ``outcome`` is one of `OUTCOMES`."""

    outcome: str
    code: str | None = None
    detail: str | None = None


def answer_of(raw: Mapping[str, Any]) -> Answer:
    """One result as the broker sends it. Raises ``ValueError`` for an outcome that nobody knows."""
    if raw.get("outcome") not in OUTCOMES:
        raise ValueError(f"unknown outcome {raw.get('outcome')!r}")
    return Answer(raw["outcome"], raw.get("code"), raw.get("detail"))


def fits_one_snapshot(words: Sequence[Word]) -> bool:
    """Whether ``words`` have room in one request."""
    return len(words) <= MAX_WORDS and sum(map(_size, words)) <= MAX_BODY_BYTES


def batches(words: Iterable[Word]) -> Iterator[tuple[Word, ...]]:
    """``words`` in their order, in pieces that have room in one request by number and by bytes, none empty."""
    batch: list[Word] = []
    size = 0
    for word in words:
        if batch and (len(batch) == MAX_WORDS or size + _size(word) > MAX_BODY_BYTES):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(word)
        size += _size(word)
    if batch:
        yield tuple(batch)


def events_body(words: Sequence[Word], event_ids: Sequence[str], observed_at: str) -> dict[str, Any]:
    """The body of ``POST .../pod-events``: each word with the id of its place in ``event_ids``.

    ``observed_at`` is RFC 3339. Raises ``ValueError`` when there are more or fewer ids than words.
    """
    return {
        "events": [
            {
                "event_id": event_id,
                "type": "bind" if word.bind else "unbind",
                "revision": word.revision,
                "observed_at": observed_at,
                "service": {"namespace": word.wanted.service.namespace, "name": word.wanted.service.name},
                **_entry(word),
            }
            for word, event_id in zip(words, event_ids, strict=True)
        ]
    }


def _entry(word: Word) -> dict[str, Any]:
    wanted = word.wanted
    workload = wanted.workload
    return {
        "pod": {
            "namespace": wanted.pod.namespace,
            "name": wanted.pod.name,
            "uid": wanted.pod_uid,
            "ip": wanted.ip,
            "node": wanted.node,
        },
        "workload": {"kind": workload.kind, "name": workload.name} if workload is not None else None,
        "network_mode": wanted.network_mode.value,
        "target": _target(word),
    }


def _target(word: Word) -> dict[str, Any]:
    name = word.wanted.target
    target: dict[str, Any] = {
        "load_balancer_id": name.load_balancer_id,
        "protocol": name.protocol,
        "listener_port": name.listener_port,
        "port": name.port,
        "weight": word.wanted.weight if word.bind else None,
        "drain_seconds": word.wanted.drain_seconds,
        "domain": name.domain,
        "url": name.url,
    }
    return {field: given for field, given in target.items() if given is not None}


def _size(word: Word) -> int:
    """No less than the bytes of the word's event: names are ASCII, and a rule's texts may be escaped."""
    wanted = word.wanted
    target = wanted.target
    names = [wanted.pod.namespace, wanted.pod.name, wanted.pod_uid, wanted.service.namespace, wanted.service.name]
    if wanted.workload is not None:
        names += [wanted.workload.kind, wanted.workload.name]
    rule = f"{target.domain or ''}{target.url or ''}"
    return _WORD_BYTES + len(target.load_balancer_id) + sum(map(len, names)) + 6 * len(rule)
