"""Read the health of an account's targets in a region, up to 30 load balancers a call, of those that are due."""

from collections.abc import Sequence
from datetime import timedelta

import structlog

from app.broker.record_health import HealthOpening, HealthReading, HealthTerms, end_health, open_health, record_health
from app.broker.take_work import keep_lease
from app.cloud import health as cloud
from app.cloud.client import Client
from app.domain.binding import Health
from app.domain.errors import CloudError, CloudRefused
from app.domain.target import Place
from app.ledger.leases import Lease
from app.planning.health import STABLE
from app.planning.pacing import pause_after
from app.worker.workshop import Workshop

log = structlog.get_logger(__name__)

UNANSWERED = 5
"""Without an answer health is read again after the pause of so many failures, some seconds, or after a period."""


def read_health(workshop: Workshop, lease: Lease) -> None:
    """Read what is due in the leased account and region. Raises `LeaseLost`, `LedgerUnavailable`.

    Where the cloud does not answer, health stays as it is.
    """
    terms = HealthTerms(workshop.periods.health, workshop.periods.held_lease)
    begun_at = None
    while True:
        opening = open_health(workshop.ledger, lease, terms, begun_at, cloud.LOAD_BALANCERS_PER_READ)
        begun_at = begun_at or opening.read_at
        if not opening.due:
            break
        reading = _read(workshop, lease, opening)
        changed = record_health(workshop.ledger, lease, opening, reading, terms)
        if changed:
            log.info("health changed", account_id=lease.account_id, region=lease.subject_id, bindings=changed)
    end_health(workshop.ledger, lease)


def _read(workshop: Workshop, lease: Lease, opening: HealthOpening) -> HealthReading:
    ids = sorted(opening.due)
    try:
        client = workshop.cloud_for(lease.account_id, lease.subject_id)
    except CloudError as error:
        return _unanswered(workshop, ids, error)
    return _read_parts(workshop, lease, client, ids)


def _read_parts(workshop: Workshop, lease: Lease, client: Client, load_balancer_ids: Sequence[str]) -> HealthReading:
    """One call, or several where the cloud refuses to speak of some load balancer: its neighbours are not to suffer."""
    try:
        return HealthReading(cloud.read_health(client, load_balancer_ids), {})
    except CloudError as error:
        if len(load_balancer_ids) == 1 or not isinstance(error, CloudRefused):
            return _unanswered(workshop, load_balancer_ids, error)
    middle = len(load_balancer_ids) // 2
    found: dict[Place, Health] = {}
    unanswered: dict[str, timedelta] = {}
    for part in (load_balancer_ids[:middle], load_balancer_ids[middle:]):
        keep_lease(workshop.ledger, lease, workshop.periods.held_lease)
        reading = _read_parts(workshop, lease, client, part)
        found |= reading.found
        unanswered |= reading.unanswered
    return HealthReading(found, unanswered)


def _unanswered(workshop: Workshop, load_balancer_ids: Sequence[str], error: CloudError) -> HealthReading:
    """What is refused will be refused again: it is asked seldom, since asking costs its neighbours calls."""
    log.warning("health not read", load_balancer_ids=list(load_balancer_ids), error=str(error))
    period = workshop.periods.health
    refused = isinstance(error, CloudRefused)
    pause = STABLE * period if refused else min(period, pause_after(UNANSWERED, workshop.jitter()))
    return HealthReading({}, dict.fromkeys(load_balancer_ids, pause))
