"""Who sent this, and may they? Fails closed: without a ledger nobody but the bootstrap administrator is known."""

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any

from flask import g, request

from app.api.context import context
from app.api.parsing import refuse_query, takes_query
from app.broker.tokens import Caller, Role, authenticate
from app.domain.errors import RequestRefused

View = Callable[..., Any]


def permitted(view: View, roles: Collection[Role]) -> View:
    """``view`` for callers in one of ``roles``; an agent only for its own cluster, where the path names one.

    Before anything of the request is read: 401 without a valid token, 403 without the right. Then 422 for a query where
    the view takes none.
    """
    queried = takes_query(view)

    @wraps(view)
    def guarded(**arguments: Any) -> Any:
        g.caller = _caller()
        _demand(g.caller, roles, arguments.get("cluster_id"))
        if not queried:
            refuse_query()
        return view(**arguments)

    return guarded


def _caller() -> Caller:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise RequestRefused(401, "unauthorized", "give a token: Authorization: Bearer ...")
    found = authenticate(context().ledger, token.strip(), context().admin_token)
    if found is None:
        raise RequestRefused(401, "unauthorized", "the token is not valid")
    return found


def _demand(caller: Caller, roles: Collection[Role], cluster_id: str | None) -> None:
    if caller.role not in roles:
        raise RequestRefused(403, "forbidden", f"not for the role {caller.role}")
    if caller.role is Role.AGENT and cluster_id is not None and cluster_id != caller.cluster_id:
        raise RequestRefused(403, "forbidden", "an agent speaks for its own cluster alone")
