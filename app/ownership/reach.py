"""Whether the load balancer can send to the address: from its own VPC, or with SnatPro through a common network."""

from typing import Any

from app.domain.cluster import Verification
from app.domain.codes import Code
from app.domain.load_balancer import Inventory
from app.ownership.evidence import Evidence, Source, Subject
from app.ownership.finding import SKIPPED, Finding, failed, not_applicable, passed, unknown
from app.ownership.routes import covers


def load_balancer_reaches(subject: Subject, evidence: Evidence) -> Finding:
    """The load balancer is in the pod's VPC, or both are in one Cloud Connect Network and it has SnatPro."""
    if subject.load_balancer_id is None:
        return not_applicable("no load balancer is asked about")
    if evidence.topology is None or subject.load_balancer_id not in evidence.load_balancers:
        return unknown(evidence, evidence.problem or f"{subject.load_balancer_id} was not read yet")
    inventory = evidence.load_balancers[subject.load_balancer_id]
    if inventory is None:
        return not_applicable(f"the cloud knows no {subject.load_balancer_id}")
    if not inventory.vpc_id:
        return unknown(evidence, f"the cloud names no VPC of {subject.load_balancer_id}")
    if inventory.vpc_id == evidence.topology.vpc_id:
        return passed(vpc_id=inventory.vpc_id)
    return _from_another_vpc(subject, evidence, inventory, evidence.topology.vpc_id)


def _from_another_vpc(subject: Subject, evidence: Evidence, inventory: Inventory, vpc_id: str) -> Finding:
    """Binding an address of another VPC needs SnatPro, one common network and no overlap (CLB documentation)."""
    facts: dict[str, Any] = {"load_balancer_vpc_id": inventory.vpc_id, "vpc_id": vpc_id, "snat_pro": inventory.snat_pro}
    apart = f"{subject.load_balancer_id} is in {inventory.vpc_id}, the pod in {vpc_id}"
    if not inventory.snat_pro:
        return failed(Code.LOAD_BALANCER_UNREACHABLE, f"{apart}, and SnatPro is off", **facts)
    if subject.verification is Verification.DECLARED:
        return SKIPPED
    if evidence.ccns is None:
        return unknown(evidence)
    common = next((ccn for ccn in evidence.ccns if ccn.active(vpc_id) and ccn.active(inventory.vpc_id)), None)
    if common is None:
        detail = f"{apart}, and no Cloud Connect Network has both"
        return failed(Code.LOAD_BALANCER_UNREACHABLE, detail, Source.NETWORK, **facts)
    own = common.active(inventory.vpc_id)
    covering = next((cidr for cidr in (own.cidrs if own else ()) if covers(cidr, subject.ip)), None)
    if covering is not None:
        detail = f"{subject.ip} is in {covering} of {inventory.vpc_id} too, where {subject.load_balancer_id} is"
        return failed(Code.CIDR_OVERLAP, detail, Source.NETWORK, **facts, cidr=covering)
    return passed(**facts, ccn_id=common.ccn_id)
