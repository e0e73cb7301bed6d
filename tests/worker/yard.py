"""A ledger, a cloud on the wire, and a worker in this process: everything but the processes."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Self

from app.broker.grant_listeners import grant_listeners
from app.broker.look_up import list_bindings
from app.broker.read_history import Question, list_history
from app.broker.receive_pod_events import Received, receive_pod_events
from app.broker.register_cluster import register_cluster
from app.broker.register_load_balancer import register_load_balancer
from app.cloud.client import Account, Client
from app.domain.binding import Binding
from app.domain.cluster import NetworkMode, Removal, Topology, Verification
from app.domain.event import EventType, Pod, PodEvent, Result, Service, Workload
from app.domain.target import TargetName
from app.ledger import load_balancers
from app.ledger.connection import Ledger
from app.ledger.leases import LeaseSubject
from app.simulator.server import Simulator
from app.worker.loops import LOOPS, Worker
from app.worker.workshop import Periods, Workshop
from tests.acceptance.installation import FAST, MOVING

PATIENCE_SECONDS = 60
INSTANT = {**FAST, "batch_seconds": 0.0, "tail_seconds": 0.0, "task_seconds": 0.0}
ASIDE = frozenset({LeaseSubject.HEALTH, LeaseSubject.SEAL})
BINDING_LOOPS = tuple(loop for loop in LOOPS if loop.subject not in ASIDE)
"""Health is due a second after a bind: it would come in between what is counted, on a slow machine alone."""


class Yard:
    """Where a worker is watched at its work. ``name`` of a target is (listener, ip, port)."""

    def __init__(self, ledger: Ledger, world: Mapping[str, Any]) -> None:
        self.ledger = ledger
        self.simulator = Simulator(world)
        self.worker = Worker(self.workshop("life-1"), BINDING_LOOPS)

    def __enter__(self) -> Self:
        self.simulator.start()
        self.simulator.set_parameters(calls_per_second=100_000)  # calls have no turns here: a quick machine makes many
        self.worker = Worker(self.workshop("life-1"), BINDING_LOOPS)
        return self

    def __exit__(self, *_: object) -> None:
        self.simulator.close()

    def workshop(self, incarnation: str, secret_key: str = "test-secret", **periods: float) -> Workshop:
        """A worker's tools; ``periods`` in seconds."""
        kept = {"lease": 5.0, "sweep": 60.0, "reverify": 60.0, "topology": 60.0, "cloud_timeout": 1.0, **periods}
        times = Periods(**{name: timedelta(seconds=seconds) for name, seconds in kept.items()})

        def cloud_for(account_id: str, region: str) -> Client:
            account = Account(account_id, "AKIDtest", secret_key, self.simulator.endpoint, kept["cloud_timeout"])
            return Client(account, region, lambda *_: None)

        return Workshop(self.ledger, cloud_for, incarnation, times, jitter=lambda: 0.0, pause=_shorter)

    def set_the_table(
        self,
        *cluster_ids: str,
        verification: Verification = Verification.STRICT,
        topology: Topology | None = None,
        load_balancer_ids: tuple[str, ...] = ("lb-1",),
    ) -> None:
        for load_balancer_id in load_balancer_ids:
            register_load_balancer(
                self.ledger, load_balancer_id, account_id="default", region="ap-guangzhou", actor="test"
            )
        for cluster_id in cluster_ids:
            register_cluster(
                self.ledger,
                cluster_id,
                account_id="default",
                region="ap-guangzhou",
                verification=verification,
                topology=topology,
                removal=Removal(0.3),
                actor="test",
            )
            for load_balancer_id in load_balancer_ids:
                grant_listeners(self.ledger, load_balancer_id, cluster_id, ["*"], actor="test")

    def say(self, cluster_id: str, *events: PodEvent, drain_seconds: int = 0) -> list[Result]:
        received = [Received(event, repr(event), {}) for event in events]
        return receive_pod_events(self.ledger, cluster_id, received, actor="test", drain_seconds=drain_seconds)

    def bound(self, cluster_id: str, *numbers: int) -> None:
        """Pods of a cluster, bound; each would take ten minutes to drain."""
        self.set_the_table("cls-a", "cls-b")
        self.say(cluster_id, *(pod_event(n, cluster_id=cluster_id, drain_seconds=600) for n in numbers))
        self.settle()
        assert self.states() == {("bound", None): len(numbers)}

    def take_addresses(self, *numbers: int) -> None:
        """The addresses of these pods of cls-a are on no interface any more."""
        for number in numbers:
            ip = address("cls-a", number)
            self.simulator.edit("move-address", ip=ip, **{"from": f"eni-{number // 200 + 1}"})

    def give_addresses_back(self, *numbers: int) -> None:
        for number in numbers:
            self.simulator.edit("move-address", ip=address("cls-a", number), to=f"eni-{number // 200 + 1}")

    def run(self) -> None:
        """Let the worker work until nothing moves and every load balancer is reconciled."""
        self.run_until("everything to settle", self._settled)

    def run_until(self, what: str, look: Any) -> None:
        """Let the worker work until ``look`` finds it so. The broker's pauses are skipped when nothing else is due."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            done = self.worker.run_once()
            if look():
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: {self.bindings()} {self._syncs()}")
            if not done:
                self.skip_pauses()
                time.sleep(0.005)

    def settle(self, most: int = 100) -> int:
        """Let the worker work until nothing is due, pauses skipped; how many passes there were."""
        passes = 0
        for _ in range(most):
            self.skip_pauses()
            done = self.worker.run_once()
            passes += done
            if not done:
                return passes
        raise AssertionError(f"does not come to rest: {self.bindings()} {self._syncs()}")

    def work(self, rounds: int = 4) -> None:
        """Let the worker work for some rounds, pauses skipped: where something is asked about again and again."""
        for _ in range(rounds):
            self.skip_pauses()
            self.worker.run_once()

    def skip_pauses(self) -> None:
        """Let all pauses after writes and failures be over, but not the time until the next sweep."""
        self.tell("UPDATE load_balancers SET not_before = now() WHERE not_before > now()")
        self.tell("UPDATE clusters SET verification_due_at = now() WHERE verification_due_at > now()")
        self.tell("UPDATE clusters SET topology_due_at = now() WHERE topology_error IS NOT NULL")

    def sweep(self) -> None:
        """Let the time until the next look at every load balancer be over, and work."""
        self.tell("UPDATE load_balancers SET due_at = now()")
        self.settle()

    def look_again(self) -> None:
        """Let the time until the next look at every standing proof be over, and work."""
        self.tell("UPDATE clusters SET reverification_due_at = clock_timestamp()")
        self.settle()

    def read_topologies(self) -> None:
        """Let the time until the next reading of every cluster's networks be over, and work."""
        self.tell("UPDATE clusters SET topology_due_at = now()")
        self.settle()

    def age_evidence(self) -> None:
        """Let what was read of networks and load balancers be older than its period, and work."""
        self.tell("UPDATE load_balancers SET inventory_read_at = inventory_read_at - interval '1 hour', due_at = now()")
        self.tell("UPDATE vpcs SET read_at = read_at - interval '1 hour'")
        self.read_topologies()

    def end_drains(self) -> None:
        """Let all drain times be over, and work."""
        self.tell("UPDATE bindings SET drain_until = now() WHERE state = 'draining'")
        self.sweep()

    def end_refusals(self) -> None:
        """Let the time be over for which refused bindings are left alone, and work."""
        self.tell("UPDATE bindings SET updated_at = now() - interval '31 seconds' WHERE state = 'held'")
        self.sweep()

    def tell(self, statement: str) -> list[Any]:
        """One statement, as an operator would make it at the database; its rows."""
        with self.ledger.begin() as connection:
            result = connection.exec_driver_sql(statement)
            return [tuple(row) for row in result] if result.returns_rows else []

    def wait_for(self, what: str, look: Any) -> None:
        """Wait until ``look`` finds it so, while workers in threads of their own do the work."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not look():
            assert time.monotonic() < deadline, f"{what}: {self._syncs()}"
            time.sleep(0.02)

    def bindings(self, **filters: str) -> list[Binding]:
        return list_bindings(self.ledger, filters, "", 5000)

    def only(self, **filters: str) -> Binding:
        (binding,) = self.bindings(**filters)
        return binding

    def states(self) -> Counter[tuple[str, str | None]]:
        """How many bindings there are in each state, with its reason."""
        return Counter((str(each.state), each.reason and str(each.reason)) for each in self.bindings())

    def history(self, **filters: str) -> list[tuple[str, str | None, str | None, str | None]]:
        """(action, from, to, reason), oldest first."""
        kept, _ = list_history(self.ledger, Question(filters, newest_first=False), None, 5000)
        return [(each.entry.action, each.entry.from_state, each.entry.to_state, each.entry.reason) for each in kept]

    def targets(self, load_balancer_id: str = "lb-1") -> dict[tuple[str, str, int], int]:
        """What is at the cloud, with weights; a target that is there twice fails."""
        rows = self.simulator.targets(load_balancer_id)
        found = {(row["listener_id"], row["ip"], row["port"]): row["weight"] for row in rows}
        assert len(found) == len(rows)
        return found

    def writes(self) -> list[dict[str, Any]]:
        return [call for call in self.simulator.calls if call["action"].startswith("Batch")]

    def reads(self) -> Counter[str]:
        """How often each action was called that changes nothing at the cloud."""
        return Counter(call["action"] for call in self.simulator.calls if not call["action"].startswith("Batch"))

    def changes(self) -> list[tuple[str, str]]:
        """What happened to targets at the cloud, in order: (kind, ip)."""
        return [(change["kind"], change["ip"]) for change in self.simulator.changes]

    def _settled(self) -> bool:
        moving = [binding for binding in self.bindings() if binding.state in MOVING]
        return not moving and all(wanted == reconciled for wanted, reconciled in self._syncs())

    def _syncs(self) -> list[tuple[int, int]]:
        with self.ledger.begin() as connection:
            kept = load_balancers.listing(connection, "", 100)
        return [(each.wanted_generation, each.reconciled_generation) for each in kept]


@contextmanager
def running(*workers: Worker) -> Iterator[None]:
    """Workers in threads of their own, until the end."""
    stopped = threading.Event()
    threads = [threading.Thread(target=worker.run, args=(stopped,)) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads)


def _shorter(seconds: float) -> None:
    time.sleep(min(seconds, 0.01))


def pod_event(
    number: int, *, kind: str = "bind", revision: int = 1, cluster_id: str = "cls-a", **more: Any
) -> PodEvent:
    """An event of the pod of that number; ``more`` replaces fields of the event or of its target."""
    fields = {name: more.pop(name) for name in list(more) if name in PodEvent.__dataclass_fields__}
    ip = more.pop("ip", address(cluster_id, number))
    uid = more.pop("uid", f"uid-{cluster_id}-{number}")
    target = {"load_balancer_id": "lb-1", "listener_id": "lbl-1", "port": 8080, **more}
    mode = NetworkMode.VPC_CNI if cluster_id == "cls-a" else NetworkMode.GLOBAL_ROUTER
    kept = {
        "event_id": f"{uid}-{kind}-{revision}-{ip}",
        "type": EventType(kind),
        "revision": revision,
        "pod": Pod("shop", f"pod-{number}", uid, ip),
        "target": TargetName(**target),
        "service": Service("shop", "web"),
        "workload": Workload("Deployment", "web"),
        "network_mode": mode,
        **fields,
    }
    return PodEvent(**kept)


def address(cluster_id: str, number: int) -> str:
    """As in the acceptance tests' world."""
    part = "10.0" if cluster_id == "cls-a" else "172.20"
    return f"{part}.{number // 200 + (1 if cluster_id == 'cls-a' else 0)}.{number % 200 + 1}"


def name_of(number: int, cluster_id: str = "cls-a", listener_id: str = "lbl-1") -> tuple[str, str, int]:
    """The target of the pod of that number."""
    return listener_id, address(cluster_id, number), 8080
