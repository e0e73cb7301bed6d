"""What is kept of a Service, an EndpointSlice and a pod: little, since thousands are held.

Everything else of the API's objects is let go when they arrive (`app.agent.deciding.reading`).
"""

from dataclasses import dataclass
from typing import Final

GATE: Final = "cloud.tencent.com/load-balancer-backendgroup-ready"
"""The type of the readiness gate, and of the pod's condition (TKE documentation, direct access)."""

DIRECT_ACCESS: Final = "service.cloud.tencent.com/direct-access"
EXISTING_LOAD_BALANCER: Final = "service.kubernetes.io/tke-existed-lbid"
LOAD_BALANCER: Final = "service.kubernetes.io/loadbalance-id"
WEIGHTS: Final = "service.cloud.tencent.com/lb-rs-weight"
GRACE_SHUTDOWN: Final = "service.cloud.tencent.com/enable-grace-shutdown"
MODE: Final = "service.cloud.tencent.com/mode"
"""Annotations of Services, as TKE documents them (Service Annotation, document 457/51258)."""

RULES: Final = "clb-broker.io/rules"
DRAIN_SECONDS: Final = "clb-broker.io/drain-seconds"
"""Annotations of our own."""

ANNOTATIONS: Final = frozenset(
    {DIRECT_ACCESS, EXISTING_LOAD_BALANCER, LOAD_BALANCER, WEIGHTS, GRACE_SHUTDOWN, MODE, RULES, DRAIN_SECONDS}
)
"""All that are read; no other is kept."""


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """An object of one kind by namespace and name."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class ServicePort:
    """A port of a Service; ``name`` is empty when it has none, ``port`` is the Service's own, not the pod's."""

    name: str
    protocol: str
    port: int


@dataclass(frozen=True, slots=True)
class Service:
    """A Service.

    ``revision`` is its resource version as a number, ``created_at`` RFC 3339 text as the API gives it (UTC, seconds).
    ``annotations`` are those of `ANNOTATIONS` that it has. ``selector`` is empty when it selects nothing.
    ``ingress`` are the addresses in its status.
    """

    key: ObjectKey
    uid: str
    revision: int
    created_at: str
    type: str
    annotations: tuple[tuple[str, str], ...] = ()
    ports: tuple[ServicePort, ...] = ()
    selector: tuple[tuple[str, str], ...] = ()
    publish_not_ready: bool = False
    ip_families: tuple[str, ...] = ()
    ingress: tuple[str, ...] = ()

    @property
    def direct_access(self) -> bool:
        """Whether the agent works for it: of type LoadBalancer, with direct access annotated as TKE wants it."""
        return self.type == "LoadBalancer" and self.annotation(DIRECT_ACCESS) == "true"

    def annotation(self, name: str) -> str | None:
        """The annotation's value, None when the Service has none."""
        return next((value for key, value in self.annotations if key == name), None)

    def selects(self, pod: "Pod") -> bool:
        """Whether its selector fits the pod. Only pods with the gate keep their labels: False for all others."""
        labels = dict(pod.labels)
        return (
            self.key.namespace == pod.key.namespace
            and bool(self.selector)
            and all(labels.get(name) == value for name, value in self.selector)
        )


@dataclass(frozen=True, slots=True)
class SlicePort:
    """A port of an EndpointSlice: the Service port's name, and the pods' own port; None: not stated."""

    name: str
    protocol: str
    port: int | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint: its first address, and the pod that it names (``pod`` None: none)."""

    address: str
    pod: ObjectKey | None
    pod_uid: str


@dataclass(frozen=True, slots=True)
class Slice:
    """An EndpointSlice. ``service`` is named by its label, None when it has none."""

    key: ObjectKey
    revision: int
    service: ObjectKey | None
    address_type: str
    ports: tuple[SlicePort, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Workload:
    """What runs a pod, e.g. a Deployment."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a pod; ``status`` is "True", "False" or "Unknown"."""

    status: str
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod.

    ``ip`` is its IPv4 address, None when it has none (yet, or but IPv6), ``node`` its node's address. ``ready`` says
    that all containers are; ``waits_for`` are readiness gates besides `GATE` that are not True. ``gated`` says that it
    has `GATE`, ``condition`` is that gate's as it stands. ``interface_resource`` is the resource by which TKE gives it
    an interface address, ``networks`` its annotation of that name. ``labels`` are kept when ``gated``.
    ``grace_seconds`` is its terminationGracePeriodSeconds.
    """

    key: ObjectKey
    uid: str
    revision: int
    created_at: str = ""
    ip: str | None = None
    node: str | None = None
    phase: str = "Running"
    terminating: bool = False
    host_network: bool = False
    ready: bool = True
    waits_for: tuple[str, ...] = ()
    gated: bool = False
    condition: Condition | None = None
    workload: Workload | None = None
    interface_resource: str | None = None
    networks: str | None = None
    grace_seconds: int = 30
    labels: tuple[tuple[str, str], ...] = ()
