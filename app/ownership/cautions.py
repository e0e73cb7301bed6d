"""What may keep a proven target from working: warnings, which refuse nothing and are silent when nothing is known."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from app.domain.cluster import NetworkMode
from app.domain.codes import Caution
from app.ownership.evidence import Evidence, Policy, Subject

CARRIES_TCP_OR_UDP: Final = frozenset({"TCP", "UDP", "ALL"})
ANYWHERE: Final = frozenset({"", "0.0.0.0/0"})


def cautions(subject: Subject, evidence: Evidence) -> tuple[Caution, ...]:
    """The warnings on a target, in their order."""
    found = (
        (Caution.SECURITY_GROUP_CLOSED, security_group_closed(subject, evidence)),
        (Caution.LOOPBACK_POSSIBLE, loopback_possible(subject, evidence)),
    )
    return tuple(caution for caution, given in found if given)


def security_groups_of(subject: Subject, evidence: Evidence) -> Iterator[tuple[str, ...]]:
    """The security groups that the pod's packets pass: those of its interface, and those of its machine."""
    addresses = evidence.interfaces.get(subject.ip, ()) if subject.network_mode is NetworkMode.VPC_CNI else ()
    machines = {address.instance_id for address in addresses if address.usable}
    yield from (address.security_group_ids for address in addresses if address.usable)
    for node in evidence.nodes:
        of_pod = node.instance_id in machines or (not machines and node.ip == subject.node)
        if node.cluster_id == evidence.cluster_id and of_pod:
            yield node.security_group_ids


def security_group_closed(subject: Subject, evidence: Evidence) -> bool:
    """Whether the security groups of the pod's machine or interface let nobody in at the pod's port."""
    if subject.port is None:
        return False
    for group_ids in security_groups_of(subject, evidence):
        known = [evidence.security_groups[each] for each in group_ids if each in evidence.security_groups]
        if group_ids and len(known) == len(group_ids):
            policies = [policy for group in known for policy in group]
            if not _opens(policies, subject.port):
                return True
    return False


def loopback_possible(subject: Subject, evidence: Evidence) -> bool:
    """Whether a client on the pod's own node may be answered past the load balancer.

    An internal load balancer keeps the client's address, and Linux drops what then seems to come from the node itself.
    Who the clients are is not known here: it is possible wherever clients of the pods' own VPC can be, and not where
    SnatPro puts the load balancer's address in the client's place.
    """
    inventory = evidence.load_balancers.get(subject.load_balancer_id or "")
    if inventory is None or evidence.topology is None:
        return False
    return inventory.internal and inventory.vpc_id == evidence.topology.vpc_id


def _opens(policies: Sequence[Policy], port: int) -> bool:
    """Whether some source gets through to the port. The first rule that fits decides; none means no."""
    for policy in policies:
        if not policy.readable:
            return True  # what it opens is not known here, and a warning must be sure
        named = _names(policy.port, port) if policy.protocol.upper() in CARRIES_TCP_OR_UDP else False
        if policy.action.upper() == "ACCEPT" and named is not False:
            return True
        if policy.action.upper() != "ACCEPT" and named and policy.cidr in ANYWHERE:
            return False
    return False


def _names(ports: str, port: int) -> bool | None:
    """Whether ``ports`` ("ALL", "80", "80,443", "8000-9000") names ``port``; None when it cannot be read."""
    named: bool | None = False
    for part in ports.split(","):
        if part.strip().upper() in {"", "ALL"}:
            return True
        found = re.fullmatch(r"\s*(\d{1,5})\s*(?:-\s*(\d{1,5})\s*)?", part)
        if found is None:
            named = None
        elif int(found[1]) <= port <= int(found[2] or found[1]):
            return True
    return named
