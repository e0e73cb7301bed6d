"""Differences between the ledger and the cloud, as found at load balancers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, select, update

from app.domain.target import Place
from app.ledger.rows import insert_rows
from app.ledger.tables import drift as table
from app.planning.drift import Difference, DriftAction, DriftKind

KEPT_FOR: Final = timedelta(days=7)
"""How long a difference that was put right is told; a foreign target is told for as long as it is there."""


@dataclass(frozen=True, slots=True)
class KeptDifference:
    """A difference with its number and when it was first seen."""

    drift_id: int
    seen_at: datetime
    kind: DriftKind
    place: Place
    action: DriftAction
    weight: int | None
    binding_id: str | None
    cluster_id: str | None


def keep(
    connection: Connection,
    account_id: str,
    load_balancer_id: str,
    listener_ids: Collection[str],
    found: Sequence[Difference],
    now: datetime,
) -> None:
    """Keep what a reading of these listeners has found. Whoever calls holds the load balancer's row."""
    here = and_(table.c.account_id == account_id, table.c.load_balancer_id == load_balancer_id)
    foreign = and_(here, table.c.kind == DriftKind.FOREIGN, table.c.listener_id.in_(listener_ids))
    known = {_place(row): row for row in connection.execute(select(table).where(foreign))}
    there = {each.place: each.weight for each in found if each.kind is DriftKind.FOREIGN}
    gone = [row.drift_id for place, row in known.items() if place not in there]
    if gone:
        connection.execute(table.delete().where(here, table.c.drift_id.in_(gone)))
    new = [each for each in found if each.place not in known or each.kind is not DriftKind.FOREIGN]
    if new:
        connection.execute(
            table.delete().where(here, table.c.kind != DriftKind.FOREIGN, table.c.seen_at < now - KEPT_FOR)
        )
        insert_rows(connection, table, [_row(each, now) for each in new])


def listing(connection: Connection, load_balancer_id: str, after: int, limit: int) -> list[KeptDifference]:
    """Up to ``limit`` differences at a load balancer, newest first, behind the number ``after`` (0: from the start)."""
    statement = select(table).where(table.c.load_balancer_id == load_balancer_id)
    if after:
        statement = statement.where(table.c.drift_id < after)
    return [_kept(row) for row in connection.execute(statement.order_by(table.c.drift_id.desc()).limit(limit))]


def ignore(connection: Connection, load_balancer_id: str, drift_id: int) -> KeptDifference | None:
    """Note that a foreign target is known to an operator; None when there is none of that number."""
    mine = and_(
        table.c.load_balancer_id == load_balancer_id,
        table.c.drift_id == drift_id,
        table.c.kind == DriftKind.FOREIGN,
    )
    row = connection.execute(
        update(table).where(mine).values(action=DriftAction.IGNORED).returning(table)
    ).one_or_none()
    return None if row is None else _kept(row)


def _row(found: Difference, now: datetime) -> dict[str, Any]:
    place = found.place
    return {
        "account_id": place.account_id,
        "load_balancer_id": place.load_balancer_id,
        "listener_id": place.listener_id,
        "location_id": place.location_id,
        "ip": place.ip,
        "port": place.port,
        "kind": found.kind,
        "action": found.action,
        "weight": found.weight,
        "binding_id": found.binding.binding_id if found.binding else None,
        "cluster_id": found.binding.cluster_id if found.binding else None,
        "seen_at": now,
    }


def _place(row: Row[Any]) -> Place:
    return Place(row.account_id, row.load_balancer_id, row.listener_id, row.location_id, row.ip, row.port)


def _kept(row: Row[Any]) -> KeptDifference:
    kind, action = DriftKind(row.kind), DriftAction(row.action)
    return KeptDifference(
        row.drift_id, row.seen_at, kind, _place(row), action, row.weight, row.binding_id, row.cluster_id
    )
