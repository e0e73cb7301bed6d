"""How a pod got its address: by the strongest sign there is.

The signs and their order are TKE's: its container CIDRs are of GlobalRouter; pods with an interface address have an
injected resource; the annotation is a request, which may be ignored (TKE documentation, container networks).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from types import MappingProxyType
from typing import Final

from app.agent.deciding.objects import Pod


class NetworkMode(StrEnum):
    """From an elastic network interface, or from the cluster's container CIDR; as the broker's API names them."""

    VPC_CNI = "vpc-cni"
    GLOBAL_ROUTER = "global-router"


NETWORKS: Final[Mapping[str, NetworkMode]] = MappingProxyType(
    {
        "tke-bridge": NetworkMode.GLOBAL_ROUTER,
        "tke-route-eni": NetworkMode.VPC_CNI,
        "tke-direct-eni": NetworkMode.VPC_CNI,
        "tke-sub-eni": NetworkMode.VPC_CNI,
    }
)
"""Values of the annotation ``tke.cloud.tencent.com/networks``; of several, separated by commas, the first is meant."""


@dataclass(frozen=True, slots=True)
class Network:
    """What is known of the cluster's networks.

    ``cluster_cidrs`` are its container CIDRs (empty: not told), ``default_mode`` is taken where no sign speaks.
    ``direct_access``: whether ``GlobalRouteDirectAccess`` is "true" in kube-system/tke-service-controller-config;
    None: not read (yet).
    """

    cluster_cidrs: tuple[IPv4Network, ...] = ()
    default_mode: NetworkMode | None = None
    direct_access: bool | None = None


def cidrs_of(texts: Iterable[str]) -> tuple[IPv4Network, ...]:
    """IPv4 networks written as CIDRs. Raises ``ValueError``, which names the wrong one."""
    return tuple(map(IPv4Network, texts))


def network_mode(pod: Pod, network: Network) -> NetworkMode | None:
    """The pod's network mode; None when nothing says it.

    ::

        address in the cluster's CIDRs      global-router
        else an interface's resource        vpc-cni
        else the annotation, when known     what it says
        else the CIDRs are told             vpc-cni, since the address is not in them
        else                                the default
    """
    outside = False
    if pod.ip is not None and network.cluster_cidrs:
        address = IPv4Address(pod.ip)
        outside = not any(address in cidr for cidr in network.cluster_cidrs)
        if not outside:
            return NetworkMode.GLOBAL_ROUTER
    if pod.interface_resource is not None:
        return NetworkMode.VPC_CNI
    asked = NETWORKS.get((pod.networks or "").split(",")[0].strip())
    if asked is not None:
        return asked
    return NetworkMode.VPC_CNI if outside else network.default_mode
