"""Addresses that are no pod's: those of load balancers, Services and machines. To bind one is a loop or a mistake."""

from collections.abc import Sequence

from app.domain.cluster import NetworkMode
from app.domain.codes import Code
from app.domain.target import bindable
from app.ownership.evidence import Evidence, Source, Subject
from app.ownership.finding import Finding, failed, passed, unknown, unread_networks
from app.ownership.routes import covers, network_of


def bindable_address(subject: Subject, _evidence: Evidence) -> Finding:
    """The address is a unicast IPv4 address that is in no range of special purpose."""
    if bindable(subject.ip):
        return passed()
    return failed(Code.ADDRESS_NOT_BINDABLE, f"{subject.ip} is not a bindable unicast IPv4 address")


def no_load_balancer(subject: Subject, evidence: Evidence) -> Finding:
    """No known load balancer has the address, its own least of all: that would be a loop.

    As with Services and machines below, what is in another VPC may have an address that is a pod's here: it counts only
    when the answers say that the address is not here.
    """
    here = _here(subject, evidence)
    for vip in evidence.vips.get(subject.ip, ()):
        own = vip.load_balancer_id == subject.load_balancer_id
        if own or _near(vip.vpc_id, evidence) or here is False:
            whose = "its own load balancer" if own else f"load balancer {vip.load_balancer_id}"
            detail = f"{subject.ip} is an address of {whose}"
            return failed(Code.ADDRESS_IS_LOAD_BALANCER, detail, load_balancer_id=vip.load_balancer_id)
    if not evidence.all_vips:
        return unknown(evidence, evidence.problem or "the load balancers of the region were not read yet")
    strangers = [vip.load_balancer_id for vip in evidence.vips.get(subject.ip, ())]
    return _nobodys(strangers, evidence, here=here)


def no_service_address(subject: Subject, evidence: Evidence) -> Finding:
    """The address is no Service's, of whichever cluster."""
    if evidence.topology is not None and covers(evidence.topology.service_cidr, subject.ip):
        return _of_service(subject, evidence.cluster_id, str(evidence.topology.service_cidr))
    here = _here(subject, evidence)
    covering = [each for each in evidence.neighbours if covers(each.topology.service_cidr, subject.ip)]
    for neighbour in covering:
        if _near(neighbour.topology.vpc_id, evidence) or here is False:
            return _of_service(subject, neighbour.cluster_id, str(neighbour.topology.service_cidr))
    if evidence.unread_neighbours:
        return unread_networks(evidence)
    return _nobodys([each.cluster_id for each in covering], evidence, here=here)


def no_node(subject: Subject, evidence: Evidence) -> Finding:
    """The address is no machine's own: a pod with its node's address cannot be bound directly."""
    for address in evidence.interfaces.get(subject.ip, ()):
        if address.primary and evidence.topology is not None and address.vpc_id == evidence.topology.vpc_id:
            detail = f"{subject.ip} is the primary address of machine {address.instance_id}"
            return failed(Code.ADDRESS_IS_NODE, detail, Source.INTERFACES, **address.facts())
    here = _here(subject, evidence)
    vpc_ids = {neighbour.cluster_id: neighbour.topology.vpc_id for neighbour in evidence.neighbours}
    nodes = [node for node in evidence.nodes if node.ip == subject.ip]
    for node in nodes:
        near = node.cluster_id == evidence.cluster_id or _near(vpc_ids.get(node.cluster_id, ""), evidence)
        if near or here is False:
            detail = f"{subject.ip} is the address of machine {node.instance_id}, a node of cluster {node.cluster_id}"
            return failed(Code.ADDRESS_IS_NODE, detail, instance_id=node.instance_id, cluster_id=node.cluster_id)
    return _nobodys([node.instance_id for node in nodes], evidence, here=here)


def _of_service(subject: Subject, cluster_id: str, cidr: str) -> Finding:
    detail = f"{subject.ip} is in the Service network {cidr} of cluster {cluster_id}"
    return failed(Code.ADDRESS_IS_SERVICE, detail, service_cidr=cidr, cluster_id=cluster_id)


def _near(vpc_id: str, evidence: Evidence) -> bool:
    """Whether the VPC is the cluster's own."""
    return evidence.topology is not None and evidence.topology.vpc_id == vpc_id


def _nobodys(strangers: Sequence[str], evidence: Evidence, *, here: bool | None) -> Finding:
    """Nobody has the address, or somebody in another VPC, while it is the cluster's own here."""
    if strangers and here is None:
        unsaid = evidence.problem or "the cloud did not answer whether the cluster's networks have the address"
        return unknown(evidence, f"{', '.join(strangers)} in another VPC has it too: {unsaid}")
    return passed()


def _here(subject: Subject, evidence: Evidence) -> bool | None:
    """Whether the cluster's own networks have the address: an interface of its VPC holds it, or a container CIDR.

    None: the answers that would say so are missing or cannot be read.
    """
    if evidence.topology is None:
        return None
    cidrs, found = evidence.topology.cluster_cidrs, evidence.interfaces.get(subject.ip)
    held = any(address.vpc_id == evidence.topology.vpc_id for address in found or ())
    if held or any(covers(cidr, subject.ip) for cidr in cidrs):
        return True
    if subject.network_mode is NetworkMode.VPC_CNI:
        unsaid = found is None or any(not address.vpc_id for address in found)
    else:
        unsaid = any(network_of(cidr) is None for cidr in cidrs)
    return None if unsaid else False
