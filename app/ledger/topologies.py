"""The networks of clusters: what the cloud says of them, and which other clusters there are around one."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, func, null, or_, select, update

from app.domain.cluster import Node, Platform, Topology
from app.ledger.rows import fields_of, insert_rows
from app.ledger.tables import clusters, nodes
from app.ownership.evidence import Neighbour


def record(
    connection: Connection, cluster_id: str, topology: Topology | None, platform: Platform, read_at: datetime
) -> None:
    """What the cloud said of the cluster; a topology that was found before stays when there is none now."""
    values: dict[str, Any] = {"platform": fields_of(platform), "topology_error": None, "topology_read_at": read_at}
    if topology is not None:
        values["topology_found"] = topology_to_json(topology)
    connection.execute(update(clusters).where(clusters.c.cluster_id == cluster_id).values(values))


def record_error(connection: Connection, cluster_id: str, error: str) -> None:
    """The cloud did not say; what was known stays, and gets older."""
    connection.execute(update(clusters).where(clusters.c.cluster_id == cluster_id).values(topology_error=error))


def read_again(connection: Connection, cluster_id: str, after: timedelta, *, unread: bool = False) -> None:
    """When the cluster's networks are due to be read again; ``unread``: now they could not be."""
    failing = func.coalesce(clusters.c.topology_failing_since, func.clock_timestamp()) if unread else null()
    values = {"topology_due_at": func.now() + after, "topology_failing_since": failing}
    connection.execute(update(clusters).where(clusters.c.cluster_id == cluster_id).values(values))


def replace_nodes(connection: Connection, account_id: str, cluster_id: str, found: Sequence[Node]) -> None:
    """The cluster has these nodes now. Rows that stay as they are are not written."""
    before = {node.instance_id: node for node in nodes_of(connection, cluster_id)}
    now = {node.instance_id: node for node in found}
    gone = [instance_id for instance_id, node in before.items() if now.get(instance_id) != node]
    if gone:
        stale = and_(nodes.c.account_id == account_id, nodes.c.cluster_id == cluster_id, nodes.c.instance_id.in_(gone))
        connection.execute(nodes.delete().where(stale))
    fresh = [node for instance_id, node in now.items() if before.get(instance_id) != node]
    insert_rows(connection, nodes, [{"account_id": account_id, **fields_of(node)} for node in fresh])


def nodes_of(connection: Connection, cluster_id: str) -> list[Node]:
    """All nodes of a cluster, as last read."""
    return _nodes(connection, nodes.c.cluster_id == cluster_id)


def nodes_at(connection: Connection, ips: Collection[str], instance_ids: Collection[str]) -> list[Node]:
    """Nodes of any cluster with one of these addresses, and these machines."""
    return _nodes(connection, or_(nodes.c.ip.in_(ips), nodes.c.instance_id.in_(instance_ids)))


def neighbours(connection: Connection, cluster_id: str) -> list[Neighbour]:
    """All other clusters whose networks are known."""
    table = clusters.c
    in_use = func.coalesce(table.topology_setting, table.topology_found).label("in_use")
    statement = select(table.cluster_id, in_use).where(table.cluster_id != cluster_id, in_use.isnot(None))
    found = connection.execute(statement.order_by(table.cluster_id))
    return [Neighbour(row.cluster_id, topology) for row in found if (topology := topology_of(row.in_use)) is not None]


def never_read(connection: Connection, cluster_id: str) -> list[str]:
    """The other clusters whose networks nobody has stated or asked the cloud about yet."""
    table = clusters.c
    unknown = (table.topology_setting.is_(None), table.topology_found.is_(None), table.topology_error.is_(None))
    statement = select(table.cluster_id).where(table.cluster_id != cluster_id, *unknown)
    return sorted(connection.execute(statement).scalars())


def topology_to_json(topology: Topology | None) -> dict[str, Any] | None:
    """A topology as it is kept."""
    if topology is None:
        return None
    return {
        "vpc_id": topology.vpc_id,
        "cluster_cidrs": list(topology.cluster_cidrs),
        "service_cidr": topology.service_cidr,
        "eni_subnet_ids": list(topology.eni_subnet_ids),
    }


def topology_of(kept: Mapping[str, Any] | None) -> Topology | None:
    """The topology that was kept."""
    if kept is None:
        return None
    return Topology(kept["vpc_id"], tuple(kept["cluster_cidrs"]), kept["service_cidr"], tuple(kept["eni_subnet_ids"]))


def platform_of(kept: Mapping[str, Any] | None) -> Platform | None:
    """The platform that was kept."""
    return None if kept is None else Platform(**kept)


def _nodes(connection: Connection, condition: Any) -> list[Node]:
    found = connection.execute(select(nodes).where(condition).order_by(nodes.c.cluster_id, nodes.c.instance_id))
    return [Node(row.cluster_id, row.instance_id, row.ip, tuple(row.security_group_ids)) for row in found]
