"""Edits of clusters and their nodes."""

from app.simulator.edits.forms import Edit, adding, setting
from app.simulator.reading import Item
from app.simulator.world import World
from app.simulator.world_file import clusters as read


def _remove_cluster(world: World, item: Item) -> None:
    found = item.known("cluster_id", world.clusters, "cluster")
    item.end()
    del world.clusters[found.cluster_id]


def _add_node(world: World, item: Item) -> None:
    found = item.known("cluster_id", world.clusters, "cluster")
    added = read.nodes(found, item.item("node"))
    item.end()
    found.nodes.update(added)


def _remove_node(world: World, item: Item) -> None:
    """Takes a node out of its cluster; interfaces of the machine stay as they are."""
    found = item.known("cluster_id", world.clusters, "cluster")
    node = item.known("instance_id", found.nodes, "node")
    item.end()
    del found.nodes[node.instance_id]


EDITS: dict[str, Edit] = {
    "add-cluster": adding("cluster", "cluster_id", "clusters", read.cluster),
    "remove-cluster": _remove_cluster,
    "set-cluster": setting(
        "cluster_id",
        "clusters",
        "cluster",
        {
            "version": ("version", lambda _, item, key: item.text(key)),
            "network_type": ("network_type", lambda _, item, key: read.network_type(item, key)),
            "vpc_cni": ("vpc_cni", lambda _, item, key: item.flag(key)),
            "cluster_cidr": ("cluster_cidr", lambda _, item, key: item.cidr_or_empty(key)),
            "service_cidr": ("service_cidr", lambda _, item, key: item.cidr_or_empty(key)),
            "eni_subnet_ids": ("eni_subnet_ids", lambda _, item, key: item.texts(key)),
        },
    ),
    "add-node": _add_node,
    "remove-node": _remove_node,
}
