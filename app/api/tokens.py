"""Tokens over HTTP."""

from typing import Any

from app.api.context import caller, ledger
from app.api.parsing import StrictBlueprint
from app.api.schemas.fields import EmptyBody
from app.api.schemas.registry import TokenRequestSchema, TokenSchema
from app.broker.tokens import Role, issue_token, revoke_token

blueprint = StrictBlueprint("tokens", __name__, description="Bearer tokens, shown once and kept as hashes")


@blueprint.arguments(EmptyBody, required=False)
@blueprint.response(201, TokenSchema)
def post_for_cluster(body: dict[str, Any], cluster_id: str) -> Any:
    """A token for a cluster's agent"""
    return issue_token(ledger(), Role.AGENT, cluster_id=cluster_id, actor=caller().actor)


@blueprint.arguments(TokenRequestSchema)
@blueprint.response(201, TokenSchema)
def post(body: dict[str, Any]) -> Any:
    """A token for a person or a script"""
    return issue_token(ledger(), Role(body["role"]), name=body["name"], actor=caller().actor)


@blueprint.response(204)
def delete(token_id: str) -> None:
    """Revoke a token"""
    revoke_token(ledger(), token_id, actor=caller().actor)
