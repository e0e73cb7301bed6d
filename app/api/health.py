"""Is the process alive, is it ready, and what does it count? Open to all: load balancers and Prometheus ask."""

from typing import Any

from flask import Response

from app.api.context import context, ledger
from app.api.metrics import render_metrics
from app.api.parsing import StrictBlueprint
from app.api.schemas.health import StatusSchema
from app.broker import look_up
from app.domain.errors import LedgerUnavailable, RequestRefused
from app.ledger.figures import Figures

blueprint = StrictBlueprint("health", __name__, description="Health and metrics")


@blueprint.response(200, StatusSchema)
def livez() -> Any:
    """Alive: the process answers, whatever it depends on"""
    return {"status": "alive"}


@blueprint.response(200, StatusSchema)
def readyz() -> Any:
    """Ready: the ledger answers and its schema is up to date"""
    if not look_up.ready(ledger()):
        raise RequestRefused(503, "not-migrated", "the ledger's schema is not this version's: run clb-broker migrate")
    return {"status": "ready"}


@blueprint.response(200, {"type": "string"}, content_type="text/plain")
def metrics() -> Response:
    """Metrics for Prometheus"""
    return render_metrics(_figures())


def _figures() -> Figures | None:
    """Metrics are asked for most when something is down: what needs no ledger is told without it."""
    try:
        return context().figures.of(ledger(), context().silent_after)
    except LedgerUnavailable:
        return None
