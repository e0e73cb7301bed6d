"""What an agent counts, for Prometheus, in a registry of its own.

No label names a Service, a pod or an address: the series stay few.
"""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

AGENT: Final = CollectorRegistry()
"""All that is counted here."""

TELL_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0)

_REQUESTS: Final = Counter(
    "clb_broker_agent_broker_requests_total", "Requests to the broker", ["request", "status"], registry=AGENT
)
_RESULTS: Final = Counter(
    "clb_broker_agent_results_total", "Answers to pod events", ["outcome", "code"], registry=AGENT
)
_TELL_SECONDS: Final = Histogram(
    "clb_broker_agent_seen_to_told_seconds",
    "Time from seeing a change in the watch to the broker's answer",
    registry=AGENT,
    buckets=TELL_BUCKETS,
)
_LISTS: Final = Counter("clb_broker_agent_lists_total", "Lists of a resource", ["resource", "why"], registry=AGENT)
_WATCH_EVENTS: Final = Counter(
    "clb_broker_agent_watch_events_total", "Events of watches", ["resource", "type"], registry=AGENT
)
_WRITES: Final = Counter(
    "clb_broker_agent_kubernetes_writes_total", "Writes to Kubernetes", ["write", "status"], registry=AGENT
)
_LEADS: Final = Gauge("clb_broker_agent_leads", "1 while this agent speaks for its cluster", registry=AGENT)
_OBJECTS: Final = Gauge("clb_broker_agent_objects", "Objects in the view", ["resource"], registry=AGENT)
_UNTOLD: Final = Gauge("clb_broker_agent_services_to_tell", "Services with something untold", registry=AGENT)
_LAST_TOLD: Final = Gauge(
    "clb_broker_agent_last_answer_timestamp_seconds", "When the broker last answered a word of ours", registry=AGENT
)


def count_broker_request(request: str, status: str) -> None:
    """A request to the broker ended with this status of HTTP, or ``unanswered``."""
    _REQUESTS.labels(request, status).inc()


def count_result(outcome: str, code: str | None) -> None:
    """The broker's answer to one event."""
    _RESULTS.labels(outcome, code or "").inc()


def count_told(seconds: float) -> None:
    """A change was answered so long after it was seen."""
    _TELL_SECONDS.observe(seconds)


def show_answered(now: float) -> None:
    """The broker took a word or a snapshot at this time of day."""
    _LAST_TOLD.set(now)


def count_list(resource: str, why: str) -> None:
    """A resource was listed: at ``start``, or after a ``gap``."""
    _LISTS.labels(resource, why).inc()


def count_watch_event(resource: str, kind: str) -> None:
    """A watch told something."""
    _WATCH_EVENTS.labels(resource, kind).inc()


def count_write(write: str, status: str) -> None:
    """A write to Kubernetes ended with this status of HTTP, or ``unanswered``."""
    _WRITES.labels(write, status).inc()


def show_leading(*, leads: bool) -> None:
    """Whether this agent leads now."""
    _LEADS.set(1 if leads else 0)


def show_objects(resource: str, many: int) -> None:
    """How many objects of a resource are in the view."""
    _OBJECTS.labels(resource).set(many)


def show_untold(services: int) -> None:
    """How many Services have something that the broker was not told yet."""
    _UNTOLD.set(services)
