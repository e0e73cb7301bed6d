"""What may go wrong at the agent's edges.

::

    BrokerError                        (`app.domain.errors`)
    ├── NotLeading                     another agent of this cluster speaks now: this one keeps quiet
    ├── CallFailed
    │   ├── CallTemporary              no answer, a time-out, 429, 5xx: ask again, no sooner than ``retry_after``
    │   └── CallRefused                understood, and refused; the same call will be refused again
    │       ├── TokenRefused           401 or 403: nothing goes until the token or a right is another
    │       ├── ObjectMissing          404: what was named is not there
    │       ├── Conflict               409: somebody was quicker, or it is not the object that was meant
    │       ├── TooLarge               413
    │       └── VersionGone            410: a watch or a page too old; list again

A temporary failure says nothing about pods: nothing is unbound for it.
"""

from app.domain.errors import BrokerError


class NotLeading(BrokerError):
    """Another agent of this cluster has the lease, or this one's ran out; nothing was sent."""


class CallFailed(BrokerError):
    """A call to the broker or to Kubernetes did not succeed. The message holds no secret."""


class CallTemporary(CallFailed):
    """Ask again; ``retry_after`` in seconds when the answer named a time."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CallRefused(CallFailed):
    """Refused: ``status`` of HTTP, ``code`` of the broker (or Kubernetes' reason), ``detail`` for people."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail


class TokenRefused(CallRefused):
    """401 or 403."""


class ObjectMissing(CallRefused):
    """404."""


class Conflict(CallRefused):
    """409."""


class VersionGone(CallRefused):
    """410."""


class TooLarge(CallRefused):
    """413."""


REFUSALS: dict[int, type[CallRefused]] = {
    401: TokenRefused,
    403: TokenRefused,
    404: ObjectMissing,
    409: Conflict,
    410: VersionGone,
    413: TooLarge,
}
"""The error of each status that has one of its own."""

TEMPORARY_STATUSES = frozenset({408, 425, 429})
"""Refusals that pass by themselves; all of 5xx besides."""

LONGEST_RETRY_AFTER_SECONDS = 45.0
"""A longer ``Retry-After`` is cut: the right state is promised within a minute after the broker is back."""


def error_of(status: int, code: str, detail: str, retry_after: str | None) -> CallFailed:
    """What an answer that is no success means. ``retry_after`` is the header's text: seconds, or nothing of use."""
    if status >= 500 or status in TEMPORARY_STATUSES:
        return CallTemporary(f"{status} {code}: {detail}", _seconds(retry_after))
    return REFUSALS.get(status, CallRefused)(status, code, detail)


def _seconds(text: str | None) -> float | None:
    """RFC 9110 allows a date too; neither the broker nor Kubernetes sends one, and it is then as if there were none."""
    if text is None or not text.strip().isascii() or not text.strip().isdigit():
        return None
    return min(float(text), LONGEST_RETRY_AFTER_SECONDS)
