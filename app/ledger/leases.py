"""Leases: one worker at a time per load balancer or cluster, by the database's clock.

A lease has an incarnation (a worker's life, which no restart repeats) and an epoch (one more at every taking). Every
write of a worker begins with `hold`, which fails for the holder of an old epoch: its transaction changes no row.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, and_, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert

from app.domain.errors import LeaseLost
from app.ledger.tables import clusters, load_balancers, regions
from app.ledger.tables import leases as table


class LeaseSubject(StrEnum):
    """What a lease is for."""

    LOAD_BALANCER = "load-balancer"
    VERIFICATION = "verification"
    REVERIFICATION = "reverification"
    TOPOLOGY = "topology"
    REGION = "region"
    HEALTH = "health"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one subject until it expires or is taken over."""

    account_id: str
    subject: LeaseSubject
    subject_id: str
    incarnation: str
    epoch: int


def offer(connection: Connection, account_id: str, subject: LeaseSubject, subject_id: str) -> None:
    """Make a subject known, so that workers can take it."""
    connection.execute(
        insert(table)
        .values(account_id=account_id, subject=subject, subject_id=subject_id)
        .on_conflict_do_nothing(constraint="leases_pkey")
    )


def take(
    connection: Connection, subject: LeaseSubject, incarnation: str, duration: timedelta, limit: int
) -> list[Lease]:
    """Take up to ``limit`` subjects that are due and that nobody works on, those due longest first.

    Why is this safe? Rows that another worker is taking at this moment are skipped, not waited for, and the row that
    is taken is locked until the commit: no two workers get one epoch.
    """
    queue = _QUEUES[subject]
    source = queue.source
    now = func.clock_timestamp()
    unheld = or_(table.c.incarnation.is_(None), table.c.expires_at <= now)
    free = (
        select(table.c.account_id, table.c.subject_id)
        .join(source, and_(source.c.account_id == table.c.account_id, queue.subject_id == table.c.subject_id))
        .where(table.c.subject == subject, queue.due_at <= now, queue.ready, unheld)
        .order_by(queue.due_at)
        .limit(limit)
        .with_for_update(of=table, skip_locked=True)
        .cte("free")
    )
    statement = (
        update(table)
        .where(
            table.c.account_id == free.c.account_id, table.c.subject == subject, table.c.subject_id == free.c.subject_id
        )
        .values(incarnation=incarnation, epoch=table.c.epoch + 1, expires_at=now + duration)
        .returning(table)
    )
    return [
        Lease(row.account_id, subject, row.subject_id, row.incarnation, row.epoch)
        for row in connection.execute(statement)
    ]


def hold(connection: Connection, lease: Lease, duration: timedelta) -> None:
    """Renew the lease within this transaction. Raises `LeaseLost` when somebody else has taken it over."""
    _own(connection, lease, {"expires_at": func.clock_timestamp() + duration})


def give_back(connection: Connection, lease: Lease) -> None:
    """End the lease. Raises `LeaseLost` when somebody else has taken it over."""
    _own(connection, lease, {"incarnation": None, "expires_at": func.clock_timestamp()})


def _own(connection: Connection, lease: Lease, values: dict[str, Any]) -> None:
    mine = and_(
        table.c.account_id == lease.account_id,
        table.c.subject == lease.subject,
        table.c.subject_id == lease.subject_id,
        table.c.incarnation == lease.incarnation,
        table.c.epoch == lease.epoch,
    )
    if connection.execute(update(table).where(mine).values(values)).rowcount != 1:
        raise LeaseLost(f"{lease.subject} {lease.subject_id}: epoch {lease.epoch} is over")


@dataclass(frozen=True, slots=True)
class _Queue:
    """Where a subject's work is queued: the rows, their id, when they are due, and what else must hold then."""

    source: FromClause
    subject_id: ColumnElement[str]
    due_at: ColumnElement[Any]
    ready: ColumnElement[bool] = field(default_factory=true)


_NOW = func.clock_timestamp()
# Health is read of many load balancers in one call, so those of an account and region are one piece of work.
_HEALTH = (
    select(load_balancers.c.account_id, load_balancers.c.region, func.min(load_balancers.c.health_due_at).label("due"))
    .where(load_balancers.c.health_due_at <= _NOW)
    .group_by(load_balancers.c.account_id, load_balancers.c.region)
    .subquery("health_due")
)
_QUEUES = {
    LeaseSubject.LOAD_BALANCER: _Queue(
        load_balancers,
        load_balancers.c.load_balancer_id,
        load_balancers.c.due_at,
        load_balancers.c.not_before <= _NOW,
    ),
    LeaseSubject.VERIFICATION: _Queue(clusters, clusters.c.cluster_id, clusters.c.verification_due_at),
    LeaseSubject.REVERIFICATION: _Queue(clusters, clusters.c.cluster_id, clusters.c.reverification_due_at),
    LeaseSubject.TOPOLOGY: _Queue(clusters, clusters.c.cluster_id, clusters.c.topology_due_at),
    LeaseSubject.REGION: _Queue(regions, regions.c.region, regions.c.due_at),
    LeaseSubject.HEALTH: _Queue(_HEALTH, _HEALTH.c.region, _HEALTH.c.due),
}
