"""Heads: the latest word on each (cluster, pod uid, target), so that revisions never go back."""

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Text, bindparam, column, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert
from sqlalchemy.sql.selectable import TableValuedAlias

from app.domain.target import TargetName
from app.ledger.rows import GIVEN, recordset
from app.ledger.tables import heads as table
from app.planning.known import Head

_UIDS = (
    func.unnest(bindparam("uids", type_=ARRAY(Text))).table_valued(column("uid", Text), name="asked").render_derived()
)
_ADDRESSES = recordset(table, "load_balancer_id", "ip")


def _each(given: TableValuedAlias, *conditions: ColumnElement[bool]) -> Select[Any]:
    """The heads that meet the ``conditions`` of each of the ``given`` rows, looked up one by one.

    Why not one condition on all? While the database has counted nothing yet, as in the first minute of a new cluster,
    it thinks that a cluster has a handful of heads, and reads thousands to find these. OFFSET keeps it from that.
    """
    of_cluster = (table.c.account_id == bindparam("account"), table.c.cluster_id == bindparam("of"))
    found = select(table).where(*of_cluster, *conditions).offset(0).lateral("found")
    return select(found).select_from(given.join(found, true()))


_OF_PODS = _each(_UIDS, table.c.pod_uid == _UIDS.c.uid)
_AT_ADDRESSES = _each(
    _ADDRESSES, table.c.load_balancer_id == _ADDRESSES.c.load_balancer_id, table.c.ip == _ADDRESSES.c.ip
)


def around(
    connection: Connection,
    account_id: str,
    cluster_id: str,
    pod_uids: Collection[str],
    addresses: Collection[tuple[str, str]],
) -> list[Head]:
    """A cluster's heads of these pods, and those at these (load balancer, ip) pairs."""
    pairs = [{"load_balancer_id": load_balancer_id, "ip": ip} for load_balancer_id, ip in sorted(addresses)]
    cluster = {"account": account_id, "of": cluster_id}
    rows = [
        *connection.execute(_OF_PODS, {**cluster, "uids": list(pod_uids)}).all(),
        *(connection.execute(_AT_ADDRESSES, {**cluster, GIVEN: pairs}).all() if pairs else ()),
    ]
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
            "target": head.target,
            "revision": head.revision,
            "bind_revision": head.bind_revision,
            "ip": head.ip,
            "binding_id": head.binding_id,
        }
        for head in heads
    ]
    if not rows:
        return
    connection.execute(_writing(tuple(rows[0])), {GIVEN: rows})


@cache
def _writing(names: tuple[str, ...]) -> Insert:
    statement = insert(table).from_select(list(names), select(*recordset(table, *names).c))
    kept = {name: statement.excluded[name] for name in ("revision", "bind_revision", "ip", "binding_id")}
    return statement.on_conflict_do_update(constraint="heads_pkey", set_=kept)


def _head(row: Row[Any]) -> Head:
    return Head(row.pod_uid, TargetName(**row.target), row.revision, row.bind_revision, row.ip, row.binding_id)
