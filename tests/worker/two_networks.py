"""A world with something of everything: four clusters in three VPCs, two Cloud Connect Networks, five load balancers.

cls-a  VPC-CNI, in vpc-a, pods on eni-1 (10.0.1.*) and eni-2 (10.0.2.*)
cls-b  GlobalRouter and VPC-CNI, in vpc-b, pods in 172.20.0.0/16 and on eni-8 (10.8.1.*)
cls-c  VPC-CNI, in vpc-a too, pods on eni-3 (10.0.3.*)
cls-d  GlobalRouter, in vpc-d, which is in another Cloud Connect Network

Whatever the world is, pods 10.0.2.*, 172.20.2.* and 10.8.1.* are to stay what they are: they are the good neighbours.
"""

from typing import Any

from tests.worker.yard import INSTANT

CLUSTERS = ("cls-a", "cls-b", "cls-c", "cls-d")
LOAD_BALANCERS = ("lb-1", "lb-2", "lb-far", "lb-nowhere")
"""Those that are registered. The cloud does not know lb-nowhere; lb-stranger is at the cloud alone."""

OPEN = {"protocol": "TCP", "port": "8080", "cidr": "0.0.0.0/0", "action": "ACCEPT"}


def two_networks(**parameters: Any) -> dict[str, Any]:
    return {
        "region": "ap-guangzhou",
        "parameters": {**INSTANT, **parameters},
        "credentials": [{"secret_id": "AKIDtest", "secret_key": "test-secret"}],
        "vpcs": [
            {"vpc_id": "vpc-a", "cidr": "10.0.0.0/16"},
            {"vpc_id": "vpc-b", "cidr": "10.8.0.0/16", "container_cidrs": ["172.20.0.0/16"]},
            {"vpc_id": "vpc-d", "cidr": "10.9.0.0/16", "container_cidrs": ["172.21.0.0/16"]},
        ],
        "subnets": [
            {"subnet_id": "subnet-a", "vpc_id": "vpc-a", "cidr": "10.0.0.0/17"},
            {"subnet_id": "subnet-other", "vpc_id": "vpc-a", "cidr": "10.0.128.0/17"},
            {"subnet_id": "subnet-b", "vpc_id": "vpc-b", "cidr": "10.8.0.0/16"},
        ],
        "interfaces": [
            _interface("eni-0", "ins-1", "10.0.200.1", primary=True),
            _interface("eni-1", "ins-1", "10.0.1.1", 100, security_groups=["sg-1"]),
            _interface("eni-2", "ins-2", "10.0.2.1", 100),
            _interface("eni-3", "ins-3", "10.0.3.1", 100),
            _interface("eni-4", "ins-4", "10.0.4.1", 10),
            _interface("eni-free", None, "10.0.5.1"),
            _interface("eni-other", "ins-1", "10.0.129.1", subnet_id="subnet-other"),
            _interface("eni-8", "ins-8", "10.8.1.1", 100, subnet_id="subnet-b", vpc_id="vpc-b"),
        ],
        "ccns": [
            {
                "ccn_id": "ccn-1",
                "attachments": [{"vpc_id": "vpc-a", "state": "ACTIVE"}, {"vpc_id": "vpc-b", "state": "ACTIVE"}],
                "routes": [
                    {"cidr": "10.0.0.0/16", "vpc_id": "vpc-a"},
                    {"cidr": "172.20.0.0/16", "vpc_id": "vpc-b"},
                    {"cidr": "172.20.2.0/24", "vpc_id": "vpc-b"},
                ],
            },
            {
                "ccn_id": "ccn-2",
                "attachments": [{"vpc_id": "vpc-d", "state": "ACTIVE"}],
                "routes": [{"cidr": "172.21.0.0/16", "vpc_id": "vpc-d"}],
            },
        ],
        "clusters": [
            _cluster("cls-a", "vpc-a", "192.168.0.0/20", ["ins-1", "ins-2"], eni_subnet_ids=["subnet-a"]),
            _cluster(
                "cls-b",
                "vpc-b",
                "192.168.16.0/20",
                ["ins-8"],
                network_type="GR",
                cluster_cidr="172.20.0.0/16",
                vpc_cni=True,
            ),
            _cluster("cls-c", "vpc-a", "192.168.32.0/20", ["ins-3"]),
            _cluster("cls-d", "vpc-d", "192.168.48.0/20", [], network_type="GR", cluster_cidr="172.21.0.0/16"),
        ],
        "security_groups": [{"security_group_id": "sg-1", "ingress": [OPEN]}],
        "load_balancers": [
            _load_balancer("lb-1", "vpc-a", "203.0.113.1", snat_pro=True),
            _load_balancer("lb-2", "vpc-b", "203.0.113.2"),
            _load_balancer("lb-far", "vpc-d", "203.0.113.3", snat_pro=True),
            _load_balancer("lb-stranger", "vpc-a", "10.0.250.1", type="INTERNAL"),
        ],
    }


def _interface(
    interface_id: str,
    instance_id: str | None,
    first: str,
    count: int = 1,
    *,
    subnet_id: str = "subnet-a",
    vpc_id: str = "vpc-a",
    **more: Any,
) -> dict[str, Any]:
    return {
        "interface_id": interface_id,
        "vpc_id": vpc_id,
        "subnet_id": subnet_id,
        "instance_id": instance_id,
        "addresses": [{"first": first, "count": count}],
        **more,
    }


def _cluster(
    cluster_id: str, vpc_id: str, service_cidr: str, instance_ids: list[str], network_type: str = "VPC-CNI", **more: Any
) -> dict[str, Any]:
    return {
        "cluster_id": cluster_id,
        "version": "1.30.0",
        "vpc_id": vpc_id,
        "network_type": network_type,
        "service_cidr": service_cidr,
        "nodes": [{"instance_id": each, "ip": f"10.0.200.{each.removeprefix('ins-')}"} for each in instance_ids],
        **more,
    }


def _load_balancer(load_balancer_id: str, vpc_id: str, vip: str, **more: Any) -> dict[str, Any]:
    return {
        "load_balancer_id": load_balancer_id,
        "vpc_id": vpc_id,
        "vips": [vip],
        "listeners": [
            {"listener_id": "lbl-1", "protocol": "TCP", "port": 80},
            {"listener_id": "lbl-2", "protocol": "TCP", "port": 81},
            {"listener_id": "lbl-udp", "protocol": "UDP", "port": 82},
        ],
        **more,
    }
