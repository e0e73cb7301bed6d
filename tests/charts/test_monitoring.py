"""Alerts and dashboard ask only for what is counted, by labels that it has."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY, CollectorRegistry

from app.agent.admission.metrics import WEBHOOK
from app.agent.metrics import AGENT
from app.api.metrics import _Gauges
from app.domain.binding import GUARDED, Health, Verdict
from app.domain.codes import Code
from app.ledger.figures import Figures, Registered
from app.metrics import WORKER
from tests.charts.rendering import HOUSE, NAMESPACE, Object, Rendering, chart, rendering, renderings

SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
OF_PROMETHEUS = {"up": {"namespace", "job", "container"}}
BY_PROMETHEUS = {"namespace", "job", "le"}
"""Labels that every series gets where it is scraped; `le` of a histogram's buckets."""


def counted() -> dict[str, set[str]]:
    """Labels by the name of each series that the API, workers, agents or webhooks have."""
    found = dict(OF_PROMETHEUS)
    for registry in (WORKER, AGENT, WEBHOOK, REGISTRY):
        for collector in set(registry._collector_to_names):
            for metric in collector.collect() if hasattr(collector, "_labelnames") else ():
                for suffix in SUFFIXES[metric.type]:
                    found[metric.name + suffix] = set(collector._labelnames)
    for metric in _gauges().collect():
        name = f"{metric.name}_gcount" if metric.type == "gaugehistogram" else metric.name
        found[name] = {label for sample in metric.samples for label in sample.labels}
    return found


def _gauges() -> CollectorRegistry:
    registered = Registered({"registered": 1}, timedelta(seconds=1))
    targets = dict.fromkeys(Health, 1)
    bindings = Counter({("held", str(min(GUARDED))): 1})
    failing, proofs = Registered({"failing": 1}, timedelta(seconds=1)), dict.fromkeys(Verdict, 1)
    drift = {("foreign", "reported"): 1}
    return _Gauges(
        Figures(
            bindings, targets, drift, registered, timedelta(0), registered, key_sets=failing, proofs=proofs, lags={1: 1}
        )
    )


COUNTED = counted()


def alerts(found: Rendering) -> list[Object]:
    return [rule for each in found.of("PrometheusRule") for group in each["spec"]["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    (found,) = [each for each in rendering("clb-broker", "full").of("ConfigMap") if "clb-broker.json" in each["data"]]
    parsed: dict[str, Any] = json.loads(found["data"]["clb-broker.json"])
    return parsed


def panels() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = dashboard()["panels"]
    return listed


ALERTS = [(rule["alert"], rule["expr"]) for found in renderings() if found.values == "full" for rule in alerts(found)]
PANELS = [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]
QUERIES = pytest.mark.parametrize("query", [query for _, query in ALERTS + PANELS])


def series(query: str) -> Iterator[tuple[str, dict[str, str]]]:
    for name, matchers in re.findall(r"\b(clb_broker_\w+|up)\{([^}]*)\}", query):
        yield name, dict(re.findall(r'(\w+)(?:=|!=|=~|!~)"([^"]*)"', matchers))


@QUERIES
def test_every_series_that_is_asked_for_exists_with_its_labels(query: str) -> None:
    asked = list(series(query))
    assert len(asked) == len(re.findall(r"\bclb_broker_\w+|\bup\b", query)) > 0
    for name, matchers in asked:
        assert name in COUNTED
        assert set(matchers) - COUNTED[name] - BY_PROMETHEUS == set()
        assert "namespace" in matchers  # another release's numbers are not this one's
    for listed in re.findall(r"by \(([^)]*)\)", query):
        kept = set(listed.split(", ")) - BY_PROMETHEUS
        assert all(kept <= COUNTED[name] for name, _ in asked)


@QUERIES
def test_every_value_of_a_label_is_one_that_there_is(query: str) -> None:
    operations = (HOUSE / "docs" / "operations.md").read_text()
    codes = {code.value for code in Code}
    for name, matchers in series(query):
        row = next((line for line in operations.splitlines() if line.startswith(f"| `{name}")), "")
        for label in matchers.keys() & {"condition", "result", "reason", "kind", "action", "state"}:
            for value in matchers[label].split("|"):
                assert value in codes or value in re.findall(r"[\w-]+", row) or f'{label}="{value}"' in operations


@QUERIES
def test_every_query_is_whole(query: str) -> None:
    bare = re.sub(r'"[^"]*"', "", query)
    for opening, closing in ("()", "{}", "[]"):
        assert bare.count(opening) == bare.count(closing)
    assert query.count('"') % 2 == 0
    assert "%!" not in query  # what a format without its argument leaves
    # A histogram's quantile needs its buckets by their bounds, and a counter its growth.
    assert ("histogram_quantile" in query) == ("_bucket{" in query) == ("by (le" in query)
    for name in re.findall(r"\b\w+(?:_total|_bucket)(?=\{)", query):
        assert re.search(rf"(rate|increase)\({name}\{{[^}}]*\}}\[", query)


def test_an_alert_says_what_it_means_and_which_promise_it_watches() -> None:
    names = [name for name, _ in ALERTS]
    assert len(set(names)) == len(names) > 20
    for found in renderings():
        for rule in alerts(found):
            assert {"summary", "description"} <= set(rule["annotations"])
            labels = re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))
            kept = {label for listed in re.findall(r"by \(([^)]*)\)", rule["expr"]) for label in listed.split(", ")}
            assert set(labels) <= kept
            assert (found.values == "full") == ("runbook_url" in rule["annotations"])


