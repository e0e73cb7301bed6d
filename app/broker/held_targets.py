"""What was bound where at a moment, and who had an address: from history alone."""

from datetime import datetime

from app.domain.errors import RequestRefused
from app.ledger import held_targets
from app.ledger.connection import Connection, Ledger, clock
from app.ledger.held_targets import HeldTarget

Held = tuple[datetime, list[HeldTarget]]
"""A moment, and the targets that were at the cloud then."""


def held_on_load_balancer(ledger: Ledger, load_balancer_id: str, at: datetime | None) -> Held:
    """The targets that the broker had at the cloud on a load balancer at ``at``; None, or a time to come: now.

    Raises `RequestRefused` (410) for a moment whose history was detached, `LedgerUnavailable`.
    """
    return _held(ledger, "load_balancer_id", load_balancer_id, at)


def held_of_address(ledger: Ledger, ip: str, at: datetime | None) -> Held:
    """The targets of an address, on all load balancers. As `held_on_load_balancer`."""
    return _held(ledger, "ip", ip, at)


def _held(ledger: Ledger, name: str, value: str, at: datetime | None) -> Held:
    with ledger.begin() as connection:
        now = clock(connection)
        moment = now if at is None else min(at, now)
        _refuse_detached(connection, moment)
        return moment, held_targets.held(connection, name, value, moment)


def _refuse_detached(connection: Connection, at: datetime) -> None:
    begins = held_targets.begins(connection)
    if begins is not None and at < begins:
        raise RequestRefused(410, "history-detached", f"history is kept from {begins:%Y-%m-%d} on")
