"""Whether cluster and account can do direct access: versions, network types, the account's kind."""

from typing import Any

import pytest

from app.domain.cluster import Platform
from app.domain.codes import Code
from app.ownership.evidence import Evidence, Subject
from app.ownership.finding import Result
from app.ownership.platform import account_bill_by_ip, kubernetes_version, network_mode
from tests.ownership.builders import (
    CLUSTER,
    DECLARED,
    FAILED,
    NOT_APPLICABLE,
    PASSED,
    ROUTED,
    UNKNOWN,
    VPC_CNI,
    Case,
    evidence,
    found,
    platform,
    topology,
)

STRANGE = {"platform": Platform(known=False)}


@pytest.mark.parametrize(
    ("version", "result"),
    [
        ("1.11.9", FAILED),
        ("1.12.0", PASSED),
        ("1.12", PASSED),
        ("v1.12.4-tke.1", PASSED),
        ("v1.11.4-tke.1", FAILED),
        ("1.9.0", FAILED),
        ("1.30.0", PASSED),
        ("0.99", FAILED),
        ("2.0", PASSED),
        ("1.12345", UNKNOWN),
        ("1." + "9" * 5000, UNKNOWN),
        ("1", UNKNOWN),
        ("1.", UNKNOWN),
        (" 1.30", UNKNOWN),
        ("latest", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_direct_access_needs_kubernetes_1_12(version: str, result: Result) -> None:
    code = Code.KUBERNETES_TOO_OLD if result is FAILED else None
    for subject in (VPC_CNI, ROUTED, DECLARED):
        assert found(kubernetes_version, subject, {"platform": platform(kubernetes_version=version)}) == (result, code)


NO_CIDRS = {"topology": topology(cluster_cidrs=())}


def network(network_type: str, vpc_cni: bool | None = False) -> dict[str, Any]:
    """Evidence of a cluster's network."""
    return {"platform": platform(network_type=network_type, vpc_cni=vpc_cni)}


MODES: dict[str, Case] = {
    "VPC-CNI in a VPC-CNI cluster": (VPC_CNI, network("VPC-CNI"), PASSED, None),
    "VPC-CNI in a VPC-CNI cluster, whatever its add-on says": (VPC_CNI, network("VPC-CNI", None), PASSED, None),
    "VPC-CNI in a GlobalRouter cluster that has it too": (VPC_CNI, network("GR", True), PASSED, None),
    "VPC-CNI in a GlobalRouter cluster": (VPC_CNI, network("GR", False), FAILED, Code.NETWORK_MODE_UNSUPPORTED),
    "VPC-CNI in a GlobalRouter cluster, nobody knows if it has it": (VPC_CNI, network("GR", None), UNKNOWN, None),
    "VPC-CNI in a Cilium-Overlay cluster": (
        VPC_CNI,
        network("CiliumOverlay", True),
        FAILED,
        Code.NETWORK_MODE_UNSUPPORTED,
    ),
    "GlobalRouter in a GlobalRouter cluster": (ROUTED, network("GR"), PASSED, None),
    "GlobalRouter in a GlobalRouter cluster, its type written small": (ROUTED, network("gr"), PASSED, None),
    "GlobalRouter in a cluster with both": (ROUTED, network("GR", True), PASSED, None),
    "GlobalRouter in a VPC-CNI cluster with container CIDRs": (ROUTED, network("VPC-CNI"), PASSED, None),
    "GlobalRouter in a VPC-CNI cluster without": (
        ROUTED,
        network("VPC-CNI") | NO_CIDRS,
        FAILED,
        Code.NETWORK_MODE_UNSUPPORTED,
    ),
    "GlobalRouter in a Cilium-Overlay cluster": (
        ROUTED,
        network("CiliumOverlay"),
        FAILED,
        Code.NETWORK_MODE_UNSUPPORTED,
    ),
    "declared in a Cilium-Overlay cluster": (
        DECLARED,
        network("CiliumOverlay"),
        FAILED,
        Code.NETWORK_MODE_UNSUPPORTED,
    ),
    "in a network that is not known": (ROUTED, network("Calico"), UNKNOWN, None),
    "in a network that is not named": (VPC_CNI, network("", True), UNKNOWN, None),
    "in a cluster whose networks are not known": (ROUTED, {"topology": None}, UNKNOWN, None),
}


@pytest.mark.parametrize(("subject", "changes", "result", "code"), MODES.values(), ids=MODES.keys())
def test_a_cluster_has_the_network_that_the_pod_is_said_to_be_in(
    subject: Subject, changes: dict[str, Any], result: Result, code: Code | None
) -> None:
    assert found(network_mode, subject, changes) == (result, code)


@pytest.mark.parametrize("check", [kubernetes_version, network_mode])
@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"platform": None}, UNKNOWN),
        ({"platform": None, "stated": True}, UNKNOWN),
        (STRANGE, UNKNOWN),
        (STRANGE | {"stated": True}, NOT_APPLICABLE),
    ],
    ids=["not answered", "not answered, though stated", "no such cluster", "no such cluster, but stated"],
)
def test_a_cluster_that_the_cloud_does_not_know_is_an_operators_word_or_unknown(
    check: Any, changes: dict[str, Any], result: Result
) -> None:
    for subject in (VPC_CNI, ROUTED, DECLARED):
        assert found(check, subject, changes) == (result, None)


def test_a_cluster_that_is_not_there_is_told() -> None:
    told = "the cloud knows no cluster cls-mine"
    assert network_mode(ROUTED, evidence(**STRANGE)).evidence == {"detail": told}
    stated = network_mode(ROUTED, evidence(**STRANGE, stated=True))
    assert stated.evidence == {"detail": f"{told}; an operator stated its networks"}


@pytest.mark.parametrize(
    ("account_type", "result"),
    [("STANDARD", PASSED), ("standard", PASSED), ("LEGACY", FAILED), ("OTHER", FAILED), ("", UNKNOWN), (None, UNKNOWN)],
)
def test_globalrouter_needs_an_account_that_is_billed_by_ip(account_type: str | None, result: Result) -> None:
    code = Code.ACCOUNT_NOT_BILL_BY_IP if result is FAILED else None
    for subject in (ROUTED, DECLARED):
        assert found(account_bill_by_ip, subject, {"account_type": account_type}) == (result, code)


def test_what_was_not_answered_says_why() -> None:
    nothing = Evidence(CLUSTER, None, problem="DescribeClusters: throttled")
    findings = [check(ROUTED, nothing) for check in (kubernetes_version, network_mode, account_bill_by_ip)]
    assert [finding.evidence for finding in findings] == [{"detail": "DescribeClusters: throttled"}] * 3


def test_a_refusal_names_what_the_cloud_said() -> None:
    old = kubernetes_version(ROUTED, evidence(platform=platform(kubernetes_version="1.10.5")))
    assert old.evidence == {
        "kubernetes_version": "1.10.5",
        "detail": "cls-mine runs Kubernetes 1.10.5; direct access needs 1.12 or later",
    }
    legacy = account_bill_by_ip(ROUTED, evidence(account_type="LEGACY"))
    assert legacy.evidence["account_type"] == "LEGACY"
