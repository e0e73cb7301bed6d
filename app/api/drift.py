"""Drift over HTTP: what is at the cloud otherwise than the broker left it."""

import re
from typing import Any

from app.api import rendering
from app.api.context import caller, ledger
from app.api.cursors import number_of, page
from app.api.parsing import StrictBlueprint
from app.api.schemas.drift import DifferenceSchema, DriftPage
from app.api.schemas.fields import EmptyBody, PageQuery
from app.broker import report_drift

blueprint = StrictBlueprint("drift", __name__, description="What the broker did not do itself")


@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, DriftPage)
def listing(query: dict[str, Any], load_balancer_id: str) -> Any:
    """Differences between the ledger and the cloud, newest first, and what was done about each"""
    after = number_of(query["cursor"]) or 0
    found = report_drift.list_drift(ledger(), load_balancer_id, after, query["limit"] + 1)
    return page(found, query["limit"], rendering.difference, lambda kept: kept.drift_id)


@blueprint.arguments(EmptyBody, required=False)
@blueprint.response(200, DifferenceSchema)
def ignore(body: dict[str, Any], load_balancer_id: str, drift_id: str) -> Any:
    """Note that a foreign target is known and stays"""
    number = int(drift_id) if re.fullmatch(r"[0-9]{1,18}", drift_id) else 0  # 0 is no difference's number
    kept = report_drift.ignore_drift(ledger(), load_balancer_id, number, actor=caller().actor)
    return rendering.difference(kept)