def test_every_alert_is_in_the_readme_of_its_chart() -> None:
    for found in renderings():
        text = (HOUSE / "helm" / found.chart / "README.md").read_text()
        assert [rule["alert"] for rule in alerts(found) if f"`{rule['alert']}`" not in text] == []


def test_every_condition_of_the_operators_table_has_an_alert() -> None:
    """What docs/operations.md calls an alarm rings; each of its rows, by the series that it names."""
    operations = (HOUSE / "docs" / "operations.md").read_text()
    table = operations.partition("## Alarms")[2].partition("\n## ")[0]
    shown = re.findall(r'^\| [^|]+ \| `(clb_broker_\w+)(?:\{condition="(\w+)")?', table, re.MULTILINE)
    assert len(shown) > 7
    watched = [(name, matchers.get("condition", "")) for _, query in ALERTS for name, matchers in series(query)]
    watched += [(name.removesuffix("_bucket"), condition) for name, condition in watched]
    assert [each for each in shown if each not in watched] == []


@pytest.mark.parametrize("parts", [["all"], ["passes", "all-but-passes"]], ids=len)
def test_a_part_of_the_workers_that_answers_nowhere_rings_though_others_answer(parts: list[str]) -> None:
    values = {"worker": {"parts": parts}, "monitoring": {"rules": {"enabled": True}, "podMonitor": {"enabled": True}}}
    texts = chart("clb-broker").render(values, name="blue", namespace=NAMESPACE)
    (rules,) = [each for each in yaml.safe_load_all(texts["clb-broker/templates/rules.yaml"]) if each]
    (query,) = [
        rule["expr"]
        for group in rules["spec"]["groups"]
        for rule in group["rules"]
        if rule["alert"] == "ClbBrokerNoWorker"
    ]
    absent = [re.fullmatch(r"absent\(up\{(.*)\} == 1\)", each) for each in query.split(" or ")]
    worker = yaml.safe_load(texts["clb-broker/templates/worker.yaml"])["spec"]["template"]["spec"]["containers"]
    assert [each and dict(re.findall(r'(\w+)="([^"]*)"', each[1])) for each in absent] == [
        {"namespace": NAMESPACE, "job": f"{NAMESPACE}/blue-clb-broker-worker", "container": container["name"]}
        for container in worker
    ]
    assert len(worker) == len(parts)


def test_the_bound_of_alerts_follows_the_settings() -> None:
    (behind,) = [query for name, query in ALERTS if name == "ClbBrokerBehind"]
    assert behind.endswith("> 107")  # lease 16 + sweep 61 + 30, as values/clb-broker-full.yaml has them


def test_the_dashboard_is_one_that_grafana_takes_and_covers_every_series_of_the_broker() -> None:
    board = dashboard()
    assert (board["uid"], board["title"]) == ("clb-broker", "CLB binding broker")
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    variables = {variable["name"] for variable in board["templating"]["list"]}
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(board))) - {"__rate_interval"} == variables
    shown = {name for _, query in PANELS for name, _ in series(query)}
    own = {
        name for name in COUNTED if name.startswith("clb_broker_") and "_agent_" not in name and "webhook" not in name
    }
    assert {name for name in own if not name.endswith(("_sum", "_count"))} - shown == set()


def test_panels_do_not_lie_over_each_other() -> None:
    places = [panel["gridPos"] for panel in panels()]
    cells = [
        (x, y) for at in places for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert all(at["x"] + at["w"] <= 24 for at in places)
