"""History over HTTP."""

from typing import Any

from app.api import rendering
from app.api.context import ledger, own_cluster
from app.api.cursors import number_of, page
from app.api.parsing import StrictBlueprint
from app.api.schemas.bindings import EntryPage, HistoryQuery
from app.broker import look_up

blueprint = StrictBlueprint("history", __name__, description="Who bound what, when and why")

FILTERS = (
    "cluster_id",
    "load_balancer_id",
    "listener_id",
    "ip",
    "pod_uid",
    "binding_id",
    "actor",
    "action",
)


@blueprint.arguments(HistoryQuery, location="query")
@blueprint.response(200, EntryPage)
def listing(query: dict[str, Any]) -> Any:
    """History by filters; newest first, or `order=asc`"""
    query["cluster_id"] = own_cluster(query["cluster_id"])
    found = look_up.list_history(
        ledger(),
        {name: str(query[name]) for name in FILTERS if query[name] is not None},
        since=query["since"],
        until=query["until"],
        after=number_of(query["cursor"]),
        newest_first=query["order"] == "desc",
        limit=query["limit"] + 1,
    )
    return page(found, query["limit"], rendering.entry, lambda kept: kept.sequence)
