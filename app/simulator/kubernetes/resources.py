"""What is served, and how a path names it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.simulator.kubernetes.errors import not_found

Object = dict[str, Any]
"""An object as JSON. Once stored it is never changed."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object and where it is served."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    has_status: bool = False
    """Whether status is a subresource of its own, which the main path leaves alone."""

    @property
    def api_version(self) -> str:
        """As in an object's `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def name(self) -> str:
        """As in messages: plural, and the group when there is one."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


SERVICES = Resource("", "v1", "services", "Service", has_status=True)
PODS = Resource("", "v1", "pods", "Pod", has_status=True)
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False, has_status=True)
SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment", has_status=True)
WEBHOOKS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
    namespaced=False,
)
EVENTS = Resource("", "v1", "events", "Event")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
RESOURCES = (
    NAMESPACES,
    SERVICES,
    PODS,
    SLICES,
    DEPLOYMENTS,
    WEBHOOKS,
    EVENTS,
    Resource("events.k8s.io", "v1", "events", "Event"),
    LEASES,
    Resource("", "v1", "configmaps", "ConfigMap"),
    Resource("", "v1", "secrets", "Secret"),
)
"""All that is served."""

_BY_PLACE: Mapping[tuple[str, str, str], Resource] = {
    (each.group, each.version, each.plural): each for each in RESOURCES
}
_BY_KIND: Mapping[tuple[str, str], Resource] = {(each.api_version, each.kind): each for each in RESOURCES}
_PATH = re.compile(
    r"/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+)/(?P<version>[^/]+))"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/(?!status$)))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<subresource>[^/]+))?"
)


@dataclass(frozen=True, slots=True)
class Place:
    """What a path names: a collection, an object, or a subresource of it. No namespace means all of them."""

    resource: Resource
    namespace: str | None
    name: str | None
    subresource: str | None


def place_of(path: str) -> Place:
    """Reads a path. Raises Refusal (404) for one that is not served."""
    found = _PATH.fullmatch(path)
    if not found:
        raise not_found("the server could not find the requested resource")
    parts = found.groupdict()
    resource = _BY_PLACE.get((parts["group"] or "", parts["core"] or parts["version"], parts["plural"]))
    if resource is None or (parts["namespace"] and not resource.namespaced):
        raise not_found("the server could not find the requested resource")
    if parts["subresource"] and not (parts["subresource"] == "status" and resource.has_status):
        raise not_found("the server could not find the requested resource")
    if parts["name"] and resource.namespaced and not parts["namespace"]:
        raise not_found("the server could not find the requested resource")
    return Place(resource, parts["namespace"], parts["name"], parts["subresource"])


def resource_of(manifest: Mapping[str, Any]) -> Resource:
    """The resource of an object that says its kind. Raises Refusal (404) for one that is not served."""
    found = _BY_KIND.get((str(manifest.get("apiVersion")), str(manifest.get("kind"))))
    if found is None:
        raise not_found(f"no matches for kind {manifest.get('kind')!r} in version {manifest.get('apiVersion')!r}")
    return found
