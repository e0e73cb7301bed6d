"""Leases: one worker at a time per load balancer or cluster, by the database's clock.

A lease has an incarnation (a worker's life, which no restart repeats) and an epoch (one more at every taking). Every
write of a worker begins with `hold`, which fails for the holder of an old epoch: its transaction changes no row.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Interval,
    Select,
    Text,
    all_,
    and_,
    bindparam,
    exists,
    func,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.sql.dml import ReturningUpdate

from app.domain.errors import LeaseLost
from app.ledger.tables import clusters, journal_numbers, load_balancers, regions, trusts
from app.ledger.tables import leases as table
from app.ledger.unsealed import SEALED_TO


class LeaseSubject(StrEnum):
    """What a lease is for."""

    LOAD_BALANCER = "load-balancer"
    VERIFICATION = "verification"
    REVERIFICATION = "reverification"
    TOPOLOGY = "topology"
    REGION = "region"
    HEALTH = "health"
    SEAL = "seal"
    KEYS = "keys"


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


def due(connection: Connection, subjects: Collection[LeaseSubject]) -> set[LeaseSubject]:
    """For which of ``subjects`` there is something to take, all looked up in one statement."""
    row = connection.execute(_any_due(tuple(subjects))).one()
    return {subject for subject, found in zip(subjects, row, strict=True) if found}


def take(
    connection: Connection,
    subject: LeaseSubject,
    incarnation: str,
    duration: timedelta,
    limit: int,
    passing_over: Collection[str] = (),
) -> list[Lease]:
    """Take up to ``limit`` subjects that are due and that nobody works on, those due longest first.

    Load balancers are taken in turn for each cluster that something is wanted for there, so that a cluster with
    hundreds of them does not go before another's one. Accounts in ``passing_over`` are left alone.

    Why is this safe? Rows that another worker is taking at this moment are skipped, not waited for, and the row that
    is taken is locked until the commit: no two workers get one epoch.
    """
    given = {"incarnation": incarnation, "duration": duration, "limit": limit, "passing_over": list(passing_over)}
    return [
        Lease(row.account_id, subject, row.subject_id, row.incarnation, row.epoch)
        for row in connection.execute(_taking(subject), given)
    ]


def hold(connection: Connection, lease: Lease, duration: timedelta) -> datetime:
    """Renew the lease within this transaction; the time by the database's clock, which all processes share.

    Raises `LeaseLost` when somebody else has taken it over.
    """
    return _own(connection, lease, _HOLD, {"duration": duration})


def give_back(connection: Connection, lease: Lease) -> datetime:
    """End the lease; the time by the database's clock. Raises `LeaseLost` when somebody else has taken it over."""
    return _own(connection, lease, _GIVE_BACK, {})


def _own(connection: Connection, lease: Lease, statement: ReturningUpdate[Any], given: dict[str, Any]) -> datetime:
    named = {
        "of_account": lease.account_id,
        "of_subject": lease.subject,
        "of_subject_id": lease.subject_id,
        "by": lease.incarnation,
        "in_epoch": lease.epoch,
    }
    now: datetime | None = connection.execute(statement, named | given).scalar_one_or_none()
    if now is None:
        raise LeaseLost(f"{lease.subject} {lease.subject_id}: epoch {lease.epoch} is over")
    return now


@dataclass(frozen=True, slots=True)
class _Queue:
    """Where a subject's work is queued: the rows, their id, when they are due, what else must hold then, and the turn
    in which they are taken where that is not the order in which they became due."""

    source: FromClause
    subject_id: ColumnElement[str]
    due_at: ColumnElement[Any]
    ready: ColumnElement[bool] = field(default_factory=true)
    turn: FromClause | None = None


_NOW = func.clock_timestamp()
_MINE = and_(
    table.c.account_id == bindparam("of_account"),
    table.c.subject == bindparam("of_subject"),
    table.c.subject_id == bindparam("of_subject_id"),
    table.c.incarnation == bindparam("by"),
    table.c.epoch == bindparam("in_epoch"),
)
_HOLD = update(table).where(_MINE).values(expires_at=_NOW + bindparam("duration", type_=Interval())).returning(_NOW)
_GIVE_BACK = update(table).where(_MINE).values(incarnation=null(), expires_at=_NOW).returning(_NOW)
_UNHELD = or_(table.c.incarnation.is_(None), table.c.expires_at <= _NOW)


