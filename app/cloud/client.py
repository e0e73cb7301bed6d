"""One call to the cloud: its turn in the budget, the real SDK, and the broker's name for what went wrong."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from app.cloud.error_codes import error_for
from app.cloud.sending import held_back, hold_back
from app.domain.errors import (
    CloudAmbiguous,
    CloudBusy,
    CloudCredentialRefused,
    CloudError,
    CloudNotSent,
    CloudRefused,
    CloudResourceMissing,
    CloudThrottled,
)
from app.metrics import count_budget_wait, count_call
from app.spans import Span, call_span

VERSIONS: Final = {"clb": "2018-03-17", "vpc": "2017-03-12", "tke": "2018-05-25", "cvm": "2017-03-12"}

LONGEST_MESSAGE: Final = 500

UNREADABLE: Final = (ValueError, LookupError, TypeError, AttributeError, OSError)
"""What the SDK lets through when an answer is not of the form that it expects (the first four), or breaks off while its
body is read (requests' errors are OSErrors)."""

RESULTS: Final[Mapping[type[CloudError], str]] = {
    CloudThrottled: "throttled",
    CloudBusy: "busy",
    CloudAmbiguous: "ambiguous",
    CloudCredentialRefused: "credential",
    CloudResourceMissing: "missing",
    CloudRefused: "refused",
}
"""What metrics call a call that failed; the cloud's other temporary refusals are ``temporary``."""

Budget = Callable[[str, str, str], None]
"""Waits until a call of (account, region, action) may be sent."""

Throttled = Callable[[str, str, str], None]
"""Is told that the cloud throttled a call of (account, region, action)."""


def _nobody(*_: str) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class Account:
    """A cloud account: its name in the ledger, its credential, and where its services are reached.

    ``endpoint`` None is the real cloud; a URL like ``http://127.0.0.1:9900`` stands for all services at once.
    """

    account_id: str
    secret_id: str
    secret_key: str
    endpoint: str | None
    timeout_seconds: float

    def __repr__(self) -> str:
        """Without the credential: this value may end up in a log."""
        return f"Account({self.account_id!r})"


class Client:
    """Calls of one account in one region. Thread-safe: the SDK signs each request by itself."""

    def __init__(self, account: Account, region: str, budget: Budget, throttled: Throttled = _nobody) -> None:
        self.account_id = account.account_id
        self._region = region
        self._budget = budget
        self._throttled = throttled
        self._services = {service: _sdk_client(account, region, service) for service in VERSIONS}

    def call(
        self, service: str, action: str, parameters: Mapping[str, Any], send_before: float | None = None
    ) -> dict[str, Any]:
        """The fields of the answer, ``RequestId`` among them. Raises a `CloudError`.

        After ``send_before`` (by `time.monotonic`) nothing is sent: waiting for the budget may have taken too long.

        Nothing is repeated here: the SDK's own retry sends writes again after they succeeded, so it stays off, and
        whether a write may be sent again is decided by reading back. Neither requests nor urllib3 repeat anything as
        the SDK uses them; a redirect, which the cloud never sent, would wait for a turn of its own.
        """
        with call_span(f"cloud {action}", account_id=self.account_id, region=self._region) as here:
            return self._in_turn(service, action, parameters, send_before, here)

    def _in_turn(
        self, service: str, action: str, parameters: Mapping[str, Any], send_before: float | None, here: Span
    ) -> dict[str, Any]:
        turn = _Turn(self._budget, (self.account_id, self._region, action), send_before)
        try:
            with held_back(turn.wait):
                fields = self._send(service, action, parameters)
        except CloudNotSent:
            count_call(self.account_id, action, "not-sent", None)
            raise
        except CloudError as error:
            result = RESULTS.get(type(error), "temporary")
            count_call(self.account_id, action, result, time.monotonic() - turn.began)
            here.note(clb_broker__result=result, clb_broker__cloud_request_id=error.request_id)
            if isinstance(error, CloudThrottled):
                self._throttled(self.account_id, self._region, action)
            raise
        finally:
            if turn.waited is not None:
                count_budget_wait(action, turn.waited)
                here.note(clb_broker__budget_wait_seconds=turn.waited)
        count_call(self.account_id, action, "ok", time.monotonic() - turn.began)
        here.note(clb_broker__result="ok", clb_broker__cloud_request_id=str(fields["RequestId"]))
        return fields

    def _send(self, service: str, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer = self._services[service].call_json(action, dict(parameters))
        except TencentCloudSDKException as error:
            raise error_for(_text(error.code), _text(error.message), error.requestId) from error
        except UNREADABLE as error:
            raise CloudAmbiguous("UnreadableAnswer", f"{action}: {type(error).__name__}") from error
        return _fields(answer, action)


class _Turn:
    """A call's turn. It is waited for when the call is ready to leave; one that cannot be made takes none."""

    def __init__(self, budget: Budget, key: tuple[str, str, str], send_before: float | None) -> None:
        self._budget = budget
        self._key = key
        self._send_before = send_before
        self.began = time.monotonic()
        """When the call left; until then, when it was asked for."""
        self.waited: float | None = None
        """Seconds; of both turns, where the first one was lost with its connection."""

    def wait(self) -> None:
        asked = time.monotonic()
        self._budget(*self._key)
        self.began = time.monotonic()
        self.waited = (self.waited or 0.0) + self.began - asked
        if self._send_before is not None and self.began > self._send_before:
            raise CloudNotSent("NotSent", f"{self._key[-1]}: its time had passed")


def _fields(answer: Any, action: str) -> dict[str, Any]:
    fields = answer.get("Response") if isinstance(answer, dict) else None
    if not isinstance(fields, dict) or not fields.get("RequestId"):
        raise CloudAmbiguous("UnreadableAnswer", f"{action}: an answer without RequestId")
    error = fields.get("Error")
    if error is None:
        return fields
    # With another content type than application/json the SDK hands errors out as if they were answers.
    error = error if isinstance(error, dict) else {}
    raise error_for(_text(error.get("Code")), _text(error.get("Message")), fields["RequestId"])


def _sdk_client(account: Account, region: str, service: str) -> CommonClient:
    credential = Credential(account.secret_id, account.secret_key)
    url = urlsplit(account.endpoint) if account.endpoint else None
    http = HttpProfile(
        protocol=url.scheme if url else "https",
        endpoint=url.netloc if url else f"{service}.tencentcloudapi.com",
        reqTimeout=account.timeout_seconds,
        keepAlive=True,
    )
    client = CommonClient(service, VERSIONS[service], credential, region, ClientProfile(httpProfile=http))
    hold_back(client)
    return client


def _text(value: Any) -> str:
    """One line that can be kept: the SDK's messages are the answer's whole body, in bytes, when it was no JSON."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    printable = "".join(character if character.isprintable() else " " for character in text[: 2 * LONGEST_MESSAGE])
    return " ".join(printable.split())[:LONGEST_MESSAGE]
