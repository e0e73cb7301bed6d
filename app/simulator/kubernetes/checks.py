"""What an object must be before it is stored: the mistakes that a client could make unnoticed otherwise."""

import re
from collections.abc import Mapping
from typing import Any

from app.simulator.kubernetes.errors import bad_request, invalid
from app.simulator.kubernetes.resources import EVENTS, LEASES, PODS, SERVICES, Object, Place, Resource

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def check_envelope(place: Place, content: Any) -> Object:
    """The body of a write, when it is an object of that place. Raises Refusal (400)."""
    resource = place.resource
    if not isinstance(content, dict) or not isinstance(content.setdefault("metadata", {}), dict):
        raise bad_request("the body is not an object with metadata")
    if content.setdefault("kind", resource.kind) != resource.kind:
        raise bad_request(f"{content['kind']} in the body does not match {resource.kind} of the path")
    if content.setdefault("apiVersion", resource.api_version) != resource.api_version:
        raise bad_request(f"the API version in the data ({content['apiVersion']}) does not match the expected one")
    metadata = content["metadata"]
    if resource.namespaced and metadata.setdefault("namespace", place.namespace) != place.namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    if place.name and metadata.setdefault("name", place.name) != place.name:
        raise bad_request("the name of the object does not match the name on the URL")
    return content


def check(resource: Resource, content: Object) -> None:
    """Raises Refusal: 422 for what is wrong, 400 for a time that the API could not read."""
    name = content["metadata"].get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise invalid(f"metadata.name: a lowercase RFC 1123 subdomain is needed, not {name!r}")
    labels = content["metadata"].get("labels") or {}
    if not all(
        isinstance(value, str) for value in {**labels, **(content["metadata"].get("annotations") or {})}.values()
    ):
        raise bad_request("json: cannot unmarshal labels or annotations into Go struct field of type string")
    if resource in _CHECKS:
        _CHECKS[resource](content)


def _check_pod(content: Object) -> None:
    containers = (content.get("spec") or {}).get("containers")
    if not containers or not all(each.get("name") for each in containers):
        raise invalid("spec.containers: Required value")
    for condition in (content.get("status") or {}).get("conditions") or ():
        _check_condition(condition)


def _check_condition(condition: Mapping[str, Any]) -> None:
    if condition.get("status") not in ("True", "False", "Unknown") or not condition.get("type"):
        raise invalid(f"status.conditions: a type and a status True, False or Unknown are needed: {condition!r}")
    for field in ("lastTransitionTime", "lastProbeTime"):
        if condition.get(field) is not None and not _TIME.fullmatch(str(condition[field])):
            raise bad_request(f"parsing time {condition[field]!r}: an RFC 3339 time is needed")


def _check_service(content: Object) -> None:
    spec = content.get("spec") or {}
    if not spec.get("ports") and spec.get("type") != "ExternalName":
        raise invalid("spec.ports: Required value")
    for ingress in ((content.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ():
        if not (ingress.get("ip") or ingress.get("hostname")):
            raise invalid("status.loadBalancer.ingress: an ip or a hostname is needed")


def _check_event(content: Object) -> None:
    about = content.get("involvedObject")
    if not isinstance(about, dict):
        raise invalid("involvedObject: Required value")
    namespace = about.get("namespace") or "default"
    if namespace != content["metadata"]["namespace"]:
        raise invalid("involvedObject.namespace: does not match event.namespace")
    if len(str(content.get("message", ""))) > 1024 and content.get("eventTime"):
        raise invalid("message: can have at most 1024 characters")
    _check_micro_time(content.get("eventTime"))


def _check_lease(content: Object) -> None:
    spec = content.get("spec") or {}
    for field in ("acquireTime", "renewTime"):
        _check_micro_time(spec.get(field))
    if spec.get("leaseDurationSeconds") is not None and spec["leaseDurationSeconds"] <= 0:
        raise invalid("spec.leaseDurationSeconds: must be greater than 0")


def _check_micro_time(text: Any) -> None:
    if text is not None and not _MICRO_TIME.fullmatch(str(text)):
        raise bad_request(f"parsing time {text!r}: a time with exactly six digits of the second is needed")


_CHECKS = {PODS: _check_pod, SERVICES: _check_service, EVENTS: _check_event, LEASES: _check_lease}
