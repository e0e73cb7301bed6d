"""The world of the fault suite: two VPC-CNI clusters in one network, a GlobalRouter cluster in another, two load
balancers or more. Addresses 10.0.3.x pass from machines of cls-a to machines of cls-b and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.acceptance.installation import FAST

CLUSTERS: dict[str, dict[str, Any]] = {"cls-a": {}, "cls-b": {}, "cls-g": {}}
LOAD_BALANCERS = ("lb-1", "lb-2")
LISTENERS = ("lbl-1", "lbl-2")
SECRET = {"secret_id": "AKIDtest", "secret_key": "test-secret"}
ROAMING = {"cls-a": "eni-a2", "cls-b": "eni-b2"}
"""The interfaces between which addresses 10.0.3.x move."""
QUIET = {**FAST, "target_quota": 500, "batch_seconds": 0.1}


@dataclass(frozen=True, slots=True)
class Scale:
    """How many load balancers there are, and after how many seconds each of them, and each proof, is looked at again:
    seldom where there are many, or nothing but that would fit into the budget of reads."""

    load_balancers: tuple[str, ...] = LOAD_BALANCERS
    look_seconds: int = 2


def world(load_balancers: Sequence[str] = LOAD_BALANCERS) -> dict[str, Any]:
    """The description that the simulator builds its world from."""
    return {
        "region": "ap-guangzhou",
        "parameters": QUIET,
        "credentials": [SECRET],
        "vpcs": [
            {"vpc_id": "vpc-a", "cidr": "10.0.0.0/16"},
            {"vpc_id": "vpc-g", "cidr": "10.8.0.0/16", "container_cidrs": ["172.20.0.0/16"]},
        ],
        "subnets": [{"subnet_id": "subnet-a", "vpc_id": "vpc-a", "cidr": "10.0.0.0/16"}],
        "interfaces": [
            _interface("eni-a1", "ins-a1", "10.0.1.1", 250),
            _interface("eni-b1", "ins-b1", "10.0.2.1", 250),
            _interface("eni-a2", "ins-a2", "10.0.3.1", 100),
            _interface("eni-b2", "ins-b2", "10.0.4.1", 1),
        ],
        "ccns": [
            {
                "ccn_id": "ccn-1",
                "attachments": [{"vpc_id": "vpc-a", "state": "ACTIVE"}, {"vpc_id": "vpc-g", "state": "ACTIVE"}],
                "routes": [
                    {"cidr": "10.0.0.0/16", "vpc_id": "vpc-a", "enabled": True},
                    {"cidr": "172.20.0.0/16", "vpc_id": "vpc-g", "enabled": True},
                ],
            }
        ],
        "clusters": [
            _cluster("cls-a", "a"),
            _cluster("cls-b", "b"),
            {
                "cluster_id": "cls-g",
                "name": "g",
                "version": "1.30.0",
                "vpc_id": "vpc-g",
                "network_type": "GR",
                "cluster_cidr": "172.20.0.0/16",
            },
        ],
        "load_balancers": [load_balancer(name, number) for number, name in enumerate(load_balancers, 1)],
    }


def load_balancer(name: str, number: int) -> dict[str, Any]:
    """A load balancer with its listeners, empty."""
    return {
        "load_balancer_id": name,
        "vpc_id": "vpc-a",
        "vips": [f"203.0.113.{number}"],
        "snat_pro": True,
        "listeners": [listener(each) for each in LISTENERS],
    }


def listener(listener_id: str) -> dict[str, Any]:
    """A listener, empty."""
    return {"listener_id": listener_id, "protocol": "TCP", "port": 80 + LISTENERS.index(listener_id)}


def address(cluster_id: str, number: int) -> str:
    """The address of a cluster's pod of that number, from 0 to 249."""
    return {"cls-a": "10.0.1.", "cls-b": "10.0.2.", "cls-g": "172.20.0."}[cluster_id] + str(number + 1)


def _interface(interface_id: str, instance_id: str, first: str, count: int) -> dict[str, Any]:
    return {
        "interface_id": interface_id,
        "vpc_id": "vpc-a",
        "subnet_id": "subnet-a",
        "instance_id": instance_id,
        "addresses": [{"first": first, "count": count}],
    }


def _cluster(cluster_id: str, letter: str) -> dict[str, Any]:
    return {
        "cluster_id": cluster_id,
        "name": letter,
        "version": "1.30.0",
        "vpc_id": "vpc-a",
        "network_type": "VPC-CNI",
        "nodes": [
            {"instance_id": f"ins-{letter}{number}", "ip": f"10.0.200.{number + (0 if letter == 'a' else 100)}"}
            for number in (1, 2)
        ],
    }
