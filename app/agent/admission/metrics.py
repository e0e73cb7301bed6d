"""What the webhook counts of itself."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

WEBHOOK: Final = CollectorRegistry()

_REVIEWS = Counter("clb_broker_webhook_reviews", "Reviews by what became of them", ["outcome"], registry=WEBHOOK)
CONNECTIONS_REFUSED: Final = Counter(
    "clb_broker_webhook_connections_refused", "Connections that were not served", ["reason"], registry=WEBHOOK
)
CERTIFICATE_ENDS: Final = Gauge(
    "clb_broker_webhook_certificate_ends_seconds", "Unix time at which the served certificate ends", registry=WEBHOOK
)
SERVICES: Final = Gauge(
    "clb_broker_webhook_services", "Direct-access Services that are known to the webhook", registry=WEBHOOK
)


def count_review(outcome: str) -> None:
    """One review was answered, with ``outcome`` from a small fixed list."""
    _REVIEWS.labels(outcome).inc()
