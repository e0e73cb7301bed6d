"""Questions about addresses that no binding asks, and their answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, select, update

from app.domain.cluster import NetworkMode
from app.ledger.tables import verifications as table

KEPT_FOR: Final = timedelta(hours=1)
"""How long an answer can be fetched."""


@dataclass(frozen=True, slots=True)
class Question:
    """Would this address be proven for this cluster? ``answer`` is None until a worker gave it."""

    verification_id: str
    account_id: str
    cluster_id: str
    ip: str
    network_mode: NetworkMode
    load_balancer_id: str | None
    port: int | None
    asked_at: datetime
    answer: Mapping[str, Any] | None


def ask(connection: Connection, values: Mapping[str, Any]) -> None:
    """Add a question, and forget old ones."""
    # Those that somebody answers at this moment are left to the next question: nobody waits for anybody.
    old = select(table.c.verification_id).where(table.c.asked_at < func.now() - KEPT_FOR)
    connection.execute(table.delete().where(table.c.verification_id.in_(old.with_for_update(skip_locked=True))))
    connection.execute(insert(table).values(**values))


def find(connection: Connection, verification_id: str) -> Question | None:
    """The question of that id, if there is one."""
    row = connection.execute(select(table).where(table.c.verification_id == verification_id)).one_or_none()
    return None if row is None else _question(row)


def unanswered(connection: Connection, cluster_id: str, limit: int) -> list[Question]:
    """Up to ``limit`` questions about a cluster that wait for an answer, the oldest first."""
    waiting = select(table).where(table.c.cluster_id == cluster_id, table.c.answer.is_(None))
    rows = connection.execute(waiting.order_by(table.c.asked_at, table.c.verification_id).limit(limit))
    return [_question(row) for row in rows]


def answer(connection: Connection, answers: Mapping[str, Mapping[str, Any]]) -> None:
    """Record answers by the questions' ids; of a question that was asked once there is one answer."""
    for verification_id, given in sorted(answers.items()):
        open_one = (table.c.verification_id == verification_id, table.c.answer.is_(None))
        connection.execute(update(table).where(*open_one).values(answer=dict(given)))


def _question(row: Row[Any]) -> Question:
    values = dict(row._mapping)  # noqa: SLF001
    return Question(**{**values, "network_mode": NetworkMode(row.network_mode)})
