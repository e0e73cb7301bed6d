"""The law of ownership: whatever events and changes of the world come in whichever order, no address is bound that is
not its cluster's by the world as it was when the verdict fell; and in the end none stays that is not, but for those
that wait for an operator's word.

The oracle is a model of its own: it knows the world as the test changed it, and asks nobody.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.domain.binding import State
from app.domain.cluster import NetworkMode
from app.domain.codes import Code
from app.domain.event import Pod, Workload
from app.ledger.connection import Ledger
from tests.ledger.emptied import _EMPTY
from tests.worker.yard import INSTANT, Yard, pod_event

MACHINES = {"ins-a": "cls-a", "ins-b": "cls-b", "ins-x": None}
ENI_IPS = ("10.0.1.1", "10.0.1.2", "10.0.1.3")
ROUTED_IPS = ("172.20.0.1", "172.20.9.9", "172.20.0.2")
READS = (
    "DescribeNetworkInterfaces",
    "DescribeClusterInstances",
    "DescribeCcnRoutes",
    "DescribeCcnAttachedInstances",
    "DescribeClusters",
)
FAULTS = ("request-lost", "internal-error-before", "throttle", "http-500")
WHOLE, HALF = "172.20.0.0/16", "172.20.9.0/24"


def _world() -> dict[str, Any]:
    interfaces = [
        {
            "interface_id": f"eni-{machine}",
            "vpc_id": "vpc-1",
            "subnet_id": "subnet-1",
            "instance_id": machine,
            "addresses": list(ENI_IPS) if machine == "ins-a" else [f"10.0.9.{number}"],
        }
        for number, machine in enumerate(MACHINES, start=1)
    ]
    nodes = {"cls-a": "10.0.200.1", "cls-b": "10.0.200.2", "cls-g": "10.8.0.1"}
    clusters = [
        {
            "cluster_id": cluster_id,
            "name": cluster_id,
            "version": "1.30.0",
            "vpc_id": "vpc-g" if cluster_id == "cls-g" else "vpc-1",
            "network_type": "GR" if cluster_id == "cls-g" else "VPC-CNI",
            "cluster_cidr": WHOLE if cluster_id == "cls-g" else "",
            "nodes": [{"instance_id": f"ins-{cluster_id[-1]}", "ip": ip}],
        }
        for cluster_id, ip in nodes.items()
    ]
    return {
        "region": "ap-guangzhou",
        # The simulated cloud binds what it is told, as the real one does by ticket: only the broker refuses.
        "parameters": {**INSTANT, "check_addresses": False},
        "credentials": [{"secret_id": "AKIDtest", "secret_key": "test-secret"}],
        "vpcs": [
            {"vpc_id": "vpc-1", "cidr": "10.0.0.0/16"},
            {"vpc_id": "vpc-g", "cidr": "10.8.0.0/16", "container_cidrs": [WHOLE]},
        ],
        "subnets": [{"subnet_id": "subnet-1", "vpc_id": "vpc-1", "cidr": "10.0.0.0/16"}],
        "interfaces": interfaces,
        "ccns": [
            {
                "ccn_id": "ccn-1",
                "attachments": [{"vpc_id": "vpc-1"}, {"vpc_id": "vpc-g"}],
                "routes": [
                    {"cidr": WHOLE, "vpc_id": "vpc-g", "enabled": True},
                    {"cidr": HALF, "vpc_id": "vpc-1", "enabled": False},
                ],
            }
        ],
        "clusters": clusters,
        "load_balancers": [
            {
                "load_balancer_id": "lb-1",
                "vpc_id": "vpc-1",
                "vips": ["203.0.113.1"],
                "snat_pro": True,
                "listeners": [{"listener_id": "lbl-1", "protocol": "TCP", "port": 80}],
            }
        ],
    }


@dataclass
class Oracle:
    """Whose each address is, as the test has made the world."""

    machine_of: dict[str, str | None] = field(default_factory=lambda: dict.fromkeys(ENI_IPS, "ins-a"))
    attached: set[str] = field(default_factory=lambda: set(MACHINES))
    nodes: dict[str, str | None] = field(default_factory=lambda: dict(MACHINES))
    routes: dict[str, bool] = field(default_factory=lambda: {WHOLE: True, HALF: False})
    active: bool = True

    def owns(self, cluster_id: str, ip: str) -> bool:
        if cluster_id == "cls-g":
            return ip.startswith("172.20.") and self.active and self._routed(ip)
        machine = self.machine_of.get(ip)
        return machine in self.attached and self.nodes.get(machine) == cluster_id

    def _routed(self, ip: str) -> bool:
        elsewhere = self.routes[HALF] and ip.startswith("172.20.9.")
        return self.routes[WHOLE] and not elsewhere


class Story:
    """The world, the oracle beside it, and a worker that is watched."""

    def __init__(self, yard: Yard) -> None:
        self.yard = yard
        self.oracle = Oracle()
        self.revision = 0
        self.proven: set[str] = set()

    def event(self, cluster_id: str, kind: str, index: int, rounds: int) -> None:
        """An event, and so many rounds of the worker after it."""
        self.revision += 1
        ips = ROUTED_IPS if cluster_id == "cls-g" else ENI_IPS
        mode = NetworkMode.GLOBAL_ROUTER if cluster_id == "cls-g" else NetworkMode.VPC_CNI
        pod = Pod("shop", f"pod-{index}", f"uid-{cluster_id}-{index}", ips[index])
        event = pod_event(
            index,
            kind=kind,
            revision=self.revision,
            cluster_id=cluster_id,
            pod=pod,
            network_mode=mode,
            workload=Workload("Deployment", f"web-{index}"),
        )
        self.yard.say(cluster_id, event)
        for _ in range(rounds):
            self.work()

    def move(self, index: int, machine: str | None) -> None:
        ip, now = ENI_IPS[index], self.oracle.machine_of[ENI_IPS[index]]
        if now != machine:
            ends = {"from": now and f"eni-{now}", "to": machine and f"eni-{machine}"}
            self.yard.simulator.edit("move-address", ip=ip, **{end: eni for end, eni in ends.items() if eni})
            self.oracle.machine_of[ip] = machine

    def attach(self, machine: str, on: bool) -> None:
        instance_id = machine if on else None
        self.yard.simulator.edit("attach-interface", interface_id=f"eni-{machine}", instance_id=instance_id)
        (self.oracle.attached.add if on else self.oracle.attached.discard)(machine)

    def enlist(self, machine: str, cluster_id: str | None) -> None:
        now = self.oracle.nodes[machine]
        if now == cluster_id:
            return
        if now is not None:
            self.yard.simulator.edit("remove-node", cluster_id=now, instance_id=machine)
        if cluster_id is not None:
            node = {"instance_id": machine, "ip": f"10.0.201.{list(MACHINES).index(machine) + 1}"}
            self.yard.simulator.edit("add-node", cluster_id=cluster_id, node=node)
        self.oracle.nodes[machine] = cluster_id

    def route(self, cidr: str, on: bool) -> None:
        self.yard.simulator.edit("set-route-enabled", ccn_id="ccn-1", cidr=cidr, enabled=on)
        self.oracle.routes[cidr] = on

    def attachment(self, on: bool) -> None:
        state = "ACTIVE" if on else "PENDING"
        self.yard.simulator.edit("set-attachment-state", ccn_id="ccn-1", vpc_id="vpc-g", state=state)
        self.oracle.active = on

    def fault(self, kind: str, action: str) -> None:
        self.yard.simulator.order(kind, action=action, times=1)

    def work(self) -> None:
        """One round of the worker, within which the world stands still: what is proven in it must be true in it."""
        self.yard.skip_pauses()
        self.yard.worker.run_once()
        for binding in self.yard.bindings():
            if binding.binding_id not in self.proven and binding.verification.verdict == "proven":
                self.proven.add(binding.binding_id)
                assert self.oracle.owns(binding.cluster_id, binding.ip), binding
        self._cloud_has_only_what_was_proven()

    def sweep(self) -> None:
        self.yard.tell("UPDATE clusters SET reverification_due_at = clock_timestamp()")
        self.work()

    def end(self) -> None:
        """Faults stop and everything is looked at again: what is left is right, or an operator's to decide."""
        self.yard.simulator.clear_faults()
        for _ in range(2):
            self.yard.tell("UPDATE clusters SET reverification_due_at = clock_timestamp()")
            self.yard.work(rounds=8)  # it never rests while somebody claims what another cluster has
        held = {b.ip for b in self.yard.bindings() if b.state is State.HELD and b.reason is Code.REMOVAL_GUARD}
        bound = {b.ip: b.cluster_id for b in self.yard.bindings() if b.state is State.BOUND}
        at_cloud = {ip for _, ip, _ in self.yard.targets()}
        assert at_cloud <= held | bound.keys()
        assert {ip: cluster for ip, cluster in bound.items() if not self.oracle.owns(cluster, ip)} == {}

    def _cloud_has_only_what_was_proven(self) -> None:
        proven = {binding.ip for binding in self.yard.bindings() if binding.binding_id in self.proven}
        assert {ip for _, ip, _ in self.yard.targets()} <= proven


