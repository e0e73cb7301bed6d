"""Why a token is refused. For metrics, never for callers: who holds a wrong token learns nothing from the answer."""

from enum import StrEnum


class Reason(StrEnum):
    """One reason; a label of a metric, so they stay few."""

    MISSING = "missing"
    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    ALGORITHM = "algorithm"
    CRITICAL = "critical"
    TYPE = "type"
    UNKNOWN_KEY = "unknown-key"
    SIGNATURE = "signature"
    AUDIENCE = "audience"
    SUBJECT = "subject"
    CLAIMS = "claims"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    NOT_ISSUED = "not-issued"
    """A static token that was never issued, is over, or was revoked."""


class TokenRefused(Exception):
    """A token that is nobody's."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason


class KeySetRefused(Exception):
    """A key set that cannot be trusted; the message says why, in a sentence without any of its content."""
