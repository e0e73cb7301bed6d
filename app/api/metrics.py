"""What the API counts, for Prometheus."""

import os
import time
from collections.abc import Iterable
from typing import Final

from flask import Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from app.domain.event import Result

REQUESTS: Final = Counter(
    "clb_broker_requests_total", "Requests by route, method and status", ["route", "method", "status"]
)
REQUEST_SECONDS: Final = Histogram("clb_broker_request_seconds", "Time to answer a request", ["route"])
EVENTS: Final = Counter("clb_broker_events_total", "Pod events by outcome and code", ["outcome", "code"])

METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "POST", "DELETE", "PATCH"})
"""Methods with a label of their own: a caller who makes up others must not fill the memory with labels."""


def register_metrics(app: Flask) -> None:
    """Count every request under the route that it matched; what matched none shares one label."""

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "none"
        method = request.method if request.method in METHODS else "other"
        REQUESTS.labels(route, method, response.status_code).inc()
        REQUEST_SECONDS.labels(route).observe(time.perf_counter() - g.began)
        return response


def count_results(results: Iterable[Result]) -> None:
    """Count answers to pod events."""
    for result in results:
        EVENTS.labels(result.outcome, result.code or "").inc()


def render_metrics() -> Response:
    """Everything counted, of all processes of this server."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
