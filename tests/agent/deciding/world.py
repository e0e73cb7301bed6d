"""A cluster, an agent that decides for it, and the broker's own reception, with a network between them that loses.

The agent's JSON goes through the broker's schemas into its real fold of events, so that both sides must agree on it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from app.agent.deciding.changes import Memory, answer_of
from app.agent.deciding.objects import ObjectKey
from app.agent.deciding.reading import pod_of, service_of, slice_of
from app.agent.deciding.reports import Report, report_of, vanished
from app.agent.deciding.targets import decide, gone
from app.agent.deciding.words import SubjectKey, Word, batches, events_body
from app.api import rendering
from app.api.schemas.bindings import BindingSchema
from app.api.schemas.pods import AskedTarget
from app.api.schemas.reception import PodEventsSchema, ResultSchema, SnapshotSchema
from app.domain.event import EventType, PodEvent
from app.domain.event import Service as BrokersService
from app.planning.snapshot import replace_targets
from tests.agent.deciding.builders import CNI, raw_pod, raw_service, raw_slice
from tests.planning.builders import MINE
from tests.planning.shelf import Shelf

Json = dict[str, Any]
EVENTS, SNAPSHOT, RESULT, BINDING = PodEventsSchema(), SnapshotSchema(), ResultSchema(), BindingSchema()


class Broker(Shelf):
    """The broker's reception behind its schemas."""

    def post(self, body: Json) -> list[Json]:
        """Take pod events as JSON; none of them may be malformed."""
        events = [item for _, item in EVENTS.load(body)["events"]]
        assert all(isinstance(event, PodEvent) for event in events), events
        return [RESULT.dump(rendering.result(result)) for result in self.receive(events)]

    def put(self, service: ObjectKey, body: Json) -> list[Json]:
        """Take a snapshot as JSON."""
        read, whose = SNAPSHOT.load(body), BrokersService(service.namespace, service.name)
        events = [_entry(entry, whose, read["revision"]) for entry in read["targets"]]
        mine = [b for b in self.bindings.values() if b.live and b.cluster_id == MINE and b.service == whose]
        reception = self._reception(events, MINE, mine)
        outcome = replace_targets(reception, read["revision"], events, mine, self.present(), 0.3)
        self._keep(reception, MINE)
        return [RESULT.dump(rendering.result(result)) for result in outcome.results]

    def reports(self) -> list[Report]:
        """All bindings, as the broker's API tells them."""
        told = (report_of(BINDING.dump(rendering.binding(binding))) for binding in self.bindings.values())
        return [report for report in told if report is not None]


def _entry(entry: Json, service: BrokersService, revision: int) -> PodEvent:
    asked: AskedTarget = entry["target"]
    return PodEvent(
        event_id=None,
        type=EventType.BIND,
        revision=revision,
        pod=entry["pod"],
        target=asked.name,
        service=service,
        workload=entry["workload"],
        network_mode=entry["network_mode"],
        weight=asked.weight,
        drain_seconds=asked.drain_seconds,
    )


@dataclass
class View:
    """What an agent has seen: each kind by a watch of its own, which may lag behind the others."""

    services: dict[str, Json] = field(default_factory=dict)
    pods: dict[str, Json] = field(default_factory=dict)
    slices: dict[str, Json] = field(default_factory=dict)
    revision: int = 0
    touched: dict[str, int] = field(default_factory=dict)


