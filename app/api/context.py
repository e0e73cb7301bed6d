"""What views work with: the ledger, the API's settings, and the caller of the current request."""

from dataclasses import dataclass, field

from flask import current_app, g

from app.broker.tokens import Caller, Role
from app.domain.errors import RequestRefused
from app.ledger.connection import Ledger

EXTENSION = "clb_broker"


@dataclass(frozen=True, slots=True)
class ApiContext:
    """The ledger, the first administrator's token, and the broker's drain time."""

    ledger: Ledger
    admin_token: str | None = field(repr=False)
    drain_seconds: int


def context() -> ApiContext:
    """The context of the running application."""
    found: ApiContext = current_app.extensions[EXTENSION]
    return found


def ledger() -> Ledger:
    """The ledger."""
    return context().ledger


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
