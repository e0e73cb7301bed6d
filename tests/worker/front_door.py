"""The API over a yard's ledger: agents send events over HTTP, a worker works, everybody reads over HTTP."""

import json
from collections.abc import Sequence
from typing import Any

from tests.acceptance.installation import MOVING
from tests.api.client import (
    ADMIN_TOKEN,
    Caller,
    agent_of,
    application,
    bind,
    changed,
    grant,
    register_cluster,
    register_load_balancer,
)
from tests.worker.two_networks import CLUSTERS, LOAD_BALANCERS
from tests.worker.yard import Yard

Event = dict[str, Any]


class FrontDoor:
    """Every cluster may bind everywhere, until a test says otherwise.

    ``acquainted``: the worker has read what clusters, load balancers and regions are before the first event comes.
    """

    def __init__(
        self,
        yard: Yard,
        clusters: Sequence[str] = CLUSTERS,
        load_balancers: Sequence[str] = LOAD_BALANCERS,
        *,
        acquainted: bool = True,
    ) -> None:
        self.yard = yard
        self.admin = Caller(application(yard.ledger), ADMIN_TOKEN)
        for load_balancer_id in load_balancers:
            register_load_balancer(self.admin, load_balancer_id)
        for cluster_id in clusters:
            register_cluster(self.admin, cluster_id)
            for load_balancer_id in load_balancers:
                grant(self.admin, cluster_id, load_balancer_id=load_balancer_id)
        self._agents = {cluster_id: agent_of(self.admin, cluster_id) for cluster_id in clusters}
        if acquainted:
            yard.settle()

    def say(self, cluster_id: str, *events: Event) -> list[dict[str, Any]]:
        """One batch of events as the cluster's agent sends it; the results."""
        return self._agents[cluster_id].tell(*events)

    def work(self) -> None:
        """Let the worker work until no binding is on its way."""
        self.yard.run_until("everything to settle", lambda: not [each for each in self.all() if _moves(each)])

    def sweep(self) -> None:
        """Let the worker look at all proofs again, and work."""
        self.yard.tell("UPDATE clusters SET reverification_due_at = now()")
        self.yard.run_until("all sweeps", lambda: self.yard.tell(_SWEEPS_DUE) == [])
        self.work()

    def all(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.admin.get("/v1/bindings", limit=1000).json["items"]
        return items

    def of(self, event: Event) -> list[tuple[str, str | None]]:
        """State and reason of every binding of the event's pod at its address."""
        shown = self.admin.get("/v1/bindings", pod_uid=event["pod"]["uid"], ip=event["pod"]["ip"]).json["items"]
        return [(each["state"], each["reason"]) for each in shown]

    def the(self, event: Event) -> dict[str, Any]:
        """The one binding of the event's pod."""
        (found,) = self.admin.get("/v1/bindings", pod_uid=event["pod"]["uid"]).json["items"]
        binding: dict[str, Any] = found
        return binding

    def ask(self, cluster_id: str, event: Event) -> dict[str, Any]:
        """The verdict that a bind of the event would get, by POST /v1/verifications."""
        target = event["target"]
        question = {
            "cluster_id": cluster_id,
            "ip": event["pod"]["ip"],
            "network_mode": event["network_mode"],
            "load_balancer_id": target["load_balancer_id"],
            "port": target["port"],
        }
        asked = self.admin.post("/v1/verifications", question)
        assert asked.status_code == 202, asked.text
        where = asked.headers["Location"]
        self.yard.run_until("an answer", lambda: self.admin.get(where).status_code == 200)
        verdict: dict[str, Any] = self.admin.get(where).json
        return verdict

    def standing(self) -> tuple[Any, ...]:
        """Everything that a question must not change."""
        states = [(each["binding_id"], each["state"], each["reason"], each["updated_at"]) for each in self.all()]
        history = self.admin.get("/v1/history", limit=1000).json["items"]
        return states, history, self.writes(), self.yard.simulator.targets()

    def writes(self) -> list[dict[str, Any]]:
        """Every call to the cloud that is no read."""
        return [call for call in self.yard.simulator.calls if not call["action"].startswith("Describe")]

    def written(self, event: Event) -> list[str]:
        """The writes in whose parameters the event's address stands."""
        text = f'"{event["pod"]["ip"]}"'
        return [call["action"] for call in self.writes() if text in json.dumps(call["parameters"])]

    def has(self, event: Event) -> bool:
        """Whether the event's target is at the cloud, with its weight."""
        target, ip = event["target"], event["pod"]["ip"]
        names = ("load_balancer_id", "listener_id", "port", "weight")
        wanted = (ip, *(target[name] for name in names))
        return wanted in {(row["ip"], *(row[name] for name in names)) for row in self.yard.simulator.targets()}


_SWEEPS_DUE = "SELECT cluster_id FROM clusters WHERE reverification_due_at <= now()"


def _moves(binding: dict[str, Any]) -> bool:
    return binding["state"] in MOVING


def of_pod(ip: str, **changes: Any) -> Event:
    """A bind of the pod at ``ip``, a workload of its own; ``changes`` as in `tests.api.client.bind`."""
    event = bind(f"uid-{ip}", pod={"ip": ip, "node": None}, workload={"name": f"web-{ip}"})
    event["target"]["listener_id"] = "lbl-1"
    return changed(event, changes)
