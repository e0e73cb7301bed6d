"""An operation at the cloud has its intent before the call and its outcome after it, or is seen to be open."""

from datetime import timedelta

from app.ledger import leases, operations
from app.ledger.connection import Ledger
from app.ledger.leases import Lease, LeaseSubject
from tests.ledger.building import execute, expire, furnish

TARGETS = [{"ip": "10.0.3.17", "port": 8080, "weight": 10, "location_id": ""}]


def take(ledger: Ledger) -> dict[str, Lease]:
    with ledger.begin() as connection:
        taken = leases.take(connection, LeaseSubject.LOAD_BALANCER, "worker-1", timedelta(minutes=1), 10)
    return {lease.subject_id: lease for lease in taken}


def outcomes(ledger: Ledger) -> list[str | None]:
    return execute(ledger, "SELECT outcome FROM cloud_operations ORDER BY operation_id")


def intend(ledger: Ledger, lease: Lease) -> int:
    with ledger.begin() as connection:
        return operations.intend(connection, lease, "BatchRegisterTargets", TARGETS)


def test_an_intent_says_who_means_to_do_what(ledger: Ledger) -> None:
    furnish(ledger)
    lease = take(ledger)["lb-1"]
    intend(ledger, lease)
    names = "account_id, load_balancer_id, action, targets, incarnation, epoch, outcome, finished_at, cloud_request_id"
    assert execute(ledger, f"SELECT {names} FROM cloud_operations") == [
        ("default", "lb-1", "BatchRegisterTargets", TARGETS, "worker-1", 1, None, None, None)
    ]


def test_an_outcome_ends_its_own_operation_alone(ledger: Ledger) -> None:
    furnish(ledger)
    lease = take(ledger)["lb-1"]
    first, second = intend(ledger, lease), intend(ledger, lease)
    assert first != second
    with ledger.begin() as connection:
        operations.finish(connection, second, "done", "r-1", "all well")
    assert outcomes(ledger) == [None, "done"]
    kept = execute(ledger, "SELECT cloud_request_id, detail, finished_at >= intended_at FROM cloud_operations")
    assert sorted(kept, key=str) == sorted([(None, None, None), ("r-1", "all well", True)], key=str)


def test_an_heir_settles_what_earlier_holders_left_open_on_its_load_balancer(ledger: Ledger) -> None:
    furnish(ledger)
    old = take(ledger)
    finished = intend(ledger, old["lb-1"])
    intend(ledger, old["lb-1"])
    intend(ledger, old["lb-2"])
    with ledger.begin() as connection:
        operations.finish(connection, finished, "done", "r-1", None)
    expire(ledger, old["lb-1"])
    heir = take(ledger)["lb-1"]
    intend(ledger, heir)
    with ledger.begin() as connection:
        assert operations.settle_left_open(connection, heir) == 1
        assert operations.settle_left_open(connection, heir) == 0
    assert outcomes(ledger) == ["done", "settled", None, None]
    (detail,) = execute(ledger, "SELECT detail FROM cloud_operations WHERE outcome = 'settled'")
    assert detail == "its worker was gone; settled by reading back in epoch 2"
