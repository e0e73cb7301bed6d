"""CVM machines: the nodes of the clusters, as the machine service shows them."""

from app.simulator.nouns import Cluster, Node
from app.simulator.request import FILTERS, Action, Answer, Request, at_most, filtered, page

MOST_IDS = 100


def describe_instances(request: Request) -> Answer:
    """DescribeInstances: addresses, network and security groups of the clusters' nodes."""
    ids = set(at_most(request, "InstanceIds", MOST_IDS))
    with request.world.held():
        found = [
            (cluster, node)
            for cluster in request.seen(request.world.clusters.values())
            for node in cluster.nodes.values()
            if not ids or node.instance_id in ids
        ]
        found = filtered(
            request,
            found,
            {
                "instance-id": lambda each, values: each[1].instance_id in values,
                "vpc-id": lambda each, values: each[0].vpc_id in values,
                "private-ip-address": lambda each, values: each[1].ip in values,
            },
        )
        return {"TotalCount": len(found), "InstanceSet": [_machine(request, *each) for each in page(request, found)]}


def _machine(request: Request, cluster: Cluster, node: Node) -> Answer:
    interface = request.world.holder(cluster.vpc_id, node.ip)
    groups = node.security_groups or (interface.security_groups if interface else [])
    return {
        "InstanceId": node.instance_id,
        "InstanceName": node.instance_id,
        "InstanceState": "RUNNING",
        "PrivateIpAddresses": [node.ip],
        "PublicIpAddresses": None,
        "VirtualPrivateCloud": {"VpcId": cluster.vpc_id, "SubnetId": interface.subnet_id if interface else ""},
        "SecurityGroupIds": groups,
    }


ACTIONS = (
    Action(
        "DescribeInstances",
        "cvm",
        {"InstanceIds": [str], "Offset": int, "Limit": int, "Filters": FILTERS},
        describe_instances,
    ),
)
