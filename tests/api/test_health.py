"""Health, metrics and the pages that describe the API, all of them open and without a network."""

import re
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from app.api.context import EXTENSION
from app.api.figures import KeptFigures
from app.domain.binding import State
from app.ledger.connection import Ledger
from tests.api import stage
from tests.api.client import ADMIN_TOKEN, CLUSTER, Caller, application, bind, problem_of
from tests.conftest import database_of


@pytest.fixture
def bare(postgres: str) -> Iterator[Ledger]:
    """A ledger that was never migrated."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE bare_ledger")
    opened = Ledger(database_of(postgres, "bare_ledger"))
    yield opened
    opened.close()
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP DATABASE bare_ledger WITH (FORCE)")


def test_a_process_is_alive_and_ready_on_a_migrated_ledger(stranger: Caller) -> None:
    assert (stranger.get("/livez").status_code, stranger.get("/livez").json) == (200, {"status": "alive"})
    assert (stranger.get("/readyz").status_code, stranger.get("/readyz").json) == (200, {"status": "ready"})


def test_a_ledger_that_was_not_migrated_is_alive_and_not_ready(bare: Ledger) -> None:
    caller = Caller(application(bare), ADMIN_TOKEN)
    assert caller.get("/livez").status_code == 200
    answer = caller.get("/readyz")
    assert "clb-broker migrate" in problem_of(answer, 503, "not-migrated")["detail"]
    assert int(answer.headers["Retry-After"]) > 0
    other = caller.get("/v1/clusters")
    problem_of(other, 503, "ledger-unavailable")
    assert int(other.headers["Retry-After"]) > 0


@pytest.mark.parametrize(("version", "status"), [("0001", 503), ("9999", 200)])
def test_a_ledger_of_an_older_version_is_not_ready_one_of_a_newer_is(bare: Ledger, version: str, status: int) -> None:
    with bare.begin() as connection:
        connection.exec_driver_sql("SET LOCAL ROLE NONE")
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num text NOT NULL)")
        connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{version}')")
        connection.exec_driver_sql("GRANT SELECT ON alembic_version TO PUBLIC")
    answer = Caller(application(bare)).get("/readyz")
    assert answer.status_code == status
    if status == 503:
        problem_of(answer, 503, "not-migrated")


def _counted(caller: Caller, sample: str) -> float:
    """The value of one sample; 0 when there is none yet."""
    found = re.search(f"^{re.escape(sample)} (.+)$", caller.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_metrics_count_requests_by_route_and_not_by_path(agent: Caller, admin: Caller) -> None:
    route = "/v1/clusters/<identifier:cluster_id>"
    samples = {
        f'clb_broker_requests_total{{method="GET",route="{route}",status="200"}}': f"/v1/clusters/{CLUSTER}",
        f'clb_broker_requests_total{{method="GET",route="{route}",status="404"}}': "/v1/clusters/cls-nowhere",
        'clb_broker_requests_total{method="GET",route="none",status="404"}': "/made/up",
    }
    for sample, path in samples.items():
        before = _counted(admin, sample)
        admin.get(path)
        assert _counted(admin, sample) == before + 1
    assert "cls-nowhere" not in admin.get("/metrics").text
    assert "/made/up" not in admin.get("/metrics").text


def test_metrics_count_events_by_outcome_and_code(agent: Caller) -> None:
    samples = {
        'clb_broker_events_total{code="",outcome="accepted"}': 1,
        'clb_broker_events_total{code="target-weight-out-of-range",outcome="rejected"}': 1,
        'clb_broker_events_total{code="invalid-event",outcome="rejected"}': 2,
    }
    before = {sample: _counted(agent, sample) for sample in samples}
    agent.tell(bind("u1"), bind("u2", target={"weight": 101}), {}, None)
    assert {sample: _counted(agent, sample) - before[sample] for sample in samples} == samples


def test_methods_that_a_caller_makes_up_share_one_label(stranger: Caller) -> None:
    sample = 'clb_broker_requests_total{method="other",route="none",status="405"}'
    before = _counted(stranger, sample)
    for number in range(5):
        stranger.send(f"BREW{number}", "/livez")
    assert _counted(stranger, sample) == before + 5
    assert "BREW" not in stranger.get("/metrics").text


def test_metrics_are_prometheus_text(stranger: Caller) -> None:
    answer = stranger.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain")
    assert "# TYPE clb_broker_requests_total counter" in answer.text
    assert "# TYPE clb_broker_request_seconds histogram" in answer.text


GAUGES = ("bindings", "holds", "targets", "drift", "load_balancers", "clusters")
GAUGES += ("greatest_lag_seconds", "longest_failure_seconds")


def test_metrics_tell_the_ledger_in_numbers_and_have_no_word_on_it_without_one(stranger: Caller) -> None:
    text = stranger.get("/metrics").text
    assert [name for name in GAUGES if f"# TYPE clb_broker_{name} gauge" not in text] == []
    counted = re.findall(r'^clb_broker_targets\{health="([a-z]+)"\} 0\.0$', text, re.MULTILINE)
    assert sorted(counted) == ["healthy", "off", "unhealthy", "unknown"]
    assert 'clb_broker_holds{reason="removal-guard"} 0.0' in text
    nowhere = Ledger("postgresql://nobody@127.0.0.1:1/none")
    without = Caller(application(nowhere)).get("/metrics")
    nowhere.close()
    assert without.status_code == 200
    assert "clb_broker_requests_total" in without.text
    assert [name for name in GAUGES if f"clb_broker_{name}" in without.text] == []


def test_metrics_name_what_is_held_and_where_something_is_behind(agent: Caller, ledger: Ledger) -> None:
    first, second = (result["binding_id"] for result in agent.tell(bind("u1"), bind("u2")))
    stage.move(ledger, first, State.HELD, reason="cluster-silent")
    stage.move(ledger, second, State.HELD, reason="quota-exceeded")
    expected = {
        'clb_broker_bindings{reason="quota-exceeded",state="held"}': 1,
        'clb_broker_bindings{reason="cluster-silent",state="held"}': 1,
        'clb_broker_holds{reason="cluster-silent"}': 1,
        'clb_broker_holds{reason="removal-guard"}': 0,
        'clb_broker_load_balancers{condition="behind"}': 1,
        'clb_broker_clusters{condition="registered"}': 1,
    }
    assert {sample: _counted(agent, sample) for sample in expected} == expected


def _series(caller: Caller) -> int:
    text = caller.get("/metrics").text
    return sum(line.startswith("clb_broker_") for line in text.splitlines())


def test_whatever_callers_make_up_makes_no_more_series(agent: Caller, stranger: Caller) -> None:
    def storm(number: int) -> None:
        agent.tell(bind(f"u{number}", target={"load_balancer_id": f"lb-{number}"}), {"event_id": f"bad-{number}"})
        agent.get(f"/v1/bindings/b-{number}")
        agent.get("/v1/history", **{f"x{number}": "1"})
        stranger.get(f"/nothing/{number}")
        stranger.send(f"METHOD{number}", "/v1/clusters")
        stranger.having(f"bad-token-{number}").get("/v1/clusters")
        agent.put(f"/v1/clusters/c{number}", {})

    storm(0)
    before = _series(stranger)
    for number in range(1, 20):
        storm(number)
    assert _series(stranger) == before > 50


def test_however_often_metrics_are_asked_for_the_ledger_counts_once_in_a_while(agent: Caller, ledger: Ledger) -> None:
    sample = 'clb_broker_bindings{reason="",state="verifying"}'
    kept = KeptFigures(seconds=3600)
    agent.app.extensions[EXTENSION] = replace(agent.app.extensions[EXTENSION], figures=kept)
    agent.tell(bind("u1"))
    assert _counted(agent, sample) == 1
    agent.tell(bind("u2"))
    assert _counted(agent, sample) == 1
    kept.seconds = 0
    assert _counted(agent, sample) == 2


def test_the_docs_page_loads_nothing_from_elsewhere(stranger: Caller) -> None:
    page = stranger.get("/docs")
    assert (page.status_code, page.content_type) == (200, "text/html; charset=utf-8")
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self'")
    assert "http" not in policy
    assert "unsafe-eval" not in policy
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(links) == 3
    assert not any("//" in link for link in links)
    assert "//" not in page.text.replace("<!DOCTYPE html>", "")


def test_everything_that_the_docs_page_links_to_is_here(stranger: Caller) -> None:
    page = stranger.get("/docs").text
    kinds = {"css": "text/css", "js": "text/javascript"}
    for link in re.findall(r'(?:src|href)="([^"]+)"', page):
        asset = stranger.get(f"/{link}")
        assert asset.status_code == 200
        assert asset.content_type.startswith(kinds[link.rpartition(".")[2]])
        assert asset.data
    start = stranger.get("/docs/start.js").text
    (document,) = re.findall(r'url: "([^"]+)"', start)
    assert stranger.get(f"/{document}").status_code == 200
    assert "validatorUrl: null" in start  # else the page would ask a validator on the net


def test_the_docs_page_can_show_the_version_of_the_description(stranger: Caller) -> None:
    assert stranger.get("/openapi.yaml").text.find("\nopenapi: 3.0.") > 0
    # What the page's own script says that it can show; with a newer script the version may be raised.
    assert '"openapi: 3.0.n"' in stranger.get("/docs/swagger-ui-bundle.js").text


def test_the_style_of_the_docs_page_asks_for_nothing_else(stranger: Caller) -> None:
    style = stranger.get("/docs/swagger-ui.css").text
    fetched = re.findall(r"url\(\s*[\"']?([^)\"']{0,12})", style)
    assert all(address.startswith(("data:", "#")) for address in fetched)
    assert "@import" not in style


def test_no_other_file_is_served(stranger: Caller) -> None:
    for path in (
        "/docs/",
        "/docs/index.html",
        "/docs/../app/cli.py",
        "/docs/%2e%2e/app",
        "/static/x",
        "/docs/swagger-ui",
    ):
        problem_of(stranger.get(path), 404, "not-found")


def test_the_description_is_served_as_yaml(stranger: Caller) -> None:
    answer = stranger.get("/openapi.yaml")
    assert (answer.status_code, answer.content_type) == (200, "application/yaml")
    assert answer.text.startswith("paths:")
