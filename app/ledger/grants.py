"""Grants: which cluster may bind on which load balancer."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, select, text
from sqlalchemy.dialects.postgresql import insert

from app.domain.load_balancer import Grant
from app.ledger.tables import grants as table


def put(
    connection: Connection, account_id: str, load_balancer_id: str, cluster_id: str, listener_ids: Sequence[str]
) -> tuple[Grant, bool]:
    """Insert or replace; the grant, and whether it is new."""
    statement = (
        insert(table)
        .values(
            account_id=account_id,
            load_balancer_id=load_balancer_id,
            cluster_id=cluster_id,
            listener_ids=list(listener_ids),
        )
        .on_conflict_do_update(constraint="grants_pkey", set_={"listener_ids": list(listener_ids)})
        .returning(table, text("xmax = 0 AS created"))
    )
    row = connection.execute(statement).one()
    return _grant(row), bool(row.created)


def remove(connection: Connection, load_balancer_id: str, cluster_id: str) -> bool:
    """Delete the grant; whether there was one."""
    found = connection.execute(
        delete(table).where(table.c.load_balancer_id == load_balancer_id, table.c.cluster_id == cluster_id)
    )
    return found.rowcount == 1


def of_cluster(connection: Connection, cluster_id: str, load_balancer_ids: Collection[str]) -> dict[str, Grant]:
    """The cluster's grants for these load balancers, by load balancer."""
    statement = select(table).where(table.c.cluster_id == cluster_id, table.c.load_balancer_id.in_(load_balancer_ids))
    return {row.load_balancer_id: _grant(row) for row in connection.execute(statement)}


def of_load_balancer(connection: Connection, load_balancer_id: str) -> dict[str, Grant]:
    """The grants on a load balancer, by cluster."""
    statement = select(table).where(table.c.load_balancer_id == load_balancer_id).order_by(table.c.cluster_id)
    return {row.cluster_id: _grant(row) for row in connection.execute(statement)}


def _grant(row: Row[Any]) -> Grant:
    return Grant(row.load_balancer_id, row.cluster_id, tuple(row.listener_ids))
