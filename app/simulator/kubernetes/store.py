"""The objects, one resourceVersion for all of them, and what has changed since when.

A stored object is never changed, it is replaced: whoever has read it may keep it. The last changes are kept, so that a
watch can begin at a version and a list can go on at the version of its first page; what is forgotten is Gone.
"""

import bisect
import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.simulator.kubernetes.errors import gone
from app.simulator.kubernetes.resources import RESOURCES, Object, Resource

Key = tuple[str, str]
"""Namespace (empty for what has none) and name."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change: the version that it made, the object before and after. `after` of a removal is its last state."""

    version: int
    key: Key
    before: Object | None
    after: Object
    removed: bool = False


class Store:
    """All objects. Safe between threads; what belongs together is done within `held`."""

    def __init__(self, changes_kept: int = 50_000) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._kept = changes_kept
        self._objects: dict[Resource, dict[Key, Object]] = {each: {} for each in RESOURCES}
        self._changes: dict[Resource, list[Change]] = {each: [] for each in RESOURCES}
        self._forgotten = 0
        self._lost = 0
        self._version = 1

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else changes anything meanwhile."""
        with self._changed:
            yield

    @property
    def version(self) -> int:
        """The newest resourceVersion."""
        return self._version

    def get(self, resource: Resource, key: Key) -> Object | None:
        """The object as it is, or None."""
        with self._changed:
            return self._objects[resource].get(key)

    def rows(self, resource: Resource, at: int | None = None) -> list[tuple[Key, Object]]:
        """All objects of a resource in the order of their keys, now or as they were. Raises Refusal (410)."""
        with self._changed:
            objects = dict(self._objects[resource])
            for change in reversed(self.since(resource, at) if at is not None else []):
                if change.before is None:
                    del objects[change.key]
                else:
                    objects[change.key] = change.before
        return sorted(objects.items())

    def put(self, resource: Resource, key: Key, content: Object) -> Object:
        """Stores `content` as the object of that key, with a new version, and returns it."""
        with self._changed:
            before = self._objects[resource].get(key)
            after = self._stamped(content)
            self._objects[resource][key] = after
            self._note(resource, Change(self._version, key, before, after))
        return after

    def remove(self, resource: Resource, key: Key) -> Object:
        """Takes the object away; its last state carries the version of its removal."""
        with self._changed:
            before = self._objects[resource].pop(key)
            after = self._stamped(before)
            self._note(resource, Change(self._version, key, before, after, removed=True))
        return after

    def since(self, resource: Resource, version: int, *, begun: bool = False) -> list[Change]:
        """The changes of a resource after `version`, oldest first. Raises Refusal (410) when some are forgotten.

        Who has `begun` earlier is not hit by a compaction: the API server has handed it the changes already.
        """
        with self._changed:
            oldest = self._lost if begun else self._forgotten
            if version < oldest:
                raise gone(f"too old resource version: {version} ({oldest})")
            changes = self._changes[resource]
            return changes[bisect.bisect_right(changes, version, key=lambda change: change.version) :]

    def compact(self) -> None:
        """Forgets all changes up to now: an older version is Gone from here on."""
        with self._changed:
            self._forgotten = self._version

    def pass_versions(self, count: int) -> None:
        """Moves the version on as writes to resources that are not served here would."""
        with self._changed:
            self._version += count
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[], object], seconds: float) -> None:
        """Waits until the condition holds, looked at after every change and every `wake`, or the time is over."""
        with self._changed:
            self._changed.wait_for(condition, seconds)

    def wake(self) -> None:
        """Lets everyone who waits look again."""
        with self._changed:
            self._changed.notify_all()

    def _stamped(self, content: Object) -> Object:
        self._version += 1
        return {**content, "metadata": {**content["metadata"], "resourceVersion": str(self._version)}}

    def _note(self, resource: Resource, change: Change) -> None:
        changes = self._changes[resource]
        changes.append(change)
        if len(changes) > self._kept:
            half = len(changes) // 2
            self._lost = max(self._lost, changes[half - 1].version)
            self._forgotten = max(self._forgotten, self._lost)
            del changes[:half]
        self._changed.notify_all()
