"""How a pod got its address."""

from dataclasses import replace

import pytest

from app.agent.deciding.network import Network, NetworkMode, cidrs_of, network_mode
from tests.agent.deciding.builders import pod

ROUTER, CNI = NetworkMode.GLOBAL_ROUTER, NetworkMode.VPC_CNI
CIDRS = cidrs_of(["172.16.0.0/16"])
RESOURCE = "tke.cloud.tencent.com/eni-ip"


@pytest.mark.parametrize(
    ("ip", "resource", "networks", "cidrs", "default", "mode"),
    [
        ("172.16.3.4", RESOURCE, "tke-route-eni", CIDRS, CNI, ROUTER),
        ("10.0.3.17", RESOURCE, "tke-bridge", (), ROUTER, CNI),
        ("10.0.3.17", None, "tke-bridge", CIDRS, CNI, ROUTER),
        ("10.0.3.17", None, "tke-direct-eni,flannel", (), ROUTER, CNI),
        ("10.0.3.17", None, "tke-sub-eni", (), None, CNI),
        ("10.0.3.17", None, "flannel", CIDRS, ROUTER, CNI),
        ("10.0.3.17", None, None, CIDRS, ROUTER, CNI),
        ("10.0.3.17", None, None, (), ROUTER, ROUTER),
        ("10.0.3.17", None, None, (), None, None),
        (None, None, None, CIDRS, None, None),
    ],
)
def test_the_strongest_sign_counts(
    ip: str | None,
    resource: str | None,
    networks: str | None,
    cidrs: tuple[object, ...],
    default: NetworkMode | None,
    mode: NetworkMode | None,
) -> None:
    one = replace(pod(), ip=ip, interface_resource=resource, networks=networks)
    assert network_mode(one, Network(cidrs, default)) == mode  # type: ignore[arg-type]


def test_a_wrong_cidr_is_named() -> None:
    with pytest.raises(ValueError, match=r"172\.16\.0\.1/16"):
        cidrs_of(["10.0.0.0/8", "172.16.0.1/16"])
