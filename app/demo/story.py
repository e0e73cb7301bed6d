"""The main job as a story: two clusters share one load balancer, and nobody binds an address that is not theirs.

Everything in it is real but the cloud and one cluster's Kubernetes, which are simulators on the wire: Postgres, the API
under gunicorn, a worker, an agent.
"""

import json
import secrets
import signal
import tempfile
import threading
from pathlib import Path
from typing import Any

import click

from app.demo.client import DemoFailed, HttpClient, wait_for
from app.demo.cluster import Cluster, running_cluster
from app.demo.processes import NotStarted, Processes
from app.ledger.embedded import temporary_postgres

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


class Interrupted(Exception):
    """Ctrl-C or SIGTERM: the show is over, and everything that was started is ended."""


def play(*, once: bool) -> int:
    """Play the story; the exit code. Without ``once`` everything stays up until Ctrl-C or SIGTERM."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    _scene("Starting Postgres, a simulated Tencent Cloud, the API and a worker, each a process of its own")
    with tempfile.TemporaryDirectory(prefix="clb-broker-demo-", ignore_cleanup_errors=True) as place:
        path = Path(place)
        path.chmod(0o755)  # the embedded Postgres drops its rights and must still reach its data
        try:
            with temporary_postgres(path) as url, running_cluster(path) as cluster, Processes(path) as processes:
                stage = Stage(processes, url, cluster)
                stage.tell()
                if not once:
                    stage.stay_up()
        except (DemoFailed, NotStarted) as error:
            click.secho(f"\nThe demo failed: {error}", fg="red", err=True)
            return 1
        except Interrupted:
            click.echo("\nEnded.")
    return 0


def _interrupt(*_: object) -> None:
    raise Interrupted


class Stage:
    """The running parts, and the scenes."""

    def __init__(self, processes: Processes, database_url: str, cluster: Cluster) -> None:
        self._processes = processes
        self._cluster = cluster
        self._admin_token = secrets.token_urlsafe(24)
        environment = {
            "CLB_BROKER_DATABASE_URL": database_url,
            "CLB_BROKER_ADMIN_TOKEN": self._admin_token,
            "CLB_BROKER_LISTEN": "127.0.0.1:0",
        }
        processes.start("migrate", environment=environment, ready="migrate:")
        world = str(EXAMPLES / "world.yaml")
        simulator = processes.start(
            "simulator", "--world", world, "--listen", "127.0.0.1:0", environment={}, ready="listening on"
        )
        cloud_url = simulator.split("listening on ")[1].split()[0]
        credential = {
            "CLB_BROKER_TENCENT_ENDPOINT": cloud_url,
            "CLB_BROKER_TENCENT_SECRET_ID": "AKIDdemo",
            "CLB_BROKER_TENCENT_SECRET_KEY": "demo-secret-key",
        }
        self.url = processes.start("serve", environment=environment, ready="listening on").split()[-1]
        processes.start("worker", environment={**environment, **credential}, ready="works for")
        self._cloud = HttpClient(cloud_url)
        self._operator = HttpClient(self.url, self._admin_token)
        wait_for("the API to be ready", lambda: HttpClient(self.url).ask("GET", "/readyz"))
        _say(f"API {self.url}, cloud {cloud_url}")

    def tell(self) -> None:
        """The story, scene by scene."""
        self._set_the_table()
        self._shop_pods_come()
        self._billing_pods_come()
        self._a_strangers_address_is_refused()
        self._a_pod_goes()
        self._an_agent_does_it_by_itself()
        self._who_held_the_address()

    def stay_up(self) -> None:
        """Say how to go on by hand, and wait to be interrupted."""
        _scene("Still running. Ctrl-C ends it")
        _say(f"API    {self.url}")
        _say(f"Docs   {self.url}/docs")
        _say(f"Token  {self._admin_token}  (administrator)")
        _say(f"Try    curl -H 'Authorization: Bearer {self._admin_token}' {self.url}/v1/bindings")
        threading.Event().wait()

    def _set_the_table(self) -> None:
        _scene("An operator registers one load balancer, two clusters, and grants both the right to bind on it")
        self._operator.ask("PUT", "/v1/load-balancers/lb-shared", _example("load-balancer.json"))
        for cluster_id in ("cls-shop", "cls-billing"):
            self._operator.ask("PUT", f"/v1/clusters/{cluster_id}", _example("cluster.json"))
            self._operator.ask("PUT", f"/v1/load-balancers/lb-shared/grants/{cluster_id}", _example("grant.json"))
        self._tokens = {cluster_id: self._token(cluster_id) for cluster_id in ("cls-shop", "cls-billing")}
        _say("cls-shop     VPC-CNI: its pods have addresses on elastic network interfaces of vpc-shop")
        _say("cls-billing  GlobalRouter: its pods have addresses of the container CIDR 172.20.0.0/16 in vpc-billing")

    def _token(self, cluster_id: str) -> str:
        return str(self._operator.ask("POST", f"/v1/clusters/{cluster_id}/tokens")["token"])

    def _shop_pods_come(self) -> None:
        _scene("Three pods come up in cls-shop; its agent posts examples/1-shop-pods-come.json")
        self._post("cls-shop", "1-shop-pods-come.json")
        self._show_targets(3)

    def _billing_pods_come(self) -> None:
        _scene("Two pods come up in cls-billing, on the same load balancer: examples/2-billing-pods-come.json")
        self._post("cls-billing", "2-billing-pods-come.json")
        self._show_targets(5)

    def _a_strangers_address_is_refused(self) -> None:
        _scene("cls-shop's agent claims 10.9.1.7, an address of another VPC: examples/3-shop-claims-...json")
        (binding_id,) = self._post("cls-shop", "3-shop-claims-a-strangers-address.json")
        refused = self._wait_for_state(binding_id, "rejected")
        _say(f"rejected: {refused['reason']}: {refused['detail']}")
        self._show_targets(5)

    def _a_pod_goes(self) -> None:
        _scene("A shop pod terminates: its target gets weight 0, drains for 2 s, and goes: examples/4-...json")
        (binding_id,) = self._post("cls-shop", "4-a-shop-pod-goes.json")
        self._wait_for_state(binding_id, "released")
        self._show_targets(4)

    def _an_agent_does_it_by_itself(self) -> None:
        _scene("cls-shop runs clb-broker agent; kubectl apply of a Service with direct access, and of two gated pods")
        environment = self._cluster.agent_environment(self.url, self._tokens["cls-shop"])
        _say(self._processes.start("agent", environment=environment, ready="works for"))
        self._cluster.apply()
        for line in self._cluster.ready_pods():
            _say(line)
        self._show_targets(6)

    def _who_held_the_address(self) -> None:
        _scene("Later somebody asks: who held 10.0.3.17? GET /v1/history?ip=10.0.3.17&order=asc")
        history = self._operator.ask("GET", "/v1/history", query={"ip": "10.0.3.17", "order": "asc"})
        for entry in history["items"]:
            move = f"{entry['from_state'] or '-'} -> {entry['to_state']}"
            _say(f"{entry['recorded_at'][:23]}  {entry['pod_uid']:<16} {move:<24} by {entry['actor'][:28]}")
        if not history["items"]:
            raise DemoFailed("the history is empty")

    def _post(self, cluster_id: str, name: str) -> list[str]:
        agent = HttpClient(self.url, self._tokens[cluster_id])
        answer = agent.ask("POST", f"/v1/clusters/{cluster_id}/pod-events", _example(name))
        for result in answer["results"]:
            _say(f"event {result['event_id']:<10} {result['outcome']}")
        return [result["binding_id"] for result in answer["results"]]

    def _wait_for_state(self, binding_id: str, state: str) -> Any:
        def look() -> Any:
            binding = self._operator.ask("GET", f"/v1/bindings/{binding_id}")
            return binding if binding["state"] == state else None

        return wait_for(f"binding {binding_id} to be {state}", look)

    def _show_targets(self, count: int) -> None:
        query = {"state": "bound", "load_balancer_id": "lb-shared"}

        def look() -> Any:
            bound = self._operator.ask("GET", "/v1/bindings", query=query)["items"]
            targets = self._cloud.ask("GET", "/_control/targets", query={"load_balancer_id": "lb-shared"})
            rows = targets["targets"] if isinstance(targets, dict) else targets
            return (bound, rows) if len(bound) == len(rows) == count else None

        bound, rows = wait_for(f"{count} targets at the cloud", look)
        proofs = {(each["target"]["ip"], each["target"]["port"]): each for each in bound}
        _say("at the cloud now:")
        for row in rows:
            held = proofs[row["ip"], row["port"]]
            proof = f"{held['verification']['verdict']} by {held['verification']['method']}"
            _say(f"  {row['listener_id']:<12} {row['ip']}:{row['port']:<6} {held['cluster_id']:<12} {proof}")


def _example(name: str) -> Any:
    return json.loads((EXAMPLES / name).read_text(encoding="utf-8"))


def _scene(title: str) -> None:
    click.secho(f"\n== {title}", bold=True)


def _say(line: str) -> None:
    click.echo(f"   {line}")
