"""Warnings: what may keep a proven target from working. They refuse nothing, and are silent when nothing is known."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.binding import Verdict
from app.domain.cluster import Node
from app.domain.codes import Caution
from app.ownership.cautions import cautions, loopback_possible, security_group_closed, security_groups_of
from app.ownership.evidence import Policy, Subject
from app.ownership.verdict import verify
from tests.ownership.builders import (
    BALANCER,
    CLUSTER,
    IP,
    NODE,
    OWN_NODE,
    ROUTED,
    VPC_CNI,
    balancer,
    evidence,
    interface,
    on,
    policy,
)
from tests.planning.builders import NOW

ACCEPT, DROP = policy("ACCEPT"), policy("DROP")
OPEN: dict[str, tuple[Policy, ...]] = {"sg-node": (ACCEPT,), "sg-eni": (ACCEPT,)}

OPENED: dict[str, tuple[tuple[Policy, ...], bool]] = {
    "to everybody": ((ACCEPT,), True),
    "by its port": ((policy(port="8080"),), True),
    "by the port below": ((policy(port="8079"),), False),
    "by the port above": ((policy(port="8081"),), False),
    "by a list": ((policy(port="80,8080"),), True),
    "by a list with spaces": ((policy(port="80, 8080"),), True),
    "by a list without it": ((policy(port="80,443"),), False),
    "by a range": ((policy(port="8000-9000"),), True),
    "by a range that begins at it": ((policy(port="8080-9000"),), True),
    "by a range that ends at it": ((policy(port="8000-8080"),), True),
    "by a range that ends before it": ((policy(port="8000-8079"),), False),
    "by a range that begins behind it": ((policy(port="8081-9000"),), False),
    "by a range in a list": ((policy(port="80,8000-9000"),), True),
    "by a range with spaces": ((policy(port="8000 - 9000"),), True),
    "by all, written small": ((policy(port="all"),), True),
    "by ports that are not named": ((policy(port=""),), True),
    "by ports that cannot be read": ((policy(port="http"),), True),
    "by half a range": ((policy(port="9000-"),), True),
    "by a number without end": ((policy(port="9" * 5000),), True),
    "by TCP, written small": ((policy("accept", protocol="tcp"),), True),
    "by UDP": ((policy(protocol="UDP"),), True),
    "by all protocols": ((policy(protocol="ALL"),), True),
    "by ICMP": ((policy(protocol="ICMP"),), False),
    "by no protocol": ((policy(protocol=""),), False),
    "to some": ((policy(cidr="10.0.0.0/8"),), True),
    "to none": ((DROP,), False),
    "by no rule": ((), False),
    "to everybody, then closed": ((ACCEPT, DROP), True),
    "to nobody, then opened": ((DROP, ACCEPT), False),
    "to nobody without a block, then opened": ((policy("DROP", cidr=""), ACCEPT), False),
    "closed to some, then opened": ((policy("DROP", cidr="10.0.0.0/8"), ACCEPT), True),
    "closed at another port, then opened": ((policy("DROP", port="22"), ACCEPT), True),
    "closed for ICMP, then opened": ((policy("DROP", protocol="ICMP"), ACCEPT), True),
    "by an action that nobody knows": ((policy("PERHAPS"),), False),
    "by a template": ((policy("DROP", readable=False),), True),
    "closed, then by a template": ((DROP, policy(readable=False)), False),
}


@pytest.mark.parametrize(("rules", "is_open"), OPENED.values(), ids=OPENED.keys())
def test_the_first_rule_that_fits_the_pods_port_opens_or_closes_it(rules: tuple[Policy, ...], is_open: bool) -> None:
    for subject in (VPC_CNI, ROUTED):
        given = evidence(security_groups={"sg-eni": rules, "sg-node": rules})
        assert security_group_closed(subject, given) is not is_open


GROUPS: dict[str, tuple[Subject, dict[str, Any], bool]] = {
    "both open": (VPC_CNI, {"security_groups": OPEN}, False),
    "the interface's closed": (VPC_CNI, {"security_groups": OPEN | {"sg-eni": ()}}, True),
    "the machine's closed": (VPC_CNI, {"security_groups": OPEN | {"sg-node": ()}}, True),
    "the machine's closed, of a pod that is routed": (ROUTED, {"security_groups": OPEN | {"sg-node": ()}}, True),
    "the interface's closed, which a pod that is routed does not pass": (
        ROUTED,
        {"security_groups": OPEN | {"sg-eni": ()}},
        False,
    ),
    "none was read": (VPC_CNI, {}, False),
    "the closed one was not read": (VPC_CNI, {"security_groups": {"sg-node": (ACCEPT,)}}, False),
    "one of two was not read": (
        VPC_CNI,
        on(interface(security_group_ids=("sg-eni", "sg-dark"))) | {"security_groups": OPEN | {"sg-eni": ()}},
        False,
    ),
    "one of two opens": (
        VPC_CNI,
        on(interface(security_group_ids=("sg-eni", "sg-more")))
        | {"security_groups": OPEN | {"sg-eni": (), "sg-more": (ACCEPT,)}},
        False,
    ),
    "the first of two closes for all": (
        VPC_CNI,
        on(interface(security_group_ids=("sg-eni", "sg-more")))
        | {"security_groups": OPEN | {"sg-eni": (DROP,), "sg-more": (ACCEPT,)}},
        True,
    ),
    "there is no group": (VPC_CNI, on(interface(security_group_ids=())) | {"nodes": ()}, False),
    "the interface is loose": (
        VPC_CNI,
        on(interface(instance_id=None)) | {"security_groups": OPEN | {"sg-eni": ()}},
        False,
    ),
    "the machine is not known": (ROUTED, {"nodes": (), "security_groups": {"sg-node": ()}}, False),
    "the machine's address is not told": (replace(ROUTED, node=None), {"security_groups": {"sg-node": ()}}, False),
    "the machine is another cluster's": (
        ROUTED,
        {"nodes": (replace(OWN_NODE, cluster_id="cls-theirs"),), "security_groups": {"sg-node": ()}},
        False,
    ),
    "no port is told": (replace(VPC_CNI, port=None), {"security_groups": OPEN | {"sg-eni": ()}}, False),
    "a warning, though nothing else is known": (
        ROUTED,
        {"topology": None, "security_groups": {"sg-node": ()}},
        True,
    ),
}


@pytest.mark.parametrize(("subject", "changes", "closed"), GROUPS.values(), ids=GROUPS.keys())
def test_the_pods_packets_pass_the_groups_of_its_interface_and_of_its_machine(
    subject: Subject, changes: dict[str, Any], closed: bool
) -> None:
    assert security_group_closed(subject, evidence(**changes)) is closed


def test_the_machine_is_the_one_that_the_interface_is_on_whatever_the_agent_says() -> None:
    nodes = (Node(CLUSTER, "ins-2", NODE, ("sg-told",)), replace(OWN_NODE, ip="10.0.1.6"))
    given = evidence(nodes=nodes)
    assert list(security_groups_of(VPC_CNI, given)) == [("sg-eni",), ("sg-node",)]
    assert list(security_groups_of(ROUTED, given)) == [("sg-told",)]


def test_where_no_interface_is_known_the_agents_word_names_the_machine() -> None:
    assert list(security_groups_of(VPC_CNI, evidence(interfaces={}))) == [("sg-node",)]


LOOPBACK: dict[str, tuple[dict[str, Any], bool]] = {
    "an internal one in the pod's VPC": (balancer(internal=True), True),
    "an internal one in the pod's VPC, with SnatPro for others": (balancer(internal=True, snat_pro=True), True),
    "an open one in the pod's VPC": (balancer(internal=False), False),
    "an internal one in another VPC": (balancer(internal=True, vpc_id="vpc-other", snat_pro=True), False),
    "an internal one, the pod's VPC not known": (balancer(internal=True) | {"topology": None}, False),
    "one that was not read": ({"load_balancers": {}}, False),
    "one that is not there": ({"load_balancers": {BALANCER: None}}, False),
}


@pytest.mark.parametrize(("changes", "possible"), LOOPBACK.values(), ids=LOOPBACK.keys())
def test_a_loopback_is_possible_behind_an_internal_load_balancer_of_the_pods_vpc(
    changes: dict[str, Any], possible: bool
) -> None:
    for subject in (VPC_CNI, ROUTED):
        assert loopback_possible(subject, evidence(**changes)) is possible


def test_when_no_load_balancer_is_asked_about_no_loopback_is_possible() -> None:
    given = evidence(**balancer(internal=True))
    assert not loopback_possible(replace(ROUTED, load_balancer_id=None), given)


def test_warnings_stand_in_their_order_and_refuse_nothing() -> None:
    closed = {"security_groups": {"sg-eni": (DROP,), "sg-node": (DROP,)}}
    both = evidence(**closed, **balancer(internal=True))
    assert cautions(VPC_CNI, both) == (Caution.SECURITY_GROUP_CLOSED, Caution.LOOPBACK_POSSIBLE)
    assert cautions(VPC_CNI, evidence(**closed)) == (Caution.SECURITY_GROUP_CLOSED,)
    assert cautions(VPC_CNI, evidence()) == ()
    proof = verify(VPC_CNI, both, NOW).proof
    assert (proof.verdict, proof.warnings) == (Verdict.PROVEN, ("security-group-closed", "loopback-possible"))


def test_a_refusal_carries_its_warnings_too() -> None:
    proof = verify(VPC_CNI, evidence(interfaces={IP: ()}, **balancer(internal=True)), NOW).proof
    assert (proof.verdict, proof.warnings) == (Verdict.DISPROVEN, (Caution.LOOPBACK_POSSIBLE,))
