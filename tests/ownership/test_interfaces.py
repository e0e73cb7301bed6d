"""VPC-CNI: the interface that holds the address, and the machine that it is on."""

from typing import Any

import pytest

from app.domain.cluster import Node
from app.domain.codes import Code
from app.ownership.evidence import Evidence, Source
from app.ownership.finding import Finding, Result
from app.ownership.interfaces import address_on_interface, machine_of_cluster
from tests.ownership.builders import (
    CLUSTER,
    FAILED,
    INTERFACE,
    IP,
    NOT_APPLICABLE,
    PASSED,
    UNKNOWN,
    VPC_CNI,
    evidence,
    found,
    interface,
    on,
    topology,
)

Row = tuple[dict[str, Any], Result, Code | None]

ELSEWHERE = interface(vpc_id="vpc-other", interface_id="eni-9")
LOOSE = interface(instance_id=None)

ON_INTERFACE: dict[str, Row] = {
    "on an attached interface of the VPC": ({}, PASSED, None),
    "in a state written small": (on(interface(state="available")), PASSED, None),
    "on an interface here and one elsewhere": (on(ELSEWHERE, INTERFACE), PASSED, None),
    "on a loose interface and on an attached one": (on(LOOSE, interface(interface_id="eni-2")), PASSED, None),
    "on an interface that is listed twice": (on(INTERFACE, INTERFACE), PASSED, None),
    "on an interface here and one of an unnamed VPC": (on(interface(vpc_id=""), INTERFACE), PASSED, None),
    "on no interface": (on(), FAILED, Code.ENI_NOT_FOUND),
    "on another VPC's interface": (on(ELSEWHERE), FAILED, Code.ENI_OTHER_VPC),
    "on interfaces of two other VPCs": (on(ELSEWHERE, interface(vpc_id="vpc-third")), FAILED, Code.ENI_OTHER_VPC),
    "on a loose interface": (on(LOOSE), FAILED, Code.ENI_DETACHED),
    "not available yet": (on(interface(state="PENDING")), FAILED, Code.ENI_DETACHED),
    "in a state that nobody knows": (on(interface(state="WOBBLING")), FAILED, Code.ENI_DETACHED),
    "in no state at all": (on(interface(state="")), FAILED, Code.ENI_DETACHED),
    "attached elsewhere, loose here": (on(ELSEWHERE, LOOSE), FAILED, Code.ENI_DETACHED),
    "on an interface of an unnamed VPC": (on(interface(vpc_id="")), UNKNOWN, None),
    "on an interface elsewhere and one of an unnamed VPC": (on(ELSEWHERE, interface(vpc_id="")), UNKNOWN, None),
    "not answered for": ({"interfaces": {"172.16.3.18": (INTERFACE,)}}, UNKNOWN, None),
    "on an interface, and nobody knows the cluster's VPC": ({"topology": None}, UNKNOWN, None),
    "on no interface, and nobody knows the cluster's VPC": (on() | {"topology": None}, UNKNOWN, None),
}


@pytest.mark.parametrize(("changes", "result", "code"), ON_INTERFACE.values(), ids=ON_INTERFACE.keys())
def test_an_address_counts_on_an_attached_interface_of_the_clusters_vpc(
    changes: dict[str, Any], result: Result, code: Code | None
) -> None:
    assert found(address_on_interface, VPC_CNI, changes) == (result, code)


def test_a_refusal_carries_the_facts_that_an_auditor_looks_up() -> None:
    loose = address_on_interface(VPC_CNI, evidence(**on(LOOSE)))
    assert loose.evidence == {
        "interface_id": "eni-1",
        "vpc_id": "vpc-mine",
        "subnet_id": "subnet-1",
        "instance_id": None,
        "address_state": "AVAILABLE",
        "detail": f"the interface that holds {IP} is not attached, or its address is not available",
    }


SECOND = interface(interface_id="eni-2", instance_id="ins-2")
OTHER_SUBNET = interface(subnet_id="subnet-9")

