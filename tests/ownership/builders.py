"""The evidence on one pod of one cluster: all of it good, but for what a test names."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from app.domain.cluster import NetworkMode, Node, Platform, Topology, Verification
from app.domain.codes import Code
from app.domain.load_balancer import Inventory
from app.ownership.evidence import Attachment, Ccn, Evidence, InterfaceAddress, Neighbour, Policy, Subject, Vip
from app.ownership.finding import Finding, Result
from app.ownership.routes import Route, RouteTable

IP = "172.16.3.17"
CLUSTER = "cls-mine"
BALANCER = "lb-1"
NODE = "10.0.1.5"
PORT = 8080

PASSED, FAILED, UNKNOWN = Result.PASSED, Result.FAILED, Result.UNKNOWN
SKIPPED, NOT_APPLICABLE = Result.SKIPPED, Result.NOT_APPLICABLE

TOPOLOGY = Topology("vpc-mine", ("172.16.0.0/16",), "192.168.0.0/17", ("subnet-1",))
PLATFORM = Platform(known=True, kubernetes_version="1.30.0", network_type="GR", vpc_cni=True)
INTERFACE = InterfaceAddress(IP, "eni-1", "vpc-mine", "subnet-1", "ins-1", "AVAILABLE", security_group_ids=("sg-eni",))
ATTACHMENT = Attachment("ccn-1", "vpc-mine", "ACTIVE", ("10.0.0.0/16", "172.16.0.0/16"))
OWN_NODE = Node(CLUSTER, "ins-1", NODE, ("sg-node",))
INVENTORY = Inventory("vpc-mine", ("10.0.9.9",), ())

VPC_CNI = Subject(IP, NetworkMode.VPC_CNI, Verification.STRICT, BALANCER, PORT, NODE)
ROUTED = Subject(IP, NetworkMode.GLOBAL_ROUTER, Verification.STRICT, BALANCER, PORT, NODE)
DECLARED = Subject(IP, NetworkMode.GLOBAL_ROUTER, Verification.DECLARED, BALANCER, PORT, NODE)
SUBJECTS = (VPC_CNI, ROUTED, DECLARED)

Case = tuple[Subject, dict[str, Any], Result, Code | None]
"""Who is asked about, what the evidence says that is not as usual, and what a check finds."""


def route(destination: str, vpc_id: str = "vpc-mine", *, enabled: bool = True, ccn_id: str = "ccn-1") -> Route:
    """A route of a Cloud Connect Network."""
    return Route(ccn_id, destination, "VPC", vpc_id, enabled)


ROUTE = route("172.16.0.0/16")


def ccn(*routes: Route, attachments: tuple[Attachment, ...] = (ATTACHMENT,), ccn_id: str = "ccn-1") -> Ccn:
    """A Cloud Connect Network with the cluster's VPC in it, and these routes."""
    return Ccn(ccn_id, attachments, RouteTable(routes))


def attached(vpc_id: str, state: str = "ACTIVE", *cidrs: str) -> Attachment:
    """A VPC in the Cloud Connect Network."""
    return Attachment("ccn-1", vpc_id, state, cidrs)


JOINED = (ccn(ROUTE, attachments=(ATTACHMENT, attached("vpc-other", "ACTIVE", "10.8.0.0/16"))),)
"""The networks of a cluster whose VPC is in one with vpc-other."""


def evidence(**changes: Any) -> Evidence:
    """What the cloud answered."""
    usual = Evidence(
        CLUSTER,
        TOPOLOGY,
        PLATFORM,
        interfaces={IP: (INTERFACE,)},
        machines={"ins-1": True},
        ccns=(ccn(ROUTE),),
        account_type="STANDARD",
        load_balancers={BALANCER: INVENTORY},
        nodes=(OWN_NODE,),
    )
    return replace(usual, **changes)


def interface(**changes: Any) -> InterfaceAddress:
    """The pod's address on an interface."""
    return replace(INTERFACE, **changes)


def on(*addresses: InterfaceAddress) -> dict[str, Any]:
    """Evidence that these interfaces hold the address."""
    return {"interfaces": {IP: addresses}}


def topology(**changes: Any) -> Topology:
    """The networks of the cluster."""
    return replace(TOPOLOGY, **changes)


def platform(**changes: Any) -> Platform:
    """What the cluster is made of."""
    return replace(PLATFORM, **changes)


def balancer(**changes: Any) -> dict[str, Any]:
    """Evidence of what the load balancer is."""
    return {"load_balancers": {BALANCER: replace(INVENTORY, **changes)}}


def neighbour(vpc_id: str = "vpc-other", *cidrs: str, service: str | None = None) -> Neighbour:
    """Another cluster."""
    return Neighbour("cls-theirs", Topology(vpc_id, cidrs, service))


def vip(load_balancer_id: str, vpc_id: str) -> dict[str, Any]:
    """Evidence that a load balancer has the address."""
    return {"vips": {IP: (Vip(load_balancer_id, vpc_id),)}}


def policy(action: str = "ACCEPT", port: str = "ALL", protocol: str = "TCP", **changes: Any) -> Policy:
    """A rule of a security group, for all sources."""
    return replace(Policy(protocol, port, "0.0.0.0/0", action), **changes)


def found(check: Callable[[Subject, Evidence], Finding], subject: Subject, changes: dict[str, Any]) -> tuple[Any, Any]:
    """Result and code of one check."""
    finding = check(subject, evidence(**changes))
    return finding.result, finding.code