CLUSTERS = st.sampled_from(("cls-a", "cls-b", "cls-g"))
MACHINE = st.sampled_from(tuple(MACHINES))
BIND = st.tuples(st.just("event"), CLUSTERS, st.just("bind"), st.integers(0, 2), st.sampled_from((0, 1, 3)))
CHANGE = st.one_of(
    st.tuples(st.just("move"), st.integers(0, 2), st.sampled_from((*MACHINES, None))),
    st.tuples(st.just("attach"), MACHINE, st.booleans()),
    st.tuples(st.just("enlist"), MACHINE, st.sampled_from(("cls-a", "cls-b", None))),
    st.tuples(st.just("route"), st.sampled_from((WHOLE, HALF)), st.booleans()),
    st.tuples(st.just("attachment"), st.booleans()),
)
STEPS = st.one_of(
    BIND,
    BIND,
    CHANGE,
    CHANGE,
    st.tuples(st.just("event"), CLUSTERS, st.just("unbind"), st.integers(0, 2), st.just(1)),
    st.tuples(st.just("fault"), st.sampled_from(FAULTS), st.sampled_from(READS)),
    st.tuples(st.just("sweep")),
)


@contextmanager
def _fresh(url: str) -> Iterator[Yard]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_EMPTY)
    ledger = Ledger(url)
    try:
        with Yard(ledger, _world()) as yard:
            yard.set_the_table("cls-a", "cls-b", "cls-g")
            yield yard
    finally:
        ledger.close()


def _between(cluster_id: str, *changes: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """A pod is bound, the world changes, and another pod asks: it must not be judged by what was read for the first."""
    return [("event", cluster_id, "bind", 0, 3), *changes, ("event", cluster_id, "bind", 1, 3)]


@example(_between("cls-g", ("route", WHOLE, False)))
@example(_between("cls-g", ("route", HALF, True)))
@example(_between("cls-g", ("attachment", False)))
@example(_between("cls-a", ("enlist", "ins-a", "cls-b")))
@example(_between("cls-a", ("move", 1, "ins-x")))
@example([*_between("cls-a", ("move", 1, "ins-b")), ("event", "cls-b", "bind", 1, 3), ("move", 1, "ins-a")])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, min_size=4, max_size=20))
def test_no_address_is_bound_that_is_not_its_clusters_when_the_verdict_falls(
    shared_url: str, steps: list[tuple[Any, ...]]
) -> None:
    with _fresh(shared_url) as yard:
        story = Story(yard)
        for name, *arguments in steps:
            getattr(story, name)(*arguments)
        story.work()
        story.end()
