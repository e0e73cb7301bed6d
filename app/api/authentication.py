"""Who sent this, and may they? Fails closed: without a ledger nobody but the bootstrap administrator is known."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import partial, wraps
from typing import Any

from flask import g, request

from app.api.context import context
from app.api.limits import at_the_gate, take_request
from app.api.metrics import count_refused_token
from app.api.parsing import refuse_query, takes_query
from app.broker.tokens import authenticate, is_first_administrator
from app.domain.caller import Caller, Role
from app.domain.errors import RequestRefused
from app.identity.refusal import Reason, TokenRefused
from app.identity.verify import caller_of, looks_like_one

View = Callable[..., Any]


def permitted(view: View, roles: Collection[Role]) -> View:
    """``view`` for callers in one of ``roles``; an agent only for its own cluster, where the path names one.

    Before anything of the request is read: 429 for too many, 401 without a valid token, 403 without the right. Then 422
    for a query where the view takes none.
    """
    queried = takes_query(view)

    @wraps(view)
    def guarded(**arguments: Any) -> Any:
        with at_the_gate():
            g.caller = _caller()
        take_request(g.caller)
        _demand(g.caller, roles, arguments.get("cluster_id"))
        if not queried:
            refuse_query()
        return view(**arguments)

    return guarded


def _caller() -> Caller:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        count_refused_token(Reason.MISSING)
        raise RequestRefused(401, "unauthorized", "give a token: Authorization: Bearer ...")
    try:
        return _owner(token)
    except TokenRefused as refused:
        # Whatever is wrong with it: one answer, from which nobody learns what there is and what would have passed.
        count_refused_token(refused.reason)
        raise RequestRefused(401, "unauthorized", "the token is not valid") from refused


def _owner(token: str) -> Caller:
    """Whose the token is: one that an issuer signed, or one that was issued here. Raises `TokenRefused`."""
    here = context()
    if looks_like_one(token) and not is_first_administrator(token, here.admin_token):
        return caller_of(token, partial(here.trusted_keys.ring, here.ledger), datetime.now(UTC))
    found = authenticate(here.ledger, token, here.admin_token)
    if found is None:
        raise TokenRefused(Reason.NOT_ISSUED)
    return found


def _demand(caller: Caller, roles: Collection[Role], cluster_id: str | None) -> None:
    if caller.role is None:
        raise RequestRefused(403, "forbidden", "this person has no role here")
    if caller.role not in roles:
        raise RequestRefused(403, "forbidden", f"not for the role {caller.role}")
    if caller.role is Role.AGENT and cluster_id is not None and cluster_id != caller.cluster_id:
        raise RequestRefused(403, "forbidden", "an agent speaks for its own cluster alone")
