"""A simulated cluster, and the real client's way to it."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.agent.kubernetes_api import KubernetesApi, connect
from app.simulator.kubernetes.server import KubernetesSimulator
from tests.agent.broker import Broker


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesSimulator]:
    """A Kubernetes API of this test's own, to which KUBECONFIG leads; bookmarks come fast."""
    with KubernetesSimulator(bookmark_seconds=0.1) as running:
        monkeypatch.setenv("KUBECONFIG", str(running.write_kubeconfig(tmp_path / "kubeconfig")))
        yield running


@pytest.fixture
def api(cluster: KubernetesSimulator) -> Iterator[KubernetesApi]:
    """The way to the cluster, with the right to write."""
    client = connect()
    yield KubernetesApi(client, lambda: True)
    client.close()


@pytest.fixture
def broker() -> Iterator[Broker]:
    """A stand-in for the broker."""
    with Broker() as running:
        yield running


@pytest.fixture
def running() -> Iterator[Callable[[Callable[[threading.Event], None]], threading.Event]]:
    """Runs loops in threads until the test is over; what it gives back ends them all."""
    stopped, threads = threading.Event(), []

    def start(loop: Callable[[threading.Event], None]) -> threading.Event:
        threads.append(threading.Thread(target=loop, args=(stopped,), daemon=True))
        threads[-1].start()
        return stopped

    yield start
    stopped.set()
    for thread in threads:
        thread.join(10)
