"""Agents in threads, between a simulated cluster and a stand-in for the broker."""

import threading
from typing import Any

from app.agent.run import Agent
from app.agent.settings import read_agent_settings
from app.domain.errors import BrokerError
from app.simulator.kubernetes.server import KubernetesSimulator
from tests.agent.broker import Broker
from tests.agent.objects import GATE, endpoint_slice, pod, service
from tests.agent.waiting import wait_for


class Running:
    """An agent at work."""

    def __init__(self, broker: Broker, identity: str, **settings: str) -> None:
        given = {
            "BROKER_URL": broker.url,
            "CLUSTER_ID": "cls-1",
            "TOKEN": "token",
            "IDENTITY": identity,
            "LEASE_SECONDS": "3",
            "LEASE_NAMESPACE": "clb",
            **settings,
        }
        environment = {f"CLB_BROKER_AGENT_{name}": value for name, value in given.items()}
        self.agent = Agent(read_agent_settings(environment))
        self._stopped = threading.Event()
        self.error: BrokerError | None = None
        self._thread = threading.Thread(target=self._run, name=identity, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """End it as SIGTERM does."""
        self._stopped.set()
        self._thread.join(30)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        try:
            self.agent.run(self._stopped)
        except BrokerError as error:
            self.error = error


class Scene:
    """A cluster, a broker, and the agents between them."""

    def __init__(self, cluster: KubernetesSimulator, broker: Broker) -> None:
        self.cluster = cluster
        self.broker = broker
        self._agents: list[Running] = []
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "clb"}})

    def start(self, identity: str = "agent-0", **settings: str) -> Running:
        """Start an agent."""
        self._agents.append(Running(self.broker, identity, **settings))
        return self._agents[-1]

    def end(self) -> None:
        """End all agents."""
        agents, self._agents = self._agents, []
        for each in agents:
            each.end()

    def serve(self, name: str = "web", pods: int = 2, port: int = 80, **annotations: str) -> None:
        """A Service with so many ready pods, NAME-0 at 10.0.PORT.1 and so on."""
        self.cluster.apply(service(name, port, **annotations))
        for number in range(pods):
            self.put(pod(f"{name}-{number}", f"10.0.{port}.{number + 1}", name))
        self.slice_up(name)

    def put(self, manifest: dict[str, Any]) -> None:
        """A pod with its status."""
        self.cluster.apply(manifest)
        self.set_status(manifest["metadata"]["name"], manifest["status"])

    def set_status(self, name: str, status: dict[str, Any]) -> None:
        """Merge into a pod's status; conditions of others stay."""
        found = self.cluster.get("Pod", "shop", name)
        assert found is not None
        named = {each["type"] for each in status.get("conditions", [])}
        others = [each for each in found["status"].get("conditions", []) if each["type"] not in named]
        merged = {**status, "conditions": [*status.get("conditions", []), *others]}
        self.cluster.patch("Pod", "shop", name, {"status": merged}, "status")

    def set_ready(self, name: str, *, ready: bool) -> None:
        """The pod's containers are ready, or not."""
        self.set_status(name, {"conditions": [{"type": "ContainersReady", "status": str(ready)}]})

    def slice_up(self, name: str) -> None:
        """Put all pods of a Service into its slice."""
        pods = [each for each in self.cluster.objects("Pod", "shop") if each["metadata"]["labels"]["app"] == name]
        self.cluster.apply(endpoint_slice(name, pods))

    def gate(self, name: str) -> tuple[str, str] | None:
        """Status and reason of a pod's gate; None while it has none."""
        found = self.cluster.get("Pod", "shop", name)
        assert found is not None
        said = [each for each in found["status"]["conditions"] if each["type"] == GATE]
        return (said[0]["status"], said[0]["reason"]) if said else None

    def reasons(self, kind: str, name: str) -> list[str]:
        """The reasons of the Events about an object."""
        events = self.cluster.objects("Event", "shop")
        about = [
            each for each in events if (each["involvedObject"]["kind"], each["involvedObject"]["name"]) == (kind, name)
        ]
        return sorted(each["reason"] for each in about)

    def wait_until_bound(self, *addresses: str) -> None:
        """Until exactly these addresses are bound."""
        wait_for(f"{addresses} to be bound", lambda: {ip for ip, _, _ in self.broker.bound()} == set(addresses))

    def forget(self, agent: Running) -> None:
        """An agent that ended by itself."""
        self._agents.remove(agent)

    def watch_calls(self, resource: str) -> int:
        """How often a watch was asked for."""
        return len([call for call in self.cluster.calls if (call.verb, call.resource) == ("watch", resource)])

    def writes(self) -> list[tuple[str, str]]:
        """What was written to Kubernetes, leases apart."""
        calls = [(call.verb, call.resource) for call in self.cluster.calls if call.resource != "leases"]
        return [call for call in calls if call[0] in {"create", "update", "patch"}]
