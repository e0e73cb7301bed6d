"""What was found at a load balancer that the broker did not make, and an operator's word on it."""

from app.domain.errors import RequestRefused
from app.domain.journal import Action, Entry
from app.ledger import drift, journal, load_balancers
from app.ledger.connection import Ledger
from app.ledger.drift import KeptDifference


def list_drift(ledger: Ledger, load_balancer_id: str, after: int, limit: int) -> list[KeptDifference]:
    """Up to ``limit`` differences, the newest first. Raises `RequestRefused` (404) for an unknown load balancer."""
    with ledger.begin() as connection:
        if load_balancers.find(connection, load_balancer_id) is None:
            raise RequestRefused(404, "load-balancer-not-found", f"there is no load balancer {load_balancer_id}")
        return drift.listing(connection, load_balancer_id, after, limit)


def ignore_drift(ledger: Ledger, load_balancer_id: str, drift_id: int, *, actor: str) -> KeptDifference:
    """Note that a foreign target is known and stays. Raises `RequestRefused` (404) when there is none such."""
    with ledger.begin() as connection:
        load_balancers.lock(connection, [load_balancer_id])
        kept = drift.ignore(connection, load_balancer_id, drift_id)
        if kept is None:
            detail = f"there is no foreign target of number {drift_id} at {load_balancer_id}"
            raise RequestRefused(404, "drift-not-found", detail)
        entry = Entry(
            Action.DRIFT_IGNORED,
            account_id=kept.place.account_id,
            load_balancer_id=load_balancer_id,
            listener_id=kept.place.listener_id,
            ip=kept.place.ip,
            port=kept.place.port,
        )
        journal.add(connection, actor, [entry])
        return kept
