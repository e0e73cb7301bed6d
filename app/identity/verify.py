"""Whose is a token? A JSON Web Token (RFC 7519) held against the keys that are trusted.

The order is: what can be refused unread, what the header claims, the keys of that name (none: refused at once, and at
no cost), the signature, the claims. What the header claims only narrows the choice: which algorithms a key may be used
with was fixed when the key was read, so neither ``none`` nor an HMAC with the public key as its secret is ever tried.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import NoneType
from typing import Any, Final

import jwt
from jwt.utils import base64url_decode

from app.domain.caller import Caller, Role
from app.domain.trust import Believed, PeopleIssuer
from app.identity.key_ring import Candidate, KeyRing
from app.identity.refusal import Reason, TokenRefused

MOST_CHARACTERS: Final = 8192
"""Of a token; a longer one is refused unread."""

LEEWAY: Final = timedelta(seconds=60)
"""By how much clocks may differ."""

TYPES: Final = frozenset({"jwt"})
TYPES_OF_PEOPLE: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})
"""What a token may say it is, where it says so. Others are meant for something else: logout, proof of possession."""

LONGEST_SUBJECT: Final = 256
DOTS: Final = 2

_SIGNATURES: Final = jwt.PyJWS()


@dataclass(frozen=True, slots=True)
class _Read:
    """A token taken apart."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]


def looks_like_one(token: str) -> bool:
    """Whether ``token`` has the three parts of a signed token."""
    return token.count(".") == DOTS


def caller_of(token: str, ring: Callable[[], KeyRing], now: datetime) -> Caller:
    """The agent or person whose token this is. Raises `TokenRefused`.

    ``ring`` is asked for when the token can be read.
    """
    believed, read = _signed_by(token, _take_apart(token), ring)
    _demand_type(read.header, TYPES_OF_PEOPLE if believed.people else TYPES)
    _demand_claims(read.claims, believed, now)
    subject = _subject(read.claims)
    if believed.people is not None:
        return Caller(_role(read.claims, believed.people), subject, issuer=believed.people.name)
    if subject not in believed.subjects or believed.cluster_id is None:
        raise TokenRefused(Reason.SUBJECT)
    return Caller(Role.AGENT, subject, believed.cluster_id)


def _take_apart(token: str) -> _Read:
    if len(token) > MOST_CHARACTERS:
        raise TokenRefused(Reason.TOO_LARGE)
    if token.count(".") != DOTS:
        raise TokenRefused(Reason.MALFORMED)
    header, claims, _ = token.split(".")
    read = _Read(_object(header), _object(claims))
    if "crit" in read.header or "b64" in read.header:  # no such extension is known here, so none may be passed over
        raise TokenRefused(Reason.CRITICAL)
    return read


def _object(part: str) -> dict[str, Any]:
    try:
        found = json.loads(base64url_decode(part))
    except (ValueError, RecursionError) as error:
        raise TokenRefused(Reason.MALFORMED) from error
    if not isinstance(found, dict):
        raise TokenRefused(Reason.MALFORMED)
    return found


def _signed_by(token: str, unproven: _Read, ring: Callable[[], KeyRing]) -> tuple[Believed, _Read]:
    """Whose key signed the token, and what was signed: from here on that alone is looked at."""
    algorithm, key_id, issuer = unproven.header.get("alg"), unproven.header.get("kid"), unproven.claims.get("iss")
    if not isinstance(algorithm, str) or not isinstance(issuer, str) or not isinstance(key_id, (str, NoneType)):
        raise TokenRefused(Reason.MALFORMED)
    candidates = ring().candidates(issuer, key_id)
    if not candidates:
        raise TokenRefused(Reason.UNKNOWN_KEY)
    fitting = [each for each in candidates if algorithm in each.key.algorithms]
    if not fitting:
        raise TokenRefused(Reason.ALGORITHM)
    for each in fitting:
        signed = _signed(token, each, algorithm)
        if signed is not None:
            return each.believed, signed
    raise TokenRefused(Reason.SIGNATURE)


def _signed(token: str, candidate: Candidate, algorithm: str) -> _Read | None:
    try:
        proven = _SIGNATURES.decode_complete(token, candidate.usable, algorithms=[algorithm])
    except jwt.PyJWTError:
        return None
    return _Read(proven["header"], json.loads(proven["payload"]))


def _demand_type(header: Mapping[str, Any], types: frozenset[str]) -> None:
    stated = header.get("typ", "jwt")
    if not isinstance(stated, str) or stated.lower() not in types or "cty" in header:
        raise TokenRefused(Reason.TYPE)


def _demand_claims(claims: Mapping[str, Any], believed: Believed, now: datetime) -> None:
    audience = claims.get("aud")
    if audience != believed.audience and not (isinstance(audience, list) and believed.audience in audience):
        raise TokenRefused(Reason.AUDIENCE)
    moment, leeway = now.timestamp(), LEEWAY.total_seconds()
    if moment >= _time(claims, "exp") + leeway:
        raise TokenRefused(Reason.EXPIRED)
    begins = [_time(claims, name) for name in ("iat", "nbf") if name == "iat" or name in claims]
    if moment < max(begins) - leeway:
        raise TokenRefused(Reason.NOT_YET_VALID)


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TokenRefused(Reason.CLAIMS)
    try:
        seconds = float(value)
    except OverflowError as error:
        raise TokenRefused(Reason.CLAIMS) from error
    if not math.isfinite(seconds):
        raise TokenRefused(Reason.CLAIMS)
    return seconds


def _subject(claims: Mapping[str, Any]) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
        raise TokenRefused(Reason.SUBJECT)
    return subject


def _role(claims: Mapping[str, Any], people: PeopleIssuer) -> Role | None:
    """The role that lets a person do most; None: the issuer knows them, and the settings give them none."""
    stated = claims.get(people.claim)
    values: Sequence[Any] = stated if isinstance(stated, list) else [stated]
    roles = {people.roles[value] for value in values if isinstance(value, str) and value in people.roles}
    return next((role for role in Role if role in roles), None)
