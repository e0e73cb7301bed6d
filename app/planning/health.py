"""What the cloud's health checks say of targets, and when they are to be asked again. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from app.domain.binding import Health, State
from app.domain.target import Place

DETAILS: Final[Mapping[str, Health]] = MappingProxyType(
    {"alive": Health.HEALTHY, "dead": Health.UNHEALTHY, "unknown": Health.UNKNOWN, "close": Health.OFF}
)
"""HealthStatusDetail in small letters (CLB API, DescribeTargetHealth); Close: the listener or rule has no check."""

SOONEST: Final = timedelta(seconds=1)
"""How long after a bind health is read for the first time."""

GROWTH: Final = 2
"""While health is unknown, the next reading waits for this part of the time since the bind: half of it."""

STABLE: Final = 3
"""Where every target is healthy or has no check, health is read once in so many periods."""

_ANSWERED: Final = frozenset({State.BOUND, State.HELD})
"""States in which an answer is to be had: what is on its way is read when it is bound."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A target that may be at the cloud under our name; ``since`` is the last change of its binding, but for health."""

    binding_id: str
    cluster_id: str
    place: Place
    state: State
    health: Health
    since: datetime


def health_of(detail: str) -> Health | None:
    """The health that a HealthStatusDetail means; None for a word that is not known, which says nothing."""
    return DETAILS.get(detail.casefold())


def changed_health(standing: Iterable[Standing], found: Mapping[Place, Health], read_at: datetime) -> dict[str, Health]:
    """The new health, by binding id, of those targets whose health the reading shows to be another.

    One that the reading leaves out stays as it is. So does one whose binding changed after ``read_at``, when the
    reading began: what was read may be the target that another pod had at this place before.
    """
    return {
        each.binding_id: found[each.place]
        for each in standing
        if each.since <= read_at and found.get(each.place, each.health) is not each.health
    }


def pause_before_next(standing: Iterable[Standing], now: datetime, period: timedelta) -> timedelta | None:
    """How long to wait before health is read again; None where there is no target to ask about.

    ==================================  =================================================================
    some target is bound, but unknown   half the time since its last change, from one second to a period
    some target is not healthy          a period
    all are healthy, or have no check   three periods
    ==================================  =================================================================
    """
    pauses = [_pause(each, now, period) for each in standing]
    return min(pauses, default=None)


def _pause(standing: Standing, now: datetime, period: timedelta) -> timedelta:
    if standing.health in {Health.HEALTHY, Health.OFF} or standing.state not in _ANSWERED:
        return STABLE * period
    if standing.health is Health.UNHEALTHY:
        return period
    return min(max((now - standing.since) / GROWTH, SOONEST), period)