class World:
    """The cluster as it is, one leader's view and memory, and the broker.

    ``said`` has the revisions that the leader sent, per subject; ``bound`` the subjects that it may have bound.
    """

    def __init__(self) -> None:
        self.broker = Broker()
        self.truth = View()
        self.late: list[tuple[ObjectKey | None, Json]] = []
        self.ids = (f"e{number}" for number in count(1))
        self.take_over(inherits=False)

    # The cluster ------------------------------------------------------------------------------------------------------

    def tick(self) -> int:
        """The next resource version."""
        self.truth.revision += 1
        return self.truth.revision

    def put_service(self, name: str, **annotations: str | None) -> None:
        """A Service as it is from now on."""
        born = self.truth.services.get(name, {}).get("metadata", {}).get("creationTimestamp")
        revision = self.tick()
        raw = raw_service(name, revision, annotations=annotations, born=born or f"2026-11-23T08:00:{revision % 60:02}Z")
        self.truth.services[name] = raw
        self.publish(name)

    def drop_service(self, name: str) -> None:
        """The Service is deleted, and its slice with it."""
        if self.truth.services.pop(name, None) is not None:
            del self.truth.slices[name]
            self.truth.touched[name] = self.tick()

    def put_pod(self, uid: str, ip: str, *, ready: bool = True, terminating: bool = False) -> None:
        """A pod as it is from now on; whoever had its address before is gone."""
        for other, raw in list(self.truth.pods.items()):
            if other != uid and raw["status"]["podIP"] == ip:
                self.drop_pod(other)
        revision = self.tick()
        before = self.truth.pods.get(uid)
        born = (
            before["metadata"]["creationTimestamp"]
            if before
            else f"2026-11-23T09:{revision // 60:02}:{revision % 60:02}Z"
        )
        meta = {"creationTimestamp": born} | ({"deletionTimestamp": born} if terminating else {})
        conditions = [{"type": "ContainersReady", "status": str(ready)}]
        self.truth.pods[uid] = raw_pod(uid, ip, revision, meta=meta, status={"conditions": conditions})
        self.publish()

    def drop_pod(self, uid: str) -> None:
        """The pod is gone."""
        if self.truth.pods.pop(uid, None) is not None:
            revision = self.tick()
            self.truth.touched |= dict.fromkeys(self.truth.services, revision)
            self.publish()

    def publish(self, *names: str) -> None:
        """Bring the slices up to date, as the cluster does: all Services select all pods."""
        for name in names or tuple(self.truth.services):
            now = raw_slice(*self.truth.pods.values(), service=name, name=name)
            before = self.truth.slices.get(name)
            if before is None or before["endpoints"] != now["endpoints"]:
                now["metadata"]["resourceVersion"] = str(self.tick())
                self.truth.slices[name] = now

    # The agent --------------------------------------------------------------------------------------------------------

    def take_over(self, *, inherits: bool) -> None:
        """A new leader begins: it has listed everything, and asked the broker if it could."""
        self.view, self.memory = View(), Memory()
        self.said: dict[SubjectKey, list[int]] = {}
        self.bound: set[SubjectKey] = set()
        if inherits:
            reports = self.broker.reports()
            self.memory.inherit(reports)
            self.bound |= {report.subject for report in reports}
        self.see("services", "pods", "slices", gap=True)

    def see(self, *kinds: str, gap: bool = False) -> None:
        """Watches catch up; everything is decided. ``gap``: by a list, which does not show what went."""
        for kind in kinds:
            setattr(self.view, kind, dict(getattr(self.truth, kind)))
        self.view.revision = self.truth.revision
        self.view.touched |= {**dict.fromkeys(self.view.services, 0), **self.truth.touched}
        for name in sorted(self.view.touched):
            self.memory.want(self._decision(name), gap=gap)

    def _decision(self, name: str) -> Any:
        key = ObjectKey("shop", name)
        raw = self.view.services.get(name)
        if raw is None:
            return gone(key, self.view.touched[name])
        slices = [slice_of(self.view.slices[name])] if name in self.view.slices else []
        pods = {pod.key: pod for pod in map(pod_of, self.view.pods.values())}
        return decide(service_of(raw), slices, pods, CNI, self.view.touched[name])

    def tell(self, fate: str = "answered", meanwhile: Callable[["World"], object] | None = None) -> int:
        """Send what is due; ``fate`` of the request is answered, lost, unanswered or late. How much was due.

        ``meanwhile`` happens between a request and its answer.
        """
        words = self.memory.due(self.view.revision)
        for batch in batches(words):
            sent = self.memory.sending(batch)
            self._note(sent)
            body = events_body(batch, [next(self.ids) for _ in sent], "2026-11-23T08:00:00Z")
            answers = self._send(None, body, fate)
            if meanwhile is not None:
                meanwhile(self)
            if answers is not None:
                self.memory.take_answers(sent, [answer_of(each) for each in answers])
        return len(words)

    def snapshot(self, service: ObjectKey, fate: str = "answered") -> None:
        """Send the full truth about one Service, where there is one."""
        snapshot = self.memory.snapshot(service, self.view.revision)
        if snapshot is None or not self.memory.sending_snapshot(snapshot):
            return
        self._note(snapshot.words)
        answers = self._send(service, snapshot.body(), fate)
        if answers is not None:
            self.memory.take_snapshot_answer(snapshot, [answer_of(each) for each in answers])

    def _send(self, service: ObjectKey | None, body: Json, fate: str) -> list[Json] | None:
        if fate == "late":
            self.late.append((service, body))
        if fate in {"late", "lost"}:
            return None
        answers = self.broker.post(body) if service is None else self.broker.put(service, body)
        return answers if fate == "answered" else None

    def deliver_late(self) -> None:
        """What was held up on the way arrives, after all that was sent since."""
        for service, body in self.late:
            self.broker.post(body) if service is None else self.broker.put(service, body)
        self.late.clear()

    def _note(self, words: Sequence[Word]) -> None:
        for word in words:
            before = self.said.setdefault(word.subject, [])
            assert word.revision >= max(before, default=0), f"{word.subject}: {word.revision} after {before}"
            before.append(word.revision)
            assert word.bind or word.subject in self.bound, f"{word.subject}: unbound without a bind"
            if word.bind:
                self.bound.add(word.subject)

    def settle(self, *, snapshots: bool = True) -> None:
        """Faults stop: everything arrives, every Service has its snapshot, and what is due is told until nothing is."""
        self.deliver_late()
        self.see("services", "pods", "slices")
        for service in self._existing() if snapshots else ():
            self.snapshot(service)
        if snapshots:
            for service in sorted({*self.memory.left_out(), *vanished(self.broker.reports(), self._existing(), ())}):
                self.snapshot(service)
        for _ in range(5):
            self.tick()
            self.view.revision = self.truth.revision
            if not self.tell():
                return
        raise AssertionError(f"never quiet: {self.memory.due(self.view.revision)}")

    def _existing(self) -> list[ObjectKey]:
        services = (service_of(raw) for raw in self.view.services.values())
        return sorted(service.key for service in services if service.direct_access)

    def should_be(self) -> set[tuple[str, str]]:
        """Uid and address of each pod that is wanted, when every Service can be read."""
        if not any(service_of(raw).direct_access for raw in self.truth.services.values()):
            return set()
        return {
            (uid, raw["status"]["podIP"])
            for uid, raw in self.truth.pods.items()
            if "deletionTimestamp" not in raw["metadata"] and raw["status"]["conditions"][0]["status"] == "True"
        }

    def at_broker(self) -> set[tuple[str, str]]:
        """Uid and address of each pod that the broker wants."""
        return {(binding.pod.uid, binding.ip) for binding in self.broker.bindings.values() if binding.wanted}
