"""A small simulated cloud, and the broker's client pointed at it."""

import copy
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from app.cloud.client import Account, Client
from app.simulator.server import Simulator

ACCOUNT = "default"
REGION = "ap-guangzhou"

WORLD = """
parameters: {batch_seconds: 0, batch_seconds_per_target: 0, tail_seconds: 0, tail_seconds_per_target: 0,
  task_seconds: 0, calls_per_second: 10000}
credentials: [{secret_id: AKIDtest, secret_key: test-key}]
vpcs:
  - {vpc_id: vpc-1, cidr: 10.0.0.0/16, container_cidrs: [172.16.0.0/16]}
  - {vpc_id: vpc-2, cidr: 10.1.0.0/16}
subnets:
  - {subnet_id: subnet-1, vpc_id: vpc-1, cidr: 10.0.0.0/16}
  - {subnet_id: subnet-2, vpc_id: vpc-2, cidr: 10.1.0.0/16}
interfaces:
  - {interface_id: eni-1, vpc_id: vpc-1, subnet_id: subnet-1, instance_id: ins-1,
     addresses: [10.0.3.1, 10.0.3.17, {ip: 10.0.3.18, state: PENDING}, {first: 10.0.4.1, count: 600}]}
  - {interface_id: eni-loose, vpc_id: vpc-1, subnet_id: subnet-1, instance_id: null, addresses: [10.0.8.1]}
  - {interface_id: eni-2, vpc_id: vpc-2, subnet_id: subnet-2, instance_id: ins-2, addresses: [10.1.3.1]}
ccns:
  - ccn_id: ccn-1
    attachments: [{vpc_id: vpc-1}, {vpc_id: vpc-2, state: PENDING}]
    routes: [{cidr: 172.16.0.0/16, vpc_id: vpc-1}, {cidr: 10.1.0.0/16, vpc_id: vpc-2, enabled: false}]
clusters:
  - {cluster_id: cls-1, name: shop, vpc_id: vpc-1, network_type: VPC-CNI, service_cidr: 192.168.0.0/17,
     eni_subnet_ids: [subnet-1]}
  - {cluster_id: cls-gr, name: old, vpc_id: vpc-1, network_type: GR, cluster_cidr: 172.16.0.0/16}
load_balancers:
  - load_balancer_id: lb-1
    vpc_id: vpc-1
    vips: [1.2.3.4]
    listeners:
      - {listener_id: lbl-1, protocol: TCP, port: 80}
      - {listener_id: lbl-2, protocol: TCP, port: 81}
      - listener_id: lbl-web
        protocol: HTTP
        port: 8000
        rules:
          - {location_id: loc-1, domain: shop.example, url: /}
          - {location_id: loc-2, domain: shop.example, url: /cart}
"""

_PARSED = yaml.safe_load(WORLD)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK sends even loopback calls to a proxy, when the environment names one."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def world() -> dict[str, Any]:
    """A description of the small world, to change before it is built."""
    return copy.deepcopy(_PARSED)


@pytest.fixture
def simulator(world: dict[str, Any]) -> Iterator[Simulator]:
    """The small world, served."""
    with Simulator(world) as running:
        yield running


Slots = list[tuple[str, str, str]]


@pytest.fixture
def slots() -> Slots:
    """The slots of the budget that were asked for, in order."""
    return []


def client_of(endpoint: str, budget: Callable[[str, str, str], None], *, timeout: float = 5.0) -> Client:
    """The broker's client at an endpoint."""
    return Client(Account(ACCOUNT, "AKIDtest", "test-key", endpoint, timeout), REGION, budget)


@pytest.fixture
def client(simulator: Simulator, slots: Slots) -> Client:
    """The broker's client at the simulator, with a budget that only counts."""
    return client_of(simulator.endpoint, lambda *slot: slots.append(slot))


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until the condition holds; fail when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def actions(simulator: Simulator) -> list[str]:
    """The actions that were called, oldest first."""
    return [call["action"] for call in simulator.calls]
