"""Whether pods under GlobalRouter may be bound: the platform's own ConfigMap."""

import pytest
from structlog.testing import capture_logs

from app.agent.deciding.network import Network
from app.agent.kubernetes_api import KubernetesApi
from app.agent.platform_config import PlatformConfig
from app.simulator.kubernetes.server import KubernetesSimulator


def config_map(entries: dict[str, str]) -> dict[str, object]:
    metadata = {"namespace": "kube-system", "name": "tke-service-controller-config"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": entries}


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        ({"GlobalRouteDirectAccess": "true"}, True),
        ({"GlobalRouteDirectAccess": " True\n"}, True),
        ({"GlobalRouteDirectAccess": "false"}, False),
        ({"REUSE_LOADBALANCER": "true"}, False),
        (None, False),
    ],
)
def test_what_the_config_map_says_is_known(
    cluster: KubernetesSimulator, api: KubernetesApi, entries: dict[str, str] | None, *, found: bool
) -> None:
    if entries is not None:
        cluster.apply(config_map(entries))
    platform = PlatformConfig(api, Network(), lambda: None)
    assert platform.network().direct_access is None
    assert platform.run_once() > 60
    assert platform.network().direct_access is found


def test_a_change_is_told_and_nothing_else_is(cluster: KubernetesSimulator, api: KubernetesApi) -> None:
    told: list[int] = []
    platform = PlatformConfig(api, Network(), lambda: told.append(1))
    with capture_logs() as lines:
        platform.run_once()
        platform.run_once()
        cluster.apply(config_map({"GlobalRouteDirectAccess": "true"}))
        platform.run_once()
    assert (len(told), [line["found"] for line in lines]) == (2, ["is not there", "GlobalRouteDirectAccess is true"])


def test_a_config_map_that_may_not_be_read_says_nothing(cluster: KubernetesSimulator, api: KubernetesApi) -> None:
    cluster.order("error", resource="configmaps", verb="get", status=403)
    platform = PlatformConfig(api, Network(), lambda: None)
    with capture_logs() as lines:
        assert platform.run_once() > 60
    assert platform.network().direct_access is None
    assert "cannot be read: 403" in lines[0]["found"]


def test_no_answer_changes_nothing_and_is_asked_for_again_soon(
    cluster: KubernetesSimulator, api: KubernetesApi
) -> None:
    cluster.apply(config_map({"GlobalRouteDirectAccess": "true"}))
    platform = PlatformConfig(api, Network(), lambda: None)
    platform.run_once()
    cluster.order("error", resource="configmaps", verb="get", status=503)
    assert platform.run_once() < 1
    assert platform.network().direct_access is True
