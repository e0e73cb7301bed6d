"""Explanations over HTTP."""

from typing import Any

from app.api import rendering
from app.api.context import ledger
from app.api.parsing import StrictBlueprint
from app.api.schemas.verifications import ExplainQuery, ExplanationSchema
from app.broker.explain_bindings import explain_bindings
from app.domain.errors import RequestRefused

blueprint = StrictBlueprint("explain", __name__, description="Why a pod is or is not bound")


@blueprint.arguments(ExplainQuery, location="query")
@blueprint.response(200, ExplanationSchema)
def explain(query: dict[str, Any]) -> Any:
    """Why a pod is or is not bound, step by step; the pod by `ip` or by `pod_uid`"""
    filters = {name: str(value) for name, value in query.items() if value is not None}
    if len(filters) != 1:
        raise RequestRefused(422, "invalid-request", "exactly one of ip and pod_uid is needed")
    return rendering.explanation(explain_bindings(ledger(), filters))
