"""Spans by OpenTelemetry, exported over OTLP/HTTP in batches, by a thread that no request waits for.

Loaded in processes alone whose environment names a collector; the standard's own variables say the rest
(``OTEL_SERVICE_NAME``, ``OTEL_EXPORTER_OTLP_HEADERS``, ``OTEL_TRACES_SAMPLER``, ``OTEL_BSP_…``).
"""

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from app.domain.trace import TraceContext, trace_context
from app.spans import Span, Value

CLOSE_SECONDS: Final = 3.0
"""How long a process that ends waits for a collector: spans are no reason to end late."""


class KeptSpan:
    """A span as `app.spans.Span` has it."""

    def __init__(self, kept: trace.Span) -> None:
        self._kept = kept

    @property
    def context(self) -> TraceContext | None:
        """Which span of which trace it is."""
        found = self._kept.get_span_context()
        ids = trace.format_trace_id(found.trace_id), trace.format_span_id(found.span_id)
        return TraceContext(*ids, sampled=found.trace_flags.sampled)

    def note(self, **facts: Value | None) -> None:
        """Say more of it."""
        self._kept.set_attributes({name.replace("__", "."): fact for name, fact in facts.items() if fact is not None})

    def rename(self, name: str) -> None:
        """Call it otherwise."""
        self._kept.update_name(name)

    def link(self, traceparents: Iterable[str]) -> None:
        """It is done for these."""
        for each in _contexts(traceparents):
            self._kept.add_link(each)


class Export:
    """Keeps spans and sends them to the collector. Made after any fork, since it has a thread."""

    def __init__(self, service: str, exporter: SpanExporter | None = None) -> None:
        """``service`` names the process, where ``OTEL_SERVICE_NAME`` does not; ``exporter`` None: OTLP over HTTP."""
        resource = Resource.create({} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: service})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("clb-broker")

    @contextmanager
    def span(
        self, name: str, *, remote: bool, calls: bool, parent: TraceContext | None, links: Iterable[str]
    ) -> Iterator[Span]:
        """See `app.spans.Keeper`."""
        kind = SpanKind.SERVER if remote else SpanKind.CLIENT if calls else SpanKind.INTERNAL
        around = trace.set_span_in_context(NonRecordingSpan(_context(parent))) if parent is not None else None
        with self._tracer.start_as_current_span(
            name,
            context=around,
            kind=kind,
            links=[Link(each) for each in _contexts(links)],
            record_exception=False,  # a stack trace may hold what was sent
            set_status_on_exception=False,
        ) as kept:
            try:
                yield KeptSpan(kept)
            except Exception as error:
                kept.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise

    def close(self) -> None:
        """Send what was gathered, for no longer than `CLOSE_SECONDS`."""
        closing = threading.Thread(target=self._provider.shutdown, name="spans", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)


def _contexts(traceparents: Iterable[str]) -> Iterator[SpanContext]:
    found = (trace_context(each) for each in traceparents)
    return (_context(each) for each in found if each is not None)


def _context(found: TraceContext) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if found.sampled else TraceFlags.DEFAULT)
    return SpanContext(int(found.trace_id, 16), int(found.span_id, 16), is_remote=True, trace_flags=flags)
