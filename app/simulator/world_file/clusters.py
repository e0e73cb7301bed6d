"""Reads clusters and their nodes."""

from app.simulator import nouns
from app.simulator.reading import Item
from app.simulator.world import World
from app.simulator.world_file.networks import ips

NETWORK_TYPES = ("VPC-CNI", "GR", "CiliumOverlay")


def cluster(world: World, item: Item) -> nouns.Cluster:
    """A cluster that is not there yet, in a VPC that is."""
    cluster_id = item.new("cluster_id", world.clusters)
    vpc = item.known("vpc_id", world.vpcs, "VPC")
    found = nouns.Cluster(
        cluster_id=cluster_id,
        region=item.text("region", vpc.region),
        name=item.text("name", cluster_id),
        version=item.text("version", "1.30.0"),
        vpc_id=vpc.vpc_id,
        network_type=network_type(item, "network_type"),
        cluster_cidr=item.cidr_or_empty("cluster_cidr"),
        service_cidr=item.cidr_or_empty("service_cidr"),
        eni_subnet_ids=item.texts("eni_subnet_ids"),
        vpc_cni=item.flag("vpc_cni", default=False),
    )
    for each in item.items("nodes"):
        found.nodes.update(nodes(found, each))
    item.end()
    return found


def network_type(item: Item, key: str) -> str:
    """How pods get their addresses."""
    return item.choice(key, NETWORK_TYPES, "VPC-CNI")


def nodes(owner: nouns.Cluster, item: Item) -> dict[str, nouns.Node]:
    """One entry of `nodes`: a node that the cluster does not have yet, or `count` of them with addresses in a row."""
    groups = item.texts("security_groups")
    if item.has("first"):
        prefix = item.text("instance_prefix")
        named = {f"{prefix}{number}": ip for number, ip in enumerate(ips(item), 1)}
    else:
        named = {item.new("instance_id", owner.nodes): item.address("ip")}
    item.end()
    for instance_id in named:
        if instance_id in owner.nodes:
            raise item.wrong("instance_prefix", f"{instance_id!r} is there already")
    return {instance_id: nouns.Node(instance_id, ip, list(groups)) for instance_id, ip in named.items()}
