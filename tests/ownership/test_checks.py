"""Each check alone: what it refuses, and the nearest evidence that it lets pass."""

from typing import Any

import pytest

from app.domain.cluster import NetworkMode, Topology
from app.domain.codes import Code
from app.ownership.checks import (
    CHECKS,
    Finding,
    Result,
    address_in_cluster_cidr,
    address_on_interface,
    route_leads_to_cluster,
    vpc_in_ccn,
)
from app.ownership.evidence import Evidence
from tests.ownership.builders import (
    ATTACHMENT,
    DECLARED,
    IP,
    ROUTED,
    VPC_CNI,
    evidence,
    interface,
    route,
    topology,
)

PASSED, FAILED, UNKNOWN, SKIPPED = Result.PASSED, Result.FAILED, Result.UNKNOWN, Result.SKIPPED

ON_INTERFACE: dict[str, tuple[Evidence, Result, Code | None]] = {
    "on an attached interface of the VPC": (evidence(), PASSED, None),
    "in a state written small": (evidence(interfaces={IP: (interface(state="available"),)}), PASSED, None),
    "on an interface here and one elsewhere": (
        evidence(interfaces={IP: (interface(vpc_id="vpc-other"), interface())}),
        PASSED,
        None,
    ),
    "on a loose interface and on an attached one": (
        evidence(interfaces={IP: (interface(instance_id=None), interface(interface_id="eni-2"))}),
        PASSED,
        None,
    ),
    "on no interface": (evidence(interfaces={IP: ()}), FAILED, Code.ENI_NOT_FOUND),
    "on another VPC's interface": (
        evidence(interfaces={IP: (interface(vpc_id="vpc-other"),)}),
        FAILED,
        Code.ENI_OTHER_VPC,
    ),
    "on a loose interface": (evidence(interfaces={IP: (interface(instance_id=None),)}), FAILED, Code.ENI_DETACHED),
    "not available yet": (evidence(interfaces={IP: (interface(state="PENDING"),)}), FAILED, Code.ENI_DETACHED),
    "in no state at all": (evidence(interfaces={IP: (interface(state=""),)}), FAILED, Code.ENI_DETACHED),
    "attached elsewhere, loose here": (
        evidence(interfaces={IP: (interface(vpc_id="vpc-other"), interface(instance_id=None))}),
        FAILED,
        Code.ENI_DETACHED,
    ),
    "not answered for": (evidence(interfaces={"172.16.3.18": (interface(ip="172.16.3.18"),)}), UNKNOWN, None),
    "on an interface of nobody knows whose VPC": (evidence(topology=None), UNKNOWN, None),
    "on no interface, and nobody knows the VPC": (evidence(topology=None, interfaces={IP: ()}), UNKNOWN, None),
}


@pytest.mark.parametrize(("found", "result", "code"), ON_INTERFACE.values(), ids=ON_INTERFACE.keys())
def test_an_address_counts_on_an_attached_interface_of_the_clusters_vpc(
    found: Evidence, result: Result, code: Code | None
) -> None:
    finding = address_on_interface(VPC_CNI, found)
    assert (finding.check, finding.result, finding.code) == ("address-on-interface", result, code)


def in_cidrs(*cidrs: str) -> Finding:
    """The finding on an address of a cluster with these CIDRs."""
    return address_in_cluster_cidr(ROUTED, evidence(topology=topology(cluster_cidrs=cidrs)))


IN_CIDR: dict[str, tuple[tuple[str, ...], Result, Code | None]] = {
    "the only one": (("172.16.0.0/16",), PASSED, None),
    "the second": (("10.1.0.0/16", "172.16.0.0/16"), PASSED, None),
    "one as small as it": (("172.16.3.17/32",), PASSED, None),
    "one that starts at it": (("172.16.3.17/28",), PASSED, None),
    "one that ends before it": (("172.16.0.0/23", "172.16.3.16/32"), FAILED, Code.OUTSIDE_CLUSTER_CIDR),
    "one that begins behind it": (("172.16.3.18/31",), FAILED, Code.OUTSIDE_CLUSTER_CIDR),
    "none": ((), FAILED, Code.OUTSIDE_CLUSTER_CIDR),
    "one of IPv6": (("fd00::/8",), FAILED, Code.OUTSIDE_CLUSTER_CIDR),
    "one behind an unreadable one": (("172.16.0.0/99", "172.16.0.0/16"), PASSED, None),
    "one before an unreadable one": (("172.16.0.0/16", ""), PASSED, None),
    "an unreadable one": (("172.16.0.0/99",), UNKNOWN, None),
    "an empty one": (("",), UNKNOWN, None),
    "none but an unreadable one": (("10.1.0.0/16", "172.16"), UNKNOWN, None),
}


