"""TKE clusters and their machines."""

import json

from app.simulator.errors import CloudError
from app.simulator.nouns import Cluster, Node
from app.simulator.request import FILTERS, Action, Answer, Request, at_most, by, filtered, page

MOST_IDS = 100


def describe_clusters(request: Request) -> Answer:
    """DescribeClusters: `Property` is a text that holds JSON, with NetworkType GR, VPC-CNI or CiliumOverlay.

    Unknown ids are left out.
    """
    ids = request.texts("ClusterIds")
    with request.world.held():
        found = [each for each in request.seen(request.world.clusters.values()) if not ids or each.cluster_id in ids]
        found = filtered(request, found, {"vpc-id": by("vpc_id"), "ClusterName": by("name")})
        return {"TotalCount": len(found), "Clusters": [_cluster(each) for each in page(request, found)]}


def _cluster(cluster: Cluster) -> Answer:
    return {
        "ClusterId": cluster.cluster_id,
        "ClusterName": cluster.name,
        "ClusterDescription": "",
        "ClusterVersion": cluster.version,
        "ClusterType": "MANAGED_CLUSTER",
        "ClusterNetworkSettings": {
            "ClusterCIDR": cluster.cluster_cidr,
            "ServiceCIDR": cluster.service_cidr,
            "VpcId": cluster.vpc_id,
            "Cni": True,
            "Subnets": cluster.eni_subnet_ids or None,
            "Ipvs": False,
            "KubeProxyMode": "",
            "IsDualStack": False,
        },
        "ClusterNodeNum": len(cluster.nodes),
        "ProjectId": 0,
        "ClusterStatus": "Running",
        "Property": json.dumps({"NodeNameType": "lan-ip", "NetworkType": cluster.network_type}),
        "ContainerRuntime": "containerd",
    }


def describe_instances_of(request: Request) -> Answer:
    """DescribeClusterInstances: the machines of one cluster, of `InstanceIds` those that it has.

    Raises ResourceNotFound.ClusterNotFound.
    """
    ids = set(at_most(request, "InstanceIds", MOST_IDS))
    with request.world.held():
        nodes = _asked_cluster(request).nodes
        found = [each for instance_id, each in nodes.items() if not ids or instance_id in ids]
        return {"TotalCount": len(found), "InstanceSet": [_node(each) for each in page(request, found)]}


def _asked_cluster(request: Request) -> Cluster:
    cluster_id = request.asked["ClusterId"]
    found = request.world.clusters.get(cluster_id)
    if found is None or found.region != request.region:
        raise CloudError("ResourceNotFound.ClusterNotFound", f"The cluster {cluster_id} is not found.")
    return found


def _node(node: Node) -> Answer:
    return {
        "InstanceId": node.instance_id,
        "InstanceRole": "WORKER",
        "FailedReason": "",
        "InstanceState": "running",
        "DrainStatus": "normal",
        "CreatedTime": "2026-01-01T00:00:00Z",
        "LanIP": node.ip,
        "NodePoolId": "",
        "AutoscalingGroupId": "",
    }


def describe_ipamd(request: Request) -> Answer:
    """DescribeIPAMD: whether the component of VPC-CNI is installed, and the subnets of its pods.

    Raises ResourceNotFound.ClusterNotFound.
    """
    with request.world.held():
        cluster = _asked_cluster(request)
        installed = cluster.has_ipamd
        return {
            "EnableIPAMD": installed,
            "EnableCustomizedPodCidr": False,
            "DisableVpcCniMode": False,
            "Phase": "running" if installed else "",
            "Reason": "",
            "SubnetIds": (cluster.eni_subnet_ids or None) if installed else None,
            "ClaimExpiredDuration": "0s" if installed else "",
            "EnableTrunkingENI": False,
        }


ACTIONS = (
    Action(
        "DescribeClusters",
        "tke",
        {"ClusterIds": [str], "Offset": int, "Limit": int, "Filters": FILTERS, "ClusterType": str},
        describe_clusters,
    ),
    Action(
        "DescribeClusterInstances",
        "tke",
        {"ClusterId": str, "Offset": int, "Limit": int, "InstanceIds": [str], "InstanceRole": str},
        describe_instances_of,
        ("ClusterId",),
    ),
    Action("DescribeIPAMD", "tke", {"ClusterId": str}, describe_ipamd, ("ClusterId",)),
)
