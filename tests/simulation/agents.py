"""Agents and the world of a story: what `tests.chaos.story` says and does, on virtual time, over the real use cases.

A post takes its time, so that a later one may overtake it; one that is not answered is sent again until it is; some are
sent again although they were answered.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from app.broker.receive_pod_events import Received, receive_pod_events
from app.broker.replace_service_targets import replace_service_targets
from app.domain.cluster import NetworkMode
from app.domain.errors import LedgerUnavailable
from app.domain.event import EventType, Pod, PodEvent, Service, Workload
from app.domain.target import TargetName
from app.ledger import bindings
from tests.chaos.histories import Heard
from tests.chaos.story import World
from tests.chaos.told import SERVICE, Told, snapshot_of, word_of
from tests.simulation.ledger import Ledger
from tests.simulation.schedule import Schedule, crash

DRAIN_SECONDS = 1
AGAIN_SECONDS = 0.4
"""How long an agent waits for an answer before it asks again."""

SHOP = Service("shop", SERVICE)
PAGE = 20


class Truth(World):
    """Whose address is whose: the evidence that the real broker gathers from networks."""

    def __init__(self) -> None:
        self.away: set[str] = set()
        """Addresses on nobody's interface."""
        self._moved: set[str] = set()

    def edit(self, kind: str, **fields: Any) -> None:
        """A story moves addresses and nothing else."""
        self._moved.add(fields["ip"])

    def owner(self, ip: str) -> str | None:
        """The cluster that has the address; None when nobody has."""
        if ip in self.away:
            return None
        return "cls-b" if ip in self._moved or ip.startswith("10.0.2.") else "cls-a"


class Agents:
    """The agents of all clusters, as a stage for a story."""

    def __init__(self, schedule: Schedule, ledger: Ledger, chance: Random) -> None:
        self.told = Told()
        self.simulator = Truth()
        self.waiting = 0
        """Posts that have no answer yet."""
        self.crashes: list[str] = []
        self._schedule = schedule
        self._ledger = ledger
        self._chance = chance
        self._cursors: dict[str, int] = {}

    def say(self, cluster_id: str, events: Sequence[dict[str, Any]]) -> None:
        """Post events; some again, as a second agent does."""
        for _ in range(1 + (self._chance.random() < 0.15)):
            words = [word_of(cluster_id, event, self._schedule.now) for event in events]
            received = [Received(event_of(event), _digest(event)) for event in events]
            post = partial(
                receive_pod_events,
                self._ledger,  # type: ignore[arg-type]
                cluster_id,
                received,
                actor=f"agent:{cluster_id}",
                drain_seconds=DRAIN_SECONDS,
            )

            def hear(results: Any, words: Any = words) -> None:
                self.told.words += [
                    replace(
                        word,
                        answered_at=self._schedule.now,
                        outcome=str(result.outcome),
                        code=result.code,
                        binding_id=result.binding_id,
                    )
                    for word, result in zip(words, results, strict=True)
                ]
                told = zip(events, results, strict=True)
                self._schedule.note(cluster_id, *((event["event_id"], str(result.outcome)) for event, result in told))

            self._send(post, hear)

    def show(self, cluster_id: str, revision: int, entries: Sequence[dict[str, Any]]) -> None:
        """Send the full truth for the cluster's only Service."""
        snapshot = snapshot_of(cluster_id, revision, entries, self._schedule.now)
        post = partial(
            replace_service_targets,
            self._ledger,  # type: ignore[arg-type]
            cluster_id,
            SHOP,
            revision,
            [replace(event_of({**entry, "type": "bind", "revision": revision}), event_id=None) for entry in entries],
            actor=f"agent:{cluster_id}",
            drain_seconds=DRAIN_SECONDS,
        )

        def hear(replaced: Any) -> None:
            outcome = replaced.outcome
            self.told.snapshots.append(replace(snapshot, answered_at=self._schedule.now))
            self._schedule.note(cluster_id, "snapshot", revision, snapshot.named, outcome.withdrawn, outcome.held)

        self._send(post, hear)

    def follow(self, cluster_id: str, *, to_the_end: bool = False) -> None:
        """Read on in the cluster's changes: one page, or all there is."""
        while True:
            books = self._ledger.books
            found = bindings.changes(books, cluster_id, self._cursors.get(cluster_id, 0), PAGE)  # type: ignore[arg-type]
            self.told.heard += [Heard(cluster_id, each.binding_id, each.state) for _, each in found]
            if found:
                self._cursors[cluster_id] = found[-1][0]
            if not to_the_end or not found:
                return

    def _send(self, post: Callable[[], Any], hear: Callable[[Any], None]) -> None:
        self.waiting += 1
        late = self._chance.random() < 0.1
        self._schedule.after(self._chance.random() * (2.0 if late else 0.1), partial(self._arrive, post, hear))

    def _arrive(self, post: Callable[[], Any], hear: Callable[[Any], None]) -> None:
        try:
            answer = post()
        except LedgerUnavailable:
            self._schedule.after(AGAIN_SECONDS, partial(self._arrive, post, hear))
        except Exception as error:  # noqa: BLE001 (the API would answer 500, which no agent may get)
            self.crashes.append(f"an agent's post: {crash(error)}")
            self.waiting -= 1
        else:
            hear(answer)
            self.waiting -= 1


def event_of(event: Mapping[str, Any]) -> PodEvent:
    """An event in the contract's form as the API reads it; an entry of a snapshot has no id of its own."""
    pod, target = event["pod"], event["target"]
    return PodEvent(
        event_id=event.get("event_id"),
        type=EventType(event["type"]),
        revision=event["revision"],
        pod=Pod(pod["namespace"], pod["name"], pod["uid"], pod["ip"], pod["node"]),
        target=TargetName(target["load_balancer_id"], target["port"], target["listener_id"]),
        service=SHOP,
        workload=Workload(event["workload"]["kind"], event["workload"]["name"]),
        network_mode=NetworkMode(event["network_mode"]),
        weight=target["weight"],
    )


def _digest(event: Mapping[str, Any]) -> str:
    return hashlib.sha256(repr(event).encode()).hexdigest()
