"""History over HTTP: pages of JSON, or all of it as a stream of CSV or of JSON lines."""

from datetime import datetime
from typing import Any, Final

from flask import Response, request

from app.api import rendering
from app.api.context import ledger, own_cluster
from app.api.cursors import bookmark_of, mark_of
from app.api.exports import EXPORTS, export
from app.api.limits import Stream
from app.api.parsing import StrictBlueprint
from app.api.schemas.bindings import EntryPage, HeldTargetsSchema, HistoryQuery, HolderQuery, MomentQuery
from app.broker import look_up
from app.broker.held_targets import held_of_address, held_on_load_balancer
from app.broker.read_history import Question, list_history, stream_history
from app.domain.errors import RequestRefused
from app.ledger.held_targets import HeldTarget

blueprint = StrictBlueprint("history", __name__, description="Who bound what, when and why")

FILTERS: Final = (
    "cluster_id",
    "load_balancer_id",
    "listener_id",
    "ip",
    "pod_uid",
    "binding_id",
    "actor",
    "action",
    "request_id",
    "trace_id",
)


@blueprint.arguments(HistoryQuery, location="query")
@blueprint.response(200, EntryPage)
def listing(query: dict[str, Any]) -> Any:
    """History by filters; newest first, or `order=asc`; `Accept: text/csv`, `application/x-ndjson`: all as a stream"""
    query["cluster_id"] = own_cluster(query["cluster_id"])
    question = Question(
        {name: str(query[name]) for name in FILTERS if query[name] is not None},
        query["since"],
        query["until"],
        query["order"] == "desc",
    )
    mark = bookmark_of(query["cursor"], newest_first=question.newest_first)
    wanted = request.accept_mimetypes.best_match(["application/json", *EXPORTS], default="application/json")
    if wanted in EXPORTS:
        parts = export(wanted, stream_history(ledger(), question, mark))
        return Response(Stream(parts), content_type=EXPORTS[wanted])
    found, following = list_history(ledger(), question, mark, query["limit"])
    return {"items": [rendering.entry(kept) for kept in found], "next_cursor": mark_of(following)}


@blueprint.arguments(MomentQuery, location="query")
@blueprint.response(200, HeldTargetsSchema)
def targets(query: dict[str, Any], load_balancer_id: str) -> Any:
    """What the broker had bound on a load balancer at a moment, from history alone"""
    if look_up.load_balancer(ledger(), load_balancer_id) is None:
        raise RequestRefused(404, "load-balancer-not-found", f"there is no load balancer {load_balancer_id}")
    return _held(*held_on_load_balancer(ledger(), load_balancer_id, query["at"]))


@blueprint.arguments(HolderQuery, location="query")
@blueprint.response(200, HeldTargetsSchema)
def holders(query: dict[str, Any]) -> Any:
    """Who had an address at a moment, on all load balancers, from history alone"""
    return _held(*held_of_address(ledger(), query["ip"], query["at"]))


def _held(at: datetime, found: list[HeldTarget]) -> dict[str, Any]:
    return {"at": at, "items": [rendering.held_target(each) for each in found]}
