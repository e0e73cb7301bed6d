"""Detaching a month of history: what has to stay of it, and the act. For the owner of the tables alone."""

from datetime import date
from typing import Any, Final

from sqlalchemy import Connection, text

from app.domain.journal import month_after, month_name

_WAITING: Final = """
SELECT count(*) FROM journal_numbers n WHERE EXISTS (
    SELECT FROM {month} m WHERE m.account_id = n.account_id AND m.sequence > coalesce(
        (SELECT s.last_sequence FROM seals s WHERE s.account_id = n.account_id ORDER BY s.first_sequence DESC LIMIT 1),
        (SELECT max(b.sequence) FROM journal_boundaries b WHERE b.account_id = n.account_id),
        0))
"""
_BOUNDARY: Final = """
INSERT INTO journal_boundaries (account_id, sequence, hash, month)
SELECT s.account_id, s.last_sequence, substring(s.hashes FROM length(s.hashes) - 31), :following
FROM (SELECT account_id, max(sequence) AS last FROM {month} GROUP BY account_id) AS ends
JOIN seals s ON s.account_id = ends.account_id AND s.last_sequence = ends.last
ON CONFLICT DO NOTHING
"""
_SEALS: Final = """
DELETE FROM seals s USING journal_boundaries b WHERE s.account_id = b.account_id AND s.last_sequence <= b.sequence
"""
# As it was at the end of the month, from the month and from what was kept of those before it.
_STANDING: Final = """
WITH said AS (
    SELECT account_id, load_balancer_id, listener_id, coalesce(location_id, '') AS location_id, ip, port, weight,
        binding_id, cluster_id, pod_uid, sequence, recorded_at, presence
    FROM {month} WHERE presence IS NOT NULL
    UNION ALL
    SELECT account_id, load_balancer_id, listener_id, location_id, ip, port, weight, binding_id, cluster_id, pod_uid,
        sequence, recorded_at, 'present' FROM journal_standing
), gone AS (
    DELETE FROM journal_standing
), places AS (
    SELECT account_id, load_balancer_id, listener_id, location_id, ip, port, max(sequence) AS last,
        (array_agg(presence ORDER BY sequence DESC) FILTER (WHERE presence IN ('present', 'absent')))[1] AS shown,
        (array_agg(weight ORDER BY sequence DESC) FILTER (WHERE weight IS NOT NULL))[1] AS weight
    FROM said GROUP BY account_id, load_balancer_id, listener_id, location_id, ip, port
)
SELECT p.account_id, p.load_balancer_id, p.listener_id, p.location_id, p.ip, p.port, p.weight, s.binding_id,
    s.cluster_id, s.pod_uid, s.sequence, s.recorded_at
FROM places p JOIN said s ON s.account_id = p.account_id AND s.sequence = p.last AND s.ip = p.ip AND s.port = p.port
WHERE p.shown = 'present'
"""
_STAND: Final = """
INSERT INTO journal_standing (account_id, load_balancer_id, listener_id, location_id, ip, port, weight, binding_id,
    cluster_id, pod_uid, sequence, recorded_at)
VALUES (:account_id, :load_balancer_id, :listener_id, :location_id, :ip, :port, :weight, :binding_id, :cluster_id,
    :pod_uid, :sequence, :recorded_at)
"""


def sealed_through(connection: Connection, month: date) -> bool:
    """Whether every entry of a month is sealed."""
    connection.execute(text("SET LOCAL statement_timeout = '30min'"))
    return not _do(connection, _WAITING, month).scalar_one()


def keep_boundary(connection: Connection, month: date) -> None:
    """Keep the hash that the chain goes on from after a month, and let go of the seals before it."""
    _do(connection, _BOUNDARY, month, following=month_after(month))
    _do(connection, _SEALS, month)


def keep_standing(connection: Connection, month: date) -> None:
    """Keep what was at the cloud at the end of a month."""
    rows = [dict(row._mapping) for row in _do(connection, _STANDING, month)]  # noqa: SLF001
    if rows:
        connection.execute(text(_STAND), rows)


def detach(connection: Connection, month: date) -> None:
    """Make a month a table of its own. It takes a lock on all of history, for a moment."""
    _do(connection, "ALTER TABLE journal DETACH PARTITION {month}", month)


def _do(connection: Connection, statement: str, month: date, **given: Any) -> Any:
    return connection.execute(text(statement.format(month=month_name(month))), given)
