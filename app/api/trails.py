"""Each request's trail: its id, which it may bring itself, and its trace, which it may be part of already."""

import re
from contextlib import ExitStack
from secrets import token_hex
from typing import Final

from flask import Flask, Response, g, request
from structlog.contextvars import bound_contextvars

from app.api.metrics import METHODS
from app.domain.trace import TraceContext, trace_context
from app.spans import Span, request_span
from app.trail import Trail, on_trail

REQUEST_ID: Final = "X-Request-Id"
NAMED: Final = frozenset({"cluster_id", "load_balancer_id", "binding_id"})
"""What the path may name that log lines say too."""

_SANE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def register_trails(app: Flask) -> None:
    """Let all that a request does and logs say which one it was; its answer says so too (``X-Request-Id``).

    What a caller brings that is not sane is not repeated anywhere: the request gets an id, or a trace, of its own.
    """
    app.before_request(_begin)
    app.after_request(_tell)
    app.teardown_request(_end)


def _begin() -> None:
    given = request.headers.get(REQUEST_ID, "")
    g.request_id = given if _SANE.fullmatch(given) else token_hex(16)
    parent = trace_context(request.headers.get("traceparent"))
    g.trail = ExitStack()
    g.span = g.trail.enter_context(request_span(_method(), parent))
    here = _here(g.span, parent)
    named = {name: value for name, value in (request.view_args or {}).items() if name in NAMED}
    g.trail.enter_context(bound_contextvars(**named))
    g.trail.enter_context(on_trail(Trail(g.request_id, here.trace_id, here.traceparent)))


def _here(span: Span, parent: TraceContext | None) -> TraceContext:
    """The span at work; where nobody keeps it, one of which the caller's trace, or a new one, has the name alone."""
    if span.context is not None:
        return span.context
    if parent is not None:
        return parent
    return TraceContext(token_hex(16), token_hex(8), sampled=False)


def _tell(response: Response) -> Response:
    response.headers[REQUEST_ID] = g.request_id
    route = request.url_rule.rule if request.url_rule else None
    g.span.rename(f"{_method()} {route}" if route else _method())
    g.span.note(
        http__route=route, http__response__status_code=response.status_code, clb_broker__request_id=g.request_id
    )
    return response


def _method() -> str:
    """As metrics name it: no caller makes up names of spans."""
    return request.method if request.method in METHODS else "other"


def _end(_: BaseException | None) -> None:
    trail = g.pop("trail", None)
    if trail is not None:
        trail.close()
