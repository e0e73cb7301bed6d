"""Issuers of tokens for tests: their keys, the sets they publish, and tokens good and bad."""

import base64
import json
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER = "https://kubernetes.default.svc"
AUDIENCE = "clb-broker"
SUBJECT = "system:serviceaccount:kube-system:clb-agent"

_CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


@cache
def private_key(name: str, algorithm: str = "ES256") -> Any:
    """The key of that name, the same for all tests of a run: making one takes long."""
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm])
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True)
class Key:
    """One key of an issuer, by the name that the issuer calls it."""

    name: str
    algorithm: str = "ES256"
    key_id: str | None = ""

    @property
    def private(self) -> Any:
        """The private key."""
        return private_key(self.name, "RS256" if self.algorithm[:2] in {"RS", "PS"} else self.algorithm)

    @property
    def id(self) -> str | None:
        """What the issuer calls it."""
        return self.name if self.key_id == "" else self.key_id

    def jwk(self, **more: Any) -> dict[str, Any]:
        """The public key as the issuer publishes it."""
        maker = {"E": ECAlgorithm, "R": RSAAlgorithm, "P": RSAAlgorithm}[self.algorithm[0]]
        if self.algorithm == "EdDSA":
            maker = OKPAlgorithm
        found = maker.to_jwk(self.private.public_key(), as_dict=True)
        found.pop("key_ops", None)
        return {**found, **({"kid": self.id} if self.id is not None else {}), **more}

    def pem(self) -> bytes:
        """The public key as a file: what an HMAC would be made with by somebody who knows no better secret."""
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


KEY = Key("key-1")
OTHER_KEY = Key("key-2")


def key_set(*keys: Key) -> dict[str, Any]:
    """What an issuer publishes."""
    return {"keys": [key.jwk() for key in keys or (KEY,)]}


def trust(*keys: Key, **changes: Any) -> dict[str, Any]:
    """A trust as an operator states it."""
    return {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "subjects": [SUBJECT],
        "jwks": key_set(*keys),
        **changes,
    }


def claims(now: float | None = None, **changes: Any) -> dict[str, Any]:
    """The claims of a good token; None takes one away."""
    moment = int(time.time() if now is None else now)
    stated = {
        "iss": ISSUER,
        "aud": [AUDIENCE],
        "sub": SUBJECT,
        "iat": moment - 10,
        "nbf": moment - 10,
        "exp": moment + 600,
        **changes,
    }
    return {name: value for name, value in stated.items() if value is not None}


def token(key: Key = KEY, *, now: float | None = None, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """A token signed by ``key``; good but for what ``changes`` of its claims and ``header`` say."""
    headers = {"kid": key.id, **(header or {})}
    if key.id is None:
        headers.pop("kid")
    return jwt.encode(claims(now, **changes), key.private, key.algorithm, headers=headers)


def by_hand(header: dict[str, Any], payload: Any, signature: bytes = b"") -> str:
    """A token that no library would make."""
    parts = (json.dumps(header).encode(), payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    return ".".join(map(encoded, (*parts, signature)))


def encoded(content: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
