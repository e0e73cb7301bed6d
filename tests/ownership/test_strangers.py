"""Addresses that are no pod's: load balancers', Services', machines', and those that are none."""

from typing import Any

import pytest

from app.domain.cluster import Node
from app.domain.codes import Code
from app.ownership.evidence import Evidence, Source, Vip
from app.ownership.finding import Result
from app.ownership.strangers import no_load_balancer, no_node, no_service_address
from tests.ownership.builders import (
    BALANCER,
    CLUSTER,
    DECLARED,
    FAILED,
    INTERFACE,
    IP,
    JOINED,
    PASSED,
    ROUTED,
    SUBJECTS,
    UNKNOWN,
    VPC_CNI,
    Case,
    attached,
    ccn,
    evidence,
    found,
    interface,
    neighbour,
    on,
    route,
    topology,
    vip,
)

NOWHERE = {"interfaces": {IP: ()}, "topology": topology(cluster_cidrs=())}
"""The cluster's own networks do not have the address."""


VIPS: dict[str, Case] = {
    "nobody's": (VPC_CNI, {}, PASSED, None),
    "nobody's of those that were read, and others were not": (VPC_CNI, {"all_vips": False}, UNKNOWN, None),
    "one's, though others were not read": (
        VPC_CNI,
        vip("lb-2", "vpc-mine") | {"all_vips": False},
        FAILED,
        Code.ADDRESS_IS_LOAD_BALANCER,
    ),
    "its own load balancer's": (VPC_CNI, vip(BALANCER, "vpc-mine"), FAILED, Code.ADDRESS_IS_LOAD_BALANCER),
    "its own load balancer's, in a VPC that is apart": (
        VPC_CNI,
        vip(BALANCER, "vpc-apart"),
        FAILED,
        Code.ADDRESS_IS_LOAD_BALANCER,
    ),
    "its own load balancer's, and nothing else is known": (
        VPC_CNI,
        vip(BALANCER, "vpc-mine") | {"topology": None, "interfaces": {}},
        FAILED,
        Code.ADDRESS_IS_LOAD_BALANCER,
    ),
    "another one's in the cluster's VPC": (VPC_CNI, vip("lb-2", "vpc-mine"), FAILED, Code.ADDRESS_IS_LOAD_BALANCER),
    "one's in a VPC of one network, and on an interface here": (
        VPC_CNI,
        vip("lb-2", "vpc-other") | {"ccns": JOINED},
        PASSED,
        None,
    ),
    "one's in a VPC that is apart, and on an interface here": (VPC_CNI, vip("lb-2", "vpc-other"), PASSED, None),
    "one's in a VPC that is apart, and in the cluster's CIDR": (
        ROUTED,
        vip("lb-2", "vpc-other") | {"interfaces": {}},
        PASSED,
        None,
    ),
    "one's in a VPC whose place in the network is not active": (
        VPC_CNI,
        vip("lb-2", "vpc-other") | {"ccns": (ccn(attachments=(attached("vpc-other", "PENDING"),)),)},
        PASSED,
        None,
    ),
    "one's in a VPC that is apart, and nowhere here": (
        VPC_CNI,
        vip("lb-2", "vpc-other") | NOWHERE,
        FAILED,
        Code.ADDRESS_IS_LOAD_BALANCER,
    ),
    "one's in a VPC that is apart, and outside the cluster's CIDRs": (
        ROUTED,
        vip("lb-2", "vpc-other") | NOWHERE,
        FAILED,
        Code.ADDRESS_IS_LOAD_BALANCER,
    ),
    "one's in a VPC that is not named, and on an interface here": (VPC_CNI, vip("lb-2", ""), PASSED, None),
    "one's in a VPC that is apart, interfaces not answered": (
        VPC_CNI,
        vip("lb-2", "vpc-other") | {"interfaces": {}, "topology": topology(cluster_cidrs=())},
        UNKNOWN,
        None,
    ),
    "one's in a VPC that is apart, on an interface of an unnamed VPC": (
        VPC_CNI,
        vip("lb-2", "vpc-other") | on(interface(vpc_id="")) | {"topology": topology(cluster_cidrs=())},
        UNKNOWN,
        None,
    ),
    "one's in a VPC that is apart, the cluster's CIDRs unreadable": (
        ROUTED,
        vip("lb-2", "vpc-other") | {"interfaces": {}, "topology": topology(cluster_cidrs=("172.16",))},
        UNKNOWN,
        None,
    ),
    "one's, and the cluster's networks are not known": (
        ROUTED,
        vip("lb-2", "vpc-other") | {"topology": None},
        UNKNOWN,
        None,
    ),
    "nobody's, and nothing is known": (ROUTED, {"topology": None, "interfaces": {}, "ccns": None}, PASSED, None),
    "one's apart and one's near": (
        VPC_CNI,
        {"vips": {IP: (Vip("lb-2", "vpc-other"), Vip("lb-3", "vpc-mine"))}},
        FAILED,
        Code.ADDRESS_IS_LOAD_BALANCER,
    ),
    "next to one's": (VPC_CNI, {"vips": {"172.16.3.16": (Vip("lb-2", "vpc-mine"),)}}, PASSED, None),
}


