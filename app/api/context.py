"""What views work with: the ledger, the API's settings, and the caller of the current request."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event, Semaphore

from flask import current_app, g, request

from app.api.figures import KeptFigures
from app.api.rates import Limits
from app.api.refusals import Refusals
from app.api.trusted_keys import TrustedKeys
from app.domain.caller import Caller, Role
from app.domain.errors import RequestRefused
from app.ledger.connection import Ledger
from app.turns import Turns

EXTENSION = "clb_broker"
DEFAULT_WAITING_PLACES = 8
READING = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class ApiContext:
    """The ledger, the first administrator's token, and the broker's drain time.

    ``silent_after``: how long an agent may be quiet before its cluster counts as silent.
    ``turns``: those of large batches.
    ``waiting_places``: how many requests may wait for changes at once. Each takes a thread for as long as it waits, and
    the others' events must not stand behind them. ``trusted_keys``: those that tokens are checked with. ``refusals``:
    the writes that were refused lately. ``limits``: how many requests and events a second callers may send.
    ``ending``: the process ends, so that nobody waits for changes any more.
    """

    ledger: Ledger
    admin_token: str | None = field(repr=False)
    drain_seconds: int
    silent_after: timedelta = timedelta(seconds=300)
    turns: Turns = field(default_factory=Turns, repr=False)
    figures: KeptFigures = field(default_factory=KeptFigures, repr=False)
    waiting_places: Semaphore = field(default_factory=lambda: Semaphore(DEFAULT_WAITING_PLACES), repr=False)
    trusted_keys: TrustedKeys = field(default_factory=TrustedKeys, repr=False)
    refusals: Refusals = field(default_factory=Refusals, repr=False)
    limits: Limits = field(default_factory=Limits, repr=False)
    ending: Event = field(default_factory=Event, repr=False)


def context() -> ApiContext:
    """The context of the running application."""
    found: ApiContext = current_app.extensions[EXTENSION]
    return found


def ledger() -> Ledger:
    """The ledger, as the caller may see it: an agent that reads is behind the wall, whatever the query says."""
    whole = context().ledger
    mine = g.get("caller")
    if mine is None or mine.role is not Role.AGENT or request.method not in READING:
        return whole
    return whole.behind_the_wall(mine.cluster_id)


def caller() -> Caller:
    """Who sent the current request; known in every view whose route names roles."""
    found: Caller = g.caller
    return found


def own_cluster(asked: str | None) -> str | None:
    """The cluster that a listing is limited to: an agent sees its own alone. Raises `RequestRefused` (403)."""
    mine = caller()
    if mine.role is not Role.AGENT:
        return asked
    if asked not in {None, mine.cluster_id}:
        raise RequestRefused(403, "forbidden", "an agent sees its own cluster alone")
    return mine.cluster_id


@contextmanager
def waiting_place() -> Iterator[bool]:
    """Whether the current request may wait: there is a place for it, which it has for as long as this lasts."""
    places = context().waiting_places
    got_one = places.acquire(blocking=False)
    try:
        yield got_one
    finally:
        if got_one:
            places.release()