def _free(queue: _Queue, subject: LeaseSubject) -> Select[Any]:
    source = queue.source
    return (
        select(table.c.account_id, table.c.subject_id)
        .join(source, and_(source.c.account_id == table.c.account_id, queue.subject_id == table.c.subject_id))
        .where(table.c.subject == subject, queue.due_at <= _NOW, queue.ready, _UNHELD)
    )


@lru_cache(maxsize=64)
def _any_due(subjects: tuple[LeaseSubject, ...]) -> Select[Any]:
    looks: list[ColumnElement[bool]] = [exists(_free(_QUEUES[subject], subject)).label(subject) for subject in subjects]
    return cast(Select[Any], select(*looks))


@lru_cache(maxsize=len(LeaseSubject))
def _taking(subject: LeaseSubject) -> ReturningUpdate[Any]:
    queue = _QUEUES[subject]
    free = _free(queue, subject).where(table.c.account_id != all_(bindparam("passing_over", type_=ARRAY(Text))))
    if queue.turn is not None:
        turns = queue.turn
        free = free.join(
            turns, and_(turns.c.account_id == table.c.account_id, turns.c.subject_id == table.c.subject_id)
        )
        free = free.order_by(turns.c.turn)
    chosen = (
        free.order_by(queue.due_at).limit(bindparam("limit")).with_for_update(of=table, skip_locked=True).cte("free")
    )
    mine = and_(
        table.c.account_id == chosen.c.account_id,
        table.c.subject == subject,
        table.c.subject_id == chosen.c.subject_id,
    )
    return (
        update(table)
        .where(mine)
        .values(
            incarnation=bindparam("incarnation"),
            epoch=table.c.epoch + 1,
            expires_at=_NOW + bindparam("duration", type_=Interval()),
        )
        .returning(table)
    )


def _turns() -> FromClause:
    """Which in the row each due load balancer is, of those that its clusters want something of: the best of them."""
    ready = and_(load_balancers.c.due_at <= _NOW, load_balancers.c.not_before <= _NOW)
    wanting = func.unnest(load_balancers.c.wanted_by).table_valued("cluster_id").render_derived(name="wanting")
    number = func.row_number().over(partition_by=wanting.c.cluster_id, order_by=load_balancers.c.due_at)
    numbered = (
        select(load_balancers.c.account_id, load_balancers.c.load_balancer_id.label("subject_id"), number.label("turn"))
        .select_from(load_balancers.outerjoin(wanting, true()))
        .where(ready)
        .subquery()
    )
    return (
        select(numbered.c.account_id, numbered.c.subject_id, func.min(numbered.c.turn).label("turn"))
        .group_by(numbered.c.account_id, numbered.c.subject_id)
        .subquery("turns")
    )


# Health is read of many load balancers in one call, so those of an account and region are one piece of work.
_HEALTH = (
    select(load_balancers.c.account_id, load_balancers.c.region, func.min(load_balancers.c.health_due_at).label("due"))
    .where(load_balancers.c.health_due_at <= _NOW)
    .group_by(load_balancers.c.account_id, load_balancers.c.region)
    .subquery("health_due")
)
_UNSEALED = select(journal_numbers).where(journal_numbers.c.last > SEALED_TO).subquery("unsealed")
_QUEUES = {
    LeaseSubject.LOAD_BALANCER: _Queue(
        load_balancers,
        load_balancers.c.load_balancer_id,
        load_balancers.c.due_at,
        load_balancers.c.not_before <= _NOW,
        _turns(),
    ),
    LeaseSubject.VERIFICATION: _Queue(clusters, clusters.c.cluster_id, clusters.c.verification_due_at),
    LeaseSubject.REVERIFICATION: _Queue(clusters, clusters.c.cluster_id, clusters.c.reverification_due_at),
    LeaseSubject.TOPOLOGY: _Queue(clusters, clusters.c.cluster_id, clusters.c.topology_due_at),
    LeaseSubject.REGION: _Queue(regions, regions.c.region, regions.c.due_at),
    LeaseSubject.HEALTH: _Queue(_HEALTH, _HEALTH.c.region, _HEALTH.c.due),
    LeaseSubject.SEAL: _Queue(_UNSEALED, _UNSEALED.c.account_id, _UNSEALED.c.recorded_at),
    LeaseSubject.KEYS: _Queue(trusts, trusts.c.trust_id, trusts.c.due_at),
}