@pytest.mark.parametrize(("subject", "changes", "result", "code"), VIPS.values(), ids=VIPS.keys())
def test_an_address_of_a_load_balancer_is_refused(
    subject: Any, changes: dict[str, Any], result: Result, code: Code | None
) -> None:
    assert found(no_load_balancer, subject, changes) == (result, code)


def test_a_loop_is_called_one() -> None:
    own = no_load_balancer(VPC_CNI, evidence(**vip(BALANCER, "vpc-mine")))
    other = no_load_balancer(VPC_CNI, evidence(**vip("lb-2", "vpc-mine")))
    assert own.evidence == {"load_balancer_id": "lb-1", "detail": f"{IP} is an address of its own load balancer"}
    assert other.evidence == {"load_balancer_id": "lb-2", "detail": f"{IP} is an address of load balancer lb-2"}


def serves(vpc_id: str, service: str | None) -> dict[str, Any]:
    """Evidence of another cluster's Service network."""
    return {"neighbours": (neighbour(vpc_id, service=service),)}


SERVICES: dict[str, Case] = {
    "no cluster's": (VPC_CNI, {}, PASSED, None),
    "no cluster's that was read, and one was not": (VPC_CNI, {"unread_neighbours": ("cls-new",)}, UNKNOWN, None),
    "the cluster's own": (
        VPC_CNI,
        {"topology": topology(service_cidr="172.16.3.16/28")},
        FAILED,
        Code.ADDRESS_IS_SERVICE,
    ),
    "beside the cluster's own": (VPC_CNI, {"topology": topology(service_cidr="172.16.3.18/31")}, PASSED, None),
    "the cluster has none": (VPC_CNI, {"topology": topology(service_cidr=None)}, PASSED, None),
    "the cluster's is unreadable": (VPC_CNI, {"topology": topology(service_cidr="172.16")}, PASSED, None),
    "another's in the same VPC": (VPC_CNI, serves("vpc-mine", "172.16.0.0/16"), FAILED, Code.ADDRESS_IS_SERVICE),
    "beside another's": (VPC_CNI, serves("vpc-mine", "172.17.0.0/16"), PASSED, None),
    "another's in one network, and here": (
        ROUTED,
        serves("vpc-other", "172.16.0.0/16") | {"ccns": JOINED},
        PASSED,
        None,
    ),
    "another's that is apart, and here": (ROUTED, serves("vpc-other", "172.16.0.0/16"), PASSED, None),
    "another's that is apart, and not here": (
        ROUTED,
        serves("vpc-other", "172.16.0.0/16") | NOWHERE,
        FAILED,
        Code.ADDRESS_IS_SERVICE,
    ),
    "another's that is apart, interfaces not answered": (
        VPC_CNI,
        serves("vpc-other", "172.16.0.0/16") | {"interfaces": {}, "topology": topology(cluster_cidrs=())},
        UNKNOWN,
        None,
    ),
    "another's, and the cluster's networks are not known": (
        ROUTED,
        serves("vpc-other", "172.16.0.0/16") | {"topology": None},
        UNKNOWN,
        None,
    ),
    "another's is unreadable": (VPC_CNI, serves("vpc-mine", "172.16/99"), PASSED, None),
    "another's of IPv6": (VPC_CNI, serves("vpc-mine", "::/0"), PASSED, None),
    "another has none": (VPC_CNI, serves("vpc-mine", None), PASSED, None),
}


@pytest.mark.parametrize(("subject", "changes", "result", "code"), SERVICES.values(), ids=SERVICES.keys())
def test_an_address_of_a_service_is_refused(
    subject: Any, changes: dict[str, Any], result: Result, code: Code | None
) -> None:
    assert found(no_service_address, subject, changes) == (result, code)