@pytest.mark.parametrize(("cidrs", "result", "code"), IN_CIDR.values(), ids=IN_CIDR.keys())
def test_an_address_is_in_one_of_the_clusters_cidrs(cidrs: tuple[str, ...], result: Result, code: Code | None) -> None:
    finding = in_cidrs(*cidrs)
    assert (finding.check, finding.result, finding.code) == ("address-in-cluster-cidr", result, code)


def test_without_a_topology_no_address_is_in_or_outside_the_cluster() -> None:
    assert address_in_cluster_cidr(ROUTED, evidence(topology=None)).result is UNKNOWN


def attached(vpc_id: str, state: str) -> dict[str, Any]:
    """Evidence of one attached VPC."""
    return {"attachments": (type(ATTACHMENT)("ccn-1", vpc_id, state),)}


IN_CCN: dict[str, tuple[dict[str, Any], Result, Code | None]] = {
    "active": (attached("vpc-mine", "ACTIVE"), PASSED, None),
    "active, written small": (attached("vpc-mine", "active"), PASSED, None),
    "active, among others": ({"attachments": (*attached("vpc-b", "ACTIVE")["attachments"], ATTACHMENT)}, PASSED, None),
    "waiting for a yes": (attached("vpc-mine", "PENDING"), FAILED, Code.CCN_NOT_ATTACHED),
    "in arrears": (attached("vpc-mine", "ISOLATED"), FAILED, Code.CCN_NOT_ATTACHED),
    "another VPC is": (attached("vpc-other", "ACTIVE"), FAILED, Code.CCN_NOT_ATTACHED),
    "none is": ({"attachments": ()}, FAILED, Code.CCN_NOT_ATTACHED),
    "not answered": ({"attachments": None}, UNKNOWN, None),
    "nobody knows the VPC": ({"topology": None}, UNKNOWN, None),
}


@pytest.mark.parametrize(("changes", "result", "code"), IN_CCN.values(), ids=IN_CCN.keys())
def test_the_clusters_vpc_is_active_in_a_cloud_connect_network(
    changes: dict[str, Any], result: Result, code: Code | None
) -> None:
    finding = vpc_in_ccn(ROUTED, evidence(**changes))
    assert (finding.check, finding.result, finding.code) == ("vpc-in-ccn", result, code)


ROUTES: dict[str, tuple[tuple[Any, ...] | None, Result, Code | None]] = {
    "to the cluster": ((route("172.16.0.0/16"),), PASSED, None),
    "for all to the cluster": ((route("0.0.0.0/0"),), PASSED, None),
    "to the cluster, longer than one to elsewhere": (
        (route("172.16.0.0/16", "vpc-other"), route("172.16.3.0/24")),
        PASSED,
        None,
    ),
    "to the cluster, and a longer one to elsewhere for other addresses": (
        (route("172.16.0.0/16"), route("172.16.4.0/24", "vpc-other")),
        PASSED,
        None,
    ),
    "to the cluster, and a longer one to elsewhere that is off": (
        (route("172.16.0.0/16"), route("172.16.3.0/24", "vpc-other", enabled=False)),
        PASSED,
        None,
    ),
    "to elsewhere": ((route("172.16.0.0/16", "vpc-other"),), FAILED, Code.CCN_ROUTE_OTHER_VPC),
    "to elsewhere, longer than the cluster's": (
        (route("172.16.3.0/24", "vpc-other"), route("172.16.0.0/16")),
        FAILED,
        Code.CCN_ROUTE_OTHER_VPC,
    ),
    "to elsewhere, and a longer one to the cluster that is off": (
        (route("172.16.3.0/24", enabled=False), route("172.16.0.0/16", "vpc-other")),
        FAILED,
        Code.CCN_ROUTE_OTHER_VPC,
    ),
    "off": ((route("172.16.0.0/16", enabled=False),), FAILED, Code.CCN_ROUTE_DISABLED),
    "for its neighbours only": ((route("172.16.3.16/32"), route("172.17.0.0/16")), FAILED, Code.CCN_ROUTE_MISSING),
    "for its neighbours, that of its own off": (
        (route("172.16.3.16/32"), route("172.16.3.17/32", enabled=False)),
        FAILED,
        Code.CCN_ROUTE_DISABLED,
    ),
    "of IPv6 only": ((route("fd00::/8"),), FAILED, Code.CCN_ROUTE_MISSING),
    "none": ((), FAILED, Code.CCN_ROUTE_MISSING),
    "to the cluster, beside an unreadable one": ((route("172.16.0.0/99"), route("172.16.0.0/16")), PASSED, None),
    "to elsewhere, beside an unreadable one": (
        (route(""), route("172.16.0.0/16", "vpc-other")),
        FAILED,
        Code.CCN_ROUTE_OTHER_VPC,
    ),
    "unreadable": ((route("172.16.0.0/99"),), UNKNOWN, None),
    "off, beside an unreadable one": ((route("172.16.0.0/16", enabled=False), route("172.16")), UNKNOWN, None),
    "unreadable and off": ((route("172.16.0.0/99", enabled=False),), FAILED, Code.CCN_ROUTE_MISSING),
    "not answered": (None, UNKNOWN, None),
}


