"""The Services, slices and pods of the agent's cluster, as the Kubernetes API has them: as long as real ones are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks import world
from benchmarks.world import PORT, Size

SIZE: Final = Size("agent", binds=1_000, load_balancers=20, clusters=1)
"""1,000 pods over 20 Services, each with a load balancer of its own."""

NAMESPACE: Final = "shop"
LISTENER_PORT: Final = 80
GATE: Final = "cloud.tencent.com/load-balancer-backendgroup-ready"
FIELDS: Final = 80
"""Fields that one manager of a pod is noted for in its managedFields: with three of them a pod takes about 10 kB."""

MANAGERS: Final = ("kube-controller-manager", "kubelet", "kube-scheduler")
FIRST_STEPS: Final = ("PodScheduled", "Initialized", "PodReadyToStartContainers")

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Member:
    """One pod of a Service: which of its pods, and the how many-th that takes this place."""

    service: int
    number: int
    generation: int = 0

    @property
    def name(self) -> str:
        """The pod's name."""
        return f"web-{self.service}-{self.generation}-{self.number}"

    @property
    def ip(self) -> str:
        """Its address: of the first generation those that `benchmarks.world` has interfaces for."""
        return f"10.{self.generation}.{self.service + 1}.{self.number + 1}"


def members(size: Size = SIZE, generation: int = 0) -> list[Member]:
    """All pods of a generation, one of each Service in turn."""
    each = size.binds // size.load_balancers
    return [Member(service, number, generation) for number in range(each) for service in range(size.load_balancers)]


def service(number: int) -> Manifest:
    """A direct-access Service."""
    prefix = "service.cloud.tencent.com"
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "namespace": NAMESPACE,
            "name": f"web-{number}",
            "annotations": {
                f"{prefix}/direct-access": "true",
                f"{prefix}/mode": "skip",
                "service.kubernetes.io/tke-existed-lbid": world.load_balancer_ids(SIZE)[number],
            },
        },
        "spec": {
            "type": "LoadBalancer",
            "selector": {"app": f"web-{number}"},
            "ports": [{"name": "http", "protocol": "TCP", "port": LISTENER_PORT, "targetPort": PORT}],
        },
    }


def pod(member: Member, *, ready: bool) -> Manifest:
    """A pod that runs, with a readiness gate; status and all."""
    metadata = {
        "namespace": NAMESPACE,
        "name": member.name,
        "labels": {"app": f"web-{member.service}", "pod-template-hash": "5d9c7b8f6d"},
        "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"web-{member.service}-5d9c7b8f6d", "uid": "r"}
        ],
        "managedFields": [_managed(each) for each in MANAGERS],
    }
    container = {
        "name": "web",
        "image": "registry.example/web:1",
        "env": [{"name": f"SETTING_{each}", "value": "on"} for each in range(10)],
        "ports": [{"containerPort": PORT}],
        "resources": {"limits": {"cpu": "1", "memory": "1Gi", "tke.cloud.tencent.com/eni-ip": "1"}},
    }
    spec = {
        "nodeName": f"node-{member.number % 20}",
        "containers": [container],
        "readinessGates": [{"conditionType": GATE}],
    }
    status = {
        "phase": "Running",
        "hostIP": f"10.0.255.{member.number % 20 + 1}",
        "podIP": member.ip,
        "podIPs": [{"ip": member.ip}],
        "conditions": [
            *({"type": each, "status": "True"} for each in FIRST_STEPS),
            {"type": "Ready", "status": "False"},
        ],
        "containerStatuses": [],
    }
    found = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}
    status["conditions"] += readiness(ready=ready)["status"]["conditions"]
    return found


def readiness(*, ready: bool) -> Manifest:
    """A kubelet's patch of a pod's status when its containers become ready, or stop being so."""
    return {"status": {"conditions": [{"type": "ContainersReady", "status": "True" if ready else "False"}]}}


def endpoint_slice(number: int, those: Iterable[tuple[Member, str]]) -> Manifest:
    """The one slice of a Service with these pods, each with its uid."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "namespace": NAMESPACE,
            "name": f"web-{number}-slice",
            "labels": {"kubernetes.io/service-name": f"web-{number}"},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "protocol": "TCP", "port": PORT}],
        "endpoints": [_endpoint(member, uid) for member, uid in those],
    }


def services_of(those: Sequence[Member]) -> list[int]:
    """The Services that these belong to, each once."""
    return list(dict.fromkeys(member.service for member in those))


def _endpoint(member: Member, uid: str) -> Manifest:
    return {
        "addresses": [member.ip],
        "conditions": {"ready": False, "serving": False, "terminating": False},
        "nodeName": f"node-{member.number % 20}",
        "targetRef": {"kind": "Pod", "namespace": NAMESPACE, "name": member.name, "uid": uid},
    }


def _managed(manager: str) -> Manifest:
    return {
        "manager": manager,
        "operation": "Update",
        "apiVersion": "v1",
        "time": "2026-11-23T08:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {f"f:field-{each}": {".": {}, "f:name": {}} for each in range(FIELDS)}},
    }
