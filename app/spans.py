"""Spans: what traces consist of. They cost nothing, and nothing of OpenTelemetry is loaded, until somebody keeps them.

Beside the rooms, as metrics are. A request is a span of its caller's trace. Workers' pieces of work serve many events
at once, so each is a trace of its own, whose spans link to the traces that they serve (`serving`).
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Final, Protocol

from structlog.contextvars import bound_contextvars

from app.domain.trace import MOST_LINKS, TraceContext, trace_id_of

Value = str | int | float | bool

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""Who names a collector in one of these has spans exported to it; the names are OpenTelemetry's."""


class Span(Protocol):
    """A piece of work of which somebody may keep how long it took."""

    @property
    def context(self) -> TraceContext | None:
        """Which span of which trace it is; None when nobody keeps it."""

    def note(self, **facts: Value | None) -> None:
        """Say more of it; None says nothing. Two underscores in a name stand for a dot."""

    def rename(self, name: str) -> None:
        """Call it otherwise, now that it is known what it is."""

    def link(self, traceparents: Iterable[str]) -> None:
        """It is done for these."""


class Keeper(Protocol):
    """Who keeps spans."""

    def span(
        self, name: str, *, remote: bool, calls: bool, parent: TraceContext | None, links: Iterable[str]
    ) -> AbstractContextManager[Span]:
        """A span that lasts as long as the context; an error that ends it is named by its type alone."""

    def close(self) -> None:
        """Send what was gathered, and end; within some seconds, whether there is somebody to take it or not."""


class _Unkept:
    context = None

    def note(self, **facts: Value | None) -> None:
        """Nothing."""

    def rename(self, name: str) -> None:
        """Nothing."""

    def link(self, traceparents: Iterable[str]) -> None:
        """Nothing."""


_UNKEPT: Final = nullcontext[Span](_Unkept())
_SERVED: Final[ContextVar[tuple[str, ...]]] = ContextVar("clb_broker_served", default=())
_CURRENT: Final[ContextVar[Span]] = ContextVar("clb_broker_span", default=_UNKEPT.enter_result)
_keeper: Keeper | None = None


def asked_for() -> bool:
    """Whether the environment names a collector."""
    return any(os.environ.get(name) for name in ENDPOINTS)


def keep_spans(keeper: Keeper | None) -> None:
    """Let ``keeper`` keep all spans of this process from now on; None: nobody does."""
    global _keeper  # noqa: PLW0603 (one per process, as metrics are)
    _keeper = keeper


def end_spans() -> None:
    """Send what was kept, at the end of a process."""
    if _keeper is not None:
        _keeper.close()


def span(name: str, **facts: Value | None) -> AbstractContextManager[Span]:
    """A piece of work inside this process, part of the one around it where there is one."""
    return _UNKEPT if _keeper is None else _kept(_keeper, name, None, facts)


def call_span(name: str, **facts: Value | None) -> AbstractContextManager[Span]:
    """A call to somebody else, part of the work around it; it links to what that serves."""
    return _UNKEPT if _keeper is None else _kept(_keeper, name, None, facts, calls=True)


def request_span(name: str, parent: TraceContext | None) -> AbstractContextManager[Span]:
    """A request from somebody else, part of ``parent``'s trace."""
    return _UNKEPT if _keeper is None else _kept(_keeper, name, parent, {}, remote=True)


@contextmanager
def serving(traceparents: Iterable[str | None]) -> Iterator[None]:
    """What is done and logged while this lasts serves these traces, the first `MOST_LINKS` of them."""
    distinct = tuple(dict.fromkeys(each for each in traceparents if each is not None))[:MOST_LINKS]
    if not distinct:
        yield
        return
    _CURRENT.get().link(distinct)
    token = _SERVED.set(distinct)
    try:
        with bound_contextvars(trace_ids=list(dict.fromkeys(map(trace_id_of, distinct)))):
            yield
    finally:
        _SERVED.reset(token)


@contextmanager
def _kept(
    keeper: Keeper,
    name: str,
    parent: TraceContext | None,
    facts: dict[str, Value | None],
    *,
    remote: bool = False,
    calls: bool = False,
) -> Iterator[Span]:
    links = _SERVED.get() if calls else ()
    with keeper.span(name, remote=remote, calls=calls, parent=parent, links=links) as found:
        found.note(**facts)
        token = _CURRENT.set(found)
        try:
            yield found
        finally:
            _CURRENT.reset(token)