@pytest.mark.parametrize(("routes", "result", "code"), ROUTES.values(), ids=ROUTES.keys())
def test_the_longest_enabled_route_leads_to_the_clusters_vpc(
    routes: tuple[Any, ...] | None, result: Result, code: Code | None
) -> None:
    for given in {routes, routes and routes[::-1]}:
        finding = route_leads_to_cluster(ROUTED, evidence(routes=given))
        assert (finding.check, finding.result, finding.code) == ("ccn-route-leads-to-cluster", result, code)


def test_without_a_topology_no_route_leads_anywhere() -> None:
    assert route_leads_to_cluster(ROUTED, evidence(topology=None)).result is UNKNOWN


@pytest.mark.parametrize("check", [vpc_in_ccn, route_leads_to_cluster])
def test_a_declared_cluster_is_not_asked_for_the_networks_proof(check: Any) -> None:
    for found in (evidence(), evidence(routes=(), attachments=()), Evidence(None)):
        assert check(DECLARED, found) == Finding(check(ROUTED, found).check, SKIPPED)


@pytest.mark.parametrize(
    ("mode", "checks"),
    [
        (NetworkMode.VPC_CNI, (address_on_interface,)),
        (NetworkMode.GLOBAL_ROUTER, (address_in_cluster_cidr, vpc_in_ccn, route_leads_to_cluster)),
    ],
)
def test_each_network_mode_has_its_checks_in_order(mode: NetworkMode, checks: tuple[Any, ...]) -> None:
    assert CHECKS[mode] == checks


@pytest.mark.parametrize("subject", [VPC_CNI, ROUTED])
def test_what_was_not_answered_says_why(subject: Any) -> None:
    nothing = Evidence(Topology("vpc-mine", ("172.16.0.0/16",)), problem="DescribeCcnRoutes: throttled")
    unanswered = [check(subject, nothing) for check in CHECKS[subject.network_mode]]
    details = [finding.evidence["detail"] for finding in unanswered if finding.result is UNKNOWN]
    assert details
    assert set(details) == {"DescribeCcnRoutes: throttled"}


def test_without_a_reason_the_lack_of_an_answer_is_told_all_the_same() -> None:
    assert address_on_interface(VPC_CNI, Evidence(None)).evidence == {"detail": "the cloud did not answer"}


@pytest.mark.parametrize(
    ("cidrs", "told"), [((), "it has none"), (("10.0.0.0/8", "10.1.0.0/16"), "10.0.0.0/8, 10.1.0.0/16")]
)
def test_an_address_outside_is_told_what_it_is_outside_of(cidrs: tuple[str, ...], told: str) -> None:
    detail = f"172.16.3.17 is in none of the cluster's CIDRs: {told}"
    assert in_cidrs(*cidrs).evidence == {"cluster_cidrs": list(cidrs), "detail": detail}


def test_an_unreadable_network_is_shown_as_the_cloud_wrote_it() -> None:
    assert in_cidrs("", "172.16").evidence == {"detail": "not readable as a network: '', '172.16'"}


def test_a_refusal_carries_the_facts_that_an_auditor_looks_up() -> None:
    loose = address_on_interface(VPC_CNI, evidence(interfaces={IP: (interface(instance_id=None),)}))
    assert loose.evidence["interface_id"] == "eni-1"
    elsewhere = route_leads_to_cluster(ROUTED, evidence(routes=(route("172.16.3.0/24", "vpc-other"),)))
    assert elsewhere.rendered() == {
        "check": "ccn-route-leads-to-cluster",
        "result": "failed",
        "code": "ccn-route-other-vpc",
        "evidence": {
            "ccn_id": "ccn-1",
            "destination": "172.16.3.0/24",
            "leads_to": "vpc-other",
            "enabled": True,
            "detail": "the route for 172.16.3.17 leads to vpc-other, not to vpc-mine",
        },
    }
