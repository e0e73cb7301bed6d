"""What the API counts, for Prometheus."""

import collections
import os
import time
from collections.abc import Iterable, Sequence
from typing import Final

from flask import Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from app.domain.binding import GUARDED, State
from app.domain.caller import Role
from app.domain.event import Result
from app.identity.refusal import Reason
from app.ledger.figures import Figures

REQUESTS: Final = Counter(
    "clb_broker_requests_total", "Requests by route, method and status", ["route", "method", "status"]
)
REQUEST_SECONDS: Final = Histogram("clb_broker_request_seconds", "Time to answer a request", ["route"])
EVENTS: Final = Counter("clb_broker_events_total", "Pod events by outcome and code", ["outcome", "code"])
TOKENS_REFUSED: Final = Counter(
    "clb_broker_tokens_refused_total", "Requests answered 401 by what was wrong", ["reason"]
)
REQUESTS_REFUSED: Final = Counter(
    "clb_broker_requests_refused_total", "Requests of known callers answered 403 by their role", ["role", "code"]
)
REQUESTS_LIMITED: Final = Counter(
    "clb_broker_requests_limited_total", "Requests answered 429 by what there was too much of", ["of"]
)

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


def count_refused_token(reason: Reason) -> None:
    """Somebody came without a token, or with one that is nobody's."""
    TOKENS_REFUSED.labels(reason).inc()


def count_refused_request(role: Role | None, code: str) -> None:
    """Somebody known asked for what they may not do."""
    REQUESTS_REFUSED.labels(role or "none", code).inc()


def count_limited(what: str) -> None:
    """A request was refused since there were too many: requests or events of a token, or requests of an address."""
    REQUESTS_LIMITED.labels(what).inc()


def count_results(results: Iterable[Result]) -> None:
    """Count answers to pod events."""
    for (outcome, code), many in collections.Counter((result.outcome, result.code or "") for result in results).items():
        EVENTS.labels(outcome, code).inc(many)


def render_metrics(figures: Figures | None) -> Response:
    """Everything counted, of all processes of this server, and the ledger in numbers.

    Without ``figures`` (the ledger did not answer) there is no sample of them: nobody knows is not none.
    """
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    text = generate_latest(registry)
    if figures is not None:
        text += generate_latest(_Gauges(figures))
    return Response(text, content_type=CONTENT_TYPE_LATEST)


class _Gauges(CollectorRegistry):
    """Gauges that live for one answer: those that are kept would be added up over the processes of the server."""

    def __init__(self, figures: Figures) -> None:
        super().__init__()
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        figures = self._figures
        yield _gauge("bindings", "Bindings that can still move", ("state", "reason"), figures.bindings.items())
        holds = [((str(reason),), figures.bindings.get((State.HELD, reason), 0)) for reason in sorted(GUARDED)]
        yield _gauge("holds", "Removals that wait for an operator's word", ("reason",), holds)
        proofs = [((str(verdict),), many) for verdict, many in figures.proofs.items()]
        yield _gauge("proofs", "Bindings that can still move by the verdict on them", ("verdict",), proofs)
        targets = [((str(health),), many) for health, many in figures.targets.items()]
        yield _gauge("targets", "The broker's targets at the cloud by health", ("health",), targets)
        yield _gauge("drift", "Differences that the broker did not make", ("kind", "action"), figures.drift.items())
        history = figures.history
        yield _gauge("unsealed_entries", "Entries of history that wait for their seal", (), [((), history.unsealed)])
        yield _gauge(
            "seal_lag_seconds", "How long the oldest of them has waited", (), [((), history.seal_lag.total_seconds())]
        )
        yield _gauge(
            "history_months_ahead", "Months to come that history has a place for", (), [((), history.months_ahead)]
        )
        lag = figures.greatest_lag.total_seconds()
        yield _gauge("greatest_lag_seconds", "How long the load balancer most behind has been so", (), [((), lag)])
        buckets = [(str(bound), many) for bound, many in figures.lags.items()]
        behind = figures.load_balancers.conditions.get("behind", 0)
        yield GaugeHistogramMetricFamily(
            "clb_broker_lag_seconds",
            "Load balancers that are behind, by how long",
            buckets=[*buckets, ("+Inf", behind)],
            gsum_value=figures.lag_sum.total_seconds(),
        )
        registered = (
            ("load_balancers", figures.load_balancers),
            ("clusters", figures.clusters),
            ("key_sets", figures.key_sets),
        )
        for name, found in registered:
            conditions = [((condition,), many) for condition, many in found.conditions.items()]
            yield _gauge(name, "How many are in each condition; one may be in several", ("condition",), conditions)
        failures = [((name,), found.longest_failure.total_seconds()) for name, found in registered]
        yield _gauge("longest_failure_seconds", "How long the one failing longest has failed", ("of",), failures)


def _gauge(
    name: str, meaning: str, labels: Sequence[str], samples: Iterable[tuple[Sequence[str], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"clb_broker_{name}", meaning, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family