def node(cluster_id: str, ip: str = IP) -> dict[str, Any]:
    """Evidence of a machine of a cluster; those of cls-theirs are in vpc-other."""
    return {"nodes": (Node(cluster_id, "ins-9", ip),), "neighbours": (neighbour(),)}


NODES: dict[str, Case] = {
    "no machine's": (VPC_CNI, {}, PASSED, None),
    "a machine's first address": (VPC_CNI, on(interface(primary=True)), FAILED, Code.ADDRESS_IS_NODE),
    "a machine's second address": (VPC_CNI, on(interface(primary=False)), PASSED, None),
    "a machine's first address in another VPC": (
        VPC_CNI,
        on(interface(primary=True, vpc_id="vpc-other"), INTERFACE),
        PASSED,
        None,
    ),
    "a node's of this cluster": (ROUTED, node(CLUSTER), FAILED, Code.ADDRESS_IS_NODE),
    "next to a node's of this cluster": (ROUTED, node(CLUSTER, "172.16.3.16"), PASSED, None),
    "a node's of this cluster, and nothing else is known": (
        VPC_CNI,
        node(CLUSTER) | {"topology": None, "interfaces": {}},
        FAILED,
        Code.ADDRESS_IS_NODE,
    ),
    "a node's in one network, and here": (ROUTED, node("cls-theirs") | {"ccns": JOINED}, PASSED, None),
    "a node's in a VPC that is apart, and here": (ROUTED, node("cls-theirs"), PASSED, None),
    "a node's in a VPC that is apart, and not here": (
        ROUTED,
        node("cls-theirs") | NOWHERE,
        FAILED,
        Code.ADDRESS_IS_NODE,
    ),
    "a node's of a cluster whose VPC is not known, and here": (ROUTED, node("cls-dark"), PASSED, None),
    "a node's in a VPC that is apart, interfaces not answered": (
        VPC_CNI,
        node("cls-theirs") | {"interfaces": {}, "topology": topology(cluster_cidrs=())},
        UNKNOWN,
        None,
    ),
    "a node's of another cluster, the networks not known": (
        ROUTED,
        node("cls-theirs") | {"topology": None},
        UNKNOWN,
        None,
    ),
}


@pytest.mark.parametrize(("subject", "changes", "result", "code"), NODES.values(), ids=NODES.keys())
def test_an_address_of_a_machine_is_refused(
    subject: Any, changes: dict[str, Any], result: Result, code: Code | None
) -> None:
    assert found(no_node, subject, changes) == (result, code)


def test_a_machines_own_address_is_known_from_the_interfaces_or_from_the_nodes() -> None:
    assert no_node(VPC_CNI, evidence(**on(interface(primary=True)))).source is Source.INTERFACES
    assert no_node(VPC_CNI, evidence(**node(CLUSTER))).source is None


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("check", [no_load_balancer, no_service_address, no_node])
def test_when_nothing_is_known_nobody_is_known_to_have_the_address(check: Any, subject: Any) -> None:
    assert check(subject, Evidence(CLUSTER, None)).result is PASSED


def test_an_answer_that_is_missing_is_told_with_who_has_the_address() -> None:
    changes = vip("lb-2", "vpc-other") | {"interfaces": {}, "topology": topology(cluster_cidrs=())}
    told = "lb-2 in another VPC has it too: "
    throttled = no_load_balancer(VPC_CNI, evidence(**changes, problem="throttled"))
    assert throttled.evidence == {"detail": told + "throttled"}
    silent = no_load_balancer(VPC_CNI, evidence(**changes))
    assert silent.evidence["detail"].startswith(told + "the cloud did not answer")


def test_a_declared_cluster_is_refused_the_same_strangers() -> None:
    for changes in (vip("lb-2", "vpc-mine"), serves("vpc-mine", "172.16.0.0/16"), node(CLUSTER)):
        results = [
            check(DECLARED, evidence(**changes)).result for check in (no_load_balancer, no_service_address, no_node)
        ]
        assert results.count(FAILED) == 1


def test_a_route_to_elsewhere_does_not_say_that_the_address_is_elsewhere() -> None:
    changes = vip("lb-2", "vpc-other") | {"ccns": (ccn(route("172.16.0.0/16", "vpc-other")),)}
    assert no_load_balancer(ROUTED, evidence(**changes)).result is PASSED
