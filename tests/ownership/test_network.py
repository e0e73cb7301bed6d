"""GlobalRouter: the cluster's CIDRs, its VPC in a Cloud Connect Network, and the routes."""

from typing import Any

import pytest

from app.domain.codes import Code
from app.ownership.evidence import Evidence
from app.ownership.finding import SKIPPED, Finding, Result
from app.ownership.network import (
    address_in_cluster_cidr,
    no_overlapping_cluster,
    route_leads_to_cluster,
    vpc_in_ccn,
)
from app.ownership.routes import Route
from tests.ownership.builders import (
    ATTACHMENT,
    CLUSTER,
    DECLARED,
    FAILED,
    PASSED,
    ROUTE,
    ROUTED,
    UNKNOWN,
    attached,
    ccn,
    evidence,
    found,
    route,
    topology,
)

Row = tuple[dict[str, Any], Result, Code | None]

IN_CIDR: dict[str, tuple[tuple[str, ...], Result, Code | None]] = {
    "the only one": (("172.16.0.0/16",), PASSED, None),
    "the second": (("10.1.0.0/16", "172.16.0.0/16"), PASSED, None),
    "one as small as it": (("172.16.3.17/32",), PASSED, None),
    "one that starts at it": (("172.16.3.17/28",), PASSED, None),
    "one that ends before it": (("172.16.0.0/23", "172.16.3.16/32"), FAILED, Code.OUTSIDE_CLUSTER_CIDR),
    "one that begins behind it": (("172.16.3.18/31",), FAILED, Code.OUTSIDE_CLUSTER_CIDR),
    "none": ((), FAILED, Code.OUTSIDE_CLUSTER_CIDR),
    "one of IPv6": (("::/0",), FAILED, Code.OUTSIDE_CLUSTER_CIDR),
    "one behind an unreadable one": (("172.16.0.0/99", "172.16.0.0/16"), PASSED, None),
    "one before an unreadable one": (("172.16.0.0/16", ""), PASSED, None),
    "an unreadable one": (("172.16.0.0/99",), UNKNOWN, None),
    "an empty one": (("",), UNKNOWN, None),
    "none but an unreadable one": (("10.1.0.0/16", "172.16"), UNKNOWN, None),
}


def in_cidrs(subject: Any, *cidrs: str) -> Finding:
    """The finding on an address of a cluster with these CIDRs."""
    return address_in_cluster_cidr(subject, evidence(topology=topology(cluster_cidrs=cidrs)))


@pytest.mark.parametrize(("cidrs", "result", "code"), IN_CIDR.values(), ids=IN_CIDR.keys())
@pytest.mark.parametrize("subject", [ROUTED, DECLARED])
def test_an_address_is_in_one_of_the_clusters_cidrs(
    subject: Any, cidrs: tuple[str, ...], result: Result, code: Code | None
) -> None:
    finding = in_cidrs(subject, *cidrs)
    assert (finding.result, finding.code) == (result, code)


@pytest.mark.parametrize(
    ("cidrs", "told"), [((), "it has none"), (("10.0.0.0/8", "10.1.0.0/16"), "10.0.0.0/8, 10.1.0.0/16")]
)
def test_an_address_outside_is_told_what_it_is_outside_of(cidrs: tuple[str, ...], told: str) -> None:
    detail = f"172.16.3.17 is in none of the cluster's CIDRs: {told}"
    assert in_cidrs(ROUTED, *cidrs).evidence == {"cluster_cidrs": list(cidrs), "detail": detail}


def test_an_unreadable_network_is_shown_as_the_cloud_wrote_it() -> None:
    assert in_cidrs(ROUTED, "", "172.16").evidence == {"detail": "not readable as a network: '', '172.16'"}


def joined(*attachments: Any) -> dict[str, Any]:
    """Evidence of one network with these VPCs."""
    return {"ccns": (ccn(ROUTE, attachments=attachments),)}


