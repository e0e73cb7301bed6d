"""VPC-CNI: the address is on an interface of the cluster's VPC and subnets, on a machine of the cluster."""

from collections.abc import Sequence

from app.domain.codes import Code
from app.ownership.evidence import Evidence, InterfaceAddress, Source, Subject
from app.ownership.finding import Finding, failed, not_applicable, passed, unknown


def address_on_interface(subject: Subject, evidence: Evidence) -> Finding:
    """The address is on an attached interface of the cluster's VPC, and in state AVAILABLE."""
    found = evidence.interfaces.get(subject.ip)
    if evidence.topology is None or found is None:
        return unknown(evidence)
    vpc_id = evidence.topology.vpc_id
    if not found:
        return failed(Code.ENI_NOT_FOUND, f"no interface holds {subject.ip}")
    here = [address for address in found if address.vpc_id == vpc_id]
    if not here and any(not address.vpc_id for address in found):
        return unknown(evidence, f"the cloud names no VPC of the interface that holds {subject.ip}")
    if not here:
        detail = f"{subject.ip} is on an interface of {found[0].vpc_id}, not of {vpc_id}"
        return failed(Code.ENI_OTHER_VPC, detail, **found[0].facts())
    usable = [address for address in here if address.usable]
    if not usable:
        detail = f"the interface that holds {subject.ip} is not attached, or its address is not available"
        return failed(Code.ENI_DETACHED, detail, **here[0].facts())
    return passed(**usable[0].facts())


def machine_of_cluster(subject: Subject, evidence: Evidence) -> Finding:
    """Every machine whose interface holds the address is a node of this cluster, the subnet one of its own.

    An address on two machines is moving: unless both are the cluster's, nobody can say whose it is.
    """
    if subject.ip not in evidence.interfaces:
        return unknown(evidence)
    usable = _usable(subject, evidence)
    if not usable:
        return not_applicable("no interface of the cluster's VPC can be sent to")
    unanswered = [address for address in usable if address.instance_id not in evidence.machines]
    if unanswered:
        return unknown(evidence)
    strangers = [finding for address in usable if (finding := _stranger(address, evidence)) is not None]
    if not strangers:
        return passed(instance_id=usable[0].instance_id, subnet_id=usable[0].subnet_id)
    if len(strangers) == len(usable):
        return strangers[0]
    machines = ", ".join(sorted({str(address.instance_id) for address in usable}))
    return unknown(evidence, f"{subject.ip} is on several machines: {machines}")


def _usable(subject: Subject, evidence: Evidence) -> Sequence[InterfaceAddress]:
    vpc_id = evidence.topology.vpc_id if evidence.topology else None
    return [each for each in evidence.interfaces.get(subject.ip, ()) if each.usable and each.vpc_id == vpc_id]


def _stranger(address: InterfaceAddress, evidence: Evidence) -> Finding | None:
    """Why the machine or the subnet is not the cluster's."""
    if not evidence.machines[str(address.instance_id)]:
        whose = next((node.cluster_id for node in evidence.nodes if node.instance_id == address.instance_id), None)
        belongs = f"a node of cluster {whose}" if whose else "a node of no cluster that is known"
        detail = f"machine {address.instance_id} is no node of {evidence.cluster_id}, but {belongs}"
        return failed(Code.ENI_OTHER_CLUSTER, detail, Source.MACHINES, **address.facts(), cluster_id=whose)
    subnets = evidence.topology.eni_subnet_ids if evidence.topology else ()
    if subnets and address.subnet_id not in subnets:
        detail = f"{address.subnet_id} is none of the container subnets of {evidence.cluster_id}"
        return failed(Code.ENI_OTHER_CLUSTER, detail, **address.facts(), eni_subnet_ids=list(subnets))
    return None
