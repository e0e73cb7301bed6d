"""What people write for `kubectl apply`, and a simulated cluster of theirs with the agent's chart installed."""

import base64
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.simulator.kubernetes.controllers.endpoint_slices import is_ready
from app.simulator.kubernetes.controllers.thread import Controllers
from app.simulator.kubernetes.server import KubernetesSimulator
from tests.acceptance import agent_chart
from tests.acceptance.installation import Installation

GATE = "cloud.tencent.com/load-balancer-backendgroup-ready"
DIRECT = "service.cloud.tencent.com/direct-access"
LOAD_BALANCER = "service.kubernetes.io/tke-existed-lbid"
SKIP = "service.cloud.tencent.com/mode"
NODES = {f"node-{number}": f"10.0.200.{number}" for number in range(1, 4)}
LEASE_SECONDS = 3

Manifest = dict[str, Any]


def service(namespace: str, load_balancer_id: str, port: int, name: str = "web") -> Manifest:
    """A direct-access Service whose one port is the listener's."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {DIRECT: "true", LOAD_BALANCER: load_balancer_id, SKIP: "skip"},
        },
        "spec": {
            "type": "LoadBalancer",
            "selector": {"app": name},
            "ports": [{"name": "http", "protocol": "TCP", "port": port, "targetPort": "http"}],
        },
    }


def deployment(
    namespace: str, replicas: int, *, image: str = "web:1", gated: bool = True, surge: int = 1, name: str = "web"
) -> Manifest:
    """A Deployment of pods that listen on 8080."""
    template: Manifest = {
        "metadata": {"labels": {"app": name}},
        "spec": {
            "containers": [{"name": "web", "image": image, "ports": [{"name": "http", "containerPort": 8080}]}],
            "terminationGracePeriodSeconds": 5,
        },
    }
    if gated:
        template["spec"]["readinessGates"] = [{"conditionType": GATE}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "strategy": {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": 0}},
            "template": template,
        },
    }


class Cluster:
    """A Kubernetes cluster on this machine: its API with RBAC, its controllers, and agents as processes.

    Rights, settings and the webhook's registration are those of the agent's chart. `addresses` are the free pod
    addresses, given in this order, a returned one first.
    """

    def __init__(
        self,
        installation: Installation,
        place: Path,
        cluster_id: str,
        addresses: Sequence[str],
        *,
        stop_seconds: float = 0.0,
        **values: Any,
    ) -> None:
        self.installation = installation
        self.cluster_id = cluster_id
        self.api = KubernetesSimulator(bookmark_seconds=1.0)
        self.controllers = Controllers(self.api, addresses, NODES, stop_seconds=stop_seconds)
        self._place = place
        settings = {"leaseSeconds": LEASE_SECONDS}
        self._chart = agent_chart.rendered(clusterId=cluster_id, settings=settings, **values)

    def _kubeconfig(self, component: str) -> dict[str, str]:
        path = self._place / f"{component}-of-{self.cluster_id}.kubeconfig"
        self.api.write_kubeconfig(path, token=token_of(component), namespace=agent_chart.NAMESPACE)
        return {"KUBECONFIG": str(path), "NO_PROXY": "127.0.0.1"}

    def _install(self) -> None:
        self.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": agent_chart.NAMESPACE}})
        for each in self._chart:
            if each["kind"] in ("Role", "ClusterRole"):
                self.api.give_roles(token_of(agent_chart.component(each)), each)

    def __enter__(self) -> Self:
        self.api.start()
        self._install()
        self.controllers.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.controllers.__exit__(kind, error, trace)
        self.api.close()

    def start(self, name: str = "agent", **settings: str) -> str:
        """Start an agent with the chart's settings; a second one's name has a hyphen. The line that it says."""
        token = self._place / f"token-of-{self.cluster_id}"
        token.write_text(self.installation.token(self.cluster_id))
        own = {
            "CLB_BROKER_AGENT_BROKER_URL": self.installation.url,
            "CLB_BROKER_AGENT_TOKEN_FILE": str(token),
            "CLB_BROKER_AGENT_LISTEN": "127.0.0.1:0",
        }
        chart = agent_chart.environment(self._chart, "agent")
        return self.installation.start(name, **chart | own | self._kubeconfig("agent") | settings)

    def start_webhook(self) -> None:
        """Register the webhook, keep its certificate as the chart's job does, and start it."""
        registration = [each for each in self._chart if each["kind"] == "MutatingWebhookConfiguration"]
        self.apply(*registration)
        command = [sys.executable, "-m", "app", *agent_chart.certificate_arguments(self._chart)]
        environment = {**self.installation.environment, **self._kubeconfig("certificate")}
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
        (secret,) = self.api.objects("Secret", agent_chart.NAMESPACE)
        paths = {name: self._place / name for name in ("tls.crt", "tls.key")}
        for name, path in paths.items():
            path.write_bytes(base64.b64decode(secret["data"][name]))
        own = {
            "CLB_BROKER_WEBHOOK_LISTEN": "127.0.0.1:0",
            "CLB_BROKER_WEBHOOK_CERTIFICATE_FILE": str(paths["tls.crt"]),
            "CLB_BROKER_WEBHOOK_KEY_FILE": str(paths["tls.key"]),
            "CLB_BROKER_WEBHOOK_DRAIN_SECONDS": "0",
        }
        chart = agent_chart.environment(self._chart, "webhook")
        line = self.installation.start("webhook", **chart | own | self._kubeconfig("webhook"))
        client = registration[0]["webhooks"][0]["clientConfig"]["service"]
        self.api.route(client["namespace"], client["name"], "127.0.0.1", int(line.rsplit(":", 1)[1].strip("/ \n")))

    def apply(self, *manifests: Manifest) -> None:
        """As `kubectl apply`."""
        self.api.apply(*manifests)

    def pods(self, namespace: str) -> list[Manifest]:
        """The pods of a namespace that are not on their way out."""
        pods = self.api.objects("Pod", namespace)
        return [each for each in pods if not each["metadata"].get("deletionTimestamp")]

    def ready(self, namespace: str) -> list[Manifest]:
        return [each for each in self.pods(namespace) if is_ready(each)]

    def addresses(self, namespace: str) -> list[str]:
        """The addresses of the pods that are not on their way out, sorted."""
        return sorted(each["status"].get("podIP", "") for each in self.pods(namespace))

    def events(self, namespace: str, reason: str) -> list[Manifest]:
        """The Kubernetes Events of a namespace with that reason."""
        return [each for each in self.api.objects("Event", namespace) if each["reason"] == reason]

    def scale(self, namespace: str, replicas: int) -> None:
        """As `kubectl scale`."""
        self.api.patch("Deployment", namespace, "web", {"spec": {"replicas": replicas}})

    def wait_until_ready(self, namespace: str, count: int) -> None:
        """Until that many pods are ready and no others are there."""
        self.installation.wait_for(
            f"{count} ready pods in {namespace}",
            lambda: len(self.ready(namespace)) == len(self.pods(namespace)) == count,
        )

    def wait_for_event(self, namespace: str, reason: str) -> Manifest:
        """The first Event of that reason, once there is one."""
        found = self.installation.wait_for(f"an Event {reason}", lambda: self.events(namespace, reason))
        return found[0]


def token_of(component: str) -> str:
    """The bearer token of a component's ServiceAccount."""
    return f"token-of-{component}"


def gate_of(pod: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The pod's gate condition, or None."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each["type"] == GATE), None)


def at(installation: Installation, load_balancer_id: str, listener_id: str) -> list[str]:
    """The addresses at one listener of the cloud's, sorted."""
    return sorted(ip for listener, ip, _ in installation.targets(load_balancer_id) if listener == listener_id)
