"""The table of checks: what is looked at, for whom, where the facts come from, and which codes refuse.

They are made in this order, and the first that fails decides. docs/ownership.md says the same for people.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.domain.cluster import NetworkMode
from app.domain.codes import Code
from app.ownership.evidence import Evidence, Source, Subject
from app.ownership.finding import Finding
from app.ownership.interfaces import address_on_interface, machine_of_cluster
from app.ownership.network import (
    address_in_cluster_cidr,
    no_other_owner,
    no_overlapping_cluster,
    route_leads_to_cluster,
    vpc_in_ccn,
)
from app.ownership.platform import account_bill_by_ip, kubernetes_version, network_mode
from app.ownership.reach import load_balancer_reaches
from app.ownership.strangers import bindable_address, no_load_balancer, no_node, no_service_address

BOTH: Final = frozenset(NetworkMode)
VPC_CNI: Final = frozenset({NetworkMode.VPC_CNI})
GLOBAL_ROUTER: Final = frozenset({NetworkMode.GLOBAL_ROUTER})


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the table. ``source`` is where a refusal's facts come from, if the finding names no other."""

    name: str
    modes: frozenset[NetworkMode]
    source: Source
    codes: tuple[Code, ...]
    examine: Callable[[Subject, Evidence], Finding]


CHECKS: Final = (
    Check("bindable-address", BOTH, Source.ADDRESS, (Code.ADDRESS_NOT_BINDABLE,), bindable_address),
    Check("no-load-balancer", BOTH, Source.REGION, (Code.ADDRESS_IS_LOAD_BALANCER,), no_load_balancer),
    Check("no-service-address", BOTH, Source.TOPOLOGY, (Code.ADDRESS_IS_SERVICE,), no_service_address),
    Check("no-node", BOTH, Source.TOPOLOGY, (Code.ADDRESS_IS_NODE,), no_node),
    Check("kubernetes-version", BOTH, Source.TOPOLOGY, (Code.KUBERNETES_TOO_OLD,), kubernetes_version),
    Check("network-mode", BOTH, Source.TOPOLOGY, (Code.NETWORK_MODE_UNSUPPORTED,), network_mode),
    Check(
        "address-on-interface",
        VPC_CNI,
        Source.INTERFACES,
        (Code.ENI_NOT_FOUND, Code.ENI_OTHER_VPC, Code.ENI_DETACHED),
        address_on_interface,
    ),
    Check("machine-of-cluster", VPC_CNI, Source.TOPOLOGY, (Code.ENI_OTHER_CLUSTER,), machine_of_cluster),
    Check("account-bill-by-ip", GLOBAL_ROUTER, Source.REGION, (Code.ACCOUNT_NOT_BILL_BY_IP,), account_bill_by_ip),
    Check(
        "address-in-cluster-cidr",
        GLOBAL_ROUTER,
        Source.TOPOLOGY,
        (Code.OUTSIDE_CLUSTER_CIDR,),
        address_in_cluster_cidr,
    ),
    Check("vpc-in-ccn", GLOBAL_ROUTER, Source.NETWORK, (Code.CCN_NOT_ATTACHED,), vpc_in_ccn),
    Check(
        "ccn-route-leads-to-cluster",
        GLOBAL_ROUTER,
        Source.NETWORK,
        (Code.CCN_ROUTE_MISSING, Code.CCN_ROUTE_DISABLED, Code.CCN_ROUTE_OTHER_VPC),
        route_leads_to_cluster,
    ),
    Check("no-overlapping-cluster", GLOBAL_ROUTER, Source.TOPOLOGY, (Code.CIDR_OVERLAP,), no_overlapping_cluster),
    Check("no-other-owner", GLOBAL_ROUTER, Source.LEDGER, (Code.CLAIMED_BY_OTHER_CLUSTER,), no_other_owner),
    Check(
        "load-balancer-reaches",
        BOTH,
        Source.LOAD_BALANCER,
        (Code.LOAD_BALANCER_UNREACHABLE, Code.CIDR_OVERLAP),
        load_balancer_reaches,
    ),
)