MACHINES: dict[str, Row] = {
    "a node's": ({}, PASSED, None),
    "no node's": ({"machines": {"ins-1": False}}, FAILED, Code.ENI_OTHER_CLUSTER),
    "not answered for": ({"machines": {}}, UNKNOWN, None),
    "another was answered for": ({"machines": {"ins-2": True}}, UNKNOWN, None),
    "a node's, in a subnet of the cluster among others": (
        {"topology": topology(eni_subnet_ids=("subnet-9", "subnet-1"))},
        PASSED,
        None,
    ),
    "a node's, in another subnet": (on(OTHER_SUBNET), FAILED, Code.ENI_OTHER_CLUSTER),
    "a node's, in another subnet of a cluster that names none": (
        on(OTHER_SUBNET) | {"topology": topology(eni_subnet_ids=())},
        PASSED,
        None,
    ),
    "a node's, in no subnet that is named": (on(interface(subnet_id="")), FAILED, Code.ENI_OTHER_CLUSTER),
    "two nodes'": (on(INTERFACE, SECOND) | {"machines": {"ins-1": True, "ins-2": True}}, PASSED, None),
    "a node's and a stranger's": (
        on(INTERFACE, SECOND) | {"machines": {"ins-1": True, "ins-2": False}},
        UNKNOWN,
        None,
    ),
    "two strangers'": (
        on(INTERFACE, SECOND) | {"machines": {"ins-1": False, "ins-2": False}},
        FAILED,
        Code.ENI_OTHER_CLUSTER,
    ),
    "a node's and one not answered for": (on(INTERFACE, SECOND) | {"machines": {"ins-1": True}}, UNKNOWN, None),
    "a stranger's and one not answered for": (on(INTERFACE, SECOND) | {"machines": {"ins-1": False}}, UNKNOWN, None),
    "a node's, and a stranger's loose interface": (
        on(INTERFACE, interface(interface_id="eni-2", instance_id="ins-2", state="DETACHING")),
        PASSED,
        None,
    ),
    "a node's, and a stranger's in another VPC": (
        on(INTERFACE, interface(vpc_id="vpc-other", instance_id="ins-2")),
        PASSED,
        None,
    ),
    "nobody's": (on(LOOSE), NOT_APPLICABLE, None),
    "a machine's of another VPC": (on(ELSEWHERE), NOT_APPLICABLE, None),
    "no interface's": (on(), NOT_APPLICABLE, None),
    "interfaces not answered": ({"interfaces": {}}, UNKNOWN, None),
}


@pytest.mark.parametrize(("changes", "result", "code"), MACHINES.values(), ids=MACHINES.keys())
def test_every_machine_that_holds_the_address_is_a_node_of_the_cluster(
    changes: dict[str, Any], result: Result, code: Code | None
) -> None:
    assert found(machine_of_cluster, VPC_CNI, changes) == (result, code)


@pytest.mark.parametrize(
    ("nodes", "whose", "told"),
    [
        ((), None, "a node of no cluster that is known"),
        ((Node("cls-theirs", "ins-1", "10.0.1.9"),), "cls-theirs", "a node of cluster cls-theirs"),
        ((Node("cls-theirs", "ins-2", "10.0.1.9"),), None, "a node of no cluster that is known"),
    ],
)
def test_a_stranger_is_told_by_the_cluster_that_it_belongs_to(nodes: Any, whose: str | None, told: str) -> None:
    finding = machine_of_cluster(VPC_CNI, evidence(machines={"ins-1": False}, nodes=nodes))
    assert finding.evidence["cluster_id"] == whose
    assert finding.evidence["detail"] == f"machine ins-1 is no node of cls-mine, but {told}"


def refusal(**changes: Any) -> Finding:
    """What the check of machines finds."""
    return machine_of_cluster(VPC_CNI, evidence(**changes))


def test_a_strange_machine_rests_on_the_machines_and_a_strange_subnet_on_the_topology() -> None:
    assert refusal(machines={"ins-1": False}).source is Source.MACHINES
    assert refusal(**on(OTHER_SUBNET)).source is None


def test_an_address_on_several_machines_is_told() -> None:
    moving = refusal(**on(INTERFACE, SECOND), machines={"ins-1": True, "ins-2": False})
    assert moving.evidence == {"detail": f"{IP} is on several machines: ins-1, ins-2"}


@pytest.mark.parametrize("check", [address_on_interface, machine_of_cluster])
def test_without_a_reason_the_lack_of_an_answer_is_told_all_the_same(check: Any) -> None:
    assert check(VPC_CNI, Evidence(CLUSTER, None)) == Finding(UNKNOWN, None, {"detail": "the cloud did not answer"})
