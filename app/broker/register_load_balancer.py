"""Register a load balancer, so that workers read and converge it."""

from app.domain.errors import RequestRefused
from app.domain.journal import Action, Entry
from app.domain.load_balancer import LoadBalancer
from app.ledger import journal, leases, load_balancers, regions
from app.ledger.connection import Ledger
from app.ledger.leases import LeaseSubject


def register_load_balancer(
    ledger: Ledger, load_balancer_id: str, *, account_id: str, region: str, actor: str
) -> tuple[LoadBalancer, bool]:
    """The load balancer, and whether it is new. Raises `RequestRefused` (409) when the id has another account."""
    with ledger.begin() as connection:
        load_balancer, created = load_balancers.put(connection, account_id, load_balancer_id, region)
        if load_balancer is None:
            raise RequestRefused(409, "account-mismatch", f"{load_balancer_id} belongs to another account")
        leases.offer(connection, account_id, LeaseSubject.LOAD_BALANCER, load_balancer_id)
        regions.offer(connection, account_id, region)
        for subject in (LeaseSubject.REGION, LeaseSubject.HEALTH):
            leases.offer(connection, account_id, subject, region)
        leases.offer(connection, account_id, LeaseSubject.SEAL, account_id)
        entry = Entry(
            Action.LOAD_BALANCER_REGISTERED,
            account_id=account_id,
            load_balancer_id=load_balancer_id,
            detail=f"region {region}",
        )
        journal.add(connection, actor, [entry])
    return load_balancer, created
