"""What the API counts, for Prometheus."""

import os
import time
from collections.abc import Iterable, Mapping
from typing import Final

from flask import Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from app.domain.binding import Health
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


def render_metrics(targets: Mapping[Health, int] | None) -> Response:
    """Everything counted, of all processes of this server, and the targets by health as the ledger has them now.

    Without ``targets`` (the ledger did not answer) there is no sample of them: nobody knows is not none.
    """
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    text = generate_latest(registry)
    if targets is not None:
        text += generate_latest(_Targets(targets))
    return Response(text, content_type=CONTENT_TYPE_LATEST)


class _Targets(CollectorRegistry):
    """A gauge that lives for one answer: one that is kept would be added up over the processes of the server."""

    def __init__(self, targets: Mapping[Health, int]) -> None:
        super().__init__()
        self._targets = targets

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(
            "clb_broker_targets", "The broker's targets at the cloud by health", labels=["health"]
        )
        for health, count in self._targets.items():
            family.add_metric([health], count)
        return [family]
