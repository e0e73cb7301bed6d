"""A small world, quick unless a test makes it slow, and the real SDK pointed at it."""

import contextlib
import copy
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from tencentcloud.clb.v20180317.clb_client import ClbClient
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.tke.v20180525.tke_client import TkeClient
from tencentcloud.vpc.v20170312.vpc_client import VpcClient

from app.simulator.request import VERSIONS
from app.simulator.server import Simulator

REGION = "ap-guangzhou"
SECRET = ("AKIDtest", "test-key")

WORLD = """
parameters:
  batch_seconds: 0
  batch_seconds_per_target: 0
  tail_seconds: 0
  tail_seconds_per_target: 0
  task_seconds: 0
  calls_per_second: 10000
credentials: [{secret_id: AKIDtest, secret_key: test-key}]
vpcs:
  - {vpc_id: vpc-1, cidr: 10.0.0.0/16, name: shop, container_cidrs: [172.16.0.0/16], assistant_cidrs: [10.9.0.0/16]}
  - {vpc_id: vpc-2, cidr: 10.1.0.0/16}
  - {vpc_id: vpc-far, cidr: 10.7.0.0/16, region: ap-shanghai}
subnets:
  - {subnet_id: subnet-1, vpc_id: vpc-1, cidr: 10.0.0.0/20}
  - {subnet_id: subnet-2, vpc_id: vpc-2, cidr: 10.1.0.0/20}
interfaces:
  - {interface_id: eni-node, vpc_id: vpc-1, subnet_id: subnet-1, instance_id: ins-1, primary: true,
     security_groups: [sg-1], addresses: [10.0.1.5]}
  - {interface_id: eni-1, vpc_id: vpc-1, subnet_id: subnet-1, instance_id: ins-1,
     addresses: [10.0.3.1, 10.0.3.17, {ip: 10.0.3.18, state: PENDING}, {first: 10.0.4.1, count: 600}]}
  - {interface_id: eni-loose, vpc_id: vpc-1, subnet_id: subnet-1, instance_id: null, addresses: [10.0.8.1]}
  - {interface_id: eni-2, vpc_id: vpc-2, subnet_id: subnet-2, instance_id: ins-2, addresses: [10.1.3.1]}
ccns:
  - ccn_id: ccn-1
    attachments: [{vpc_id: vpc-1}, {vpc_id: vpc-2}]
    routes:
      - {cidr: 172.16.0.0/16, vpc_id: vpc-1}
      - {cidr: 10.1.0.0/16, vpc_id: vpc-2}
clusters:
  - {cluster_id: cls-1, name: shop, vpc_id: vpc-1, network_type: VPC-CNI, service_cidr: 192.168.0.0/17,
     eni_subnet_ids: [subnet-1], nodes: [{instance_id: ins-1, ip: 10.0.1.5}, {instance_id: ins-9, ip: 10.0.1.9}]}
  - {cluster_id: cls-gr, name: old, vpc_id: vpc-1, network_type: GR, cluster_cidr: 172.16.0.0/16}
security_groups:
  - security_group_id: sg-1
    ingress: [{protocol: TCP, port: "8080", cidr: 10.0.0.0/8}]
load_balancers:
  - load_balancer_id: lb-1
    name: shop
    vpc_id: vpc-1
    vips: [1.2.3.4]
    listeners:
      - {listener_id: lbl-1, protocol: TCP, port: 80}
      - {listener_id: lbl-2, protocol: TCP, port: 81}
      - {listener_id: lbl-udp, protocol: UDP, port: 80}
      - listener_id: lbl-web
        protocol: HTTP
        port: 8000
        rules:
          - {location_id: loc-1, domain: shop.example, url: /}
          - {location_id: loc-2, domain: shop.example, url: /cart}
  - {load_balancer_id: lb-2, vpc_id: vpc-1, type: INTERNAL, vips: [10.0.0.2], snat_pro: true,
     listeners: [{listener_id: lbl-3, protocol: TCP, port: 80, health_check: false,
                  targets: [{ip: 10.0.3.17, port: 8080, weight: 20}]}]}
  - {load_balancer_id: lb-far, vpc_id: vpc-far, vips: [5.6.7.8]}
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


def profile(simulator: Simulator) -> ClientProfile:
    """The SDK's settings that point it at the simulator."""
    endpoint = simulator.endpoint.removeprefix("http://")
    return ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=endpoint, reqTimeout=5, keepAlive=True))


@pytest.fixture
def clb(simulator: Simulator) -> ClbClient:
    """The SDK's CLB client."""
    return ClbClient(Credential(*SECRET), REGION, profile(simulator))


@pytest.fixture
def vpc(simulator: Simulator) -> VpcClient:
    """The SDK's VPC client."""
    return VpcClient(Credential(*SECRET), REGION, profile(simulator))


@pytest.fixture
def tke(simulator: Simulator) -> TkeClient:
    """The SDK's TKE client."""
    return TkeClient(Credential(*SECRET), REGION, profile(simulator))


Asker = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(simulator: Simulator) -> Asker:
    """Makes any signed call through the SDK's general client, and returns what is inside `Response`."""

    def call(
        action: str,
        service: str = "clb",
        *,
        region: str = REGION,
        secret: tuple[str, str] = SECRET,
        version: str | None = None,
        **asked: Any,
    ) -> dict[str, Any]:
        version = version or VERSIONS[service]
        client = CommonClient(service, version, Credential(*secret), region, profile(simulator))
        answer: dict[str, Any] = client.call_json(action, asked)["Response"]
        return answer

    return call


def target(ip: str, port: int = 8080, listener_id: str = "lbl-1", **more: Any) -> dict[str, Any]:
    """One target of a batch action."""
    return {"ListenerId": listener_id, "EniIp": ip, "Port": port, **more}


def bound(simulator: Simulator, load_balancer_id: str = "lb-1") -> list[tuple[str, str, int, int]]:
    """What is bound: rule or listener, address, port, weight."""
    return [
        (row["location_id"] or row["listener_id"], row["ip"], row["port"], row["weight"])
        for row in simulator.targets(load_balancer_id)
    ]


def refused(call: Callable[[], Any]) -> tuple[str, str]:
    """The code and message with which a call is refused."""
    with pytest.raises(TencentCloudSDKException) as raised:
        call()
    return raised.value.get_code(), raised.value.get_message()


def begun(call: Callable[[], Any]) -> threading.Thread:
    """The call, made in a thread of its own; how it ends does not matter."""

    def make() -> None:
        with contextlib.suppress(TencentCloudSDKException):
            call()

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    return thread


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Waits until the condition holds; fails when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)
