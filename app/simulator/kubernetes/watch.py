"""What a watcher is told: what is there, then what changes, bookmarks when it takes them, and how it ends."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.simulator.kubernetes.errors import Refusal, bad_request
from app.simulator.kubernetes.resources import Object, Place
from app.simulator.kubernetes.selectors import Test
from app.simulator.kubernetes.store import Change, Store
from app.simulator.kubernetes.verbs import Query, test_of

LONGEST_SECONDS = 3600.0
LOOK_SECONDS = 0.5
"""How often a quiet watch looks whether its client is still there."""


class Cut(Exception):
    """The connection is to be cut, without a word."""


@dataclass
class Pulse:
    """What all watches of a server have in common."""

    bookmark_seconds: float = 60.0
    cuts: int = 0
    """How often all watches were cut."""
    closing: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What a watch asks for."""

    place: Place
    fits: Test
    version: int | None
    """From which version on; None: what is there first."""
    seconds: float
    bookmarks: bool


def asked_of(place: Place, query: Query) -> Asked:
    """Reads a watch's query. Raises Refusal (400)."""
    try:
        version = int(query.get("resourceVersion") or 0)
        seconds = float(query.get("timeoutSeconds") or LONGEST_SECONDS)
    except ValueError:
        raise bad_request("resourceVersion or timeoutSeconds is no number") from None
    return Asked(place, test_of(place, query), version or None, seconds, query.get("allowWatchBookmarks") == "true")


def events(store: Store, asked: Asked, pulse: Pulse) -> Iterator[Object | None]:
    """The watch's events to its end; None now and then, when there is nothing to tell. Raises Cut.

    A version that is forgotten ends it with an ERROR event (410), as from the API server's watch cache.
    """
    cuts, ends = pulse.cuts, time.monotonic() + asked.seconds
    bookmark_due = time.monotonic() + pulse.bookmark_seconds
    try:
        before = _Opening(store, asked)
    except Refusal as refusal:
        yield {"type": "ERROR", "object": refusal.content()}
        return
    yield from before.events
    cursor = before.version
    while True:
        until = min(ends, bookmark_due if asked.bookmarks else ends, time.monotonic() + LOOK_SECONDS)
        changes, cursor = _next(store, asked, cursor, until, lambda: pulse.closing or pulse.cuts != cuts)
        for change in changes:
            yield from _told(change, asked)
        if pulse.closing or pulse.cuts != cuts:
            raise Cut
        moment = time.monotonic()
        if asked.bookmarks and moment >= min(ends, bookmark_due):
            yield _bookmark(asked, cursor)
            bookmark_due = moment + pulse.bookmark_seconds
        if moment >= ends:
            return
        yield None


class _Opening:
    """What is there when a watch begins without a version. Raises Refusal (410) for a version that is forgotten."""

    def __init__(self, store: Store, asked: Asked) -> None:
        with store.held():
            self.version = asked.version or store.version
            store.since(asked.place.resource, self.version)
            rows = [] if asked.version else store.rows(asked.place.resource)
        self.events = [{"type": "ADDED", "object": each} for _, each in rows if asked.fits(each)]


def _next(store: Store, asked: Asked, cursor: int, until: float, is_over: Any) -> tuple[list[Change], int]:
    resource = asked.place.resource
    with store.held():
        seconds = max(0.0, until - time.monotonic())
        store.wait_for(lambda: is_over() or store.since(resource, cursor, begun=True), seconds)
        return store.since(resource, cursor, begun=True), max(cursor, store.version)


def _told(change: Change, asked: Asked) -> Iterator[Object]:
    was = change.before is not None and asked.fits(change.before)
    is_now = not change.removed and asked.fits(change.after)
    if is_now:
        yield {"type": "MODIFIED" if was else "ADDED", "object": change.after}
    elif was:
        yield {"type": "DELETED", "object": change.after}


def _bookmark(asked: Asked, cursor: int) -> Object:
    resource = asked.place.resource
    metadata = {"resourceVersion": str(cursor), "creationTimestamp": None}
    about = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
    return {"type": "BOOKMARK", "object": about}
