"""The webhook as a process in a simulated cluster, which asks it over HTTPS before it stores a pod."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from app.agent.deciding.gate_injection import OPT_OUT
from app.agent.deciding.objects import GATE
from app.simulator.kubernetes.server import KubernetesSimulator
from tests.agent.admission.calling import Caller
from tests.agent.admission.cluster import (
    CERTIFICATE_ROLES,
    CONFIGURATION,
    NAMESPACE,
    SECRET,
    SERVICE,
    WEBHOOK_ROLE,
    configuration,
    direct_service,
    secret_entries,
)
from tests.agent.admission.reviews import pod

PATIENCE_SECONDS = 30


def _wait(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)


class Shop:
    """A cluster, an owner of Services and pods, and a webhook that is not running yet."""

    def __init__(self, cluster: KubernetesSimulator, place: Path) -> None:
        self.cluster = cluster
        self._place = place
        cluster.give_roles("webhook", WEBHOOK_ROLE)
        cluster.give_roles("certificate", *CERTIFICATE_ROLES)
        everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
        cluster.give_roles("owner", {"kind": "ClusterRole", "metadata": {"name": "owner"}, "rules": [everything]})
        cluster.apply(
            *({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": each}} for each in (NAMESPACE, "shop"))
        )
        kubeconfig = cluster.write_kubeconfig(place / "owner", token="owner")
        self._client = config.new_client_from_config(str(kubeconfig))
        self.core = client.CoreV1Api(self._client)
        self.process: subprocess.Popen[str] | None = None
        self.port = 0

    def make_certificate(self, *arguments: str) -> str:
        """Runs the verb, puts what is in the Secret into files as a kubelet does, and returns what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "app", "webhook-certificate", *arguments],
            env=self._environment("certificate")
            | {
                "CLB_BROKER_WEBHOOK_SERVICE": SERVICE,
                "CLB_BROKER_WEBHOOK_NAMESPACE": NAMESPACE,
                "CLB_BROKER_WEBHOOK_SECRET": SECRET,
                "CLB_BROKER_WEBHOOK_CONFIGURATION": CONFIGURATION,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        for name, content in secret_entries(self.cluster).items():
            (self._place / name).write_bytes(content)
        return done.stdout

    def begin(self, **settings: str) -> None:
        """Starts the webhook and leads the cluster to it."""
        files = {
            "CLB_BROKER_WEBHOOK_LISTEN": "127.0.0.1:0",
            "CLB_BROKER_WEBHOOK_CERTIFICATE_FILE": str(self._place / "tls.crt"),
            "CLB_BROKER_WEBHOOK_KEY_FILE": str(self._place / "tls.key"),
            "CLB_BROKER_WEBHOOK_DRAIN_SECONDS": "0",
        }
        with (self._place / "webhook.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app", "webhook"],
                env=self._environment("webhook") | files | settings,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        assert first.startswith("webhook: listening on https://127.0.0.1:"), self.log
        self.port = int(first.rsplit(":", 1)[1])
        self.cluster.route(NAMESPACE, SERVICE, "127.0.0.1", self.port)

    def end(self) -> tuple[int, str]:
        """SIGTERM; its exit code and its last words."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        words, _ = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, words

    def readiness(self) -> int:
        with contextlib.closing(Caller(self.port, secret_entries(self.cluster)["ca.crt"])) as caller:
            return caller.ask("GET", "/readyz")[0]

    def gates(self, **changes: Any) -> list[str]:
        """Creates a pod as a controller does, by a generated name, and tells its gates."""
        new = pod(**changes)
        new["metadata"] = {"generateName": "web-", "labels": new["metadata"]["labels"], **changes}
        new["metadata"].pop("app", None)
        made = self.core.create_namespaced_pod("shop", new)
        assert made.metadata.name.startswith("web-")
        return [each.condition_type for each in made.spec.readiness_gates or ()]

    @property
    def log(self) -> str:
        return (self._place / "webhook.log").read_text()

    def close(self) -> None:
        self._client.rest_client.pool_manager.clear()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        if self.process is not None:
            self.process.communicate()

    def _environment(self, token: str) -> dict[str, str]:
        path = self.cluster.write_kubeconfig(self._place / token, token=token)
        return {**os.environ, "KUBECONFIG": str(path)}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with KubernetesSimulator() as cluster:
        made = Shop(cluster, tmp_path)
        yield made
        made.close()


def test_new_pods_of_a_direct_access_service_get_the_gate(shop: Shop) -> None:
    """The whole way: a certificate before the installation, the configuration told after it, pods with their gates."""
    assert "is not there yet" in shop.make_certificate("--may-be-missing")
    shop.begin()
    shop.cluster.apply(configuration(), direct_service())
    assert shop.make_certificate().startswith("webhook-certificate: kept, ")
    _wait(lambda: shop.readiness() == 200)
    _wait(lambda: shop.gates() == [GATE])
    assert shop.gates(app="api") == []
    assert shop.gates(annotations={OPT_OUT: "disabled"}) == []
    # The watch tells the webhook what becomes of Services.
    shop.cluster.apply(direct_service("api"))
    _wait(lambda: shop.gates(app="api") == [GATE])
    shop.cluster.patch("Service", "shop", "api", {"metadata": {"annotations": {OPT_OUT: "disabled"}}})
    _wait(lambda: shop.gates(app="api") == [])
    shop.cluster.delete("Service", "shop", "web")
    _wait(lambda: shop.gates() == [])
    assert shop.cluster.admission.failures == []
    assert shop.end() == (0, "webhook: ended\n")
    assert shop.cluster.permissions.denied == []
    assert shop.cluster.permissions.unused("webhook") == set()


def test_until_the_services_are_listed_it_is_not_ready_and_lets_pods_pass(shop: Shop) -> None:
    shop.cluster.apply(configuration(), direct_service())
    shop.make_certificate()
    shop.cluster.order("error", resource="services", verb="list", times=0, status=503)
    shop.begin()
    assert shop.readiness() == 503
    assert shop.gates() == []
    shop.cluster.clear_faults()
    _wait(lambda: shop.readiness() == 200)
    assert shop.gates() == [GATE]
    assert shop.cluster.admission.failures == []
    assert shop.end()[0] == 0


def test_a_renewed_certificate_is_served_without_a_restart(shop: Shop) -> None:
    shop.cluster.apply(configuration(), direct_service())
    shop.make_certificate("--days", "1")
    shop.begin()
    _wait(lambda: shop.readiness() == 200)
    with contextlib.closing(Caller(shop.port, secret_entries(shop.cluster)["ca.crt"])) as caller:
        caller.ask("GET", "/livez")
        kept, before = caller.sock, caller.serial
        shop.cluster.patch("Secret", NAMESPACE, SECRET, {"data": {"tls.crt": ""}})
        shop.make_certificate()
        assert shop.gates() == [GATE]
        assert caller.ask("GET", "/readyz")[0] == 200
        assert (caller.sock, caller.serial) == (kept, before)
    with contextlib.closing(Caller(shop.port, secret_entries(shop.cluster)["ca.crt"])) as caller:
        caller.ask("GET", "/livez")
        assert caller.serial != before
    assert shop.cluster.admission.failures == []


def test_it_works_for_the_agents_namespaces_alone(shop: Shop) -> None:
    shop.cluster.apply(configuration(), direct_service())
    shop.make_certificate()
    shop.begin(CLB_BROKER_AGENT_NAMESPACES="billing,games")
    _wait(lambda: shop.readiness() == 200)
    assert shop.gates() == []
    assert {call.namespace for call in shop.cluster.calls if call.resource == "services"} == {"billing", "games"}


def test_a_webhook_that_is_away_keeps_no_pod_from_being_made(shop: Shop) -> None:
    shop.cluster.apply(configuration(), direct_service())
    shop.make_certificate()
    shop.begin()
    _wait(lambda: shop.readiness() == 200)
    shop.end()
    assert shop.gates() == []
    assert len(shop.cluster.admission.failures) == 1


def test_a_setting_that_is_wrong_ends_it_with_a_line_that_names_it(shop: Shop, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "KUBECONFIG": str(tmp_path / "owner"),
        "CLB_BROKER_WEBHOOK_CERTIFICATE_FILE": str(tmp_path / "none.crt"),
        "CLB_BROKER_WEBHOOK_KEY_FILE": str(tmp_path / "none.key"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "app", "webhook"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: CLB_BROKER_WEBHOOK_CERTIFICATE_FILE and CLB_BROKER_WEBHOOK_KEY_FILE: ")
    assert done.stderr.count("\n") == 1
