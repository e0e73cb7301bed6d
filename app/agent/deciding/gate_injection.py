"""Which new pods get the readiness gate: those that a direct-access Service of their namespace selects.

Without the gate a rolling update takes old pods away as soon as new ones run, before the load balancer sends anything
to the new ones. A gate cannot be added later: Kubernetes forbids changing `spec.readinessGates` of a pod.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from app.agent.deciding.objects import GATE, ObjectKey
from app.agent.deciding.reading import Raw, service_of

OPT_OUT: Final = "clb-broker.io/readiness-gate"
"""Annotation of a pod or a Service; `DISABLED` keeps the gate away."""

DISABLED: Final = "disabled"
_MEANT: Final = (DISABLED, "enabled")


class MalformedPod(ValueError):
    """What was sent as a pod is none; the message says which field is wrong, and not what was in it."""


class Outcome(StrEnum):
    """What becomes of a pod."""

    INJECTED = "injected"
    PRESENT = "present"
    NOT_SELECTED = "not-selected"
    OPTED_OUT = "opted-out"
    HOST_NETWORK = "host-network"


@dataclass(frozen=True, slots=True)
class GatingService:
    """What matters of a Service here: whether its pods get the gate, and which pods these are."""

    key: ObjectKey
    direct_access: bool
    selector: tuple[tuple[str, str], ...]
    opted_out: bool


@dataclass(frozen=True, slots=True)
class NewPod:
    """What matters of a pod that is being created. ``gates`` is None where it has no list of gates yet."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    host_network: bool
    gates: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Injection:
    """What becomes of a pod, the JSON patch for it (RFC 6902; empty: none), and what to tell its creator."""

    outcome: Outcome
    patch: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()


def inject(pod: NewPod, services: Iterable[GatingService]) -> Injection:
    """What becomes of ``pod`` among the ``services`` of its namespace; only those with direct access count.

    ========================================  ============  =====
    pod                                       outcome       patch
    ========================================  ============  =====
    is in its node's network                  host-network  none
    is annotated as opted out                 opted-out     none
    is selected by none of the Services       not-selected  none
    is selected only by Services opted out    opted-out     none
    has the gate already                      present       none
    any other                                 injected      the gate
    ========================================  ============  =====
    """
    warnings = _warnings(pod)
    if pod.host_network:
        return Injection(Outcome.HOST_NETWORK, (), warnings)
    if pod.annotations.get(OPT_OUT) == DISABLED:
        return Injection(Outcome.OPTED_OUT, (), warnings)
    selecting = [service for service in services if _selects(service, pod)]
    if not selecting:
        return Injection(Outcome.NOT_SELECTED, (), warnings)
    if all(service.opted_out for service in selecting):
        return Injection(Outcome.OPTED_OUT, (), warnings)
    if GATE in (pod.gates or ()):
        return Injection(Outcome.PRESENT, (), warnings)
    return Injection(Outcome.INJECTED, (_step(pod),), warnings)


def gating_service_of(raw: Raw) -> GatingService:
    """What matters here of the Service (v1) in ``raw``."""
    service = service_of(raw)
    annotations = (raw.get("metadata") or {}).get("annotations") or {}
    return GatingService(
        key=service.key,
        direct_access=service.direct_access,
        selector=service.selector if service.direct_access else (),
        opted_out=annotations.get(OPT_OUT) == DISABLED,
    )


def new_pod_of(raw: object) -> NewPod:
    """The pod in an admission request's ``object``. Raises `MalformedPod`."""
    pod = _mapping(raw, "object")
    metadata = _mapping(pod.get("metadata") or {}, "metadata")
    spec = _mapping(pod.get("spec"), "spec")
    return NewPod(
        labels=_texts(metadata.get("labels"), "metadata.labels"),
        annotations=_texts(metadata.get("annotations"), "metadata.annotations"),
        host_network=spec.get("hostNetwork") is True,
        gates=_gates(spec.get("readinessGates")),
    )


def _selects(service: GatingService, pod: NewPod) -> bool:
    """A Service without selector selects nothing (Kubernetes, "Services without selectors")."""
    fits = bool(service.selector) and all(pod.labels.get(key) == value for key, value in service.selector)
    return service.direct_access and fits


def _step(pod: NewPod) -> Mapping[str, Any]:
    gate = {"conditionType": GATE}
    if pod.gates is None:
        return {"op": "add", "path": "/spec/readinessGates", "value": [gate]}
    return {"op": "add", "path": "/spec/readinessGates/-", "value": gate}


def _warnings(pod: NewPod) -> tuple[str, ...]:
    value = pod.annotations.get(OPT_OUT)
    if value is None or value in _MEANT:
        return ()
    return (f'annotation {OPT_OUT}: only "{DISABLED}" has a meaning, other values have none',)


def _mapping(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise MalformedPod(f"{name} is not an object")
    return value


def _texts(value: object, name: str) -> Mapping[str, str]:
    texts = _mapping(value or {}, name)
    if not all(isinstance(each, str) for each in texts.values()):
        raise MalformedPod(f"{name} has a value that is not a string")
    return texts


def _gates(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise MalformedPod("spec.readinessGates is not a list of objects")
    return tuple(str(each.get("conditionType")) for each in value)
