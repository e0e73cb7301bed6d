"""Issue and revoke bearer tokens, and find out who a token belongs to.

A token is ``<token_id>.<secret>``; the secret has 256 random bits, so its SHA-256 is kept and no slow hash is needed.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from app.broker.identifiers import new_identifier
from app.domain.caller import Caller, Role
from app.domain.errors import RequestRefused
from app.domain.journal import Action, Entry
from app.ledger import clusters, journal, tokens
from app.ledger.connection import Ledger
from app.ledger.tokens import KeptToken

LIFETIME: Final = timedelta(days=365)
"""How long an issued token works, unless it is revoked before."""

SHORTEST_LIFETIME: Final = timedelta(minutes=1)

LIVE_AT_ONCE: Final = 2
"""So many tokens of a cluster are for use: the one in use and, while they are exchanged, the next."""

GRACE: Final = timedelta(hours=1)
"""For so long an older one still works after a token beyond those was issued: nobody is locked out who comes third."""

LONGEST_TOKEN: Final = 200
"""A longer credential is refused unread."""


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token; this is the only time that its text exists outside its owner's hands."""

    token: str
    token_id: str
    expires_at: datetime


def issue_token(
    ledger: Ledger,
    role: Role,
    *,
    name: str | None = None,
    cluster_id: str | None = None,
    lifetime: timedelta | None = None,
    actor: str,
) -> IssuedToken:
    """A new token for ``role``, an agent's for its cluster, that works for ``lifetime`` (None: a year).

    Of a cluster's, those beyond the newest two end within the hour. Raises `RequestRefused` (404) for an unknown
    cluster.
    """
    token_id, secret = new_identifier("t"), secrets.token_urlsafe(32)
    expires_at = datetime.now(UTC) + (lifetime or LIFETIME)
    with ledger.begin() as connection:
        account_id = None
        if cluster_id is not None:
            cluster = clusters.find(connection, cluster_id)
            if cluster is None:
                raise RequestRefused(404, "cluster-not-found", f"there is no cluster {cluster_id}")
            account_id = cluster.account_id
        tokens.add(connection, KeptToken(token_id, _hash(secret), role, name, cluster_id), expires_at)
        ending = tokens.end_older(connection, cluster_id, LIVE_AT_ONCE, GRACE) if cluster_id is not None else []
        detail = f"{token_id} for {role} {name or cluster_id or ''}".strip()
        if ending:
            detail += f"; {', '.join(ending)} will end"
        entry = Entry(Action.TOKEN_ISSUED, account_id=account_id, cluster_id=cluster_id, detail=detail)
        journal.add(connection, actor, [entry])
    return IssuedToken(f"{token_id}.{secret}", token_id, expires_at)


def revoke_token(ledger: Ledger, token_id: str, *, actor: str) -> None:
    """End a token at once. Raises `RequestRefused` (404) when there is none of that id, or it is revoked already."""
    with ledger.begin() as connection:
        if not tokens.revoke(connection, token_id):
            raise RequestRefused(404, "token-not-found", f"there is no token {token_id}")
        journal.add(connection, actor, [Entry(Action.TOKEN_REVOKED, detail=token_id)])


def authenticate(ledger: Ledger, token: str, admin_token: str | None) -> Caller | None:
    """The caller that ``token`` belongs to; None when it is nobody's. Raises `LedgerUnavailable`.

    Secrets are compared in constant time, by their hashes, so that neither length nor content shows in the time taken.
    """
    if len(token) > LONGEST_TOKEN:
        return None
    if is_first_administrator(token, admin_token):
        return Caller(Role.ADMIN, "bootstrap")
    token_id, _, secret = token.partition(".")
    if not secret or not token_id.isascii() or not token_id.replace("-", "").isalnum():
        return None
    with ledger.begin() as connection:
        kept = tokens.find_valid(connection, token_id)
    expected = kept.secret_hash if kept is not None else _hash("")
    if not hmac.compare_digest(_hash(secret), expected) or kept is None:
        return None
    return Caller(Role(kept.role), kept.name or kept.token_id, kept.cluster_id)


def is_first_administrator(token: str, admin_token: str | None) -> bool:
    """Whether ``token`` is the one of the settings."""
    if admin_token is None or len(token) > LONGEST_TOKEN:
        return False
    return hmac.compare_digest(_hash(token), _hash(admin_token))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


__all__ = ["Caller", "IssuedToken", "Role", "authenticate", "is_first_administrator", "issue_token", "revoke_token"]
