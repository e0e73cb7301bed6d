"""Kubernetes objects for tests, as a cluster has them."""

from typing import Any

GATE = "cloud.tencent.com/load-balancer-backendgroup-ready"
DIRECT = {
    "service.cloud.tencent.com/direct-access": "true",
    "service.kubernetes.io/tke-existed-lbid": "lb-1",
    "service.cloud.tencent.com/mode": "skip",
}
Json = dict[str, Any]


def service(name: str = "web", port: int = 80, namespace: str = "shop", **annotations: str) -> Json:
    """A direct-access Service on lb-1; ``annotations`` by what stands behind the last slash and dot."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": namespace, "name": name, "annotations": {**DIRECT, **annotations}},
        "spec": {
            "type": "LoadBalancer",
            "ports": [{"name": "http", "port": port, "targetPort": 8080, "protocol": "TCP"}],
            "selector": {"app": name},
        },
    }


def pod(name: str, ip: str, app: str = "web", namespace: str = "shop", *, ready: bool = True, eni: bool = True) -> Json:
    """A running pod with the readiness gate, under VPC-CNI or (``eni`` False) without a sign of its network."""
    limits = {"tke.cloud.tencent.com/eni-ip": "1"} if eni else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "labels": {"app": app}},
        "spec": {
            "nodeName": "node-1",
            "containers": [{"name": "main", "image": "image", "resources": {"limits": limits}}],
            "readinessGates": [{"conditionType": GATE}],
        },
        "status": {
            "phase": "Running",
            "podIP": ip,
            "podIPs": [{"ip": ip}],
            "hostIP": "10.0.0.1",
            "conditions": [
                {"type": "ContainersReady", "status": str(ready)},
                {"type": "Ready", "status": "False"},
            ],
        },
    }


def endpoint_slice(name: str, pods: list[Json]) -> Json:
    """The slice of a Service with these pods, as they are stored."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "namespace": "shop",
            "name": f"{name}-abc",
            "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [
            {
                "addresses": [each["status"]["podIP"]],
                "conditions": {"ready": False},
                "targetRef": {
                    "kind": "Pod",
                    "namespace": "shop",
                    "name": each["metadata"]["name"],
                    "uid": each["metadata"]["uid"],
                },
            }
            for each in pods
        ],
    }
