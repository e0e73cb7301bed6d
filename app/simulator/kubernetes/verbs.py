"""What can be done with objects: get, list, create, update, patch, delete.

Each is one step: nobody sees half of it, and what changes nothing makes no new version. Raises Refusal for what
cannot be done.
"""

import base64
import copy
import datetime
import json
import random
import string
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from app.simulator.kubernetes import checks, selectors
from app.simulator.kubernetes.errors import Refusal, bad_request, conflict, gone, not_found
from app.simulator.kubernetes.patches import patched
from app.simulator.kubernetes.resources import NAMESPACES, PODS, Object, Place, resource_of
from app.simulator.kubernetes.store import Key, Store

Query = Mapping[str, str]
Admit = Callable[[Place, Object], Object]
"""What is asked before an object is created: returns it, changed or not. Raises Refusal."""

_LETTERS = string.ascii_lowercase + string.digits
_KEPT = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")
"""What of metadata a client cannot change."""


class Verbs:
    """The verbs over a store; `admit` stands before every creation."""

    def __init__(self, store: Store, admit: Admit = lambda _, content: content) -> None:
        self.store = store
        self._admit = admit
        for name in ("default", "kube-system"):
            self.create(Place(NAMESPACES, None, None, None), {"metadata": {"name": name}})

    def get(self, place: Place) -> Object:
        """The object."""
        found = self.store.get(place.resource, _key(place))
        if found is None:
            raise not_found(f'{place.resource.name} "{place.name}" not found')
        return found

    def list(self, place: Place, query: Query) -> Object:
        """A page of a collection: `limit`, `continue`, `labelSelector`, `fieldSelector`, `resourceVersionMatch`."""
        with self.store.held():
            at, after = _begin(query, self.store.version)
            try:
                rows = self.store.rows(place.resource, at)
            except Refusal:
                raise gone("The provided continue parameter is too old to display a consistent list result.") from None
        fits = test_of(place, query)
        rows = [(key, each) for key, each in rows if key > after and fits(each)]
        limit = int(query.get("limit") or 0) or len(rows)
        metadata: Object = {"resourceVersion": str(at)}
        if len(rows) > limit:
            metadata |= {"continue": _continuation(at, rows[limit - 1][0]), "remainingItemCount": len(rows) - limit}
        return {
            "kind": f"{place.resource.kind}List",
            "apiVersion": place.resource.api_version,
            "metadata": metadata,
            "items": [_without_kind(each) for _, each in rows[:limit]],
        }

    def create(self, place: Place, content: Any) -> Object:
        """Stores a new object, as admitted."""
        content = checks.check_envelope(place, copy.deepcopy(content))
        metadata = content["metadata"]
        prefix = metadata.get("generateName")
        if prefix and not metadata.get("name"):
            metadata["name"] = prefix + "".join(random.choices(_LETTERS, k=5))  # noqa: S311 (a name, no secret)
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": now(), "generation": 1}
        for name in ("resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds"):
            metadata.pop(name, None)
        if place.resource.has_status:
            content["status"] = {"phase": "Pending"} if place.resource == PODS else {}
        if place.resource == NAMESPACES:
            labels = metadata.setdefault("labels", {})
            labels["kubernetes.io/metadata.name"] = metadata.get("name")
        content = self._admit(place, content)
        checks.check(place.resource, content)
        key = _key_of(content)
        with self.store.held():
            if place.resource.namespaced and self.store.get(NAMESPACES, ("", key[0])) is None:
                raise not_found(f'namespaces "{key[0]}" not found')
            if self.store.get(place.resource, key) is not None:
                raise Refusal(409, "AlreadyExists", f'{place.resource.name} "{key[1]}" already exists')
            return self.store.put(place.resource, key, content)

    def update(self, place: Place, content: Any) -> Object:
        """Replaces an object, or its status; 409 when it is of another version or uid than the body says."""
        content = checks.check_envelope(place, copy.deepcopy(content))
        with self.store.held():
            return self._replaced(place, self.get(place), content)

    def patch(self, place: Place, patch: Any, media_type: str) -> Object:
        """Changes an object, or its status, by a patch of that media type."""
        with self.store.held():
            before = self.get(place)
            if isinstance(patch, dict):
                _check_version(place, before, patch.get("metadata") or {})
            content = checks.check_envelope(place, patched(before, patch, media_type))
            content["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
            return self._replaced(place, before, content)

    def delete(self, place: Place, options: Any = None, query: Query | None = None) -> Object:
        """Removes an object. A pod on a node only begins to terminate: its kubelet removes it with a grace of 0."""
        options = options if isinstance(options, dict) else {}
        grace = options.get("gracePeriodSeconds", (query or {}).get("gracePeriodSeconds"))
        with self.store.held():
            before = self.get(place)
            _check_version(place, before, options.get("preconditions") or {})
            if before["metadata"].get("finalizers") or _is_graceful(place, before, grace):
                return self._terminating(place, before, grace)
            return self.store.remove(place.resource, _key(place))

    def apply(self, manifest: Mapping[str, Any]) -> Object:
        """Creates the object or merges the manifest into it, its namespace made when missing: `kubectl apply`."""
        resource = resource_of(manifest)
        metadata = manifest["metadata"]
        namespace = metadata.get("namespace", "default") if resource.namespaced else None
        if namespace and self.store.get(NAMESPACES, ("", namespace)) is None:
            self.create(Place(NAMESPACES, None, None, None), {"metadata": {"name": namespace}})
        place = Place(resource, namespace, metadata["name"], None)
        if self.store.get(resource, _key(place)) is None:
            return self.create(Place(resource, namespace, None, None), manifest)
        return self.patch(place, manifest, "application/strategic-merge-patch+json")

    def _replaced(self, place: Place, before: Object, content: Object) -> Object:
        _check_version(place, before, content["metadata"])
        content["metadata"] |= {name: before["metadata"][name] for name in _KEPT if name in before["metadata"]}
        content["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
        if place.subresource == "status":
            content = {**before, "status": content.get("status") or {}}
        elif place.resource.has_status:
            content["status"] = before["status"]
        checks.check(place.resource, content)
        if content == before:
            return before
        if content.get("spec") != before.get("spec"):
            metadata = content["metadata"]
            content["metadata"] = {**metadata, "generation": metadata.get("generation", 1) + 1}
        finished = content["metadata"].get("deletionTimestamp") and not content["metadata"].get("finalizers")
        if finished and place.resource != PODS:  # the kubelet has the last word on pods
            return self.store.remove(place.resource, _key(place))
        return self.store.put(place.resource, _key(place), content)

    def _terminating(self, place: Place, before: Object, grace: Any) -> Object:
        if before["metadata"].get("deletionTimestamp"):
            return before
        seconds = int((before.get("spec") or {}).get("terminationGracePeriodSeconds", 30) if grace is None else grace)
        metadata = {
            **before["metadata"],
            "deletionTimestamp": now(seconds),
            "deletionGracePeriodSeconds": seconds,
            "generation": before["metadata"].get("generation", 1) + 1,
        }
        return self.store.put(place.resource, _key(place), {**before, "metadata": metadata})


def test_of(place: Place, query: Query) -> selectors.Test:
    """Whether an object belongs to what a list or watch asks for. Raises Refusal (400)."""
    labels = selectors.by_labels(query.get("labelSelector") or "")
    fields = selectors.by_fields(query.get("fieldSelector") or "", place.resource)

    def test(content: Object) -> bool:
        metadata = content["metadata"]
        return (
            place.namespace in (None, metadata.get("namespace"))
            and place.name in (None, metadata["name"])
            and labels(content)
            and fields(content)
        )

    return test


def now(seconds: float = 0.0) -> str:
    """The time in so many seconds, as the API writes it."""
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _key(place: Place) -> Key:
    return place.namespace or "", place.name or ""


def _key_of(content: Object) -> Key:
    return content["metadata"].get("namespace") or "", content["metadata"]["name"]


def _check_version(place: Place, before: Object, said: Mapping[str, Any]) -> None:
    for name in ("uid", "resourceVersion"):
        if said.get(name) not in (None, "", before["metadata"][name]):
            raise conflict(
                f'Operation cannot be fulfilled on {place.resource.name} "{place.name}": the object has been modified; '
                f"its {name} is {before['metadata'][name]}, not {said[name]}"
            )


def _is_graceful(place: Place, before: Object, grace: Any) -> bool:
    if place.resource != PODS or not before["spec"].get("nodeName"):
        return False
    return grace is None or int(grace) > 0


def _without_kind(content: Object) -> Object:
    return {name: value for name, value in content.items() if name not in ("kind", "apiVersion")}


def _continuation(at: int, key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps([at, *key]).encode()).decode()


def _begin(query: Query, newest: int) -> tuple[int, Key]:
    """The version to list at and the key after which to begin."""
    try:
        if query.get("continue"):
            at, namespace, name = json.loads(base64.urlsafe_b64decode(query["continue"]))
            return int(at), (namespace, name)
        asked = int(query.get("resourceVersion") or 0)
        int(query.get("limit") or 0)
    except ValueError:
        raise bad_request("continue, resourceVersion or limit cannot be read") from None
    if asked > newest:
        raise Refusal(504, "Timeout", f"Too large resource version: {asked}, current: {newest}", retry_after=1)
    return (asked if query.get("resourceVersionMatch") == "Exact" else newest), ("", "")
