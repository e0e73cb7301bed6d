"""What every loop of a worker works with."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from app.cloud.client import Client
from app.domain.trust import PeopleIssuer
from app.ledger.connection import Ledger
from app.turns import Turns
from app.worker.crowding import Crowding
from app.worker.readings import Readings

CloudFor = Callable[[str, str], Client]
"""The cloud client of an (account, region)."""


@dataclass(frozen=True, slots=True)
class Periods:
    """The worker's periods; see `app.settings` for their meaning."""

    lease: timedelta
    sweep: timedelta
    reverify: timedelta
    topology: timedelta
    cloud_timeout: timedelta
    health: timedelta = timedelta(seconds=10)
    silent: timedelta = timedelta(seconds=300)
    keys: timedelta = timedelta(seconds=300)

    @property
    def bound(self) -> timedelta:
        """How long work may fail before that is an alarm: the published bound B, within which the cloud converges."""
        return self.lease + self.sweep + timedelta(seconds=30)

    @property
    def held_lease(self) -> timedelta:
        """How long a lease is held at each step: longer than any call, so that no call outlives its lease."""
        return max(self.lease, self.cloud_timeout + timedelta(seconds=2))


@dataclass(frozen=True, slots=True)
class Workshop:
    """Ledger, cloud and periods of one worker. ``incarnation`` is this life of it; no restart repeats it.

    ``keys_ca_file``: certificates by which the places of issuers' keys are known; None: the usual ones. ``people``:
    those of the settings, whose keys are to be read.
    """

    ledger: Ledger
    cloud_for: CloudFor
    incarnation: str
    periods: Periods
    jitter: Callable[[], float] = field(default=random.random)
    pause: Callable[[float], None] = field(default=time.sleep)
    readings: Readings = field(default_factory=Readings)
    crowding: Crowding = field(default_factory=Crowding)
    turns: Turns = field(default_factory=Turns)
    keys_ca_file: str | None = None
    people: tuple[PeopleIssuer, ...] = ()
