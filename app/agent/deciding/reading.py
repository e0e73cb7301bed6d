"""The Kubernetes API's JSON as the values of `app.agent.deciding.objects`.

The cluster's API is trusted to send its own shapes; a field that is absent or null has its documented default. Strings
that repeat are kept once.
"""

from collections.abc import Iterable, Mapping
from ipaddress import AddressValueError, IPv4Address
from sys import intern
from typing import Any, Final

from app.agent.deciding.objects import (
    ANNOTATIONS,
    GATE,
    Condition,
    Endpoint,
    ObjectKey,
    Pod,
    Service,
    ServicePort,
    Slice,
    SlicePort,
    Workload,
)

Raw = Mapping[str, Any]

SERVICE_LABEL: Final = "kubernetes.io/service-name"
"""By which an EndpointSlice names its Service (Kubernetes, discovery.k8s.io/v1)."""

HASH_LABEL: Final = "pod-template-hash"
"""By which a ReplicaSet's name differs from its Deployment's (Kubernetes, Deployments)."""

INTERFACE_RESOURCES: Final = frozenset(
    {"tke.cloud.tencent.com/eni-ip", "tke.cloud.tencent.com/direct-eni", "tke.cloud.tencent.com/sub-eni"}
)
"""What TKE puts into the containers of a pod that gets its address from an interface."""

NETWORKS: Final = "tke.cloud.tencent.com/networks"
DEFAULT_GRACE_SECONDS: Final = 30


def service_of(raw: Raw) -> Service:
    """The Service (v1) in ``raw``."""
    meta, spec = raw["metadata"], raw.get("spec") or {}
    annotations = meta.get("annotations") or {}
    ingress = ((raw.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return Service(
        key=_key(meta),
        uid=meta.get("uid", ""),
        revision=revision_of(meta.get("resourceVersion")),
        created_at=meta.get("creationTimestamp") or "",
        type=intern(spec.get("type") or "ClusterIP"),
        annotations=tuple(sorted((name, text) for name, text in annotations.items() if name in ANNOTATIONS)),
        ports=tuple(ServicePort(*_name_and_protocol(port), port["port"]) for port in spec.get("ports") or ()),
        selector=_pairs(spec.get("selector")),
        publish_not_ready=bool(spec.get("publishNotReadyAddresses")),
        ip_families=tuple(map(intern, spec.get("ipFamilies") or ())),
        ingress=tuple(each["ip"] for each in ingress if each.get("ip")),
    )


def slice_of(raw: Raw) -> Slice:
    """The EndpointSlice (discovery.k8s.io/v1) in ``raw``."""
    meta = raw["metadata"]
    key = _key(meta)
    service = (meta.get("labels") or {}).get(SERVICE_LABEL)
    return Slice(
        key=key,
        revision=revision_of(meta.get("resourceVersion")),
        service=ObjectKey(key.namespace, intern(service)) if service else None,
        address_type=intern(raw.get("addressType") or ""),
        ports=tuple(SlicePort(*_name_and_protocol(port), port.get("port")) for port in raw.get("ports") or ()),
        endpoints=tuple(_endpoint(each, key.namespace) for each in raw.get("endpoints") or ()),
    )


def pod_of(raw: Raw) -> Pod:
    """The pod (v1) in ``raw``."""
    meta, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    gates = [each["conditionType"] for each in spec.get("readinessGates") or ()]
    gated = GATE in gates
    grace = spec.get("terminationGracePeriodSeconds")
    return Pod(
        key=_key(meta),
        uid=meta.get("uid", ""),
        revision=revision_of(meta.get("resourceVersion")),
        created_at=meta.get("creationTimestamp") or "",
        ip=_ipv4(status),
        node=intern(status["hostIP"]) if status.get("hostIP") else None,
        phase=intern(status.get("phase") or ""),
        terminating=meta.get("deletionTimestamp") is not None,
        host_network=bool(spec.get("hostNetwork")),
        ready=_true(conditions.get("ContainersReady")),
        waits_for=tuple(intern(gate) for gate in gates if gate != GATE and not _true(conditions.get(gate))),
        gated=gated,
        condition=_condition(conditions.get(GATE)),
        workload=_workload(meta),
        interface_resource=_interface_resource(spec),
        networks=(meta.get("annotations") or {}).get(NETWORKS),
        grace_seconds=DEFAULT_GRACE_SECONDS if grace is None else grace,
        labels=_pairs(meta.get("labels")) if gated else (),
    )


def revision_of(version: str | None) -> int:
    """A resource version as a number; 0 for none, or for one that is no number."""
    return int(version) if version and version.isascii() and version.isdigit() else 0


def _key(meta: Raw) -> ObjectKey:
    return ObjectKey(intern(meta.get("namespace") or ""), meta["name"])


def _pairs(labels: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((intern(name), intern(text)) for name, text in (labels or {}).items()))


def _name_and_protocol(port: Raw) -> tuple[str, str]:
    return intern(port.get("name") or ""), intern(port.get("protocol") or "TCP")


def _endpoint(raw: Raw, namespace: str) -> Endpoint:
    target = raw.get("targetRef") or {}
    named = target.get("kind") == "Pod" and target.get("name")
    pod = ObjectKey(intern(target.get("namespace") or namespace), target["name"]) if named else None
    # Of several addresses of one endpoint the API tells consumers to use the first.
    return Endpoint((raw.get("addresses") or [""])[0], pod, target.get("uid") or "" if named else "")


def _ipv4(status: Raw) -> str | None:
    addresses = [each.get("ip") for each in status.get("podIPs") or ()] or [status.get("podIP")]
    return next((address for address in addresses if address and is_ipv4(address)), None)


def is_ipv4(address: str) -> bool:
    """Whether ``address`` is an IPv4 address."""
    try:
        IPv4Address(address)
    except AddressValueError:
        return False
    return True


def _true(condition: Raw | None) -> bool:
    return condition is not None and condition.get("status") == "True"


def _condition(raw: Raw | None) -> Condition | None:
    if raw is None:
        return None
    return Condition(intern(raw.get("status") or ""), intern(raw.get("reason") or ""), intern(raw.get("message") or ""))


def _workload(meta: Raw) -> Workload | None:
    owner = next((each for each in meta.get("ownerReferences") or () if each.get("controller")), None)
    if owner is None:
        return None
    kind, name = owner["kind"], owner["name"]
    suffix = "-" + ((meta.get("labels") or {}).get(HASH_LABEL) or "")
    if kind == "ReplicaSet" and len(suffix) > 1 and name.endswith(suffix):
        kind, name = "Deployment", name.removesuffix(suffix)
    return Workload(intern(kind), intern(name))


def _interface_resource(spec: Raw) -> str | None:
    containers: Iterable[Raw] = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    for container in containers:
        resources = container.get("resources") or {}
        for amounts in (resources.get("limits"), resources.get("requests")):
            found = INTERFACE_RESOURCES.intersection(amounts or ())
            if found:
                return min(found)
    return None
