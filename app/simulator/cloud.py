"""The front desk of the simulated cloud.

Lets a signed call in, limits it, lets it run, and spoils it when a fault was ordered.

The order of the checks: signature, action and version, rate limit, parameters, fault, work. A call is recorded when
it arrives, and its outcome when it ends; throttled and refused calls are recorded too.
"""

import functools
import json
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.simulator import signature
from app.simulator.actions import ACTIONS
from app.simulator.actions.target_writes import in_operating
from app.simulator.errors import CloudError
from app.simulator.faults import Faults, Order
from app.simulator.pace import Pace, limit_exceeded
from app.simulator.records import Call, Log, packed
from app.simulator.request import VERSIONS, Action, Answer, Request
from app.simulator.world import World

JSON = "application/json"
INTERNAL_ERROR = CloudError(Order.code, Order.message)


@dataclass
class Reply:
    """What goes back over the wire; `ending` other than "answer" sends nothing.

    The connection is closed ("close") or reset ("reset").
    """

    body: bytes = b""
    status: int = 200
    content_type: str = JSON
    ending: str = "answer"


class _Interrupted(Exception):
    """Ends a call before, or instead of, its work."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.ending)
        self.reply = reply


@dataclass
class Cloud:
    """All that signed calls meet. `closing` ends every wait."""

    world: World
    closing: threading.Event
    pace: Pace = field(default_factory=Pace)
    faults: Faults = field(default_factory=lambda: Faults(ACTIONS))

    def __post_init__(self) -> None:
        self.calls: Log[Call] = Log(self.world.parameters.call_log_size)

    def answer(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Serves one `POST /`. `headers` have names in lower case. Never raises.

        What goes wrong inside is InternalError, as at the cloud.
        """
        call = self.calls.append(functools.partial(_record, headers=headers, body=body))
        try:
            return self._served(call, headers, body)
        except _Interrupted as interrupted:
            return interrupted.reply
        except CloudError as error:
            return _refused(call, error)
        except Exception:  # noqa: BLE001 (a mistake of the simulator must be seen, and must not end the connection)
            sys.stderr.write(traceback.format_exc())
            return _refused(call, INTERNAL_ERROR)
        finally:
            call.finished_at = time.time()

    def _served(self, call: Call, headers: Mapping[str, str], body: bytes) -> Reply:
        self._authenticate(call, headers, body)
        action = _action(call)
        asked = _parsed(body)
        _describe(call, asked)
        self._admit(call, action)
        asked = action.check(asked)
        order = self.faults.strike(action.name, action.mode, call.load_balancer_id, _offset(asked))
        request = Request(action, self.world, call.region, call.request_id, asked, call, self._wait, order)
        if order is None:
            return Reply(_enveloped(call, self._run(request)))
        call.fault = order.kind
        self._before(request, order)
        reply = self._run_or_refuse(call, request)
        return self._after(request, order, reply)

    def _authenticate(self, call: Call, headers: Mapping[str, str], body: bytes) -> None:
        claim = signature.claimed(headers.get("authorization", ""))
        call.secret_id, call.service = claim.secret_id, claim.service
        with self.world.held():
            secret_key = self.world.credentials.get(claim.secret_id)
            parameters = self.world.parameters
        if secret_key is None:
            message = "The SecretId is not found, please ensure that your SecretId is correct."
            raise CloudError("AuthFailure.SecretIdNotFound", message)
        now = time.time() + parameters.clock_offset_seconds
        signature.verify(claim, headers, body, secret_key, now, parameters.signature_window_seconds)

    def _admit(self, call: Call, action: Action) -> None:
        parameters = self.world.parameters
        usual = parameters.calls_per_second if action.rate is None else action.rate
        limit = parameters.calls_per_second_by_action.get(action.name, usual)
        self.pace.admit((action.name, call.region, call.secret_id), limit, call.received_at)

    def _run(self, request: Request) -> Answer:
        if request.action.mode == "read":
            self._wait(self.world.parameters.read_seconds)
        return request.action.run(request)

    def _run_or_refuse(self, call: Call, request: Request) -> Reply:
        """The reply, error or not: a fault that strikes after the work spoils either."""
        try:
            return Reply(_enveloped(call, self._run(request)))
        except CloudError as error:
            return _refused(call, error)

    def _before(self, request: Request, order: Order) -> None:
        kind = order.kind
        if kind == "hang" and order.when != "after":
            self._wait(order.seconds)
        if kind == "request-lost" or (kind == "hang" and order.when == "instead"):
            raise _Interrupted(Reply(ending="close"))
        if kind in _SPOILS and not order.done and kind not in _AFTER:
            raise _Interrupted(_SPOILS[kind](Reply()))
        if kind in _ERRORS:
            raise _ERRORS[kind](request, order)

    def _after(self, request: Request, order: Order, reply: Reply) -> Reply:
        if order.kind == "hang" and order.when == "after":
            self._wait(order.seconds)
        if order.kind == "internal-error-after":
            return _refused(request.record, INTERNAL_ERROR)
        if order.kind == "answer":
            return Reply(_altered(reply.body, order))
        return _SPOILS[order.kind](reply) if order.kind in _SPOILS else reply

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self.closing.wait(seconds)


