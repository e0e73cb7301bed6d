"""Clusters and their machines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from app.cloud import translate_networks as translate
from app.cloud.client import Client
from app.cloud.fields import flag, text, texts
from app.cloud.pages import Listing, asked_for, read_pages, readable
from app.domain.cluster import Node, Platform, Topology
from app.domain.errors import CloudError, CloudResourceMissing

MACHINES_PER_READ: Final = 100
"""Most InstanceIds of one DescribeClusterInstances or DescribeInstances."""


def read_cluster(client: Client, cluster_id: str) -> tuple[Topology | None, Platform]:
    """A cluster's networks and what it is made of. Raises a `CloudError`.

    Whether a cluster made for GlobalRouter has VPC-CNI pods besides is asked only where no container subnets tell it.
    """
    found = _find(client, cluster_id)
    if found is None:
        return None, Platform(known=False)
    topology, network_type, version = readable("DescribeClusters", lambda: _networks(found))
    vpc_cni: bool | None = network_type.upper() == "VPC-CNI" or bool(topology and topology.eni_subnet_ids)
    if topology is not None and network_type.upper() == "GR" and not vpc_cni:
        vpc_cni, subnet_ids = _read_vpc_cni(client, cluster_id)
        topology = replace(topology, eni_subnet_ids=subnet_ids)
    return topology, Platform(known=True, kubernetes_version=version, network_type=network_type, vpc_cni=vpc_cni)


def read_nodes(client: Client, cluster_id: str, between: Callable[[], None]) -> list[Node]:
    """All machines of a cluster, without their security groups. Raises a `CloudError`."""
    listing = Listing("tke", "DescribeClusterInstances", "InstanceSet", {"ClusterId": cluster_id}, between=between)
    found = read_pages(client, listing, lambda each: _node(cluster_id, each)).items
    # Of a machine that is listed twice while pages shift, the later word counts.
    return list({node.instance_id: node for node in found if node.instance_id}.values())


def read_membership(client: Client, cluster_id: str, instance_ids: Sequence[str]) -> dict[str, bool] | None:
    """Whether machines are nodes of the cluster; None when the cloud knows no such cluster. Raises a `CloudError`."""
    members: dict[str, bool] = dict.fromkeys(instance_ids, False)
    for start in range(0, len(instance_ids), MACHINES_PER_READ):
        part = list(instance_ids[start : start + MACHINES_PER_READ])
        parameters = {"ClusterId": cluster_id, "InstanceIds": part}
        listing = Listing("tke", "DescribeClusterInstances", "InstanceSet", parameters)
        try:
            found = read_pages(client, listing, lambda each: _node(cluster_id, each)).items
        except CloudResourceMissing:
            return None
        members |= {node.instance_id: True for node in found if node.instance_id in members}
    return members


def read_security_groups(client: Client, instance_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The security groups of machines (CVM API, DescribeInstances). Raises a `CloudError`."""
    found: dict[str, tuple[str, ...]] = {}
    for start in range(0, len(instance_ids), MACHINES_PER_READ):
        part = list(instance_ids[start : start + MACHINES_PER_READ])
        listing = Listing("cvm", "DescribeInstances", "InstanceSet", {"InstanceIds": part})
        found |= dict(read_pages(client, listing, _groups).items)
    return found


def _find(client: Client, cluster_id: str) -> Mapping[str, Any] | None:
    answer = client.call("tke", "DescribeClusters", {"ClusterIds": [cluster_id]})
    return asked_for("DescribeClusters", answer, "Clusters", ("ClusterId", cluster_id))


def _networks(found: Mapping[str, Any]) -> tuple[Topology | None, str, str]:
    return translate.topology(found), translate.network_type(found), text(found.get("ClusterVersion"))


def _read_vpc_cni(client: Client, cluster_id: str) -> tuple[bool | None, tuple[str, ...]]:
    """None when the cloud does not say, which matters to VPC-CNI pods of this cluster alone."""
    try:
        answer = client.call("tke", "DescribeIPAMD", {"ClusterId": cluster_id})
        return readable("DescribeIPAMD", lambda: _ipamd(answer))
    except CloudError:
        return None, ()


def _ipamd(answer: Mapping[str, Any]) -> tuple[bool, tuple[str, ...]]:
    enabled = flag(answer.get("EnableIPAMD")) and not flag(answer.get("DisableVpcCniMode"))
    return enabled, texts(answer.get("SubnetIds"))


def _node(cluster_id: str, found: Mapping[str, Any]) -> Node:
    return Node(cluster_id, text(found.get("InstanceId")), text(found.get("LanIP")))


def _groups(found: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return text(found.get("InstanceId")), texts(found.get("SecurityGroupIds"))
