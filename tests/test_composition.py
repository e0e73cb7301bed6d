"""Settings in, running parts out: the API without credentials, the worker with its budget and its accounts."""

import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from app import composition
from app.api.context import EXTENSION
from app.composition import build_api, build_worker, database_url
from app.domain.errors import CloudAmbiguous, CloudCredentialRefused, LedgerUnavailable
from app.settings import WORKER_PARTS, Settings, read_settings
from app.simulator.server import Simulator
from tests.acceptance.world import world
from tests.cloud.conftest import no_proxy
from tests.ledger.emptied import ledger_url, shared_url

__all__ = ["ledger_url", "no_proxy", "shared_url"]

ACCOUNT = ("default", "ap-guangzhou")


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """Reaching loopback directly changes the process's environment: what it was comes back after each test."""
    with patch.dict(os.environ):
        yield


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A cloud with a limit of its own, far above the budgets of these tests."""
    with Simulator(world(calls_per_second=1000)) as running:
        yield running


def settings_for(simulator: Simulator, **named: str) -> Settings:
    usual = {
        "TENCENT_SECRET_ID": "AKIDtest",
        "TENCENT_SECRET_KEY": "test-secret",
        "TENCENT_ENDPOINT": simulator.endpoint,
    }
    return read_settings({f"CLB_BROKER_{name}": value for name, value in (usual | named).items()})


def test_a_named_database_is_used_and_none_is_started() -> None:
    assert database_url(read_settings({"CLB_BROKER_DATABASE_URL": "postgresql:///x"})) == "postgresql:///x"


def test_without_a_name_a_postgres_of_its_own_is_started_under_the_data_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(composition, "start_embedded", lambda data_dir: f"postgresql:///{data_dir.name}")
    assert database_url(read_settings({"CLB_BROKER_DATA_DIR": str(tmp_path / "kept")})) == "postgresql:///kept"


def test_the_api_is_built_without_any_credential_and_serves(ledger_url: str) -> None:
    application = build_api(read_settings({}), ledger_url)
    client = application.test_client()
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 200
    assert client.get("/v1/clusters").status_code == 401
    application.extensions[EXTENSION].ledger.close()


def test_a_worker_has_a_life_of_its_own_and_the_periods_of_the_settings(ledger_url: str, simulator: Simulator) -> None:
    settings = settings_for(simulator, LEASE_SECONDS="5", SWEEP_SECONDS="6", TOPOLOGY_SECONDS="7", HEALTH_SECONDS="8")
    first, second = (build_worker(settings, ledger_url)[1] for _ in range(2))
    assert first.incarnation != second.incarnation
    periods = first.periods
    seconds = [each.total_seconds() for each in (periods.lease, periods.sweep, periods.topology, periods.health)]
    assert seconds == [5, 6, 7, 8]
    assert first.periods.cloud_timeout == timedelta(seconds=15)
    for built in (first, second):
        built.ledger.close()


@pytest.mark.parametrize("part", WORKER_PARTS)
def test_every_part_that_a_worker_may_be_told_can_be_built(ledger_url: str, simulator: Simulator, part: str) -> None:
    built, workshop = build_worker(settings_for(simulator, WORKER_PART=part), ledger_url)
    assert built.run_once() == 0  # nothing is due in an empty ledger
    workshop.ledger.close()


def test_one_client_per_account_and_region_reaches_the_cloud(ledger_url: str, simulator: Simulator) -> None:
    _, workshop = build_worker(settings_for(simulator), ledger_url)
    client = workshop.cloud_for(*ACCOUNT)
    assert workshop.cloud_for(*ACCOUNT) is client
    assert workshop.cloud_for("default", "ap-shanghai") is not client
    assert client.call("clb", "DescribeTargets", {"LoadBalancerId": "lb-1"})["Listeners"]
    workshop.ledger.close()


def test_an_account_without_a_credential_is_told_by_name(ledger_url: str, simulator: Simulator) -> None:
    _, workshop = build_worker(settings_for(simulator), ledger_url)
    with pytest.raises(CloudCredentialRefused, match="no credential for account second"):
        workshop.cloud_for("second", "ap-guangzhou")
    workshop.ledger.close()


def test_accounts_of_a_file_have_budgets_and_endpoints_of_their_own(
    ledger_url: str, simulator: Simulator, tmp_path: Path
) -> None:
    for name, content in (("id", "AKIDtest"), ("key", "test-secret")):
        (tmp_path / name).write_text(content)
    entry = f"{{secret_id_file: {tmp_path}/id, secret_key_file: {tmp_path}/key, endpoint: '{simulator.endpoint}'}}"
    (tmp_path / "accounts.yaml").write_text(f"accounts: {{shop: {entry}}}")
    settings = read_settings({"CLB_BROKER_ACCOUNTS_FILE": str(tmp_path / "accounts.yaml")})
    _, workshop = build_worker(settings, ledger_url)
    answer = workshop.cloud_for("shop", "ap-guangzhou").call("clb", "DescribeTargets", {"LoadBalancerId": "lb-1"})
    assert answer["RequestId"]
    with workshop.ledger.begin() as connection:
        assert connection.exec_driver_sql("SELECT account_id FROM call_budget").all() == [("shop",)]
    workshop.ledger.close()


def test_calls_of_two_workers_together_keep_to_one_budget(ledger_url: str, simulator: Simulator) -> None:
    settings = settings_for(simulator, CALLS_PER_SECOND="8")
    workshops = [build_worker(settings, ledger_url)[1] for _ in range(2)]

    def call(workshop: Any) -> None:
        for _ in range(5):
            workshop.cloud_for(*ACCOUNT).call("clb", "DescribeTargets", {"LoadBalancerId": "lb-1"})

    began = time.time()
    threads = [threading.Thread(target=call, args=(workshop,)) for workshop in workshops * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for workshop in workshops:
        workshop.ledger.close()
    moments = sorted(each["received_at"] - began for each in simulator.calls)
    assert len(moments) == 20
    # Eight may go at once; a busy machine makes calls late, but none may come before its time.
    assert moments[8] >= 1.0
    assert moments[16] >= 2.0


def test_without_the_ledger_nothing_is_sent_to_the_cloud(simulator: Simulator) -> None:
    _, workshop = build_worker(settings_for(simulator), "postgresql://127.0.0.1:1/none")
    with pytest.raises(LedgerUnavailable):
        workshop.cloud_for(*ACCOUNT).call("clb", "DescribeTargets", {"LoadBalancerId": "lb-1"})
    assert simulator.calls == []


@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_a_loopback_endpoint_is_reached_directly_whatever_proxy_the_environment_names(
    ledger_url: str, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv(variable, "internal.example")
    _, workshop = build_worker(settings_for(simulator), ledger_url)
    assert workshop.cloud_for(*ACCOUNT).call("clb", "DescribeTargets", {"LoadBalancerId": "lb-1"})["Listeners"]
    assert "internal.example" in os.environ[variable]
    workshop.ledger.close()


def test_another_endpoint_leaves_the_proxy_as_it_is(
    ledger_url: str, monkeypatch: pytest.MonkeyPatch, simulator: Simulator
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    _, workshop = build_worker(settings_for(simulator, TENCENT_ENDPOINT="http://clb.example:80"), ledger_url)
    assert "NO_PROXY" not in os.environ
    with pytest.raises(CloudAmbiguous):
        workshop.cloud_for(*ACCOUNT).call("clb", "DescribeTargets", {"LoadBalancerId": "lb-1"})
    workshop.ledger.close()