_AFTER = ("answer-lost", "charset", "not-json")
"""The spoiling kinds that always let the work be done."""

_SPOILS: dict[str, Callable[[Reply], Reply]] = {
    "answer-lost": lambda _: Reply(ending="close"),
    "reset": lambda _: Reply(ending="reset"),
    "http-500": lambda _: Reply(b"<html><body>Internal Server Error</body></html>", 500, "text/html"),
    "charset": lambda reply: Reply(reply.body, reply.status, f"{JSON}; charset=utf-8"),
    "not-json": lambda _: Reply(b"<html><body>gateway</body></html>"),
}

_ERRORS: dict[str, Callable[[Request, Order], CloudError]] = {
    "internal-error-before": lambda *_: INTERNAL_ERROR,
    "throttle": lambda request, _: limit_exceeded(
        request.world.parameters.calls_per_second + 1, request.world.parameters.calls_per_second
    ),
    "busy": lambda request, _: in_operating(request.record.load_balancer_id),
    "error": lambda _, order: CloudError(order.code, order.message),
}


def _record(sequence: int, headers: Mapping[str, str], body: bytes) -> Call:
    return Call(
        sequence=sequence,
        received_at=time.time(),
        action=headers.get("x-tc-action", ""),
        version=headers.get("x-tc-version", ""),
        region=headers.get("x-tc-region", ""),
        body=packed(body),
        request_id=str(uuid.uuid4()),
    )


def _action(call: Call) -> Action:
    for name, value in (("Action", call.action), ("Version", call.version), ("Region", call.region)):
        if not value:
            raise CloudError("MissingParameter", f"The request is missing a required parameter `{name}`.")
    if call.service not in VERSIONS:
        raise CloudError(
            "AuthFailure.SignatureFailure", f"The service {call.service} of the credential scope is not known."
        )
    if call.version != VERSIONS[call.service]:
        raise CloudError("NoSuchVersion", f"The version {call.version} of {call.service} does not exist.")
    action = ACTIONS.get(call.action)
    if action is None or action.service != call.service:
        raise CloudError("InvalidAction", f"The action {call.action} of {call.service} does not exist.")
    return action


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except ValueError:
        raise CloudError("InvalidParameter", "The request body is not JSON.") from None


def _describe(call: Call, asked: Any) -> None:
    """Notes what the call is about, before anything of it is checked: a refused call is described too."""
    if not isinstance(asked, Mapping):
        return
    load_balancer_id, entries = asked.get("LoadBalancerId"), asked.get("ModifyList")
    call.load_balancer_id = load_balancer_id if isinstance(load_balancer_id, str) else None
    lists = [asked.get("Targets")]
    if isinstance(entries, list):
        lists += [entry.get("Targets") for entry in entries if isinstance(entry, Mapping)]
    call.target_count = sum(len(each) for each in lists if isinstance(each, list))


def _offset(asked: Mapping[str, Any]) -> int | None:
    """Where the page begins that a call asks for: some actions take Offset as a text."""
    try:
        return int(asked.get("Offset", 0))
    except ValueError:
        return None


def _altered(body: bytes, order: Order) -> bytes:
    """An answer with some fields replaced and some left out."""
    answer = {**json.loads(body)["Response"], **order.fields}
    return json.dumps({"Response": {name: each for name, each in answer.items() if name not in order.without}}).encode()


def _enveloped(call: Call, answer: Answer) -> bytes:
    return json.dumps({"Response": {**answer, "RequestId": call.request_id}}).encode()


def _refused(call: Call, error: CloudError) -> Reply:
    call.code, call.message = error.code, error.message
    return Reply(_enveloped(call, {"Error": {"Code": error.code, "Message": error.message}}))
