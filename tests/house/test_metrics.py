"""Every metric and every alert is in the operators' book, and nothing is that does not exist; labels stay few."""

import re
from collections import Counter as Many
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, CollectorRegistry

from app.agent.admission.metrics import WEBHOOK
from app.agent.metrics import AGENT
from app.api.metrics import _Gauges
from app.domain.binding import Health, Verdict
from app.ledger.figures import Figures, Registered
from app.metrics import WORKER

HOUSE = Path(__file__).parents[2]
BOOK = (HOUSE / "docs" / "operations.md").read_text()
NO_METRICS = {"clb_broker_application", "clb_broker_agent"}
"""What has the form of a metric's name and is the database's role."""

LABELS = {
    "account": "one for each cloud account in the settings",
    "action": "the cloud's actions that the broker calls, or what was done about drift",
    "code": "docs/codes.md, and the problems' codes",
    "condition": "fixed",
    "health": "fixed",
    "kind": "fixed",
    "method": "of HTTP, others as one",
    "network_mode": "fixed",
    "of": "fixed",
    "outcome": "fixed",
    "reason": "docs/codes.md, or why a token was refused",
    "request": "the agent's requests",
    "resource": "the agent's kinds of objects",
    "result": "fixed",
    "role": "fixed",
    "route": "the table of routes",
    "state": "fixed",
    "status": "of HTTP",
    "type": "of a watch",
    "verdict": "fixed",
    "why": "fixed",
    "work": "the worker's loops",
    "write": "the agent's writes",
    "le": "a histogram's bounds",
}
"""Every label there is, and why its values are few: none is a load balancer, a cluster, or what a caller makes up."""


def _own(registries: Iterable[CollectorRegistry]) -> dict[str, set[str]]:
    """The labels of our metrics, by the name that the book calls them by."""
    found: dict[str, set[str]] = {}
    for registry in registries:
        for collector in set(registry._collector_to_names):
            for metric in collector.describe() if hasattr(collector, "_labelnames") else ():
                total = "_total" if metric.type == "counter" else ""
                if metric.name.startswith("clb_broker_"):
                    found[metric.name + total] = set(collector._labelnames)
    return found


def _of_the_ledger() -> dict[str, set[str]]:
    one = Registered({"registered": 1}, timedelta(0))
    moving, drift = Many({("held", "x"): 1}), {("foreign", "x"): 1}
    kept = Figures(moving, {Health.OFF: 1}, drift, one, timedelta(0), one, key_sets=one, proofs={Verdict.PROVEN: 1})
    gauges = _Gauges(kept)
    samples = [sample for metric in gauges.collect() for sample in metric.samples]
    found: dict[str, set[str]] = {metric.name: set() for metric in gauges.collect() if metric.type == "gauge"}
    for sample in samples:
        found.setdefault(sample.name, set()).update(sample.labels)
    return found


METRICS = {**_own((WORKER, AGENT, WEBHOOK, REGISTRY)), **_of_the_ledger()}


def test_every_metric_is_in_the_book_and_every_one_there_exists() -> None:
    assert len(METRICS) > 40
    named = set(re.findall(r"\bclb_broker_[a-z_]+", BOOK)) - NO_METRICS
    assert sorted(METRICS.keys() - named) == []
    assert sorted(named - METRICS.keys()) == []


def test_the_book_names_a_metrics_labels() -> None:
    for name, labels in re.findall(r"`(clb_broker_[a-z_]+)\{([a-z_,]+)\}`", BOOK):
        assert set(labels.split(",")) == METRICS[name], name


def test_every_alert_of_the_charts_is_in_the_book_with_what_to_do_and_every_one_there_exists() -> None:
    rules = [path.read_text() for path in sorted(HOUSE.glob("helm/*/templates/*rule*"))]
    assert len(rules) == 2
    rung = {name for text in rules for name in re.findall(r'"(ClbBroker[A-Za-z]+)"', text)}
    told = dict(re.findall(r"^\| `(ClbBroker[A-Za-z]+)` \| (.+) \|$", BOOK, re.MULTILINE))
    assert told.keys() == rung
    assert all(len(what) > 10 for what in told.values())


@pytest.mark.parametrize("name", sorted(METRICS))
def test_no_label_can_have_many_values(name: str) -> None:
    assert METRICS[name] - LABELS.keys() == set()
