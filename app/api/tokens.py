"""Tokens over HTTP."""

from datetime import timedelta
from typing import Any

from app.api.context import caller, ledger
from app.api.parsing import StrictBlueprint
from app.api.schemas.registry import AgentTokenRequestSchema, TokenRequestSchema, TokenSchema
from app.broker.tokens import Role, issue_token, revoke_token

blueprint = StrictBlueprint("tokens", __name__, description="Bearer tokens, shown once and kept as hashes")


@blueprint.arguments(AgentTokenRequestSchema, required=False)
@blueprint.response(201, TokenSchema)
def post_for_cluster(body: dict[str, Any], cluster_id: str) -> Any:
    """A token for a cluster's agent"""
    lifetime = _lifetime(body.get("expires_in_seconds"))
    return issue_token(ledger(), Role.AGENT, cluster_id=cluster_id, lifetime=lifetime, actor=caller().actor)


@blueprint.arguments(TokenRequestSchema)
@blueprint.response(201, TokenSchema)
def post(body: dict[str, Any]) -> Any:
    """A token for a person or a script"""
    lifetime = _lifetime(body["expires_in_seconds"])
    return issue_token(ledger(), Role(body["role"]), name=body["name"], lifetime=lifetime, actor=caller().actor)


@blueprint.response(204)
def delete(token_id: str) -> None:
    """Revoke a token"""
    revoke_token(ledger(), token_id, actor=caller().actor)


def _lifetime(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
