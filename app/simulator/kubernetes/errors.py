"""How the API says no."""

from typing import Any


class Refusal(Exception):
    """An answer other than a 2xx: HTTP status, the reason that clients switch on, a sentence, and when to come back."""

    def __init__(self, status: int, reason: str, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after

    def content(self) -> dict[str, Any]:
        """As a `Status` object."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": {"retryAfterSeconds": self.retry_after} if self.retry_after else {},
            "code": self.status,
        }


def bad_request(message: str) -> Refusal:
    """400: not understood."""
    return Refusal(400, "BadRequest", message)


def invalid(message: str) -> Refusal:
    """422: understood, and wrong."""
    return Refusal(422, "Invalid", message)


def not_found(message: str) -> Refusal:
    """404."""
    return Refusal(404, "NotFound", message)


def conflict(message: str) -> Refusal:
    """409: the object is another one by now."""
    return Refusal(409, "Conflict", message)


def gone(message: str = "The resourceVersion for the provided list or watch is too old.") -> Refusal:
    """410: what was asked for is forgotten; list again."""
    return Refusal(410, "Expired", message)
