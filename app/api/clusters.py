"""Clusters over HTTP."""

from collections.abc import Sequence
from typing import Any

from app.api import rendering
from app.api.context import caller, context, ledger
from app.api.cursors import key_of, page
from app.api.parsing import StrictBlueprint
from app.api.schemas.fields import EmptyBody, PageQuery
from app.api.schemas.registry import (
    DEFAULT_MAX_SHARE,
    ClusterPage,
    ClusterRequestSchema,
    ClusterSchema,
    EvacuationSchema,
)
from app.broker import look_up
from app.broker.evacuate_cluster import evacuate_cluster
from app.broker.register_cluster import register_cluster
from app.domain.cluster import Cluster, Removal
from app.domain.errors import RequestRefused

blueprint = StrictBlueprint("clusters", __name__, description="Clusters that may ask for bindings")


@blueprint.arguments(ClusterRequestSchema)
@blueprint.response(200, ClusterSchema)
@blueprint.alt_response(201, schema=ClusterSchema, description="The cluster is new")
def put(body: dict[str, Any], cluster_id: str) -> Any:
    """Register a cluster, or change it"""
    guard = body.pop("removal_guard") or {"max_share": DEFAULT_MAX_SHARE}
    removal = Removal(guard["max_share"], body.pop("drain_seconds"))
    kept, created = register_cluster(ledger(), cluster_id, **body, removal=removal, actor=caller().actor)
    context().trusted_keys.reload_soon(ledger())
    (answer,) = _rendered([kept])
    return answer, 201 if created else 200


@blueprint.response(200, ClusterSchema)
def get(cluster_id: str) -> Any:
    """One cluster, with the topology in use"""
    kept = look_up.cluster(ledger(), cluster_id)
    if kept is None:
        raise RequestRefused(404, "cluster-not-found", f"there is no cluster {cluster_id}")
    (answer,) = _rendered([kept])
    return answer


@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, ClusterPage)
def listing(query: dict[str, Any]) -> Any:
    """All clusters"""
    found = look_up.list_clusters(ledger(), key_of(query["cursor"]), query["limit"] + 1)
    answer = page(found, query["limit"], lambda each: each, lambda cluster: cluster.cluster_id)
    return {**answer, "items": _rendered(answer["items"])}


@blueprint.arguments(EmptyBody, required=False)
@blueprint.response(200, EvacuationSchema)
def evacuate(body: dict[str, Any], cluster_id: str) -> Any:
    """Take all of a cluster's targets off, drained"""
    drain_seconds = context().drain_seconds
    return {"unbound": evacuate_cluster(ledger(), cluster_id, drain_seconds=drain_seconds, actor=caller().actor)}


def _rendered(kept: Sequence[Cluster]) -> list[dict[str, Any]]:
    trusts = look_up.trusts(ledger(), [each.cluster_id for each in kept])
    return [rendering.cluster(each, context().silent_after, trusts.get(each.cluster_id)) for each in kept]
