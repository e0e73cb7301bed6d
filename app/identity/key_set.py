"""Key sets (RFC 7517), read strictly: public keys for signatures alone, of types whose strength is known.

What is kept of a key is what verifying needs. A set with a private or a shared key in it is refused as a whole: whoever
published that has given it away, or is about to.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from app.domain.trust import PublicKey
from app.identity.refusal import KeySetRefused

MOST_KEYS: Final = 20
MOST_BYTES: Final = 64 * 1024
"""Of a whole set; twenty keys of 4096 bits take a third of it."""
LONGEST_KEY_ID: Final = 256
RSA_BITS: Final = range(2048, 8192 + 1)

RSA_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
CURVES: Final = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
SECRET_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

_BASE64 = re.compile(r"[A-Za-z0-9_-]{1,2048}")


def read_key_set(document: Any, *, strict: bool) -> tuple[PublicKey, ...]:
    """The usable keys of a JSON Web Key Set. Raises `KeySetRefused`.

    ``strict``, for what an operator gives: a key of a type that is not known here is an error. In what an issuer
    publishes it is passed over, as RFC 7517 wants it; so are keys for encryption, always.
    """
    listed = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(listed, list) or not all(isinstance(each, Mapping) for each in listed):
        raise KeySetRefused("it is no key set: an object with a list `keys` of objects")
    if len(listed) > MOST_KEYS:
        raise KeySetRefused(f"it has {len(listed)} keys, at most {MOST_KEYS} will do")
    found: dict[str, PublicKey] = {}
    for each in listed:
        key = _key(each, strict=strict)
        if key is not None:
            found[key.thumbprint] = key
    if not found:
        raise KeySetRefused("it has no public key for signatures")
    return tuple(found.values())


def key_of(jwk: Mapping[str, str]) -> PublicKey:
    """A key as `read_key_set` kept it."""
    key = _key(jwk, strict=True)
    if key is None:
        raise KeySetRefused("it is no key for signatures")
    return key


def usable(key: PublicKey) -> Any:
    """The key in the form that signatures are checked with; parsing takes longer than checking, so keep it."""
    return jwt.PyJWK(dict(key.jwk), key.algorithms[0]).key


def _key(jwk: Mapping[str, Any], *, strict: bool) -> PublicKey | None:
    kind = jwk.get("kty")
    if SECRET_MEMBERS & jwk.keys() or kind == "oct":
        raise KeySetRefused("it holds a private or shared key; only public keys are to be trusted")
    if not isinstance(kind, str) or kind not in _TYPES:
        if strict:
            raise KeySetRefused("a key's `kty` is not RSA, EC or OKP")
        return None
    if jwk.get("use", "sig") != "sig" or "verify" not in _operations(jwk):
        return None
    members, algorithms = _TYPES[kind](jwk)
    stated = jwk.get("alg")
    if stated is not None:
        if stated not in algorithms:
            raise KeySetRefused("a key's `alg` does not fit its type")
        algorithms = (stated,)
    kept = {"kty": kind, **members}
    return PublicKey(_thumbprint(kept), _key_id(jwk), algorithms, _named(kept, jwk))


def _operations(jwk: Mapping[str, Any]) -> Any:
    operations = jwk.get("key_ops", ["verify"])
    return operations if isinstance(operations, list) else ()


def _named(kept: Mapping[str, str], jwk: Mapping[str, Any]) -> dict[str, str]:
    return {**kept, **{name: jwk[name] for name in ("kid", "alg") if jwk.get(name) is not None}}


def _key_id(jwk: Mapping[str, Any]) -> str | None:
    key_id = jwk.get("kid")
    if key_id is None:
        return None
    if not isinstance(key_id, str) or not 1 <= len(key_id) <= LONGEST_KEY_ID or not key_id.isprintable():
        raise KeySetRefused(f"a key's `kid` is no text of 1 to {LONGEST_KEY_ID} characters")
    return key_id


def _rsa(jwk: Mapping[str, Any]) -> tuple[dict[str, str], tuple[str, ...]]:
    members = {name: _number(jwk, name) for name in ("e", "n")}
    key = _parsed({"kty": "RSA", **members}, "RS256")
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size not in RSA_BITS:
        raise KeySetRefused(f"an RSA key has {RSA_BITS.start} to {RSA_BITS.stop - 1} bits")
    exponent = key.public_numbers().e
    if exponent < 3 or exponent % 2 == 0 or exponent.bit_length() > 64:
        raise KeySetRefused("an RSA key's exponent is not usable")
    return members, RSA_ALGORITHMS


def _ec(jwk: Mapping[str, Any]) -> tuple[dict[str, str], tuple[str, ...]]:
    curve = jwk.get("crv")
    if not isinstance(curve, str) or curve not in CURVES:
        raise KeySetRefused(f"a key's curve is none of {', '.join(CURVES)}")
    members = {"crv": curve, **{name: _number(jwk, name) for name in ("x", "y")}}
    if not isinstance(_parsed({"kty": "EC", **members}, CURVES[curve]), ec.EllipticCurvePublicKey):
        raise KeySetRefused("a key is not on its curve")
    return members, (CURVES[curve],)


def _okp(jwk: Mapping[str, Any]) -> tuple[dict[str, str], tuple[str, ...]]:
    if jwk.get("crv") != "Ed25519":
        raise KeySetRefused("a key's curve is not Ed25519")
    members = {"crv": "Ed25519", "x": _number(jwk, "x")}
    if not isinstance(_parsed({"kty": "OKP", **members}, "EdDSA"), ed25519.Ed25519PublicKey):
        raise KeySetRefused("a key is not on its curve")
    return members, ("EdDSA",)


_TYPES: Final[Mapping[Any, Callable[[Mapping[str, Any]], tuple[dict[str, str], tuple[str, ...]]]]] = {
    "RSA": _rsa,
    "EC": _ec,
    "OKP": _okp,
}


def _number(jwk: Mapping[str, Any], name: str) -> str:
    value = jwk.get(name)
    if not isinstance(value, str) or not _BASE64.fullmatch(value):
        raise KeySetRefused(f"a key's `{name}` is no number in base64url")
    return value


def _parsed(members: Mapping[str, str], algorithm: str) -> Any:
    try:
        return jwt.PyJWK(dict(members), algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise KeySetRefused("a key cannot be read") from error


def _thumbprint(members: Mapping[str, str]) -> str:
    """RFC 7638, over the numbers themselves: base64url may spell one number in several ways."""
    canonical = {name: value if name in {"kty", "crv"} else _canonical(value) for name, value in members.items()}
    return hashlib.sha256(json.dumps(canonical, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _canonical(value: str) -> str:
    number = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).lstrip(b"\0")
    return base64.urlsafe_b64encode(number).decode().rstrip("=")
