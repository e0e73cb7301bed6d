"""One resource, listed and then watched, for ever.

A list says what there is; the watch goes on from the list's version and tells what happens. Bookmarks move that
version on while nothing happens, so that a watch that ends is taken up where it ended. Only where the version is too
old by then (410 Gone) is there a gap: what is listed anew replaces what was known, and what disappeared meanwhile was
not seen going.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

import structlog

from app.agent import metrics
from app.agent.errors import CallFailed, CallRefused, CallTemporary, VersionGone
from app.agent.kubernetes_api import Json, KubernetesApi, Resource, Watch
from app.agent.pauses import Pauses

log = structlog.get_logger(__name__)

Kept = TypeVar("Kept")
Kept_contra = TypeVar("Kept_contra", contravariant=True)

LIST_TRIES: Final = 3
"""How often a list is begun anew at once when its pages expire under it; after that it waits as after any failure."""


class Sink(Protocol[Kept_contra]):
    """Who is told. Called by the thread of one `ListWatch`, never by two at once for the same one."""

    def replace(self, objects: Sequence[Kept_contra], resource_version: str) -> None:
        """All there is, at the start and after every gap."""
        ...

    @property
    def put(self) -> Callable[[Kept_contra], None]:
        """Takes one that is new, or other than before."""
        ...

    @property
    def remove(self) -> Callable[[Kept_contra], None]:
        """Takes one that was seen going, as it was at last, with the version of its going."""
        ...

    @property
    def advance(self) -> Callable[[str], None]:
        """Takes a version up to which nothing happened."""
        ...


class ListWatch(Generic[Kept]):
    """Keeps one sink up to date about one resource, in one namespace or (None) in all."""

    def __init__(
        self,
        api: KubernetesApi,
        resource: Resource,
        namespace: str | None,
        trim: Callable[[Json], Kept],
        sink: Sink[Kept],
    ) -> None:
        """``trim`` says what is kept of an object; it is called at once, so that no raw object outlives its page."""
        self._api = api
        self._resource = resource
        self._namespace = namespace
        self._trim = trim
        self._sink = sink
        self._version: str | None = None
        self._listed_before = False
        self._watch: Watch | None = None
        self._pauses = Pauses()
        self._told: str | None = None
        self._stopping = threading.Event()

    @property
    def name(self) -> str:
        """For logs and threads."""
        return f"{self._resource.plural} in {self._namespace or 'all namespaces'}"

    def run(self, stopped: threading.Event) -> None:
        """Go on until ``stopped``."""
        while not stopped.is_set() and not self._stopping.is_set():
            pause = self.run_once()
            if pause:
                stopped.wait(pause)

    def stop(self) -> None:
        """End a watch that waits for something to happen."""
        self._stopping.set()
        watch = self._watch
        if watch is not None:
            watch.stop()

    def run_once(self) -> float:
        """List if needed, then watch until the watch ends; how many seconds to wait before the next round."""
        try:
            if self._version is None:
                self._version = self._list()
            return self._follow(self._version)
        except VersionGone as error:
            self._version = None
            log.info("watch too old, listing again", resource=self.name, detail=error.detail)
            return self._pauses.next() if self._told == "gone" else self._remember("gone")
        except CallFailed as error:
            return self._failed(error)

    def _list(self) -> str:
        metrics.count_list(self._resource.plural, "gap" if self._listed_before else "start")
        for _ in range(LIST_TRIES):
            try:
                objects, version = self._pages()
            except VersionGone:
                continue  # the pages' common version expired: all of them are read again
            self._sink.replace(objects, version)
            self._listed_before = True
            return version
        raise CallTemporary(f"the list of {self.name} expires before its end is read")

    def _pages(self) -> tuple[list[Kept], str]:
        objects: list[Kept] = []
        proceed = None
        while True:
            page = self._api.list_page(self._resource, self._namespace, proceed)
            objects += [self._trim(raw) for raw in page.items]
            proceed = page.proceed
            if proceed is None:
                return objects, page.resource_version

    def _follow(self, version: str) -> float:
        watch = self._watch = self._api.watch(self._resource, self._namespace, version)
        if self._stopping.is_set():
            watch.stop()
        heard = False
        try:
            for kind, raw in watch.events():
                self._take(kind, raw)
                heard = True
        finally:
            self._watch = None
        # A server that ends every watch at once is not to be asked without a pause.
        return 0.0 if heard else self._pauses.next()

    def _take(self, kind: str, raw: Json) -> None:
        metrics.count_watch_event(self._resource.plural, kind.lower())
        if kind == "BOOKMARK":
            self._sink.advance(_version(raw))
        elif kind == "DELETED":
            self._sink.remove(self._trim(raw))
        else:
            self._sink.put(self._trim(raw))
        self._version = _version(raw)
        self._pauses.reset()
        if self._told is not None:
            log.info("watch works again", resource=self.name)
            self._told = None

    def _remember(self, what: str) -> float:
        self._told = what
        return 0.0

    def _failed(self, error: CallFailed) -> float:
        """Told once per change; how long to wait."""
        if self._stopping.is_set():
            return 0.0
        if str(error) != self._told:
            level = log.error if isinstance(error, CallRefused) else log.warning
            level("watch broke off", resource=self.name, error=str(error))
            self._told = str(error)
        return self._pauses.next(error.retry_after if isinstance(error, CallTemporary) else None)


def _version(raw: Any) -> str:
    return str(raw["metadata"]["resourceVersion"])
