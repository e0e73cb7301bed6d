"""TC3-HMAC-SHA256, verified as the cloud verifies it.

Written from the public description of the scheme, not from the SDK, so that a mistake of the one is not repeated by
the other.
"""

import datetime
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.simulator.errors import CloudError

ALGORITHM = "TC3-HMAC-SHA256"
_AUTHORIZATION = re.compile(
    ALGORITHM + r" Credential=(?P<secret_id>[^/\s]+)/(?P<date>\d{4}-\d{2}-\d{2})/(?P<service>\w+)/tc3_request,"
    r" ?SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True)
class Claim:
    """What an Authorization header says, before anything of it is proven."""

    secret_id: str
    date: str
    service: str
    headers: tuple[str, ...]
    signature: str


def claimed(authorization: str) -> Claim:
    """Parses the header. Raises AuthFailure.SignatureFailure when it is not of the TC3 form."""
    match = _AUTHORIZATION.fullmatch(authorization)
    if match is None:
        raise _failure("The Authorization header is missing or is not of the TC3-HMAC-SHA256 form.")
    parts = match.groupdict()
    return Claim(
        parts["secret_id"], parts["date"], parts["service"], tuple(parts["headers"].split(";")), parts["signature"]
    )


def verify(claim: Claim, headers: Mapping[str, str], body: bytes, secret_key: str, now: float, window: float) -> None:
    """Proves the claim for a `POST /` with these headers (names in lower case) and body.

    `now` is the cloud's clock in unix seconds, `window` the allowed distance in seconds. Raises
    AuthFailure.SignatureExpire or AuthFailure.SignatureFailure.
    """
    timestamp = headers.get("x-tc-timestamp", "")
    if not re.fullmatch(r"\d{1,12}", timestamp):
        raise CloudError("MissingParameter", "The request is missing a required parameter `Timestamp`.")
    if abs(now - int(timestamp)) > window:
        message = (
            "Signature has expired. The timestamp differs too much from the server's time, please check the clock."
        )
        raise CloudError("AuthFailure.SignatureExpire", message)
    date = datetime.datetime.fromtimestamp(int(timestamp), datetime.UTC).strftime("%Y-%m-%d")
    if date != claim.date or not {"content-type", "host"} <= set(claim.headers):
        raise _failure("The credential scope or the signed headers are not valid.")
    expected = _signature(secret_key, claim, timestamp, _canonical(claim, headers, body))
    if not hmac.compare_digest(expected, claim.signature):
        raise _failure("The provided credentials could not be validated. Please check your signature is correct.")


def _canonical(claim: Claim, headers: Mapping[str, str], body: bytes) -> str:
    signed = "".join(f"{name}:{_canonical_value(name, headers)}\n" for name in claim.headers)
    return "\n".join(("POST", "/", "", signed, ";".join(claim.headers), hashlib.sha256(body).hexdigest()))


def _canonical_value(name: str, headers: Mapping[str, str]) -> str:
    value = headers.get(name, "").strip()
    # The SDK signs these two as it sends them; every other signed header is put in lower case by the scheme.
    return value if name in ("content-type", "host") else value.lower()


def _signature(secret_key: str, claim: Claim, timestamp: str, canonical: str) -> str:
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    message = "\n".join((ALGORITHM, timestamp, f"{claim.date}/{claim.service}/tc3_request", digest))
    key = f"TC3{secret_key}".encode()
    for part in (claim.date, claim.service, "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, message.encode(), hashlib.sha256).hexdigest()


def _failure(message: str) -> CloudError:
    return CloudError("AuthFailure.SignatureFailure", message)
