"""Holds over HTTP: what the removal guard holds back, and an operator's word on it."""

from typing import Any

from app.api import rendering
from app.api.context import caller, context, ledger
from app.api.cursors import key_of, page
from app.api.parsing import StrictBlueprint
from app.api.schemas.bindings import BindingPage, BindingSchema
from app.api.schemas.fields import EmptyBody, PageQuery
from app.broker import resolve_holds

blueprint = StrictBlueprint("holds", __name__, description="What the removal guard holds back")


@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, BindingPage)
def listing(query: dict[str, Any]) -> Any:
    """Bindings that the guard holds"""
    found = resolve_holds.list_holds(ledger(), key_of(query["cursor"]), query["limit"] + 1)
    return page(found, query["limit"], rendering.binding, lambda binding: binding.binding_id)


@blueprint.arguments(EmptyBody, required=False)
@blueprint.response(200, BindingSchema)
def approve(body: dict[str, Any], binding_id: str) -> Any:
    """Let the removal go ahead"""
    drain_seconds = context().drain_seconds
    return rendering.binding(
        resolve_holds.approve_hold(ledger(), binding_id, drain_seconds=drain_seconds, actor=caller().actor)
    )


@blueprint.arguments(EmptyBody, required=False)
@blueprint.response(200, BindingSchema)
def dismiss(body: dict[str, Any], binding_id: str) -> Any:
    """Keep the target"""
    return rendering.binding(resolve_holds.dismiss_hold(ledger(), binding_id, actor=caller().actor))
