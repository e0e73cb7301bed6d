"""Where a list and a watch put what they find: one kind of object, in one namespace or in all."""

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from app.agent.deciding.objects import ObjectKey

Kept = TypeVar("Kept")


class Sink(Generic[Kept]):
    """One kind of object in one namespace or in all, for one `ListWatch`."""

    def __init__(
        self,
        replace: Callable[["Sink[Kept]", Sequence[Kept], str], None],
        advance: Callable[[str], None],
        kind: str,
        namespace: str | None,
        known: Mapping[ObjectKey, Kept],
        put: Callable[[Kept], None],
        remove: Callable[[Kept], None],
    ) -> None:
        self._replace = replace
        self.advance = advance
        self._namespace = namespace
        self.name = (kind, namespace)
        self.known = known
        self.put = put
        self.remove = remove

    def covers(self, key: ObjectKey) -> bool:
        """Whether an object of that key is in the list of this sink."""
        return self._namespace in {None, key.namespace}

    def replace(self, objects: Sequence[Kept], resource_version: str) -> None:
        """All there is, at the start and after every gap."""
        self._replace(self, objects, resource_version)
