"""GlobalRouter: no other cluster that is reached has the same addresses, by its CIDRs or by the cloud's evidence."""

from typing import Any

import pytest

from app.domain.codes import Code
from app.ownership.evidence import Owner
from app.ownership.finding import Result
from app.ownership.network import no_other_owner, no_overlapping_cluster
from tests.ownership.builders import (
    ATTACHMENT,
    DECLARED,
    FAILED,
    IP,
    JOINED,
    NOT_APPLICABLE,
    PASSED,
    ROUTE,
    ROUTED,
    UNKNOWN,
    Case,
    attached,
    ccn,
    found,
    neighbour,
    topology,
)

Row = tuple[dict[str, Any], Result, Code | None]


def joined(*attachments: Any) -> dict[str, Any]:
    """Evidence of one network with these VPCs."""
    return {"ccns": (ccn(ROUTE, attachments=attachments),)}


def near(vpc_id: str, *cidrs: str) -> dict[str, Any]:
    """Evidence of another cluster."""
    return {"neighbours": (neighbour(vpc_id, *cidrs),)}


OVERLAPS: dict[str, Row] = {
    "nobody": ({}, PASSED, None),
    "nobody that was read, and one was not": ({"unread_neighbours": ("cls-new",)}, UNKNOWN, None),
    "one in the same VPC": (near("vpc-mine", "172.16.0.0/16"), FAILED, Code.CIDR_OVERLAP),
    "one in the same VPC, though in no network": (
        near("vpc-mine", "172.16.0.0/16") | {"ccns": ()},
        FAILED,
        Code.CIDR_OVERLAP,
    ),
    "one in the same network": (near("vpc-other", "172.16.0.0/16") | {"ccns": JOINED}, FAILED, Code.CIDR_OVERLAP),
    "one with a larger CIDR": (near("vpc-mine", "172.0.0.0/8"), FAILED, Code.CIDR_OVERLAP),
    "one with a smaller one, in which the address is not": (
        near("vpc-mine", "172.16.200.0/24"),
        FAILED,
        Code.CIDR_OVERLAP,
    ),
    "one by its second CIDR": (near("vpc-mine", "10.9.0.0/16", "172.16.0.0/16"), FAILED, Code.CIDR_OVERLAP),
    "one with the CIDR next to it": (near("vpc-mine", "172.17.0.0/16"), PASSED, None),
    "one in a VPC that is apart": (near("vpc-other", "172.16.0.0/16"), PASSED, None),
    "one in a VPC whose place is not active": (
        near("vpc-other", "172.16.0.0/16") | joined(ATTACHMENT, attached("vpc-other", "PENDING")),
        PASSED,
        None,
    ),
    "one in a network that the cluster's VPC is not active in": (
        near("vpc-other", "172.16.0.0/16") | joined(attached("vpc-mine", "PENDING"), attached("vpc-other")),
        PASSED,
        None,
    ),
    "one with an unreadable CIDR": (near("vpc-mine", "172.16"), PASSED, None),
    "one of IPv6": (near("vpc-mine", "::/0"), PASSED, None),
    "one without CIDRs": (near("vpc-mine"), PASSED, None),
    "one with another of the cluster's CIDRs": (
        near("vpc-mine", "10.1.0.0/16") | {"topology": topology(cluster_cidrs=("10.1.0.0/16", "172.16.0.0/16"))},
        PASSED,
        None,
    ),
    "nobody, for an address outside": ({"topology": topology(cluster_cidrs=())}, NOT_APPLICABLE, None),
    "nobody, for a CIDR that is unreadable": ({"topology": topology(cluster_cidrs=("172.16",))}, NOT_APPLICABLE, None),
    "not answered": (near("vpc-mine", "172.16.0.0/16") | {"ccns": None}, UNKNOWN, None),
    "nobody knows the networks": ({"topology": None}, UNKNOWN, None),
}


@pytest.mark.parametrize(("changes", "result", "code"), OVERLAPS.values(), ids=OVERLAPS.keys())
def test_no_other_cluster_that_is_reached_has_the_same_addresses(
    changes: dict[str, Any], result: Result, code: Code | None
) -> None:
    assert found(no_overlapping_cluster, ROUTED, changes) == (result, code)


MINE = Owner("cls-theirs", "vpc-mine")
OWNED: dict[str, Case] = {
    "nobody's": (DECLARED, {}, PASSED, None),
    "another cluster's of the VPC": (DECLARED, {"owners": {IP: (MINE,)}}, FAILED, Code.CLAIMED_BY_OTHER_CLUSTER),
    "another cluster's of the VPC, after one of another": (
        DECLARED,
        {"owners": {IP: (Owner("cls-far", "vpc-other"), MINE)}},
        FAILED,
        Code.CLAIMED_BY_OTHER_CLUSTER,
    ),
    "another cluster's of another VPC": (DECLARED, {"owners": {IP: (Owner("cls-far", "vpc-other"),)}}, PASSED, None),
    "next to another cluster's": (DECLARED, {"owners": {"172.16.3.16": (MINE,)}}, PASSED, None),
    "another cluster's, where the cloud's evidence decides": (ROUTED, {"owners": {IP: (MINE,)}}, NOT_APPLICABLE, None),
    "another cluster's, and nobody knows the VPC": (
        DECLARED,
        {"owners": {IP: (MINE,)}, "topology": None},
        NOT_APPLICABLE,
        None,
    ),
}


@pytest.mark.parametrize(("subject", "changes", "result", "code"), OWNED.values(), ids=OWNED.keys())
def test_a_declaration_says_nothing_against_another_clusters_proof(
    subject: Any, changes: dict[str, Any], result: Result, code: Code | None
) -> None:
    assert found(no_other_owner, subject, changes) == (result, code)
