"""A world with room: a VPC-CNI cluster and a GlobalRouter cluster, one load balancer with several listeners."""

from typing import Any

from tests.acceptance.installation import FAST

LISTENERS = [f"lbl-{number}" for number in range(1, 5)]
CLUSTERS: dict[str, dict[str, Any]] = {"cls-a": {}, "cls-b": {}}


def world(**parameters: Any) -> dict[str, Any]:
    return {
        "region": "ap-guangzhou",
        "parameters": {**FAST, **parameters},
        "credentials": [{"secret_id": "AKIDtest", "secret_key": "test-secret"}],
        "vpcs": [
            {"vpc_id": "vpc-a", "cidr": "10.0.0.0/16"},
            {"vpc_id": "vpc-b", "cidr": "10.8.0.0/16", "container_cidrs": ["172.20.0.0/16"]},
        ],
        "subnets": [{"subnet_id": "subnet-a", "vpc_id": "vpc-a", "cidr": "10.0.0.0/16"}],
        "interfaces": [
            {
                "interface_id": f"eni-{number}",
                "vpc_id": "vpc-a",
                "subnet_id": "subnet-a",
                "instance_id": f"ins-{number}",
                "addresses": [{"first": f"10.0.{number}.1", "count": 200}],
            }
            for number in range(1, 7)
        ],
        "ccns": [
            {
                "ccn_id": "ccn-1",
                "attachments": [{"vpc_id": "vpc-a", "state": "ACTIVE"}, {"vpc_id": "vpc-b", "state": "ACTIVE"}],
                "routes": [
                    {"cidr": "10.0.0.0/16", "vpc_id": "vpc-a", "enabled": True},
                    {"cidr": "172.20.0.0/16", "vpc_id": "vpc-b", "enabled": True},
                ],
            }
        ],
        "clusters": [
            {
                "cluster_id": "cls-a",
                "name": "a",
                "version": "1.30.0",
                "vpc_id": "vpc-a",
                "network_type": "VPC-CNI",
                "nodes": [{"instance_id": f"ins-{number}", "ip": f"10.0.200.{number}"} for number in range(1, 7)],
            },
            {
                "cluster_id": "cls-b",
                "name": "b",
                "version": "1.30.0",
                "vpc_id": "vpc-b",
                "network_type": "GR",
                "cluster_cidr": "172.20.0.0/16",
            },
        ],
        "load_balancers": [
            {
                "load_balancer_id": "lb-1",
                "vpc_id": "vpc-a",
                "vips": ["203.0.113.1"],
                "snat_pro": True,
                "listeners": [
                    {"listener_id": listener_id, "protocol": "TCP", "port": 80 + number}
                    for number, listener_id in enumerate(LISTENERS)
                ],
            }
        ],
    }


def address(cluster_id: str, number: int) -> str:
    """The address of the cluster's pod of that number, from 0; 1200 for cls-a, 60000 for cls-b."""
    if cluster_id == "cls-a":
        return f"10.0.{number // 200 + 1}.{number % 200 + 1}"
    return f"172.20.{number // 200}.{number % 200 + 1}"


def event(
    cluster_id: str, number: int, *, kind: str = "bind", revision: int = 1, event_id: str | None = None, **target: Any
) -> dict[str, Any]:
    """A pod's event as its agent sends it; the pods are spread over the listeners."""
    return {
        "event_id": event_id or f"{kind}-{number}-{revision}",
        "type": kind,
        "revision": revision,
        "observed_at": "2026-11-23T08:00:00Z",
        "pod": {
            "namespace": "shop",
            "name": f"pod-{number}",
            "uid": f"uid-{cluster_id}-{number}",
            "ip": address(cluster_id, number),
            "node": "10.0.0.1",
        },
        "workload": {"kind": "Deployment", "name": "web"},
        "service": {"namespace": "shop", "name": "web"},
        "network_mode": "vpc-cni" if cluster_id == "cls-a" else "global-router",
        "target": {
            "load_balancer_id": "lb-1",
            "listener_id": LISTENERS[number % len(LISTENERS)],
            "location_id": None,
            "port": 8080,
            "weight": 10,
            **target,
        },
    }


def target(cluster_id: str, number: int) -> tuple[str, str, int]:
    """The pod's target at the cloud."""
    return LISTENERS[number % len(LISTENERS)], address(cluster_id, number), 8080
