"""Alarms: which load balancers and clusters have failed for too long, and which do no longer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, case, func, literal, null, select, update

from app.ledger.leases import Lease, LeaseSubject
from app.ledger.tables import clusters, load_balancers

_FAILING: Final[Mapping[LeaseSubject, tuple[Table, ColumnElement[str], ColumnElement[Any]]]] = {
    LeaseSubject.LOAD_BALANCER: (
        load_balancers,
        load_balancers.c.load_balancer_id,
        load_balancers.c.failing_since,
    ),
    LeaseSubject.TOPOLOGY: (clusters, clusters.c.cluster_id, clusters.c.topology_failing_since),
    LeaseSubject.VERIFICATION: (clusters, clusters.c.cluster_id, clusters.c.verification_failing_since),
    LeaseSubject.REVERIFICATION: (clusters, clusters.c.cluster_id, clusters.c.reverification_failing_since),
}
"""Where it is kept since when work on a subject fails: the table, its id, the column."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm that begins, or ends (``begins`` False) after it began ``at`` that time.

    ``subject`` is load-balancer or cluster; ``failing_since`` None: it fails no more. ``error`` is the last one kept.
    """

    subject: str
    subject_id: str
    begins: bool
    at: datetime
    failing_since: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class _Watched:
    """What may be in alarm: its rows, its id, since when it fails, and what was kept of why."""

    subject: str
    table: Table
    subject_id: ColumnElement[str]
    failing_since: ColumnElement[Any]
    error: ColumnElement[Any]


CLUSTER_FAILING: Final = func.least(
    clusters.c.topology_failing_since, clusters.c.verification_failing_since, clusters.c.reverification_failing_since
)
"""Since when some work on a cluster fails; null: none does."""

WATCHED: Final[Sequence[_Watched]] = (
    _Watched("cluster", clusters, clusters.c.cluster_id, CLUSTER_FAILING, clusters.c.topology_error),
    _Watched(
        "load-balancer",
        load_balancers,
        load_balancers.c.load_balancer_id,
        load_balancers.c.failing_since,
        load_balancers.c.last_error,
    ),
)


def mark(connection: Connection, after: timedelta) -> list[Alarm]:
    """Begin the alarms of what has failed for longer than ``after``, end those of what has not; those, each told once.

    Why is this safe? A row is locked from reading it to the commit, so of several workers one changes its mark and
    tells; a row that somebody works on at this moment is skipped, and looked at again next time.
    """
    return [alarm for watched in WATCHED for alarm in _mark(connection, watched, after)]


def note_broken(connection: Connection, lease: Lease, error: str) -> None:
    """Work on the leased subject fails, at the latest since now; nothing for subjects that know no alarm."""
    if lease.subject not in _FAILING:
        return
    table, subject_id, failing_since = _FAILING[lease.subject]
    values: dict[ColumnElement[Any], ColumnElement[Any]] = {
        failing_since: func.coalesce(failing_since, func.clock_timestamp())
    }
    if table is load_balancers:
        values[load_balancers.c.last_error] = literal(error)
    connection.execute(update(table).where(subject_id == lease.subject_id).values(values))


def _mark(connection: Connection, watched: _Watched, after: timedelta) -> list[Alarm]:
    table, now = watched.table, func.clock_timestamp()
    too_long = func.coalesce(watched.failing_since < now - after, False)
    named = (
        watched.subject_id.label("subject_id"),
        table.c.alarmed_at,
        watched.failing_since.label("failing_since"),
        watched.error.label("error"),
    )
    wrong = (
        select(*named)
        .where(table.c.alarmed_at.is_not(None) != too_long)
        .order_by(watched.subject_id)
        .with_for_update(key_share=True, skip_locked=True)
        .cte("wrong")
    )
    marked = case((wrong.c.alarmed_at.is_(None), now), else_=null())
    statement = (
        update(table)
        .where(watched.subject_id == wrong.c.subject_id)
        .values(alarmed_at=marked)
        .returning(wrong, table.c.alarmed_at.label("begun_at"))
    )
    return [
        Alarm(
            watched.subject,
            row.subject_id,
            begins=row.begun_at is not None,
            at=row.begun_at or row.alarmed_at,
            failing_since=row.failing_since,
            error=row.error,
        )
        for row in connection.execute(statement)
    ]