IN_CCN: dict[str, Row] = {
    "active": ({}, PASSED, None),
    "active, written small": (joined(attached("vpc-mine", "active")), PASSED, None),
    "active, among others": (joined(attached("vpc-b"), ATTACHMENT), PASSED, None),
    "active in the second network": (
        {"ccns": (ccn(attachments=(attached("vpc-mine", "PENDING"),)), ccn(ccn_id="ccn-2"))},
        PASSED,
        None,
    ),
    "listed twice, once active": (joined(attached("vpc-mine", "DETACHING"), ATTACHMENT), PASSED, None),
    "waiting for a yes": (joined(attached("vpc-mine", "PENDING")), FAILED, Code.CCN_NOT_ATTACHED),
    "in arrears": (joined(attached("vpc-mine", "ISOLATED")), FAILED, Code.CCN_NOT_ATTACHED),
    "in no state that is named": (joined(attached("vpc-mine", "")), FAILED, Code.CCN_NOT_ATTACHED),
    "another VPC is": (joined(attached("vpc-other")), FAILED, Code.CCN_NOT_ATTACHED),
    "no VPC is": (joined(), FAILED, Code.CCN_NOT_ATTACHED),
    "in no network": ({"ccns": ()}, FAILED, Code.CCN_NOT_ATTACHED),
    "not answered": ({"ccns": None}, UNKNOWN, None),
    "nobody knows the VPC": ({"topology": None}, UNKNOWN, None),
}


@pytest.mark.parametrize(("changes", "result", "code"), IN_CCN.values(), ids=IN_CCN.keys())
def test_the_clusters_vpc_is_active_in_a_cloud_connect_network(
    changes: dict[str, Any], result: Result, code: Code | None
) -> None:
    assert found(vpc_in_ccn, ROUTED, changes) == (result, code)


ELSEWHERE = Code.CCN_ROUTE_OTHER_VPC
OFF, MISSING = Code.CCN_ROUTE_DISABLED, Code.CCN_ROUTE_MISSING

ROUTES: dict[str, tuple[tuple[Route, ...], Result, Code | None]] = {
    "to the cluster": ((ROUTE,), PASSED, None),
    "for all to the cluster": ((route("0.0.0.0/0"),), PASSED, None),
    "for it alone": ((route("172.16.3.17/32"),), PASSED, None),
    "to the cluster, longer than one to elsewhere": (
        (route("172.16.0.0/16", "vpc-other"), route("172.16.3.0/24")),
        PASSED,
        None,
    ),
    "to the cluster, and a longer one to elsewhere for others": (
        (ROUTE, route("172.16.4.0/24", "vpc-other")),
        PASSED,
        None,
    ),
    "to the cluster, and a longer one to elsewhere that is off": (
        (ROUTE, route("172.16.3.0/24", "vpc-other", enabled=False)),
        PASSED,
        None,
    ),
    "to the cluster, and the same to elsewhere that is off": (
        (ROUTE, route("172.16.0.0/16", "vpc-other", enabled=False)),
        PASSED,
        None,
    ),
    "to the cluster twice": ((ROUTE, ROUTE), PASSED, None),
    "to elsewhere": ((route("172.16.0.0/16", "vpc-other"),), FAILED, ELSEWHERE),
    "to a VPC that is not named": ((route("172.16.0.0/16", ""),), FAILED, ELSEWHERE),
    "to the cluster and to elsewhere alike": ((ROUTE, route("172.16.0.0/16", "vpc-other")), FAILED, ELSEWHERE),
    "to elsewhere, longer than the cluster's": ((route("172.16.3.0/24", "vpc-other"), ROUTE), FAILED, ELSEWHERE),
    "to elsewhere, and a longer one to the cluster that is off": (
        (route("172.16.3.0/24", enabled=False), route("172.16.0.0/16", "vpc-other")),
        FAILED,
        ELSEWHERE,
    ),
    "off": ((route("172.16.0.0/16", enabled=False),), FAILED, OFF),
    "off, and another for its neighbours": (
        (route("172.16.3.16/32"), route("172.16.3.17/32", enabled=False)),
        FAILED,
        OFF,
    ),
    "for its neighbours only": ((route("172.16.3.16/32"), route("172.17.0.0/16")), FAILED, MISSING),
    "of IPv6 only": ((route("::/0"),), FAILED, MISSING),
    "none": ((), FAILED, MISSING),
    "to the cluster, beside an unreadable one": ((route("172.16.0.0/99"), ROUTE), UNKNOWN, None),
    "to the cluster, beside an unreadable one that is off": (
        (route("172.16.0.0/99", enabled=False), ROUTE),
        PASSED,
        None,
    ),
    "to elsewhere, beside an unreadable one": ((route(""), route("172.16.0.0/16", "vpc-other")), FAILED, ELSEWHERE),
    "unreadable": ((route("172.16.0.0/99"),), UNKNOWN, None),
    "off, beside an unreadable one": ((route("172.16.0.0/16", enabled=False), route("172.16")), UNKNOWN, None),
    "unreadable and off": ((route("172.16.0.0/99", enabled=False),), FAILED, MISSING),
}


