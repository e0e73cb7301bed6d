"""Load balancers over HTTP."""

from typing import Any

from app.api import rendering
from app.api.context import caller, ledger
from app.api.cursors import key_of, page
from app.api.parsing import StrictBlueprint
from app.api.schemas.fields import PageQuery
from app.api.schemas.registry import LoadBalancerPage, LoadBalancerRequestSchema, LoadBalancerSchema
from app.broker import look_up
from app.broker.register_load_balancer import register_load_balancer
from app.domain.errors import RequestRefused

blueprint = StrictBlueprint("load-balancers", __name__, description="Load balancers that the broker converges")


@blueprint.arguments(LoadBalancerRequestSchema)
@blueprint.response(200, LoadBalancerSchema)
@blueprint.alt_response(201, schema=LoadBalancerSchema, description="The load balancer is new")
def put(body: dict[str, Any], load_balancer_id: str) -> Any:
    """Register a load balancer, or change where it is"""
    kept, created = register_load_balancer(ledger(), load_balancer_id, **body, actor=caller().actor)
    return rendering.load_balancer(kept), 201 if created else 200


@blueprint.response(200, LoadBalancerSchema)
def get(load_balancer_id: str) -> Any:
    """One load balancer, as last read, and how far the cloud is behind"""
    kept = look_up.load_balancer(ledger(), load_balancer_id)
    if kept is None:
        raise RequestRefused(404, "load-balancer-not-found", f"there is no load balancer {load_balancer_id}")
    return rendering.load_balancer(kept)


@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, LoadBalancerPage)
def listing(query: dict[str, Any]) -> Any:
    """All load balancers"""
    found = look_up.list_load_balancers(ledger(), key_of(query["cursor"]), query["limit"] + 1)
    return page(found, query["limit"], rendering.load_balancer, lambda each: each.load_balancer_id)
