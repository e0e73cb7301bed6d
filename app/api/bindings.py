"""Bindings over HTTP."""

from typing import Any

import structlog

from app.api import rendering
from app.api.context import caller, context, ledger, own_cluster
from app.api.cursors import bookmark_of, key_of, mark_of, page
from app.api.parsing import StrictBlueprint
from app.api.schemas.bindings import BindingHistoryQuery, BindingPage, BindingQuery, BindingSchema, EntryPage
from app.broker import look_up
from app.broker.read_history import Question, list_history
from app.domain.binding import Binding
from app.domain.caller import Role
from app.domain.errors import RequestRefused

blueprint = StrictBlueprint("bindings", __name__, description="What is bound, and why not")

log = structlog.get_logger(__name__)

FILTERS = ("cluster_id", "load_balancer_id", "listener_id", "ip", "pod_uid", "state")


@blueprint.arguments(BindingQuery, location="query")
@blueprint.response(200, BindingPage)
def listing(query: dict[str, Any]) -> Any:
    """Bindings; an agent sees those of its own cluster"""
    query["cluster_id"] = own_cluster(query["cluster_id"])
    filters = {name: str(query[name]) for name in FILTERS if query[name] is not None}
    found = _told(look_up.list_bindings(ledger(), filters, key_of(query["cursor"]), query["limit"] + 1))
    return page(found, query["limit"], rendering.binding, lambda binding: binding.binding_id)


@blueprint.response(200, BindingSchema)
def get(binding_id: str) -> Any:
    """One binding"""
    (found,) = _told([_visible(binding_id)])
    return rendering.binding(found)


@blueprint.arguments(BindingHistoryQuery, location="query")
@blueprint.response(200, EntryPage)
def history(query: dict[str, Any], binding_id: str) -> Any:
    """The history of one binding"""
    _visible(binding_id)
    question = Question({"binding_id": binding_id}, newest_first=query["order"] == "desc")
    mark = bookmark_of(query["cursor"], newest_first=question.newest_first)
    found, following = list_history(ledger(), question, mark, query["limit"])
    return {"items": [rendering.entry(kept) for kept in found], "next_cursor": mark_of(following)}


def _told(found: list[Binding]) -> list[Binding]:
    """With the errors of their load balancers, but not to agents: they may name other clusters' targets."""
    return found if caller().role is Role.AGENT else look_up.with_errors(ledger(), found)


def _visible(binding_id: str) -> Binding:
    found = look_up.binding(ledger(), binding_id)
    if found is not None and own_cluster(None) in {None, found.cluster_id}:
        return found
    # To an agent another cluster's binding is one that does not exist, and the wall hides it; the trace says more.
    if look_up.binding(context().ledger, binding_id) is not None:
        log.warning("another cluster's binding was asked for", binding_id=binding_id, caller=caller().actor)
    raise RequestRefused(404, "binding-not-found", f"there is no binding {binding_id}")
