"""One trace, from an agent's request to the call that serves it, through real processes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.acceptance.collector import Collector, Span
from tests.acceptance.conftest import _reachable
from tests.acceptance.installation import Installation
from tests.acceptance.world import CLUSTERS, event, target, world

SERVER, CLIENT = 2, 3


def _context(number: int) -> tuple[str, str]:
    """A trace of an agent's, and the span in it that the agent asks from."""
    return f"{number:032x}", f"{number:016x}"


def _tell(installation: Installation, number: int, *, headers: dict[str, str] | None = None) -> requests.Response:
    """An event of cls-a's pod of that number, as part of the trace of that number."""
    trace_id, span_id = _context(number)
    bearer = {"Authorization": f"Bearer {installation.token('cls-a')}"}
    return requests.post(
        f"{installation.url}/v1/clusters/cls-a/pod-events",
        data=json.dumps({"events": [event("cls-a", number)]}),
        headers={"traceparent": f"00-{trace_id}-{span_id}-01", **bearer, **(headers or {})},
        timeout=30,
        proxies={"http": ""},
    )


def _entries(installation: Installation, response: requests.Response) -> list[dict[str, Any]]:
    (result,) = response.json()["results"]
    return installation.everything(f"/v1/bindings/{result['binding_id']}/history")


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture
def traced(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Installation]:
    place = _reachable(tmp_path_factory.mktemp("traced"))
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "50"}
    with Installation(place, world(), **told) as running:
        running.set_the_table(CLUSTERS, ["lb-1"])
        yield running


def test_an_event_is_followed_to_the_call_that_registers_its_target(traced: Installation, collector: Collector) -> None:
    traced.start("worker")
    answers = {number: _tell(traced, number) for number in (1, 2)}
    traced.wait_for_targets("lb-1", [target("cls-a", number) for number in (1, 2)])
    traced.wait_until_settled()
    for number in (1, 2):
        request = _request_span(traced, collector, number)
        (receive,) = [span for span in collector.named("receive") if span.trace_id == request.trace_id]
        assert (receive.parent, receive.links) == (request.span_id, frozenset())

        look = _serving(traced, collector, "look", request)
        assert look.facts["cluster_id"] == "cls-a"
        call = _serving(traced, collector, "cloud BatchRegisterTargets", request)
        assert (call.kind, call.service, call.facts["clb_broker.result"]) == (CLIENT, "clb-broker-worker", "ok")
        passed = _serving(traced, collector, "pass", request, call.parent)
        assert (passed.trace_id, passed.facts["load_balancer_id"]) == (call.trace_id, "lb-1")
        assert call.trace_id != request.trace_id  # it serves many; each leads there by a link

        entries = _entries(traced, answers[number])
        assert {entry["to_state"] for entry in entries} >= {"verifying", "pending", "bound"}
        assert {entry["trace_id"] for entry in entries} == {request.trace_id}
        bound = next(entry for entry in entries if entry["to_state"] == "bound")
        assert bound["cloud_request_id"] == call.facts["clb_broker.cloud_request_id"]
        assert any(request.trace_id in line.get("trace_ids", ()) for line in _log(traced, "worker", "cloud write"))
    assert traced.stop("worker") == traced.stop("serve") == 0


def _request_span(installation: Installation, collector: Collector, number: int) -> Span:
    trace_id, span_id = _context(number)
    name = "POST /v1/clusters/<identifier:cluster_id>/pod-events"
    found = installation.wait_for(
        "the request's span", lambda: [span for span in collector.named(name) if span.trace_id == trace_id]
    )
    (request,) = found
    assert (request.parent, request.kind, request.service) == (span_id, SERVER, "clb-broker-api")
    assert request.facts["http.response.status_code"] == 202
    return request


def _serving(installation: Installation, collector: Collector, name: str, request: Span, span_id: str = "") -> Span:
    """The span of that name (and id) that links to the request's."""
    link = (request.trace_id, request.span_id)

    def look() -> Span | None:
        found = [span for span in collector.named(name) if link in span.links and span_id in {"", span.span_id}]
        return found[0] if found else None

    return installation.wait_for(f"{name} with a link to {link}", look)


def _log(installation: Installation, verb: str, said: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in installation.log(verb).splitlines()]
    return [line for line in lines if line["event"] == said]


def test_traces_are_kept_in_history_and_logs_where_nobody_collects_spans(installation: Installation) -> None:
    installation.start("worker")
    answer = _tell(installation, 3, headers={"X-Request-Id": "request-3"})
    assert answer.headers["X-Request-Id"] == "request-3"
    begun = _tell(installation, 4, headers={"traceparent": "00-not-a-trace-01", "X-Request-Id": "no\tid"})
    installation.wait_for_targets("lb-1", [target("cls-a", number) for number in (3, 4)])
    installation.wait_until_settled()

    entries = _entries(installation, answer)
    assert {entry["trace_id"] for entry in entries} == {_context(3)[0]}
    assert [entry["request_id"] for entry in entries if entry["to_state"] == "verifying"] == ["request-3"]
    (own,) = {entry["trace_id"] for entry in _entries(installation, begun)}
    assert len(own) == 32
    assert begun.headers["X-Request-Id"] not in {"no\tid", ""}
    told = [trace for line in _log(installation, "worker", "cloud write") for trace in line["trace_ids"]]
    assert set(told) == {_context(3)[0], own}


def test_a_collector_that_is_away_changes_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = _reachable(tmp_path_factory.mktemp("away"))
    with Installation(place, world(), OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9") as running:
        running.set_the_table(CLUSTERS, ["lb-1"])
        running.start("worker")
        assert _tell(running, 5).status_code == 202
        running.wait_for_targets("lb-1", [target("cls-a", 5)])
        assert running.stop("worker") == running.stop("serve") == 0
        for verb in ("serve", "worker"):
            assert all(json.loads(line) for line in running.log(verb).splitlines())


def test_nothing_of_opentelemetry_is_loaded_where_nobody_collects() -> None:
    code = (
        "import sys, app.cli, app.server, app.composition, app.worker.loops\n"
        "app.composition.export_spans('x')\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
