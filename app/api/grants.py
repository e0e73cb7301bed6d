"""Grants over HTTP."""

from typing import Any

from app.api import rendering
from app.api.context import caller, ledger
from app.api.cursors import key_of, page
from app.api.parsing import StrictBlueprint
from app.api.schemas.fields import PageQuery
from app.api.schemas.registry import GrantPage, GrantRequestSchema, GrantSchema
from app.broker import look_up
from app.broker.grant_listeners import grant_listeners, revoke_grant
from app.domain.errors import RequestRefused

blueprint = StrictBlueprint("grants", __name__, description="Which cluster may bind where")


@blueprint.arguments(GrantRequestSchema)
@blueprint.response(200, GrantSchema)
@blueprint.alt_response(201, schema=GrantSchema, description="The grant is new")
def put(body: dict[str, Any], load_balancer_id: str, cluster_id: str) -> Any:
    """Let a cluster bind on a load balancer"""
    kept, created = grant_listeners(ledger(), load_balancer_id, cluster_id, body["listener_ids"], actor=caller().actor)
    return rendering.grant(kept), 201 if created else 200


@blueprint.response(200, GrantSchema)
def get(load_balancer_id: str, cluster_id: str) -> Any:
    """One grant"""
    found = look_up.grants(ledger(), load_balancer_id).get(cluster_id)
    if found is None:
        raise RequestRefused(404, "grant-not-found", f"{cluster_id} has no grant on {load_balancer_id}")
    return rendering.grant(found)


@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, GrantPage)
def listing(query: dict[str, Any], load_balancer_id: str) -> Any:
    """All grants on a load balancer"""
    after = key_of(query["cursor"])
    found = look_up.grants(ledger(), load_balancer_id)
    rest = [found[cluster_id] for cluster_id in sorted(found) if cluster_id > after]
    return page(rest[: query["limit"] + 1], query["limit"], rendering.grant, lambda grant: grant.cluster_id)


@blueprint.response(204)
def delete(load_balancer_id: str, cluster_id: str) -> None:
    """Take the right back: no new bindings; what is bound stays"""
    revoke_grant(ledger(), load_balancer_id, cluster_id, actor=caller().actor)
