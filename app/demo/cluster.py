"""cls-shop's own Kubernetes API, simulated in this process, for its agent to work with."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from app.demo.client import wait_for
from app.simulator.kubernetes.controllers.endpoint_slices import is_ready
from app.simulator.kubernetes.controllers.thread import Controllers
from app.simulator.kubernetes.server import KubernetesSimulator

NAMESPACE: Final = "store"
ADDRESSES: Final = [f"10.0.3.{number}" for number in range(25, 29)]
"""Free ones on cls-shop's interface in examples/world.yaml."""

GATE: Final = "cloud.tencent.com/load-balancer-backendgroup-ready"
SERVICE: Final = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {
        "name": "cart",
        "namespace": NAMESPACE,
        "annotations": {
            "service.cloud.tencent.com/direct-access": "true",
            "service.cloud.tencent.com/mode": "skip",
            "service.kubernetes.io/tke-existed-lbid": "lb-shared",
        },
    },
    "spec": {
        "type": "LoadBalancer",
        "selector": {"app": "cart"},
        "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080}],
    },
}
DEPLOYMENT: Final = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "cart", "namespace": NAMESPACE},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "cart"}},
        "template": {
            "metadata": {"labels": {"app": "cart"}},
            "spec": {
                "containers": [{"name": "cart", "image": "cart:1"}],
                "readinessGates": [{"conditionType": GATE}],
            },
        },
    },
}


class Cluster:
    """What one does there with kubectl."""

    def __init__(self, api: KubernetesSimulator, place: Path) -> None:
        self._api = api
        self._place = place

    def agent_environment(self, broker_url: str, token: str) -> dict[str, str]:
        """The settings of this cluster's agent."""
        return {
            "KUBECONFIG": str(self._api.write_kubeconfig(self._place / "kubeconfig")),
            "NO_PROXY": "127.0.0.1",
            "CLB_BROKER_AGENT_BROKER_URL": broker_url,
            "CLB_BROKER_AGENT_CLUSTER_ID": "cls-shop",
            "CLB_BROKER_AGENT_TOKEN": token,
            "CLB_BROKER_AGENT_NAMESPACES": NAMESPACE,  # what the other scenes tell by hand is none of its business
            "CLB_BROKER_AGENT_DEFAULT_NETWORK_MODE": "vpc-cni",
        }

    def apply(self) -> None:
        """kubectl apply of the Service and its Deployment."""
        self._api.apply(SERVICE, DEPLOYMENT)

    def ready_pods(self) -> list[str]:
        """One line for each pod, when both are ready, with what the gate says. Raises `DemoFailed` after a while."""

        def look() -> list[Any]:
            pods = [each for each in self._api.objects("Pod", NAMESPACE) if is_ready(each)]
            return pods if len(pods) == 2 else []

        return [_line(pod) for pod in wait_for("two ready pods of the agent's", look)]


@contextmanager
def running_cluster(place: Path) -> Iterator[Cluster]:
    """The cluster, for as long as the context lasts; ``place`` is where its kubeconfig goes."""
    api = KubernetesSimulator()
    with api, Controllers(api, ADDRESSES, {"node-1": "10.0.1.5"}):
        yield Cluster(api, place)


def _line(pod: Any) -> str:
    gate = next(each for each in pod["status"]["conditions"] if each["type"] == GATE)
    return f"{pod['metadata']['name']:<22} {pod['status']['podIP']:<11} Ready, its gate says: {gate['message']}"
