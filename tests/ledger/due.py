"""When the health of load balancers is due, as tests can tell it: they are slower than what they test."""

from app.ledger.connection import Ledger
from tests.ledger.building import execute

STEPS = (0, 1, 2, 4, 10, 20, 30)


def health_due(ledger: Ledger) -> list[int | None]:
    """In how many seconds it is due, rounded up to the next of `STEPS`, by load balancer; None: not at all."""
    statement = "SELECT extract(epoch FROM health_due_at - clock_timestamp())::float8 FROM load_balancers"
    found = execute(ledger, f"{statement} ORDER BY load_balancer_id")
    return [None if seconds is None else next(step for step in STEPS if seconds <= step) for seconds in found]
