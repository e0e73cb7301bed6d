"""One check per function. Each looks at one thing in the evidence and says what it found.

The table `CHECKS` lists them per network mode in the order in which they are made; the first that fails decides.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network
from types import MappingProxyType
from typing import Any, Final

from app.domain.cluster import NetworkMode, Verification
from app.domain.codes import Code
from app.ownership.evidence import Evidence, InterfaceAddress, Route, Subject


class Result(StrEnum):
    """What one check found."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check, with the facts that it rests on."""

    check: str
    result: Result
    code: Code | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def rendered(self) -> dict[str, Any]:
        """The finding as it is kept with a binding and in the journal."""
        return {"check": self.check, "result": self.result, "code": self.code, "evidence": dict(self.evidence)}


Check = Callable[[Subject, Evidence], Finding]


def address_on_interface(subject: Subject, evidence: Evidence) -> Finding:
    """The address is on an attached interface of the cluster's VPC, and in state AVAILABLE."""
    name = "address-on-interface"
    found = evidence.interfaces.get(subject.ip)
    if evidence.topology is None or found is None:
        return _unknown(name, evidence)
    here = [address for address in found if address.vpc_id == evidence.topology.vpc_id]
    if not found:
        return Finding(name, Result.FAILED, Code.ENI_NOT_FOUND, {"detail": f"no interface holds {subject.ip}"})
    if not here:
        where = {"detail": f"{subject.ip} is on an interface of {found[0].vpc_id}, not of {evidence.topology.vpc_id}"}
        return Finding(name, Result.FAILED, Code.ENI_OTHER_VPC, found[0].facts() | where)
    usable = [address for address in here if _usable(address)]
    if not usable:
        detail = {"detail": f"the interface that holds {subject.ip} is not attached, or its address is not available"}
        return Finding(name, Result.FAILED, Code.ENI_DETACHED, here[0].facts() | detail)
    return Finding(name, Result.PASSED, None, usable[0].facts())


def address_in_cluster_cidr(subject: Subject, evidence: Evidence) -> Finding:
    """The address is in one of the cluster's container CIDRs."""
    name = "address-in-cluster-cidr"
    if evidence.topology is None:
        return _unknown(name, evidence)
    cidrs = list(evidence.topology.cluster_cidrs)
    for cidr in cidrs:
        if _covers(cidr, subject.ip):
            return Finding(name, Result.PASSED, None, {"cidr": cidr})
    unreadable = [cidr for cidr in cidrs if _network(cidr) is None]
    if unreadable:
        return _unreadable(name, unreadable)
    detail = f"{subject.ip} is in none of the cluster's CIDRs: {', '.join(cidrs) or 'it has none'}"
    return Finding(name, Result.FAILED, Code.OUTSIDE_CLUSTER_CIDR, {"cluster_cidrs": cidrs, "detail": detail})


def vpc_in_ccn(subject: Subject, evidence: Evidence) -> Finding:
    """The cluster's VPC is ACTIVE in a Cloud Connect Network."""
    name = "vpc-in-ccn"
    if subject.verification is Verification.DECLARED:
        return Finding(name, Result.SKIPPED)
    if evidence.topology is None or evidence.attachments is None:
        return _unknown(name, evidence)
    vpc_id = evidence.topology.vpc_id
    for attachment in evidence.attachments:
        if attachment.vpc_id == vpc_id and attachment.active:
            return Finding(name, Result.PASSED, None, {"ccn_id": attachment.ccn_id, "vpc_id": vpc_id})
    detail = {"vpc_id": vpc_id, "detail": f"{vpc_id} is not active in any Cloud Connect Network"}
    return Finding(name, Result.FAILED, Code.CCN_NOT_ATTACHED, detail)


def route_leads_to_cluster(subject: Subject, evidence: Evidence) -> Finding:
    """The longest-prefix enabled route for the address leads to the cluster's VPC."""
    name = "ccn-route-leads-to-cluster"
    if subject.verification is Verification.DECLARED:
        return Finding(name, Result.SKIPPED)
    if evidence.topology is None or evidence.routes is None:
        return _unknown(name, evidence)
    vpc_id = evidence.topology.vpc_id
    enabled = [route for route in evidence.routes if route.enabled and _covers(route.destination, subject.ip)]
    if not enabled:
        return _not_routed(name, subject, evidence.routes)
    best = max(enabled, key=_prefix)
    if best.instance_id == vpc_id:
        return Finding(name, Result.PASSED, None, best.facts())
    detail = {"detail": f"the route for {subject.ip} leads to {best.instance_id}, not to {vpc_id}"}
    return Finding(name, Result.FAILED, Code.CCN_ROUTE_OTHER_VPC, best.facts() | detail)


CHECKS: Final[Mapping[NetworkMode, tuple[Check, ...]]] = MappingProxyType(
    {
        NetworkMode.VPC_CNI: (address_on_interface,),
        NetworkMode.GLOBAL_ROUTER: (address_in_cluster_cidr, vpc_in_ccn, route_leads_to_cluster),
    }
)


def _not_routed(name: str, subject: Subject, routes: Sequence[Route]) -> Finding:
    unreadable = [route.destination for route in routes if route.enabled and _network(route.destination) is None]
    if unreadable:
        return _unreadable(name, unreadable)
    disabled = [route for route in routes if _covers(route.destination, subject.ip)]
    if disabled:
        detail = {"detail": f"no route for {subject.ip} is enabled"}
        return Finding(name, Result.FAILED, Code.CCN_ROUTE_DISABLED, max(disabled, key=_prefix).facts() | detail)
    return Finding(name, Result.FAILED, Code.CCN_ROUTE_MISSING, {"detail": f"no route covers {subject.ip}"})


def _usable(address: InterfaceAddress) -> bool:
    return address.instance_id is not None and address.state.upper() == "AVAILABLE"


def _prefix(route: Route) -> int:
    network = _network(route.destination)
    return -1 if network is None else network.prefixlen


def _network(cidr: str) -> IPv4Network | IPv6Network | None:
    """The network that the cloud wrote as ``cidr``; None when it cannot be read, which proves and refuses nothing."""
    try:
        return ip_network(cidr, strict=False)
    except ValueError:
        return None


def _covers(cidr: str, ip: str) -> bool:
    network = _network(cidr)
    return network is not None and IPv4Address(ip) in network


def _unreadable(name: str, cidrs: Sequence[str]) -> Finding:
    return Finding(name, Result.UNKNOWN, None, {"detail": f"not readable as a network: {', '.join(map(repr, cidrs))}"})


def _unknown(name: str, evidence: Evidence) -> Finding:
    return Finding(name, Result.UNKNOWN, None, {"detail": evidence.problem or "the cloud did not answer"})
