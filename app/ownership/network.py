"""GlobalRouter: the address is in the cluster's container CIDR, and the Cloud Connect Network leads to the cluster."""

from app.domain.cluster import Verification
from app.domain.codes import Code
from app.ownership.evidence import Ccn, Evidence, Subject
from app.ownership.finding import SKIPPED, Finding, failed, not_applicable, passed, unknown, unread_networks, unreadable
from app.ownership.routes import Route, covers, network_of, overlap


def address_in_cluster_cidr(subject: Subject, evidence: Evidence) -> Finding:
    """The address is in one of the cluster's container CIDRs."""
    if evidence.topology is None:
        return unknown(evidence)
    cidrs = list(evidence.topology.cluster_cidrs)
    covering = _covering(subject, evidence)
    if covering is not None:
        return passed(cidr=covering)
    wrong = [cidr for cidr in cidrs if network_of(cidr) is None]
    if wrong:
        return unreadable(evidence, wrong)
    detail = f"{subject.ip} is in none of the cluster's CIDRs: {', '.join(cidrs) or 'it has none'}"
    return failed(Code.OUTSIDE_CLUSTER_CIDR, detail, cluster_cidrs=cidrs)


def vpc_in_ccn(subject: Subject, evidence: Evidence) -> Finding:
    """The cluster's VPC is ACTIVE in a Cloud Connect Network."""
    if subject.verification is Verification.DECLARED:
        return SKIPPED
    if evidence.topology is None or evidence.ccns is None:
        return unknown(evidence)
    vpc_id = evidence.topology.vpc_id
    active = _active(evidence, vpc_id)
    if active:
        return passed(ccn_id=active[0].ccn_id, vpc_id=vpc_id)
    return failed(Code.CCN_NOT_ATTACHED, f"{vpc_id} is not active in any Cloud Connect Network", vpc_id=vpc_id)


def route_leads_to_cluster(subject: Subject, evidence: Evidence) -> Finding:
    """The enabled routes of the longest prefix for the address lead to the cluster's VPC, all of them."""
    if subject.verification is Verification.DECLARED:
        return SKIPPED
    if evidence.topology is None or evidence.ccns is None:
        return unknown(evidence)
    vpc_id = evidence.topology.vpc_id
    ccns = _active(evidence, vpc_id)
    best = _longest([route for ccn in ccns for route in ccn.routes.longest(subject.ip, enabled=True)])
    elsewhere = [route for route in best if route.instance_id != vpc_id]
    if elsewhere:
        detail = f"the route for {subject.ip} leads to {elsewhere[0].instance_id}, not to {vpc_id}"
        return failed(Code.CCN_ROUTE_OTHER_VPC, detail, **elsewhere[0].facts())
    wrong = [route.destination for ccn in ccns for route in ccn.routes.unreadable if route.enabled]
    if wrong:
        return unreadable(evidence, wrong)  # any of them may be the longest, and lead elsewhere
    return passed(**best[0].facts()) if best else _not_routed(subject, ccns)


def _not_routed(subject: Subject, ccns: list[Ccn]) -> Finding:
    disabled = _longest([route for ccn in ccns for route in ccn.routes.longest(subject.ip, enabled=False)])
    if disabled:
        return failed(Code.CCN_ROUTE_DISABLED, f"no route for {subject.ip} is enabled", **disabled[0].facts())
    return failed(Code.CCN_ROUTE_MISSING, f"no route covers {subject.ip}")


def no_overlapping_cluster(subject: Subject, evidence: Evidence) -> Finding:
    """No other cluster that the Cloud Connect Network reaches has addresses of the same container CIDR."""
    if subject.verification is Verification.DECLARED:
        return SKIPPED
    if evidence.topology is None or evidence.ccns is None:
        return unknown(evidence)
    mine = _covering(subject, evidence)
    if mine is None:
        return not_applicable(f"{subject.ip} is in no readable CIDR of the cluster")
    ccns = _active(evidence, evidence.topology.vpc_id)
    reached = {each.vpc_id for ccn in ccns for each in ccn.attachments if each.active} | {evidence.topology.vpc_id}
    for neighbour in evidence.neighbours:
        theirs = [cidr for cidr in neighbour.topology.cluster_cidrs if overlap(mine, cidr)]
        if theirs and neighbour.topology.vpc_id in reached:
            detail = (
                f"{mine} overlaps with {theirs[0]} of cluster {neighbour.cluster_id} in {neighbour.topology.vpc_id}"
            )
            return failed(Code.CIDR_OVERLAP, detail, cidr=mine, other=theirs[0], cluster_id=neighbour.cluster_id)
    return unread_networks(evidence) if evidence.unread_neighbours else passed(cidr=mine)


def no_other_owner(subject: Subject, evidence: Evidence) -> Finding:
    """No other cluster of the VPC has the address by the cloud's evidence: a declaration is none against it.

    Between two that both have evidence the younger decides, when a place is taken.
    """
    if subject.verification is not Verification.DECLARED or evidence.topology is None:
        return not_applicable("the cloud's evidence decides")
    owners = [owner for owner in evidence.owners.get(subject.ip, ()) if owner.vpc_id == evidence.topology.vpc_id]
    if owners:
        detail = f"{subject.ip} is proven to be cluster {owners[0].cluster_id}'s"
        return failed(Code.CLAIMED_BY_OTHER_CLUSTER, detail, cluster_id=owners[0].cluster_id)
    return passed()


def _covering(subject: Subject, evidence: Evidence) -> str | None:
    cidrs = evidence.topology.cluster_cidrs if evidence.topology else ()
    return next((cidr for cidr in cidrs if covers(cidr, subject.ip)), None)


def _active(evidence: Evidence, vpc_id: str) -> list[Ccn]:
    return [ccn for ccn in evidence.ccns or () if ccn.active(vpc_id)]


def _longest(routes: list[Route]) -> list[Route]:
    """The routes of the longest prefix, over several Cloud Connect Networks; more than one is a tie."""
    lengths = {route: network.prefixlen for route in routes if (network := network_of(route.destination))}
    most = max(lengths.values(), default=0)
    return [route for route in routes if lengths.get(route) == most]
