"""The direct-access Services that a watch has told of, for any number of threads."""

import threading
from collections.abc import Sequence

from app.agent.admission.metrics import SERVICES
from app.agent.deciding.gate_injection import GatingService


class KnownServices:
    """Services by namespace, from one list and watch for each of ``namespaces`` (None: one for all of them)."""

    def __init__(self, namespaces: Sequence[str | None]) -> None:
        self._turn = threading.Lock()
        self._unlisted = set(namespaces)
        self._known: dict[str, dict[str, GatingService]] = {}

    def of(self, namespace: str) -> tuple[GatingService, ...]:
        """The direct-access Services of one namespace."""
        with self._turn:
            return tuple(self._known.get(namespace, {}).values())

    def unready(self) -> str | None:
        """Why it is not known yet what there is; None when it is."""
        with self._turn:
            return "the Services of the cluster are not listed yet" if self._unlisted else None

    def sink(self, namespace: str | None) -> "ServicesOfNamespace":
        """Who is told by the list and watch of ``namespace``."""
        return ServicesOfNamespace(self, namespace)

    def replace(self, namespace: str | None, services: Sequence[GatingService]) -> None:
        """All that there are in ``namespace`` (None: in all)."""
        with self._turn:
            if namespace is None:
                self._known.clear()
            else:
                self._known.pop(namespace, None)
            for service in services:
                self._put(service)
            self._unlisted.discard(namespace)
            self._count()

    def put(self, service: GatingService) -> None:
        """One that is new or other than before; one that lost direct access is forgotten."""
        with self._turn:
            self._put(service)
            self._count()

    def remove(self, service: GatingService) -> None:
        """One that is gone."""
        with self._turn:
            self._forget(service)
            self._count()

    def _put(self, service: GatingService) -> None:
        if service.direct_access:
            self._known.setdefault(service.key.namespace, {})[service.key.name] = service
        else:
            self._forget(service)

    def _forget(self, service: GatingService) -> None:
        within = self._known.get(service.key.namespace, {})
        within.pop(service.key.name, None)
        if not within:
            self._known.pop(service.key.namespace, None)

    def _count(self) -> None:
        SERVICES.set(sum(len(within) for within in self._known.values()))


class ServicesOfNamespace:
    """What one list and watch tells (`app.agent.list_watch.Sink`)."""

    def __init__(self, known: KnownServices, namespace: str | None) -> None:
        self._known = known
        self._namespace = namespace

    def replace(self, objects: Sequence[GatingService], resource_version: str) -> None:
        """All there is."""
        self._known.replace(self._namespace, objects)

    def put(self, kept: GatingService) -> None:
        """One that is new or changed."""
        self._known.put(kept)

    def remove(self, kept: GatingService) -> None:
        """One that is gone."""
        self._known.remove(kept)

    def advance(self, resource_version: str) -> None:
        """Nothing happened, and versions are not kept here."""
