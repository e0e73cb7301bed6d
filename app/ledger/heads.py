"""Heads: the latest word on each (cluster, pod uid, target), so that revisions never go back."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from app.domain.target import TargetName
from app.ledger.rows import fields_of, recordset
from app.ledger.tables import heads as table
from app.planning.known import Head


def around(
    connection: Connection, cluster_id: str, pod_uids: Collection[str], addresses: Collection[tuple[str, str]]
) -> list[Head]:
    """A cluster's heads of these pods, and those at these (load balancer, ip) pairs."""
    of_pods = select(table).where(table.c.cluster_id == cluster_id, table.c.pod_uid.in_(pod_uids))
    pairs = [{"load_balancer_id": load_balancer_id, "ip": ip} for load_balancer_id, ip in sorted(addresses)]
    given = recordset(table, ("load_balancer_id", "ip"), pairs)
    at_address = and_(
        table.c.cluster_id == cluster_id,
        tuple_(table.c.load_balancer_id, table.c.ip).in_(select(given.c.load_balancer_id, given.c.ip)),
    )
    rows = (*connection.execute(of_pods), *connection.execute(select(table).where(at_address)))
    return list({(row.pod_uid, row.target_key): _head(row) for row in rows}.values())


def write(connection: Connection, account_id: str, cluster_id: str, heads: Iterable[Head]) -> None:
    """Insert or replace."""
    rows: Sequence[dict[str, Any]] = [
        {
            "account_id": account_id,
            "cluster_id": cluster_id,
            "pod_uid": head.pod_uid,
            "target_key": head.target.key,
            "load_balancer_id": head.target.load_balancer_id,
            "target": fields_of(head.target),
            "revision": head.revision,
            "bind_revision": head.bind_revision,
            "ip": head.ip,
            "binding_id": head.binding_id,
        }
        for head in heads
    ]
    if not rows:
        return
    given = recordset(table, list(rows[0]), rows)
    statement = insert(table).from_select(list(rows[0]), select(*given.c))
    kept = {name: statement.excluded[name] for name in ("revision", "bind_revision", "ip", "binding_id")}
    connection.execute(statement.on_conflict_do_update(constraint="heads_pkey", set_=kept))


def _head(row: Row[Any]) -> Head:
    return Head(row.pod_uid, TargetName(**row.target), row.revision, row.bind_revision, row.ip, row.binding_id)
