"""The transactions around a reading of health: what is due, and what the reading changes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from app.domain.binding import Health
from app.domain.target import Place
from app.ledger import bindings, health, leases
from app.ledger.connection import Ledger
from app.ledger.leases import Lease
from app.planning.health import SOONEST, Standing, changed_health, pause_before_next

SOON_ENOUGH: Final = SOONEST
"""What is due this soon shares a call with what is due."""


@dataclass(frozen=True, slots=True)
class HealthOpening:
    """Load balancers whose health is to be read now, with the time when that was due; ``read_at`` is now."""

    due: Mapping[str, datetime]
    read_at: datetime


@dataclass(frozen=True, slots=True)
class HealthReading:
    """What the cloud said: health by place. ``unanswered`` load balancers are asked about again after their pause."""

    found: Mapping[Place, Health]
    unanswered: Mapping[str, timedelta]


@dataclass(frozen=True, slots=True)
class HealthTerms:
    """How often health is read where not all is well, and how long a lease is held at each step."""

    period: timedelta
    lease: timedelta


def open_health(
    ledger: Ledger, lease: Lease, terms: HealthTerms, begun_at: datetime | None, most: int
) -> HealthOpening:
    """What to read next, up to ``most`` load balancers of the leased account and region.

    ``begun_at`` is the ``read_at`` of the first opening under this lease, None for the first one: what becomes due
    later is for a later lease, so that no worker goes on for ever. Raises `LeaseLost`, `LedgerUnavailable`.
    """
    with ledger.begin() as connection:
        now = leases.hold(connection, lease, terms.lease)
        until = (begun_at or now) + SOON_ENOUGH
        found = health.due(connection, lease.account_id, lease.subject_id, until, most)
        return HealthOpening(found if min(found.values(), default=until) <= now else {}, now)


def record_health(
    ledger: Ledger, lease: Lease, opening: HealthOpening, reading: HealthReading, terms: HealthTerms
) -> int:
    """Write the health that is another than before, and when to read again; how many bindings changed.

    Their clusters hear of it in the feed of changes. History does not: health is the cloud's word on a target, not a
    change that somebody made. Raises `LeaseLost`, `LedgerUnavailable`.
    """
    load_balancer_ids = opening.due.keys()
    with ledger.begin() as connection:
        health.lock(connection, load_balancer_ids)
        now = leases.hold(connection, lease, terms.lease)
        standing = health.standing(connection, load_balancer_ids)
        wanted = changed_health(standing, reading.found, opening.read_at)
        if wanted:
            clusters = {each.binding_id: each.cluster_id for each in standing}
            bindings.write_health(connection, {each: (clusters[each], found) for each, found in wanted.items()})
        known = [replace(each, health=wanted.get(each.binding_id, each.health)) for each in standing]
        pauses = _pauses(load_balancer_ids, known, now, terms.period)
        asked_again = {each: pause and reading.unanswered.get(each, pause) for each, pause in pauses.items()}
        health.read_again(connection, opening.due, asked_again)
        return len(wanted)


def end_health(ledger: Ledger, lease: Lease) -> None:
    """End a lease on the health of an account's targets in a region. Raises `LeaseLost`."""
    with ledger.begin() as connection:
        leases.give_back(connection, lease)


def _pauses(
    load_balancer_ids: Iterable[str], standing: Iterable[Standing], now: datetime, period: timedelta
) -> dict[str, timedelta | None]:
    targets: dict[str, list[Standing]] = {each: [] for each in load_balancer_ids}
    for each in standing:
        targets[each.place.load_balancer_id].append(each)
    return {each: pause_before_next(found, now, period) for each, found in targets.items()}
