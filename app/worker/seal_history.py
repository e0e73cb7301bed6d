"""Seal the history of an account, as much of it as there is."""

from app.broker.seal_history import end_sealing, seal_history
from app.ledger.leases import Lease
from app.metrics import count_sealed
from app.worker.workshop import Workshop

MOST_STEPS = 200
"""Then somebody else may have the hand: a million entries at most."""


def seal_account(workshop: Workshop, lease: Lease) -> None:
    """Seal step by step until nothing waits. Raises `HistoryBroken`, `LeaseLost`, `LedgerUnavailable`."""
    for _ in range(MOST_STEPS):
        step = seal_history(workshop.ledger, lease, workshop.periods.held_lease)
        count_sealed(step.entries, step.waited)
        if not step.more:
            break
    end_sealing(workshop.ledger, lease)
