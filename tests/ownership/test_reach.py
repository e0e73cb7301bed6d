"""Whether the load balancer can send to the address."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.codes import Code
from app.ownership.evidence import Source, Subject
from app.ownership.finding import Result
from app.ownership.reach import load_balancer_reaches
from tests.ownership.builders import (
    ATTACHMENT,
    BALANCER,
    DECLARED,
    FAILED,
    JOINED,
    NOT_APPLICABLE,
    PASSED,
    ROUTE,
    ROUTED,
    SKIPPED,
    UNKNOWN,
    VPC_CNI,
    Case,
    attached,
    balancer,
    ccn,
    evidence,
    found,
)

APART = balancer(vpc_id="vpc-other")
SNAT = balancer(vpc_id="vpc-other", snat_pro=True)
UNREACHABLE = Code.LOAD_BALANCER_UNREACHABLE


def both(*cidrs: str, state: str = "ACTIVE") -> dict[str, Any]:
    """Evidence of a network with both VPCs; that of the load balancer has these blocks."""
    return {"ccns": (ccn(ROUTE, attachments=(ATTACHMENT, attached("vpc-other", state, *cidrs))),)}


REACH: dict[str, Case] = {
    "in the pod's VPC": (VPC_CNI, {}, PASSED, None),
    "in the pod's VPC, networks not answered": (VPC_CNI, {"ccns": None}, PASSED, None),
    "declared, in the pod's VPC": (DECLARED, {}, PASSED, None),
    "in another VPC of the network, with SnatPro": (VPC_CNI, SNAT | {"ccns": JOINED}, PASSED, None),
    "in another VPC of the network, without SnatPro": (VPC_CNI, APART | {"ccns": JOINED}, FAILED, UNREACHABLE),
    "in another VPC, without SnatPro, networks not answered": (VPC_CNI, APART | {"ccns": None}, FAILED, UNREACHABLE),
    "declared, in another VPC without SnatPro": (DECLARED, APART, FAILED, UNREACHABLE),
    "declared, in another VPC with SnatPro": (DECLARED, SNAT | {"ccns": None}, SKIPPED, None),
    "with SnatPro, in no common network": (ROUTED, SNAT, FAILED, UNREACHABLE),
    "with SnatPro, in a network where it is not active": (ROUTED, SNAT | both(state="PENDING"), FAILED, UNREACHABLE),
    "with SnatPro, in a network where the pod's VPC is not active": (
        ROUTED,
        SNAT | {"ccns": (ccn(attachments=(attached("vpc-mine", "PENDING"), attached("vpc-other"))),)},
        FAILED,
        UNREACHABLE,
    ),
    "with SnatPro, each in a network of its own": (
        ROUTED,
        SNAT | {"ccns": (ccn(), ccn(attachments=(attached("vpc-other"),), ccn_id="ccn-2"))},
        FAILED,
        UNREACHABLE,
    ),
    "with SnatPro, in the second network": (ROUTED, SNAT | {"ccns": (ccn(), *JOINED)}, PASSED, None),
    "with SnatPro, networks not answered": (ROUTED, SNAT | {"ccns": None}, UNKNOWN, None),
    "with SnatPro, the address in its VPC's block too": (
        ROUTED,
        SNAT | both("172.16.0.0/12"),
        FAILED,
        Code.CIDR_OVERLAP,
    ),
    "with SnatPro, the address in its VPC's second block": (
        ROUTED,
        SNAT | both("10.8.0.0/16", "172.16.3.17/32"),
        FAILED,
        Code.CIDR_OVERLAP,
    ),
    "with SnatPro, the address next to its VPC's block": (ROUTED, SNAT | both("172.16.3.16/32"), PASSED, None),
    "with SnatPro, its VPC's block unreadable": (ROUTED, SNAT | both("172.16"), PASSED, None),
    "no load balancer is asked about": (replace(ROUTED, load_balancer_id=None), {}, NOT_APPLICABLE, None),
    "no such load balancer": (ROUTED, {"load_balancers": {BALANCER: None}}, NOT_APPLICABLE, None),
    "not read yet": (ROUTED, {"load_balancers": {}}, UNKNOWN, None),
    "another was read": (ROUTED, {"load_balancers": {"lb-2": None}}, UNKNOWN, None),
    "its VPC is not named": (ROUTED, balancer(vpc_id=""), UNKNOWN, None),
    "nobody knows the pod's VPC": (ROUTED, {"topology": None}, UNKNOWN, None),
}


@pytest.mark.parametrize(("subject", "changes", "result", "code"), REACH.values(), ids=REACH.keys())
def test_a_load_balancer_reaches_its_own_vpc_or_with_snatpro_one_of_its_network(
    subject: Subject, changes: dict[str, Any], result: Result, code: Code | None
) -> None:
    assert found(load_balancer_reaches, subject, changes) == (result, code)


@pytest.mark.parametrize(
    ("changes", "source", "told"),
    [
        (APART, None, "lb-1 is in vpc-other, the pod in vpc-mine, and SnatPro is off"),
        (SNAT, Source.NETWORK, "lb-1 is in vpc-other, the pod in vpc-mine, and no Cloud Connect Network has both"),
        (
            SNAT | both("172.16.0.0/12"),
            Source.NETWORK,
            "172.16.3.17 is in 172.16.0.0/12 of vpc-other too, where lb-1 is",
        ),
    ],
)
def test_a_refusal_rests_on_the_load_balancer_or_on_the_network(
    changes: dict[str, Any], source: Source | None, told: str
) -> None:
    finding = load_balancer_reaches(ROUTED, evidence(**changes))
    assert (finding.source, finding.evidence["detail"]) == (source, told)


@pytest.mark.parametrize(("problem", "told"), [(None, "lb-1 was not read yet"), ("throttled", "throttled")])
def test_a_load_balancer_that_was_not_read_is_told(problem: str | None, told: str) -> None:
    finding = load_balancer_reaches(ROUTED, evidence(load_balancers={}, problem=problem))
    assert finding.evidence == {"detail": told}
