"""A simulated cluster, and the real client pointed at it through a kubeconfig file."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from app.simulator.kubernetes.server import KubernetesSimulator


@pytest.fixture
def cluster() -> Iterator[KubernetesSimulator]:
    with KubernetesSimulator() as running:
        yield running


@pytest.fixture
def connect(cluster: KubernetesSimulator, tmp_path: Path) -> Iterator[Callable[..., client.ApiClient]]:
    """Makes a real client, with a bearer token or without."""
    opened: list[client.ApiClient] = []

    def make(token: str | None = None) -> client.ApiClient:
        path = cluster.write_kubeconfig(tmp_path / f"kubeconfig-{len(opened)}", token=token)
        opened.append(config.new_client_from_config(str(path)))
        return opened[-1]

    yield make
    for each in opened:
        each.rest_client.pool_manager.clear()
        each.close()


@pytest.fixture
def core(connect: Callable[..., client.ApiClient]) -> client.CoreV1Api:
    return client.CoreV1Api(connect())


def pod(name: str, namespace: str = "default", **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {"containers": [{"name": "web", "image": "web", "ports": [{"name": "http", "containerPort": 8080}]}]},
    }


def refused(call: Callable[[], Any]) -> int:
    """The HTTP status with which a call is refused."""
    with pytest.raises(ApiException) as raised:
        call()
    return int(raised.value.status)
