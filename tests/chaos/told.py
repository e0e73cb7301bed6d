"""What clients said and heard, and what was done to the world, as it comes; and words as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.histories import Heard, Place, Probe, Snapshot, Trouble, Word

SERVICE = "web"


@dataclass
class Told:
    """What clients said and heard so far, and what was done to the world. Appended to by several threads."""

    words: list[Word] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    owners: dict[str, str] = field(default_factory=dict)
    doubted: dict[str, int] = field(default_factory=dict)


def word_of(cluster_id: str, event: Mapping[str, Any], sent_at: float) -> Word:
    """One pod event in the contract's form as a word, not answered yet."""
    pod, target = event["pod"], event["target"]
    place = _place(pod["ip"], target)
    told = (event["event_id"], event["type"], event["revision"], pod["uid"])
    return Word(cluster_id, *told, place, sent_at, target["weight"])


def snapshot_of(cluster_id: str, revision: int, entries: Sequence[Mapping[str, Any]], sent_at: float) -> Snapshot:
    """The full truth for a cluster's only Service, not answered yet; ``entries`` in the contract's form."""
    named = tuple(
        (entry["pod"]["uid"], _place(entry["pod"]["ip"], entry["target"]), entry["target"]["weight"])
        for entry in entries
    )
    return Snapshot(cluster_id, SERVICE, revision, named, sent_at)


def _place(ip: str, target: Mapping[str, Any]) -> Place:
    return Place(target["load_balancer_id"], target["listener_id"], ip, target["port"])
