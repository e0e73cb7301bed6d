"""The table of ownership: for every code what makes the world wrong, and the nearest neighbour that is right."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.worker.front_door import Event, of_pod

Edit = dict[str, Any]
CNI: Final = {"network_mode": "vpc-cni"}
ROUTED: Final = {"network_mode": "global-router"}
GOOD_CNI: Final = ("cls-a", "10.0.2.5", CNI)
GOOD_CNI_OF_B: Final = ("cls-b", "10.8.1.50", {**CNI, "target": {"load_balancer_id": "lb-2"}})
GOOD_ROUTED: Final = ("cls-b", "172.20.2.5", ROUTED)


@dataclass(frozen=True)
class Case:
    """A pod whose event is refused with ``code`` when the world is edited by ``wrong``.

    Its nearest neighbour: the world edited by ``right`` and, if that is named, the address ``instead``.
    ``good`` is a pod of the same batch that is bound in either world: cluster, address, changes of the event.
    """

    name: str
    code: str
    ip: str
    cluster_id: str = "cls-a"
    changes: dict[str, Any] = field(default_factory=lambda: CNI)
    wrong: Sequence[Edit] = ()
    right: Sequence[Edit] = ()
    instead: str | None = None
    good: tuple[str, str, dict[str, Any]] = GOOD_CNI

    def event(self) -> Event:
        return of_pod(self.ip, **self.changes)

    def neighbour(self) -> Event:
        return of_pod(self.instead or self.ip, **self.changes)


def edit(kind: str, **fields: Any) -> Edit:
    return {"kind": kind, **fields}


def move(ip: str, source: str, to: str | None = None) -> Edit:
    return {"kind": "move-address", "ip": ip, "from": source, "to": to}


def route(cidr: str, vpc_id: str, *, enabled: bool = True) -> Edit:
    return edit("add-route", ccn_id="ccn-1", route={"cidr": cidr, "vpc_id": vpc_id, "enabled": enabled})


def with_cluster(cidr: str) -> Edit:
    """Another GlobalRouter cluster than the one that is there."""
    return edit("set-cluster", cluster_id="cls-d", cluster_cidr=cidr)


JOIN_D: Final = edit(
    "add-ccn", ccn={"ccn_id": "ccn-3", "attachments": [{"vpc_id": "vpc-b"}, {"vpc_id": "vpc-d"}], "routes": []}
)
JOIN_D_PENDING: Final = edit(
    "add-ccn",
    ccn={"ccn_id": "ccn-3", "attachments": [{"vpc_id": "vpc-b"}, {"vpc_id": "vpc-d", "state": "PENDING"}]},
)
LIKE_B: Final = edit("add-vpc", vpc={"vpc_id": "vpc-e", "cidr": "10.8.0.0/26"})
LB_IN_E: Final = edit("set-load-balancer", load_balancer_id="lb-far", vpc_id="vpc-e")
JOIN_E: Final = edit(
    "add-ccn",
    ccn={
        "ccn_id": "ccn-3",
        "attachments": [{"vpc_id": "vpc-b"}, {"vpc_id": "vpc-e"}],
        "routes": [{"cidr": "10.8.1.0/24", "vpc_id": "vpc-b"}],
    },
)
OF_B: Final[dict[str, Any]] = {"cluster_id": "cls-b", "changes": CNI, "good": GOOD_CNI_OF_B}
ROUTED_OF_B: Final[dict[str, Any]] = {"cluster_id": "cls-b", "changes": ROUTED, "good": GOOD_ROUTED}
ROUTED_OR_CNI: Final[dict[str, Any]] = {"cluster_id": "cls-b", "changes": ROUTED, "good": GOOD_CNI_OF_B}
FAR: Final = {**CNI, "target": {"load_balancer_id": "lb-far"}}
ON_LB_2: Final = {**CNI, "target": {"load_balancer_id": "lb-2"}}

CASES: Final = (
    Case("loopback", "address-not-bindable", "127.0.0.1", instead="10.0.1.10"),
    Case("link-local", "address-not-bindable", "169.254.1.1", instead="10.0.1.10"),
    Case("multicast", "address-not-bindable", "224.0.0.1", instead="10.0.1.10"),
    Case("unspecified", "address-not-bindable", "0.0.0.0", instead="10.0.1.10"),
    Case("broadcast", "address-not-bindable", "255.255.255.255", instead="10.0.1.10"),
    Case("IPv6", "address-not-bindable", "2001:db8::1", instead="10.0.1.10"),
    Case("IPv4-mapped", "address-not-bindable", "::ffff:10.0.1.10", instead="10.0.1.10"),
    Case(
        "its own load balancer's",
        "address-is-load-balancer",
        "10.0.1.10",
        wrong=[edit("set-load-balancer", load_balancer_id="lb-1", vips=["10.0.1.10"])],
        right=[edit("set-load-balancer", load_balancer_id="lb-1", vips=["10.0.1.11"])],
    ),
    Case(
        "that of a load balancer that nobody registered",
        "address-is-load-balancer",
        "10.0.1.10",
        wrong=[edit("set-load-balancer", load_balancer_id="lb-stranger", vips=["10.0.1.10"])],
        right=[edit("set-load-balancer", load_balancer_id="lb-stranger", vips=["10.0.1.11"])],
    ),
    Case(
        "its own Services'",
        "address-is-service",
        "10.0.1.10",
        wrong=[edit("set-cluster", cluster_id="cls-a", service_cidr="10.0.1.8/29")],
        right=[edit("set-cluster", cluster_id="cls-a", service_cidr="10.0.1.16/29")],
    ),
    Case(
        "another cluster's Services'",
        "address-is-service",
        "10.0.1.10",
        wrong=[edit("set-cluster", cluster_id="cls-c", service_cidr="10.0.1.8/29")],
        right=[edit("set-cluster", cluster_id="cls-c", service_cidr="10.0.1.16/29")],
    ),
    Case(
        "Services' in another VPC, and in no network of its own",
        "address-is-service",
        "192.168.48.9",
        **ROUTED_OF_B,
        instead="172.20.1.10",
        wrong=[edit("set-cluster", cluster_id="cls-d", service_cidr="192.168.48.0/20")],
        right=[edit("set-cluster", cluster_id="cls-d", service_cidr="172.20.1.0/24")],
    ),
    Case(
        "a machine's, by the cluster",
        "address-is-node",
        "10.0.1.10",
        wrong=[edit("add-node", cluster_id="cls-a", node={"instance_id": "ins-9", "ip": "10.0.1.10"})],
        right=[edit("add-node", cluster_id="cls-a", node={"instance_id": "ins-9", "ip": "10.0.1.11"})],
    ),
    Case("a machine's, by its interface", "address-is-node", "10.0.200.1", instead="10.0.1.1"),
    Case(
        "no VPC-CNI in a GlobalRouter cluster",
        "network-mode-unsupported",
        "10.8.1.10",
        cluster_id="cls-b",
        changes=ON_LB_2,
        good=GOOD_ROUTED,
        wrong=[edit("set-cluster", cluster_id="cls-b", vpc_cni=False)],
    ),
    Case(
        "Cilium-Overlay",
        "network-mode-unsupported",
        "10.0.1.10",
        good=GOOD_ROUTED,
        wrong=[edit("set-cluster", cluster_id="cls-a", network_type="CiliumOverlay")],
        right=[edit("set-cluster", cluster_id="cls-a", network_type="VPC-CNI")],
    ),
    Case(
        "1.11",
        "kubernetes-too-old",
        "10.0.1.10",
        good=GOOD_ROUTED,
        wrong=[edit("set-cluster", cluster_id="cls-a", version="1.11.9")],
        right=[edit("set-cluster", cluster_id="cls-a", version="1.12.0")],
    ),
    Case(
        "beside the CIDR, although a route leads there",
        "outside-cluster-cidr",
        "172.22.1.10",
        **ROUTED_OF_B,
        instead="172.20.1.10",
        wrong=[route("172.22.0.0/16", "vpc-b")],
        right=[route("172.22.0.0/16", "vpc-b")],
    ),
    Case("on no interface", "eni-not-found", "10.0.1.10", wrong=[move("10.0.1.10", "eni-1")]),
    Case(
        "on an interface of no machine",
        "eni-detached",
        "10.0.1.10",
        wrong=[edit("attach-interface", interface_id="eni-1", instance_id=None)],
    ),
    Case(
        "not available yet",
        "eni-detached",
        "10.0.1.10",
        wrong=[edit("set-address-state", interface_id="eni-1", ip="10.0.1.10", state="PENDING")],
        right=[edit("set-address-state", interface_id="eni-1", ip="10.0.1.10", state="AVAILABLE")],
    ),
    Case("in another VPC", "eni-other-vpc", "10.0.1.10", wrong=[move("10.0.1.10", "eni-1", "eni-8")]),
    Case(
        "on another cluster's machine",
        "eni-other-cluster",
        "10.0.1.10",
        wrong=[move("10.0.1.10", "eni-1", "eni-3")],
        right=[move("10.0.1.10", "eni-1", "eni-2")],
    ),
    Case(
        "on a machine of no cluster",
        "eni-other-cluster",
        "10.0.1.10",
        wrong=[move("10.0.1.10", "eni-1", "eni-4")],
        right=[
            move("10.0.1.10", "eni-1", "eni-4"),
            edit("add-node", cluster_id="cls-a", node={"instance_id": "ins-4", "ip": "10.0.200.4"}),
        ],
    ),
    Case("in a subnet that is not for pods", "eni-other-cluster", "10.0.129.1", instead="10.0.1.1"),
    Case(
        "a network that is not attached",
        "ccn-not-attached",
        "172.20.1.10",
        **ROUTED_OR_CNI,
        wrong=[edit("set-attachment-state", ccn_id="ccn-1", vpc_id="vpc-b", state="PENDING")],
        right=[edit("set-attachment-state", ccn_id="ccn-1", vpc_id="vpc-b", state="ACTIVE")],
    ),
    Case(
        "no route",
        "ccn-route-missing",
        "172.20.1.10",
        **ROUTED_OF_B,
        wrong=[edit("remove-route", ccn_id="ccn-1", cidr="172.20.0.0/16")],
    ),
    Case(
        "a route that is off",
        "ccn-route-disabled",
        "172.20.1.10",
        **ROUTED_OF_B,
        wrong=[edit("set-route-enabled", ccn_id="ccn-1", cidr="172.20.0.0/16", enabled=False)],
        right=[edit("set-route-enabled", ccn_id="ccn-1", cidr="172.20.0.0/16", enabled=True)],
    ),
    Case(
        "a longer route elsewhere",
        "ccn-route-other-vpc",
        "172.20.1.10",
        **ROUTED_OF_B,
        wrong=[route("172.20.1.0/24", "vpc-a")],
        right=[route("172.20.1.0/24", "vpc-a", enabled=False)],
    ),
    Case(
        "two routes of one length",
        "ccn-route-other-vpc",
        "172.20.1.10",
        **ROUTED_OF_B,
        wrong=[route("172.20.0.0/16", "vpc-a")],
        right=[route("172.20.0.0/15", "vpc-a")],
    ),
    Case(
        "two clusters of one CIDR",
        "cidr-overlap",
        "172.20.1.10",
        **ROUTED_OR_CNI,
        wrong=[with_cluster("172.20.0.0/24"), JOIN_D],
        right=[with_cluster("172.20.0.0/24"), JOIN_D_PENDING],
    ),
    Case(
        "two clusters of neighbouring CIDRs",
        "cidr-overlap",
        "172.20.1.10",
        **ROUTED_OR_CNI,
        wrong=[with_cluster("172.20.0.0/15"), JOIN_D],
        right=[with_cluster("172.21.0.0/16"), JOIN_D],
    ),
    Case(
        "in the load balancer's own network too",
        "cidr-overlap",
        "10.8.0.10",
        cluster_id="cls-b",
        changes=FAR,
        good=GOOD_CNI_OF_B,
        instead="10.8.1.10",
        wrong=[LIKE_B, LB_IN_E, JOIN_E, {"kind": "move-address", "ip": "10.8.0.10", "to": "eni-8"}],
        right=[LIKE_B, LB_IN_E, JOIN_E],
    ),
    Case(
        "from another VPC without SnatPro",
        "load-balancer-unreachable",
        "10.0.1.10",
        changes=ON_LB_2,
        right=[edit("set-load-balancer", load_balancer_id="lb-2", snat_pro=True)],
    ),
    Case(
        "from a VPC that no network connects",
        "load-balancer-unreachable",
        "10.0.1.10",
        changes=FAR,
        right=[edit("set-load-balancer", load_balancer_id="lb-far", vpc_id="vpc-a")],
    ),
    Case(
        "billed by traffic",
        "account-not-bill-by-ip",
        "172.20.1.10",
        **ROUTED_OR_CNI,
        wrong=[edit("set-account-type", account_type="LEGACY")],
        right=[edit("set-account-type", account_type="STANDARD")],
    ),
)
