"""The evidence on one pod of one cluster: all of it good, but for what a test names."""

from dataclasses import replace
from typing import Any

from app.domain.cluster import NetworkMode, Topology, Verification
from app.ownership.evidence import Attachment, Evidence, InterfaceAddress, Route, Subject

IP = "172.16.3.17"
TOPOLOGY = Topology("vpc-mine", ("172.16.0.0/16",), "192.168.0.0/17", ("subnet-1",))
INTERFACE = InterfaceAddress(IP, "eni-1", "vpc-mine", "subnet-1", "ins-1", "AVAILABLE")
ATTACHMENT = Attachment("ccn-1", "vpc-mine", "ACTIVE")
ROUTE = Route("ccn-1", "172.16.0.0/16", "VPC", "vpc-mine", enabled=True)

VPC_CNI = Subject(IP, NetworkMode.VPC_CNI, Verification.STRICT)
ROUTED = Subject(IP, NetworkMode.GLOBAL_ROUTER, Verification.STRICT)
DECLARED = Subject(IP, NetworkMode.GLOBAL_ROUTER, Verification.DECLARED)


def evidence(**changes: Any) -> Evidence:
    """What the cloud answered."""
    usual = Evidence(TOPOLOGY, {IP: (INTERFACE,)}, (ATTACHMENT,), (ROUTE,))
    return replace(usual, **changes)


def interface(**changes: Any) -> InterfaceAddress:
    """The pod's address on an interface."""
    return replace(INTERFACE, **changes)


def route(destination: str, vpc_id: str = "vpc-mine", *, enabled: bool = True) -> Route:
    """A route of the Cloud Connect Network."""
    return Route("ccn-1", destination, "VPC", vpc_id, enabled)


def topology(**changes: Any) -> Topology:
    """The networks of the cluster."""
    return replace(TOPOLOGY, **changes)
