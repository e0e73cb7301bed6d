"""The newest state of Services, EndpointSlices and pods, and which Services are to be decided anew.

Filled by the threads of the watches, read by the loops. Only Services with direct access are kept; slices and pods of
all, since a Service may ask for direct access at any time.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.agent import metrics
from app.agent.deciding.objects import ObjectKey, Pod, Service, Slice
from app.agent.deciding.reading import revision_of
from app.agent.sinks import Sink


@dataclass(frozen=True, slots=True)
class Look:
    """All that a decision about one Service rests on.

    ``service`` is None when there is none with direct access of that name (any more). ``touched`` is the greatest
    resource version of what concerned it, deletions included. ``gap``: something was listed anew since the last look,
    so what is missing was not seen going. ``seen_at`` is when the oldest undecided change arrived (monotonic seconds).
    """

    key: ObjectKey
    service: Service | None
    slices: tuple[Slice, ...]
    pods: Mapping[ObjectKey, Pod]
    touched: int
    gap: bool
    seen_at: float


class View:
    """What is watched. For any number of threads; what it hands out does not change."""

    def __init__(self, on_pod: Callable[[ObjectKey], None] = lambda _: None) -> None:
        """``on_pod`` hears of each pod that is new or other than before; it is quick, and does not ask the view."""
        self._condition = threading.Condition()
        self._missing: set[tuple[str, str | None]] = set()
        self._on_pod = on_pod
        self._services: dict[ObjectKey, Service] = {}
        self._slices: dict[ObjectKey, Slice] = {}
        self._pods: dict[ObjectKey, Pod] = {}
        self._slices_of_service: dict[ObjectKey, set[ObjectKey]] = {}
        self._slices_of_pod: dict[ObjectKey, set[ObjectKey]] = {}
        self._touched: dict[ObjectKey, int] = {}
        self._gaps: set[ObjectKey] = set()
        self._dirty: dict[ObjectKey, float] = {}
        self._revision = 0

    @property
    def revision(self) -> int:
        """The greatest resource version of all that was heard, lists and bookmarks included."""
        return self._revision

    @property
    def whole(self) -> bool:
        """Whether everything was listed once. Before that nothing can be decided: what is missing may be there."""
        return not self._missing

    def pod(self, key: ObjectKey) -> Pod | None:
        """The pod as it is known."""
        return self._pods.get(key)

    def pod_uids(self) -> set[str]:
        """The uids of all pods there are."""
        with self._condition:
            return {pod.uid for pod in self._pods.values()}

    def gated_pods(self) -> list[ObjectKey]:
        """The pods with our readiness gate."""
        with self._condition:
            return [key for key, pod in self._pods.items() if pod.gated]

    def service(self, key: ObjectKey) -> Service | None:
        """The Service as it is known, if it has direct access."""
        return self._services.get(key)

    def services(self, namespace: str | None = None) -> list[Service]:
        """The Services with direct access, of one namespace or of all."""
        with self._condition:
            return [each for key, each in self._services.items() if namespace in {None, key.namespace}]

    def wake(self) -> None:
        """End a wait for looks now."""
        with self._condition:
            self._condition.notify_all()

    def touch(self, keys: Iterable[ObjectKey] | None = None, *, gap: bool) -> None:
        """Have Services (None: all) decided anew."""
        with self._condition:
            self._mark(list(self._services) if keys is None else keys, 0, gap=gap)

    def wait(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for something to decide; whether there is."""
        with self._condition:
            if not self._dirty:
                self._condition.wait(timeout)
            return bool(self._dirty)

    def take(self) -> list[Look]:
        """Everything that is to be decided now; it counts as decided from now on."""
        with self._condition:
            looks = [self._look(key, seen_at) for key, seen_at in self._dirty.items()]
            self._dirty.clear()
            self._gaps.clear()
            self._show()
            for look in looks:
                if look.service is None:
                    self._touched.pop(look.key, None)
            return looks

    def _look(self, key: ObjectKey, seen_at: float) -> Look:
        slices = tuple(self._slices[each] for each in sorted(self._slices_of_service.get(key, ())))
        named = {endpoint.pod for each in slices for endpoint in each.endpoints if endpoint.pod is not None}
        pods = {each: self._pods[each] for each in named if each in self._pods}
        touched = self._touched.get(key, 0)
        return Look(key, self._services.get(key), slices, pods, touched, key in self._gaps, seen_at)

    def _mark(self, keys: Iterable[ObjectKey], revision: int, *, gap: bool = False) -> None:
        now = time.monotonic()
        for key in keys:
            self._dirty.setdefault(key, now)
            self._touched[key] = max(revision, self._touched.get(key, 0))
            if gap:
                self._gaps.add(key)
        self._condition.notify_all()

    def _asking(self, keys: Iterable[ObjectKey]) -> list[ObjectKey]:
        return [key for key in keys if key in self._services]

    def advance(self, resource_version: str) -> None:
        """Nothing happened up to this version."""
        with self._condition:
            self._revision = max(self._revision, revision_of(resource_version))

    def put_service(self, service: Service) -> None:
        """A Service as it is now."""
        with self._condition:
            self._heard(service.revision)
            before = self._services.get(service.key)
            if not service.direct_access:
                self._drop_service(service)
                return
            self._services[service.key] = service
            if before is None or replace(before, revision=service.revision, ingress=service.ingress) != service:
                self._mark([service.key], service.revision)

    def remove_service(self, service: Service) -> None:
        """A Service was seen going."""
        with self._condition:
            self._heard(service.revision)
            self._drop_service(service)

    def _drop_service(self, service: Service) -> None:
        if self._services.pop(service.key, None) is not None:
            self._mark([service.key], service.revision)

    def put_slice(self, given: Slice) -> None:
        """A slice as it is now."""
        with self._condition:
            self._heard(given.revision)
            before = self._slices.get(given.key)
            concerned = self._unlink(before) | self._link(given)
            if before is None or replace(before, revision=given.revision) != given:
                self._mark(self._asking(concerned), given.revision)

    def remove_slice(self, given: Slice) -> None:
        """A slice was seen going."""
        with self._condition:
            self._heard(given.revision)
            self._mark(self._asking(self._unlink(self._slices.get(given.key))), given.revision)

    def _link(self, given: Slice) -> set[ObjectKey]:
        self._slices[given.key] = given
        if given.service is None:
            return set()
        self._slices_of_service.setdefault(given.service, set()).add(given.key)
        for endpoint in given.endpoints:
            if endpoint.pod is not None:
                self._slices_of_pod.setdefault(endpoint.pod, set()).add(given.key)
        return {given.service}

    def _unlink(self, before: Slice | None) -> set[ObjectKey]:
        if before is None:
            return set()
        self._slices.pop(before.key, None)
        if before.service is None:
            return set()
        _discard(self._slices_of_service, before.service, before.key)
        for endpoint in before.endpoints:
            if endpoint.pod is not None:
                _discard(self._slices_of_pod, endpoint.pod, before.key)
        return {before.service}

    def put_pod(self, pod: Pod) -> None:
        """A pod as it is now."""
        with self._condition:
            self._heard(pod.revision)
            before = self._pods.get(pod.key)
            if before is not None and before.uid == pod.uid and before.revision >= pod.revision:
                return
            self._pods[pod.key] = pod
            if before is not None and replace(before, revision=pod.revision) == pod:
                return
            self._decide_if_changed(before, pod)
        self._on_pod(pod.key)

    def put_pod_back(self, pod: Pod) -> None:
        """A pod as a write of ours left it, unless it went or was seen newer meanwhile."""
        with self._condition:
            before = self._pods.get(pod.key)
            if before is None or before.uid != pod.uid or before.revision >= pod.revision:
                return
            self._pods[pod.key] = pod
            # It may show what others changed just before, which the watch will then tell too late to count.
            self._decide_if_changed(before, pod)

    def _decide_if_changed(self, before: Pod | None, pod: Pod) -> None:
        # What the gate says decides nothing: the agent itself wrote it.
        if before is None or replace(before, revision=pod.revision, condition=pod.condition) != pod:
            self._mark(self._asking(self._services_of(pod.key)), pod.revision)

    def remove_pod(self, pod: Pod) -> None:
        """A pod was seen going."""
        with self._condition:
            self._heard(pod.revision)
            self._pods.pop(pod.key, None)
            self._mark(self._asking(self._services_of(pod.key)), pod.revision)

    def _services_of(self, pod: ObjectKey) -> set[ObjectKey]:
        slices = (self._slices[key] for key in self._slices_of_pod.get(pod, ()))
        return {each.service for each in slices if each.service is not None}

    def _heard(self, revision: int) -> None:
        self._revision = max(self._revision, revision)

    def replace(self, sink: Sink[Any], objects: Sequence[Any], resource_version: str) -> None:
        """What a list says there is of one kind in one namespace: all Services there are decided anew, with a gap."""
        with self._condition:
            there = {each.key for each in objects}
            gone = [each for key, each in sink.known.items() if sink.covers(key) and key not in there]
            for each in gone:
                sink.remove(each)
            for each in objects:
                sink.put(each)
            services = [key for key in (*self._services, *self._dirty) if sink.covers(key)]
            self._mark(services, revision_of(resource_version), gap=True)
            self._heard(revision_of(resource_version))
            self._missing.discard(sink.name)

    def sinks(self, namespace: str | None) -> tuple[Sink[Service], Sink[Slice], Sink[Pod]]:
        """Where lists and watches of one namespace (None: all) put what they find. To be asked for before any runs."""
        made = (
            Sink(
                self.replace, self.advance, "services", namespace, self._services, self.put_service, self.remove_service
            ),
            Sink(self.replace, self.advance, "slices", namespace, self._slices, self.put_slice, self.remove_slice),
            Sink(self.replace, self.advance, "pods", namespace, self._pods, self.put_pod, self.remove_pod),
        )
        self._missing.update(sink.name for sink in made)
        return made

    def _show(self) -> None:
        for name, many in (("services", self._services), ("endpointslices", self._slices), ("pods", self._pods)):
            metrics.show_objects(name, len(many))


def _discard(index: dict[ObjectKey, set[ObjectKey]], key: ObjectKey, member: ObjectKey) -> None:
    members = index.get(key, set())
    members.discard(member)
    if not members:
        index.pop(key, None)
