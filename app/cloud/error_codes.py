"""The cloud's error codes as the broker's errors. Pure.

Codes are matched by prefix, since the cloud adds suffixes (RequestLimitExceeded.UinLimitExceeded) without notice.
Source: the CLB and VPC API's error tables, and the SDK's own Client and Server codes.
"""

from typing import Final

from app.domain.errors import (
    CloudAmbiguous,
    CloudBusy,
    CloudCredentialRefused,
    CloudError,
    CloudRefused,
    CloudResourceMissing,
    CloudTemporary,
    CloudThrottled,
)

PREFIXES: Final[tuple[tuple[str, type[CloudError]], ...]] = (
    ("RequestLimitExceeded", CloudThrottled),
    ("FailedOperation.ResourceInOperating", CloudBusy),
    ("FailedOperation.ResourceInCloning", CloudBusy),
    ("ClientNetworkError", CloudAmbiguous),
    ("ServerNetworkError", CloudAmbiguous),
    ("ClientParamsError", CloudRefused),
    ("InternalError", CloudAmbiguous),
    ("KeyError", CloudAmbiguous),  # the SDK's name for an answer without RequestId
    ("AuthFailure", CloudCredentialRefused),
    ("UnauthorizedOperation", CloudCredentialRefused),
    ("ResourceNotFound", CloudResourceMissing),
    ("InvalidParameter.LBIdNotFound", CloudResourceMissing),
    ("InvalidParameter.ListenerIdNotFound", CloudResourceMissing),
    ("InvalidParameter.LocationNotFound", CloudResourceMissing),
    ("InvalidParameter", CloudRefused),
    ("MissingParameter", CloudRefused),
    ("LimitExceeded", CloudRefused),
    ("UnsupportedOperation", CloudRefused),
    ("OperationDenied", CloudRefused),
    ("InvalidAction", CloudRefused),
    ("ResourceInsufficient", CloudTemporary),
    ("ResourceUnavailable", CloudTemporary),
    ("ResourceInUse", CloudTemporary),
    ("FailedOperation", CloudTemporary),
)
"""First match decides; a code that none matches is taken as ambiguous, so that the broker reads back and asks again."""


def error_for(code: str, message: str, request_id: str | None) -> CloudError:
    """The error that the cloud's ``code`` stands for."""
    kind = next((kind for prefix, kind in PREFIXES if code.startswith(prefix)), CloudAmbiguous)
    return kind(code, message, request_id)
