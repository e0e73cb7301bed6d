"""Health as the cloud tells it: what it leaves out it says nothing about, and what cannot be read is no answer."""

from typing import Any

import pytest

from app.cloud.client import Client
from app.cloud.health import LOAD_BALANCERS_PER_READ, read_health
from app.domain.binding import Health
from app.domain.errors import CloudAmbiguous, CloudThrottled
from app.domain.target import Place
from app.simulator.server import Simulator
from tests.cloud.scripted import Scripted


def place(listener_id: str = "lbl-1", location_id: str = "", ip: str = "10.0.3.17", port: int = 8080) -> Place:
    return Place("default", "lb-1", listener_id, location_id, ip, port)


def add(simulator: Simulator, where: Place, health: str | None = None) -> None:
    name = {
        "load_balancer_id": where.load_balancer_id,
        "listener_id": where.listener_id,
        "location_id": where.location_id or None,
        "ip": where.ip,
        "port": where.port,
    }
    simulator.edit("add-target", **name)
    if health is not None:
        simulator.edit("set-health", **name, health=health)


def test_every_target_of_both_layers_has_its_health(client: Client, simulator: Simulator) -> None:
    told = {
        place(ip="10.0.3.1"): "Alive",
        place(): "Dead",
        place("lbl-web", "loc-1"): "Unknown",
        place("lbl-web", "loc-2"): "Close",
    }
    for where, health in told.items():
        add(simulator, where, health)
    assert read_health(client, ["lb-1"]) == {
        place(ip="10.0.3.1"): Health.HEALTHY,
        place(): Health.UNHEALTHY,
        place("lbl-web", "loc-1"): Health.UNKNOWN,
        place("lbl-web", "loc-2"): Health.OFF,
    }


def test_a_new_target_is_unknown_until_its_checks_are_through(client: Client, simulator: Simulator) -> None:
    simulator.set_parameters(health_seconds=3600)
    add(simulator, place())
    assert read_health(client, ["lb-1"]) == {place(): Health.UNKNOWN}
    simulator.set_parameters(health_seconds=0)
    assert read_health(client, ["lb-1"]) == {place(): Health.HEALTHY}


def test_a_listener_without_a_check_is_off(client: Client, simulator: Simulator) -> None:
    listener = {"listener_id": "lbl-9", "protocol": "TCP", "port": 99, "health_check": False}
    simulator.edit("add-listener", load_balancer_id="lb-1", listener=listener)
    add(simulator, place("lbl-9"))
    assert read_health(client, ["lb-1"]) == {place("lbl-9"): Health.OFF}


def test_a_load_balancer_that_the_answer_leaves_out_says_nothing(client: Client, simulator: Simulator) -> None:
    add(simulator, place(), "Alive")
    assert read_health(client, ["lb-gone"]) == {}
    assert read_health(client, ["lb-gone", "lb-1"]) == {place(): Health.HEALTHY}


@pytest.mark.parametrize("count", [0, LOAD_BALANCERS_PER_READ + 1])
def test_none_and_more_than_30_load_balancers_are_never_asked_about(count: int) -> None:
    cloud: Any = Scripted(DescribeTargetHealth=[{}])
    with pytest.raises(ValueError, match="load balancers"):
        read_health(cloud, [f"lb-{number}" for number in range(count)])
    assert cloud.calls == []


def test_30_load_balancers_are_one_call(client: Client, simulator: Simulator) -> None:
    for number in range(2, 31):
        added = {"load_balancer_id": f"lb-{number}", "vpc_id": "vpc-2", "vips": [f"10.1.9.{number}"]}
        simulator.edit("add-load-balancer", load_balancer=added)
    assert read_health(client, [f"lb-{number}" for number in range(1, 31)]) == {}
    assert [len(call["parameters"]["LoadBalancerIds"]) for call in simulator.calls] == [30]


def told(**changes: Any) -> dict[str, Any]:
    """An answer about one layer-4 target that is Alive, but for ``changes`` of any of its parts."""
    target = {"IP": "10.0.3.17", "Port": 8080, "HealthStatus": True, "HealthStatusDetail": "Alive"}
    target |= {name: value for name, value in changes.items() if name in target}
    rule = {"LocationId": "", "Targets": [target]} | _of(changes, "LocationId", "Targets")
    listener = {"ListenerId": "lbl-1", "Protocol": "TCP", "Rules": [rule]}
    listener |= _of(changes, "ListenerId", "Protocol", "Rules")
    balancer = {"LoadBalancerId": "lb-1", "Listeners": [listener]} | _of(changes, "LoadBalancerId", "Listeners")
    return {"LoadBalancers": [balancer]} | _of(changes, "LoadBalancers")


def _of(changes: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: changes[name] for name in names if name in changes}


def reading(answer: dict[str, Any]) -> dict[Place, Health]:
    cloud: Any = Scripted(DescribeTargetHealth=[answer])
    return read_health(cloud, ["lb-1", "lb-2"])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (told(), {place(): Health.HEALTHY}),
        (told(HealthStatus=True, HealthStatusDetail="Dead"), {place(): Health.UNHEALTHY}),
        (told(HealthStatus=False, HealthStatusDetail="Alive"), {place(): Health.HEALTHY}),
        (told(LocationId="loc-pseudo"), {place(): Health.HEALTHY}),
        (told(LocationId=None), {place(): Health.HEALTHY}),
        (told(LocationId="loc-1", Protocol="HTTPS"), {place(location_id="loc-1"): Health.HEALTHY}),
        (told(LocationId="loc-1", Protocol="http"), {place(location_id="loc-1"): Health.HEALTHY}),
        (told(HealthStatusDetail=None), {}),
        (told(HealthStatusDetail="Resting"), {}),
        (told(IP=None), {}),
        (told(Port=None), {}),
        (told(Targets=None), {}),
        (told(Rules=None), {}),
        (told(Listeners=None), {}),
        (told(LoadBalancerId="lb-9"), {}),
        (told(LoadBalancerId=None), {}),
        (told(LoadBalancers=None), {}),
        (told(LoadBalancers=[]), {}),
        ({}, {}),
    ],
)
def test_only_the_detail_counts_and_what_is_null_says_nothing(
    answer: dict[str, Any], expected: dict[Place, Health]
) -> None:
    assert reading(answer) == expected


@pytest.mark.parametrize(
    "answer",
    [
        told(LoadBalancers=5),
        told(LoadBalancers="lb-1"),
        told(LoadBalancers=[None]),
        told(LoadBalancerId=5),
        told(Listeners=5),
        told(Listeners=[None]),
        told(ListenerId=5),
        told(ListenerId=["lbl-1"]),
        told(Protocol=6),
        told(Rules="text"),
        told(Rules=[None]),
        told(LocationId=7, Protocol="HTTP"),
        told(Targets=[None]),
        told(Targets=True),
        told(IP=["10.0.3.17"]),
        told(Port="http"),
        told(Port=[8080]),
        told(Port=float("inf")),
        told(HealthStatusDetail=True),
        told(HealthStatusDetail=["Alive"]),
    ],
)
def test_an_answer_of_wrong_types_is_no_answer(answer: dict[str, Any]) -> None:
    with pytest.raises(CloudAmbiguous) as raised:
        reading(answer)
    assert raised.value.code == "UnreadableAnswer"


def test_what_the_cloud_says_instead_of_an_answer_is_passed_on(client: Client, simulator: Simulator) -> None:
    simulator.order("throttle", action="DescribeTargetHealth")
    with pytest.raises(CloudThrottled):
        read_health(client, ["lb-1"])
