"""Errors as ``application/problem+json`` (RFC 9457) with a stable code, and never with a stack trace."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from app.api.context import READING, context
from app.api.metrics import count_refused_request
from app.api.schemas.fields import first_message
from app.domain.errors import LedgerUnavailable, RequestRefused, TooManyRequests

log = structlog.get_logger(__name__)

RETRY_AFTER_SECONDS: Final = 2

TITLES: Final[Mapping[int, str]] = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    409: "Conflict",
    410: "Gone",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}

CODES: Final[Mapping[int, str]] = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    413: "too-large",
    415: "unsupported-media-type",
    422: "invalid-request",
    500: "internal-error",
}
"""Codes of errors that have none of their own."""

HEADERS: Final[Mapping[int, Mapping[str, str]]] = {
    401: {"WWW-Authenticate": "Bearer"},
    503: {"Retry-After": str(RETRY_AFTER_SECONDS)},
}
"""What some errors say besides."""


def problem(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """An error answer. ``detail`` is a sentence for people; ``code`` is what programs compare."""
    body = {
        "type": f"urn:clb-broker:problem:{code}",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "instance": request.path,
        "code": code,
        **more,
    }
    # Paths may hold what is no UTF-8; the standard library's escapes are avoided by replacing it.
    text = orjson.dumps(_readable(body))
    return Response(text, status, headers, content_type="application/problem+json")


def register_problems(app: Flask) -> None:
    """Render every error that leaves a view as a problem."""
    app.register_error_handler(RequestRefused, _refused)
    app.register_error_handler(LedgerUnavailable, _unavailable)
    app.register_error_handler(RequestEntityTooLarge, _too_large)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def _refused(error: RequestRefused) -> Response:
    if error.status == 403:
        _leave_a_trace(error)
    headers = HEADERS.get(error.status)
    if isinstance(error, TooManyRequests):
        headers = {"Retry-After": str(error.retry_after)}
    return problem(error.status, error.code, error.detail, headers)


def _leave_a_trace(error: RequestRefused) -> None:
    """Somebody known reached for what is another's: in the log, in a metric, and for writes in history."""
    caller = g.caller
    log.warning("request refused", method=request.method, path=request.path, caller=caller.actor)
    count_refused_request(caller.role, error.code)
    if request.method not in READING and request.url_rule is not None:
        route = f"{request.method} {request.url_rule.rule}"
        context().refusals.note(context().ledger, caller, route, request.path)


def _unavailable(error: LedgerUnavailable) -> Response:
    log.warning("ledger unavailable", error=str(error))
    detail = "the ledger does not answer; nothing was half done, ask again"
    return problem(503, error.code, detail, HEADERS[503])


def _too_large(error: RequestEntityTooLarge) -> Response:
    return problem(413, "too-large", "the body is larger than 1 MiB", {"Connection": "close"})


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    messages = getattr(error, "data", {}).get("messages") if hasattr(error, "data") else None
    detail, more = error.description or TITLES.get(status, ""), {}
    if messages:
        location = next(iter(messages.values()))
        detail, more = first_message(location), {"errors": messages}
    allowed = getattr(error, "valid_methods", None)
    headers = {"Allow": ", ".join(sorted(allowed))} if allowed else None
    return problem(status, CODES.get(status, "error"), detail, headers, **more)


def _unexpected(error: Exception) -> Response:
    log.error("request failed", method=request.method, path=request.path, exc_info=error)
    return problem(500, "internal-error", "an error in the broker; it is in its log")


def _readable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_readable(str(key)): _readable(entry) for key, entry in value.items()}
    return [_readable(entry) for entry in value] if isinstance(value, list) else value
