"""Every route of the API with its permission. A test walks this table and demands 401 and 403 of each.

``roles`` None: open to all. An agent is let in only for its own cluster: by the path where that names one, by a filter
in the view where it does not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from app.api import (
    bindings,
    clusters,
    drift,
    explain,
    grants,
    health,
    history,
    holds,
    load_balancers,
    pod_events,
    tokens,
    verifications,
)
from app.api.parsing import StrictBlueprint
from app.domain.caller import Role

ADMIN: Final = frozenset({Role.ADMIN})
OPERATORS: Final = frozenset({Role.ADMIN, Role.OPERATOR})
ASKERS: Final = frozenset({Role.ADMIN, Role.OPERATOR, Role.VIEWER})
READERS: Final = ASKERS | {Role.AUDITOR}
"""An auditor reads all that a viewer reads, and lets nothing happen: not even a question to the cloud."""
AGENTS: Final = frozenset({Role.AGENT})


@dataclass(frozen=True, slots=True)
class Route:
    """One route: how it is asked for, who may, and the view that answers."""

    method: str
    path: str
    blueprint: StrictBlueprint
    view: Callable[..., Any]
    roles: frozenset[Role] | None

    @property
    def endpoint(self) -> str:
        """The view's name within its blueprint."""
        return self.view.__name__


_CLUSTER = "/v1/clusters/<identifier:cluster_id>"
_LOAD_BALANCER = "/v1/load-balancers/<identifier:load_balancer_id>"
_GRANT = f"{_LOAD_BALANCER}/grants/<identifier:cluster_id>"
_BINDING = "/v1/bindings/<identifier:binding_id>"
_SERVICE = f"{_CLUSTER}/services/<identifier:namespace>/<identifier:name>"
_VERIFICATION = "/v1/verifications/<identifier:verification_id>"
_HOLD = "/v1/holds/<identifier:binding_id>"

ROUTES: Final = (
    Route("GET", "/livez", health.blueprint, health.livez, None),
    Route("GET", "/readyz", health.blueprint, health.readyz, None),
    Route("GET", "/metrics", health.blueprint, health.metrics, None),
    Route("GET", "/v1/clusters", clusters.blueprint, clusters.listing, READERS),
    Route("PUT", _CLUSTER, clusters.blueprint, clusters.put, OPERATORS),
    Route("GET", _CLUSTER, clusters.blueprint, clusters.get, READERS),
    Route("POST", f"{_CLUSTER}/evacuate", clusters.blueprint, clusters.evacuate, OPERATORS),
    Route("POST", f"{_CLUSTER}/tokens", tokens.blueprint, tokens.post_for_cluster, OPERATORS),
    Route("POST", "/v1/tokens", tokens.blueprint, tokens.post, ADMIN),
    Route("DELETE", "/v1/tokens/<identifier:token_id>", tokens.blueprint, tokens.delete, OPERATORS),
    Route("GET", "/v1/load-balancers", load_balancers.blueprint, load_balancers.listing, READERS),
    Route("PUT", _LOAD_BALANCER, load_balancers.blueprint, load_balancers.put, OPERATORS),
    Route("GET", _LOAD_BALANCER, load_balancers.blueprint, load_balancers.get, READERS),
    Route("GET", f"{_LOAD_BALANCER}/drift", drift.blueprint, drift.listing, READERS),
    Route("POST", f"{_LOAD_BALANCER}/drift/<identifier:drift_id>/ignore", drift.blueprint, drift.ignore, OPERATORS),
    Route("GET", f"{_LOAD_BALANCER}/grants", grants.blueprint, grants.listing, READERS),
    Route("PUT", _GRANT, grants.blueprint, grants.put, OPERATORS),
    Route("GET", _GRANT, grants.blueprint, grants.get, READERS),
    Route("DELETE", _GRANT, grants.blueprint, grants.delete, OPERATORS),
    Route("POST", f"{_CLUSTER}/pod-events", pod_events.blueprint, pod_events.post, AGENTS),
    Route("PUT", f"{_SERVICE}/targets", pod_events.blueprint, pod_events.put_service_targets, AGENTS),
    Route("GET", f"{_CLUSTER}/changes", pod_events.blueprint, pod_events.changes, AGENTS),
    Route("GET", "/v1/bindings", bindings.blueprint, bindings.listing, READERS | AGENTS),
    Route("GET", _BINDING, bindings.blueprint, bindings.get, READERS | AGENTS),
    Route("GET", f"{_BINDING}/history", bindings.blueprint, bindings.history, READERS | AGENTS),
    Route("GET", "/v1/history", history.blueprint, history.listing, READERS | AGENTS),
    Route("GET", f"{_LOAD_BALANCER}/targets", history.blueprint, history.targets, READERS),
    Route("GET", "/v1/targets", history.blueprint, history.holders, READERS),
    Route("POST", "/v1/verifications", verifications.blueprint, verifications.post, ASKERS),
    Route("GET", _VERIFICATION, verifications.blueprint, verifications.get, READERS),
    Route("GET", "/v1/explain", explain.blueprint, explain.explain, READERS),
    Route("GET", "/v1/holds", holds.blueprint, holds.listing, READERS),
    Route("POST", f"{_HOLD}/approve", holds.blueprint, holds.approve, OPERATORS),
    Route("POST", f"{_HOLD}/dismiss", holds.blueprint, holds.dismiss, OPERATORS),
)