@pytest.mark.parametrize(("routes", "result", "code"), ROUTES.values(), ids=ROUTES.keys())
def test_the_longest_enabled_route_leads_to_the_clusters_vpc(
    routes: tuple[Route, ...], result: Result, code: Code | None
) -> None:
    for given in (routes, routes[::-1]):
        assert found(route_leads_to_cluster, ROUTED, {"ccns": (ccn(*given),)}) == (result, code)


NETWORKS: dict[str, Row] = {
    "the longest is in the second": (
        {"ccns": (ccn(route("172.16.0.0/16", "vpc-other")), ccn(route("172.16.3.0/24"), ccn_id="ccn-2"))},
        PASSED,
        None,
    ),
    "the longest is in the second, to elsewhere": (
        {"ccns": (ccn(ROUTE), ccn(route("172.16.3.0/24", "vpc-other"), ccn_id="ccn-2"))},
        FAILED,
        ELSEWHERE,
    ),
    "the longest is in one where the VPC is not active": (
        {"ccns": (ccn(ROUTE), ccn(route("172.16.3.0/24", "vpc-other"), attachments=(), ccn_id="ccn-2"))},
        PASSED,
        None,
    ),
    "on in one and off in the other": (
        {"ccns": (ccn(route("172.16.0.0/16", enabled=False)), ccn(ROUTE, ccn_id="ccn-2"))},
        PASSED,
        None,
    ),
    "not attached": ({"ccns": (ccn(ROUTE, attachments=()),)}, FAILED, MISSING),
    "not answered": ({"ccns": None}, UNKNOWN, None),
    "nobody knows the VPC": ({"topology": None}, UNKNOWN, None),
}


@pytest.mark.parametrize(("changes", "result", "code"), NETWORKS.values(), ids=NETWORKS.keys())
def test_the_routes_of_all_networks_that_the_vpc_is_active_in_count(
    changes: dict[str, Any], result: Result, code: Code | None
) -> None:
    assert found(route_leads_to_cluster, ROUTED, changes) == (result, code)


def test_a_refusal_carries_the_route_that_an_auditor_looks_up() -> None:
    elsewhere = route_leads_to_cluster(ROUTED, evidence(ccns=(ccn(route("172.16.3.0/24", "vpc-other")),)))
    assert elsewhere.evidence == {
        "ccn_id": "ccn-1",
        "destination": "172.16.3.0/24",
        "leads_to": "vpc-other",
        "enabled": True,
        "detail": "the route for 172.16.3.17 leads to vpc-other, not to vpc-mine",
    }


PROOFS_OF_THE_NETWORK = [vpc_in_ccn, route_leads_to_cluster, no_overlapping_cluster]


@pytest.mark.parametrize("check", PROOFS_OF_THE_NETWORK)
def test_a_declared_cluster_is_not_asked_for_the_networks_proof(check: Any) -> None:
    for given in (evidence(), evidence(ccns=()), evidence(ccns=None), Evidence(CLUSTER, None)):
        assert check(DECLARED, given) == SKIPPED


@pytest.mark.parametrize("check", [address_in_cluster_cidr, *PROOFS_OF_THE_NETWORK])
def test_what_was_not_answered_says_why(check: Any) -> None:
    nothing = Evidence(CLUSTER, None, problem="DescribeCcnRoutes: throttled")
    assert check(ROUTED, nothing) == Finding(UNKNOWN, None, {"detail": "DescribeCcnRoutes: throttled"})
