"""Verifying many addresses costs few reads, and no cluster waits for the reads of another."""

from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any

import pytest

from app.domain.binding import State
from app.ledger.connection import Ledger
from app.ledger.leases import LeaseSubject
from app.worker.loops import Loop, Worker
from app.worker.verify_ownership import verify_ownership
from tests.acceptance.world import world
from tests.worker.yard import INSTANT, Yard, name_of, pod_event, running

PODS = 5000
MACHINES = 100
ROUTES = 10_000


def ip_of(cluster_id: str, number: int) -> str:
    """The address of the pod of that number; pods that follow each other are on different machines."""
    if cluster_id == "cls-b":
        return str(IPv4Address("172.20.0.1") + number)
    machine, place = number % MACHINES, number // MACHINES
    return f"10.1.{machine}.{place + 1}"


def big_world() -> dict[str, Any]:
    """A VPC with a hundred machines of fifty pods each, and a network with ten thousand routes."""
    found = world(**INSTANT)
    found["vpcs"].append({"vpc_id": "vpc-big", "cidr": "10.1.0.0/16"})
    found["subnets"].append({"subnet_id": "subnet-big", "vpc_id": "vpc-big", "cidr": "10.1.0.0/16"})
    found["interfaces"] += [
        {
            "interface_id": f"eni-big-{machine}",
            "vpc_id": "vpc-big",
            "subnet_id": "subnet-big",
            "instance_id": f"ins-big-{machine + 1}",
            "addresses": [{"first": f"10.1.{machine}.1", "count": PODS // MACHINES}],
        }
        for machine in range(MACHINES)
    ]
    big = {"cluster_id": "cls-big", "name": "big", "version": "1.30.0", "vpc_id": "vpc-big", "network_type": "VPC-CNI"}
    nodes = [{"first": "10.1.200.1", "count": MACHINES, "instance_prefix": "ins-big-"}]
    found["clusters"].append({**big, "nodes": nodes})
    found["ccns"][0]["attachments"].append({"vpc_id": "vpc-big"})
    found["load_balancers"][0]["target_quota"] = 10_000
    return found


def routed_world() -> dict[str, Any]:
    found = world(**INSTANT)
    start = IPv4Address("11.0.0.0")
    found["ccns"][0]["routes"] += [
        {"cidr": f"{start + number * 256}/24", "vpc_id": "vpc-a"} for number in range(ROUTES - 2)
    ]
    return found


@pytest.fixture
def big(ledger: Ledger) -> Iterator[Yard]:
    with Yard(ledger, big_world()) as opened:
        yield opened


@pytest.fixture
def routed(ledger: Ledger) -> Iterator[Yard]:
    with Yard(ledger, routed_world()) as opened:
        yield opened


def verifies(yard: Yard) -> Worker:
    """A worker that verifies and does nothing else, so that what it reads is what verifying costs."""
    return Worker(yard.workshop("verifier"), [Loop(LeaseSubject.VERIFICATION, verify_ownership, hands=4)])


def tell_all(yard: Yard, cluster_id: str, mode: str) -> None:
    for start in range(0, PODS, 1000):
        numbers = range(start, start + 1000)
        yard.say(
            cluster_id,
            *(pod_event(n, cluster_id=mode, uid=f"uid-{cluster_id}-{n}", ip=ip_of(mode, n)) for n in numbers),
        )


@pytest.mark.parametrize(("cluster_id", "mode"), [("cls-big", "cls-a"), ("cls-b", "cls-b")])
def test_5000_new_pods_of_one_vpc_are_verified_with_at_most_100_reads(big: Yard, cluster_id: str, mode: str) -> None:
    yard = big
    yard.set_the_table(cluster_id)
    tell_all(yard, cluster_id, mode)
    worker = verifies(yard)
    while worker.run_once():
        pass
    verdicts = yard.tell("SELECT verdict, count(*) FROM bindings GROUP BY verdict")
    assert verdicts == [("proven", PODS)]
    assert yard.reads().total() <= 100, yard.reads()


def test_a_single_bind_of_another_cluster_waits_for_one_look_of_a_big_one_at_most(big: Yard) -> None:
    yard = big
    yard.set_the_table("cls-big", "cls-a")
    tell_all(yard, "cls-big", "cls-a")
    yard.say("cls-a", pod_event(0))
    worker = verifies(yard)
    assert worker.run_once() == 2
    assert yard.only(cluster_id="cls-a").state is State.PENDING
    assert len(yard.bindings(cluster_id="cls-big", state="verifying")) >= PODS - 500


def test_a_table_of_10000_routes_is_read_once_for_many_binds(routed: Yard) -> None:
    yard = routed
    yard.set_the_table("cls-b")
    for number in range(5):
        yard.say("cls-b", pod_event(number, cluster_id="cls-b"))
        yard.settle()
    assert yard.targets() == {name_of(number, "cls-b"): 10 for number in range(5)}
    assert yard.reads()["DescribeCcnRoutes"] == ROUTES // 100


def test_a_single_bind_of_another_cluster_does_not_wait_for_a_table_of_10000_routes(routed: Yard) -> None:
    yard = routed
    yard.set_the_table("cls-a", "cls-b")
    yard.settle()
    yard.simulator.order("hang", action="DescribeCcnRoutes", seconds=0.05, when="before", times=0)
    yard.say("cls-b", pod_event(0, cluster_id="cls-b"))
    with running(yard.worker):
        yard.wait_for("the big reading", lambda: yard.reads()["DescribeCcnRoutes"] > 2)
        yard.say("cls-a", pod_event(0))
        yard.wait_for("the single bind", lambda: name_of(0) in yard.targets())
        meanwhile = yard.reads()["DescribeCcnRoutes"]
        yard.simulator.clear_faults()
        yard.wait_for("the other", lambda: name_of(0, "cls-b") in yard.targets())
    assert meanwhile < ROUTES // 100
    assert yard.reads()["DescribeCcnRoutes"] == ROUTES // 100
