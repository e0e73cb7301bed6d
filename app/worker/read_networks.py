"""Read networks and load balancers from the cloud, and keep what was read for all workers."""

from collections.abc import Callable, Sequence
from datetime import datetime

from app.broker import record_evidence
from app.cloud.clb import read_inventory
from app.cloud.client import Client
from app.cloud.networks import read_ccn, read_ccn_ids
from app.ownership.evidence import Ccn
from app.worker.workshop import Workshop


def read_network(
    workshop: Workshop, client: Client, vpc_id: str, read_at: datetime, between: Callable[[], None]
) -> tuple[Ccn, ...]:
    """The Cloud Connect Networks that a VPC is attached to. Raises a `CloudError`; then nothing is kept."""
    found = {ccn_id: read_ccn(client, ccn_id, between) for ccn_id in read_ccn_ids(client, vpc_id)}
    record_evidence.record_network(workshop.ledger, client.account_id, vpc_id, found, read_at)
    return tuple(ccn for ccn, _ in found.values())


def read_inventories(workshop: Workshop, client: Client, load_balancer_ids: Sequence[str]) -> None:
    """What load balancers are. Raises a `CloudError`."""
    for load_balancer_id in load_balancer_ids:
        inventory = read_inventory(client, load_balancer_id)
        record_evidence.record_inventory(workshop.ledger, load_balancer_id, inventory)
