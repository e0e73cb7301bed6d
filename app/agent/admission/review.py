"""An AdmissionReview in, its answer out (admission.k8s.io/v1; Kubernetes, "Dynamic Admission Control").

It fails open: whatever comes, and whatever goes wrong here, the pod is allowed, with a warning where it may lack its
gate for that. A pod without its gate is a rolling update that is a little less gentle; a pod that is not created is an
outage.
"""

import base64
from collections.abc import Callable, Iterable
from typing import Any, Final

import orjson
import structlog

from app.agent.admission.metrics import count_review
from app.agent.deciding.gate_injection import GatingService, Injection, MalformedPod, inject, new_pod_of
from app.agent.deciding.objects import GATE

LONGEST_WARNING: Final = 256
"""Characters; the API server cuts longer ones (admission/v1, `AdmissionResponse.warnings`)."""

_VERSION: Final = "admission.k8s.io/v1"
_LOG = structlog.get_logger(__name__)


class _Unusable(Exception):
    """The review asks for nothing that can be decided here; the message says why."""


class Reviewer:
    """Answers reviews from the Services that are known.

    ``services`` gives those of a namespace, ``unready`` says why they are not known yet (None: they are).
    """

    def __init__(self, services: Callable[[str], Iterable[GatingService]], unready: Callable[[], str | None]) -> None:
        self._services = services
        self.unready = unready

    def review(self, body: bytes) -> bytes:
        """The answer to a review; never raises."""
        uid = ""
        try:
            review = _parsed(body)
            request = _request(review)
            uid = _uid(request)
            _check_version(review)
            return self._decide(uid, request)
        except _Unusable as error:
            count_review("unusable")
            return _open(uid, str(error))
        except Exception:  # noqa: BLE001 (the pod must pass whatever mistake is in here, and the mistake must be seen)
            _LOG.exception("review failed", uid=uid)
            count_review("failed")
            return _open(uid, "an internal error")

    def unread(self, why: str) -> bytes:
        """The answer to a review that was not read."""
        count_review("unusable")
        return _open("", why)

    def _decide(self, uid: str, request: dict[str, Any]) -> bytes:
        namespace = _namespace_of_new_pod(request)
        why = self.unready()
        if why is not None:
            count_review("unready")
            return _open(uid, why)
        try:
            found = inject(new_pod_of(request.get("object")), self._services(namespace))
        except MalformedPod as error:
            raise _Unusable(f"request.object is no pod: {error}") from error
        count_review(found.outcome)
        return _answer(uid, found.warnings, found)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        review = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _Unusable("the review is no JSON") from error
    if not isinstance(review, dict):
        raise _Unusable("the review is no object")
    return review


def _request(review: dict[str, Any]) -> dict[str, Any]:
    request = review.get("request")
    if not isinstance(request, dict):
        raise _Unusable("there is no request in the review")
    return request


def _check_version(review: dict[str, Any]) -> None:
    if review.get("kind") != "AdmissionReview" or review.get("apiVersion") != _VERSION:
        raise _Unusable(f"it is no AdmissionReview of {_VERSION}")


def _uid(request: dict[str, Any]) -> str:
    uid = request.get("uid")
    return uid if isinstance(uid, str) else ""


def _namespace_of_new_pod(request: dict[str, Any]) -> str:
    resource = request.get("resource")
    named = resource if isinstance(resource, dict) else {}
    if (named.get("group", ""), named.get("resource")) != ("", "pods") or request.get("subResource"):
        raise _Unusable("it is not about pods")
    if request.get("operation") != "CREATE":
        raise _Unusable("a gate can be given at a pod's creation only")
    # Of the request: the object itself may not say it yet.
    namespace = request.get("namespace")
    if not isinstance(namespace, str) or not namespace:
        raise _Unusable("request.namespace is missing")
    return namespace


def _open(uid: str, why: str) -> bytes:
    return _answer(uid, (f"clb-broker: readiness gate {GATE} not considered: {why}",), None)


def _answer(uid: str, warnings: Iterable[str], found: Injection | None) -> bytes:
    response: dict[str, Any] = {"uid": uid, "allowed": True}
    if found is not None and found.patch:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(orjson.dumps(list(found.patch))).decode()
    told = [warning[:LONGEST_WARNING] for warning in warnings]
    if told:
        response["warnings"] = told
    return orjson.dumps({"apiVersion": _VERSION, "kind": "AdmissionReview", "response": response})
