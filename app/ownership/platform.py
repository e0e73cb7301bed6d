"""Whether the cluster and the account can do direct access at all."""

import re
from typing import Any, Final

from app.domain.cluster import NetworkMode
from app.domain.codes import Code
from app.ownership.evidence import Evidence, Subject
from app.ownership.finding import Finding, failed, not_applicable, passed, unknown

OLDEST_KUBERNETES: Final = (1, 12)
"""The first version with direct access (TKE documentation, "Using Services with CLB-to-Pod Direct Access Mode")."""

BILL_BY_IP: Final = "STANDARD"
"""What DescribeNetworkAccountType calls accounts whose bandwidth is billed by IP."""

NETWORK_TYPES: Final = frozenset({"GR", "VPC-CNI", "CILIUMOVERLAY"})
"""What DescribeClusters names in the Property's NetworkType, in capitals."""


def kubernetes_version(_subject: Subject, evidence: Evidence) -> Finding:
    """The cluster's Kubernetes is recent enough for direct access."""
    if evidence.platform is None:
        return unknown(evidence)
    if not evidence.platform.known:
        return _not_known(evidence)
    version = evidence.platform.kubernetes_version
    found = re.match(r"v?(\d{1,4})\.(\d{1,4})(?!\d)", version)
    if found is None:
        return unknown(evidence, f"the cloud names no Kubernetes version of {evidence.cluster_id}: {version!r}")
    if (int(found[1]), int(found[2])) < OLDEST_KUBERNETES:
        detail = f"{evidence.cluster_id} runs Kubernetes {version}; direct access needs 1.12 or later"
        return failed(Code.KUBERNETES_TOO_OLD, detail, kubernetes_version=version)
    return passed(kubernetes_version=version)


def network_mode(subject: Subject, evidence: Evidence) -> Finding:
    """The cluster has the network that the pod is said to be in."""
    platform = evidence.platform
    if platform is None or evidence.topology is None:
        return unknown(evidence)
    if not platform.known:
        return _not_known(evidence)
    network_type = platform.network_type.upper()
    if network_type not in NETWORK_TYPES:
        return unknown(evidence, f"the cloud names no network type that is known here: {platform.network_type!r}")
    if subject.network_mode is NetworkMode.VPC_CNI:
        if network_type == "GR" and platform.vpc_cni is None:
            return unknown(evidence, f"the cloud does not say whether {evidence.cluster_id} has VPC-CNI enabled")
        able = network_type == "VPC-CNI" or (network_type == "GR" and bool(platform.vpc_cni))
    else:
        # A cluster that was made for VPC-CNI has container CIDRs only when somebody gave it some.
        able = network_type == "GR" or (network_type == "VPC-CNI" and bool(evidence.topology.cluster_cidrs))
    facts: dict[str, Any] = {"network_type": platform.network_type, "vpc_cni": platform.vpc_cni}
    if able:
        return passed(**facts)
    detail = f"{evidence.cluster_id} has network type {platform.network_type}, which has no {subject.network_mode} pods"
    return failed(Code.NETWORK_MODE_UNSUPPORTED, detail, **facts)


def account_bill_by_ip(_subject: Subject, evidence: Evidence) -> Finding:
    """The account's bandwidth is billed by IP: others cannot bind GlobalRouter pods."""
    account_type = (evidence.account_type or "").upper()
    if not account_type:
        return unknown(evidence)
    if account_type == BILL_BY_IP:
        return passed(account_type=evidence.account_type)
    detail = f"the account's network type is {evidence.account_type}; GlobalRouter pods need {BILL_BY_IP} (bill-by-IP)"
    return failed(Code.ACCOUNT_NOT_BILL_BY_IP, detail, account_type=evidence.account_type)


def _not_known(evidence: Evidence) -> Finding:
    """An operator's word on the networks stands for a cluster that the cloud does not know."""
    told = f"the cloud knows no cluster {evidence.cluster_id}"
    return not_applicable(f"{told}; an operator stated its networks") if evidence.stated else unknown(evidence, told)
