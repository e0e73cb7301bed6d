"""Kubernetes objects of a small shop, as the API sends them and as the agent keeps them."""

import json
from typing import Any

from app.agent.deciding.network import Network, NetworkMode, cidrs_of
from app.agent.deciding.objects import (
    DIRECT_ACCESS,
    EXISTING_LOAD_BALANCER,
    GATE,
    MODE,
    ObjectKey,
    Pod,
    Service,
    Slice,
)
from app.agent.deciding.reading import Raw, pod_of, service_of, slice_of
from app.agent.deciding.targets import ServiceDecision, TargetName, Wanted, decide

WEB = ObjectKey("shop", "web")
BORN = "2026-11-23T08:00:00Z"
CNI = Network(default_mode=NetworkMode.VPC_CNI)
ROUTED = Network(cluster_cidrs=cidrs_of(["172.16.0.0/16"]))
TARGET = TargetName("lb-1", "TCP", 80, 8080)


def raw_service(name: str = "web", revision: int = 10, **changes: Any) -> dict[str, Any]:
    """A direct-access Service of one TCP port. ``annotations`` are added (None: taken off); the rest is its spec."""
    annotations: dict[str, str | None] = {DIRECT_ACCESS: "true", EXISTING_LOAD_BALANCER: "lb-1", MODE: "skip"}
    annotations |= changes.pop("annotations", {})
    meta = {
        "namespace": "shop",
        "name": name,
        "uid": f"uid-{name}",
        "resourceVersion": str(revision),
        "creationTimestamp": changes.pop("born", BORN),
        "annotations": {key: text for key, text in annotations.items() if text is not None},
    }
    spec = {
        "type": "LoadBalancer",
        "selector": {"app": "web"},
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 8080}],
        "ipFamilies": ["IPv4"],
    }
    return {"metadata": meta, "spec": spec | changes, "status": {"loadBalancer": {}}}


def raw_pod(uid: str = "u1", ip: str | None = "10.0.3.17", revision: int = 11, **changes: Any) -> dict[str, Any]:
    """A running, ready pod with the gate. ``meta``, ``spec`` and ``status`` are added to its own."""
    meta = {
        "namespace": "shop",
        "name": f"web-{uid}",
        "uid": uid,
        "resourceVersion": str(revision),
        "creationTimestamp": BORN,
        "labels": {"app": "web", "pod-template-hash": "7d9"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "web-7d9", "controller": True}],
    }
    spec = {"readinessGates": [{"conditionType": GATE}], "containers": [{"name": "web"}]}
    status = {
        "phase": "Running",
        "hostIP": "10.0.1.5",
        "podIP": ip,
        "podIPs": [{"ip": ip}] if ip else [],
        "conditions": [{"type": "ContainersReady", "status": "True"}],
    }
    return {
        "metadata": meta | changes.pop("meta", {}),
        "spec": spec | changes.pop("spec", {}),
        "status": status | changes.pop("status", {}),
    }


def raw_slice(
    *pods: Raw, service: str = "web", name: str = "web-1", revision: int = 12, **changes: Any
) -> dict[str, Any]:
    """The Service's IPv4 slice with ``pods``; ``changes`` are of the slice itself."""
    endpoints = [
        {
            "addresses": [pod["status"]["podIP"] or "10.0.3.99"],
            "conditions": {"ready": False},
            "targetRef": {
                "kind": "Pod",
                "namespace": "shop",
                "name": pod["metadata"]["name"],
                "uid": pod["metadata"]["uid"],
            },
        }
        for pod in pods
    ]
    meta = {
        "namespace": "shop",
        "name": name,
        "resourceVersion": str(revision),
        "labels": {"kubernetes.io/service-name": service},
    }
    usual = {"addressType": "IPv4", "ports": [{"name": "", "protocol": "TCP", "port": 8080}], "endpoints": endpoints}
    return {"metadata": meta, **usual, **changes}


def service(name: str = "web", revision: int = 10, **changes: Any) -> Service:
    """`raw_service` as it is kept."""
    return service_of(raw_service(name, revision, **changes))


def pod(uid: str = "u1", ip: str | None = "10.0.3.17", revision: int = 11, **changes: Any) -> Pod:
    """`raw_pod` as it is kept."""
    return pod_of(raw_pod(uid, ip, revision, **changes))


def decided(
    raw: Raw | None = None,
    pods: tuple[Raw, ...] = (),
    slices: tuple[Raw, ...] | None = None,
    network: Network = CNI,
    revision: int = 0,
) -> ServiceDecision:
    """What is decided for a Service with ``pods``, in one slice unless others are given."""
    kept = [pod_of(each) for each in pods]
    found: list[Slice] = [slice_of(each) for each in ((raw_slice(*pods),) if slices is None else slices)]
    return decide(service_of(raw or raw_service()), found, {each.key: each for each in kept}, network, revision)


def wanted(uid: str = "u1", revision: int = 12, **changes: Any) -> Wanted:
    """A pod of the shop wanted at its TCP target."""
    usual: dict[str, Any] = {
        "target": TARGET,
        "pod": ObjectKey("shop", f"web-{uid}"),
        "pod_uid": uid,
        "ip": "10.0.3.17",
        "node": "10.0.1.5",
        "service": WEB,
        "workload": None,
        "network_mode": NetworkMode.VPC_CNI,
        "revision": revision,
        "service_born": BORN,
        "pod_born": BORN,
    }
    return Wanted(**(usual | changes))


def rules(**ports: Any) -> str:
    """The annotation of our own."""
    return json.dumps(ports)
