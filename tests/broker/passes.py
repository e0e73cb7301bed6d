"""What tests of passes work with: one load balancer in the hands of a worker, and what the cloud is said to have."""

from datetime import timedelta
from typing import Any

from app.broker.converge import begin_write
from app.broker.passes import After, Call, CallOutcome, Intent, PassTerms
from app.domain.binding import Binding, State
from app.domain.target import Place, TargetName
from app.ledger import leases
from app.ledger.connection import Ledger
from app.ledger.leases import Lease, LeaseSubject
from app.planning.observed import Inspection, Observed
from tests.ledger.building import ACCOUNT, a_binding, execute, furnish, keep

MINUTE = timedelta(minutes=1)
TERMS = PassTerms(lease=MINUTE, sweep=MINUTE, freshness=MINUTE)
NOW = timedelta(0)
ALL = frozenset({"lbl-1", "lbl-2", "lbl-web"})
NOTHING = Observed(ALL)
DONE = Call(CallOutcome.DONE, "r-1")
LAST = After(NOW, 0.0)


def take(ledger: Ledger) -> Lease:
    with ledger.begin() as connection:
        (lease,) = leases.take(connection, LeaseSubject.LOAD_BALANCER, "worker-1", MINUTE, 1)
    return lease


def ready(ledger: Ledger, *made: Binding) -> Lease:
    """A load balancer with these bindings, in the hands of a worker."""
    furnish(ledger, load_balancer_ids=["lb-1"])
    keep(ledger, *made)
    return take(ledger)


def there(*ips: str, weight: int = 10) -> Observed:
    return Observed(ALL, {Place(ACCOUNT, "lb-1", "lbl-1", "", ip, 8080): weight for ip in ips})


def kept(ledger: Ledger, columns: str = "state, reason, placed") -> list[Any]:
    return execute(ledger, f"SELECT {columns} FROM bindings ORDER BY binding_id")


def operations(ledger: Ledger) -> list[Any]:
    return execute(ledger, "SELECT action, outcome FROM cloud_operations ORDER BY operation_id")


def queue(ledger: Ledger) -> tuple[int, int, bool, str | None, bool]:
    """When lb-1 is due and no longer spared, in seconds from the end of the pass; whether it is reconciled, its last
    error, and whether it is free.
    """
    statement = """
        SELECT round(extract(epoch FROM greatest(due_at, expires_at) - expires_at))::int,
               round(extract(epoch FROM greatest(not_before, expires_at) - expires_at))::int,
               reconciled_generation = wanted_generation, last_error, incarnation IS NULL
        FROM load_balancers JOIN leases ON subject_id = load_balancer_id
    """
    (row,) = execute(ledger, statement)
    found: tuple[int, int, bool, str | None, bool] = row
    return found


HELD_PLACE: Any = {"holder": True}
PENDING = a_binding("b-1", State.PENDING, **HELD_PLACE)
BOUND = a_binding("b-1", State.BOUND, placed=True, **HELD_PLACE)


OTHER = TargetName("lb-1", 8080, listener_id="lbl-2")


def begun(ledger: Ledger, lease: Lease, observed: Observed = NOTHING) -> Intent:
    intent = begin_write(ledger, lease, Inspection(observed), TERMS)
    assert intent is not None
    return intent
