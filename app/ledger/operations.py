"""Operations at the cloud: the intent is written before the call, the outcome after it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, func, insert, update

from app.ledger.leases import Lease
from app.ledger.tables import cloud_operations as table


def intend(connection: Connection, lease: Lease, action: str, targets: Sequence[dict[str, Any]]) -> int:
    """Record that ``action`` is about to be called with ``targets``; the operation's id."""
    statement = (
        insert(table)
        .values(
            account_id=lease.account_id,
            load_balancer_id=lease.subject_id,
            action=action,
            targets=list(targets),
            incarnation=lease.incarnation,
            epoch=lease.epoch,
        )
        .returning(table.c.operation_id)
    )
    operation_id: int = connection.execute(statement).scalar_one()
    return operation_id


def finish(connection: Connection, operation_id: int, outcome: str, request_id: str | None, detail: str | None) -> None:
    """Record what became of the call."""
    values = {"outcome": outcome, "cloud_request_id": request_id, "detail": detail, "finished_at": func.now()}
    connection.execute(update(table).where(table.c.operation_id == operation_id).values(values))


def settle_left_open(connection: Connection, lease: Lease) -> int:
    """Close what earlier holders of the lease left open; how many there were.

    Called after the cloud was read: what they did is in the reading, so nothing of theirs has to be guessed.
    """
    left_open = and_(
        table.c.account_id == lease.account_id,
        table.c.load_balancer_id == lease.subject_id,
        table.c.outcome.is_(None),
        table.c.epoch < lease.epoch,
    )
    detail = f"its worker was gone; settled by reading back in epoch {lease.epoch}"
    values = {"outcome": "settled", "detail": detail, "finished_at": func.now()}
    return connection.execute(update(table).where(left_open).values(values)).rowcount
