"""What the simulated cloud consists of. Plain records.

`app.simulator.world` holds them, and whoever changes one holds the world's lock.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

LAYER_7 = ("HTTP", "HTTPS")
PROTOCOLS = ("TCP", "UDP", "TCP_SSL", "QUIC", *LAYER_7)
DEFAULT_WEIGHT = 10
HEALTH = ("Alive", "Dead", "Unknown", "Close")


@dataclass
class Target:
    """A backend on one listener or rule. `health` None means.

    By the time that has passed since `registered_at` (unix seconds).
    """

    ip: str
    port: int
    weight: int
    registered_at: float
    kind: str = "ENI"
    instance_id: str | None = None
    interface_id: str | None = None
    tag: str | None = None
    health: str | None = None


Targets = dict[tuple[str, int], Target]


@dataclass
class Rule:
    """A layer-7 rule, with the targets bound to it by (ip, port)."""

    location_id: str
    domain: str
    url: str
    targets: Targets = field(default_factory=dict)


@dataclass
class Listener:
    """A listener. At layer 4 it holds `targets` itself, at layer 7 its `rules` hold them."""

    listener_id: str
    name: str
    protocol: str
    port: int
    rules: list[Rule] = field(default_factory=list)
    targets: Targets = field(default_factory=dict)
    health_check: bool = True

    @property
    def layer_7(self) -> bool:
        """Whether its targets sit on rules."""
        return self.protocol in LAYER_7

    def places(self) -> Iterator[tuple[Rule | None, Targets]]:
        """Where targets sit: each rule with its own, or None with the listener's."""
        if self.layer_7:
            for rule in self.rules:
                yield rule, rule.targets
        else:
            yield None, self.targets


@dataclass
class LoadBalancer:
    """A load balancer. It is busy while `working`, and until `busy_until` (monotonic seconds).

    Writes meanwhile are refused.
    """

    load_balancer_id: str
    region: str
    name: str
    vpc_id: str
    kind: str
    vips: list[str]
    snat_pro: bool = False
    forward: int = 1
    subnet_id: str = ""
    security_groups: list[str] = field(default_factory=list)
    listeners: dict[str, Listener] = field(default_factory=dict)
    created_at: float = 0.0
    target_quota: int | None = None
    working: bool = False
    busy_until: float = 0.0


@dataclass
class Address:
    """A private address of an interface; `state` AVAILABLE can be bound."""

    ip: str
    state: str = "AVAILABLE"
    primary: bool = False


@dataclass
class Interface:
    """An elastic network interface; `instance_id` None means that it is attached to nothing."""

    interface_id: str
    region: str
    vpc_id: str
    subnet_id: str
    instance_id: str | None
    name: str = ""
    primary: bool = False
    security_groups: list[str] = field(default_factory=list)
    addresses: dict[str, Address] = field(default_factory=dict)


@dataclass
class Vpc:
    """A private network.

    `container_cidrs` are the GlobalRouter blocks in it (AssistantType 1), `assistant_cidrs` ordinary ones (0).
    """

    vpc_id: str
    region: str
    name: str
    cidr: str
    container_cidrs: list[str] = field(default_factory=list)
    assistant_cidrs: list[str] = field(default_factory=list)


@dataclass
class Subnet:
    """A subnet of a VPC."""

    subnet_id: str
    region: str
    vpc_id: str
    name: str
    cidr: str


@dataclass
class Attachment:
    """A network's membership in a CCN; ACTIVE counts."""

    vpc_id: str
    state: str = "ACTIVE"
    region: str = ""


@dataclass
class Route:
    """A CCN route to a network."""

    route_id: str
    cidr: str
    vpc_id: str
    enabled: bool = True


@dataclass
class Ccn:
    """A cloud connect network, with its routes by id. Routes come and go by its own functions, which index them."""

    ccn_id: str
    region: str
    attachments: list[Attachment] = field(default_factory=list)
    routes: dict[str, Route] = field(default_factory=dict)
    routes_numbered: int = 0
    """How many routes it ever had: no id is given twice."""
    _by_block: dict[IPv4Network | IPv6Network, list[Route]] = field(default_factory=dict, repr=False)

    def add_route(self, route: Route) -> None:
        """Adds a route after the others."""
        self.routes[route.route_id] = route
        self.routes_numbered += 1
        self._by_block.setdefault(ip_network(route.cidr), []).append(route)

    def remove_route(self, route: Route) -> None:
        """Takes one of its routes away."""
        del self.routes[route.route_id]
        self._by_block[ip_network(route.cidr)].remove(route)

    def routes_to(self, ip: str) -> Iterator[Route]:
        """The routes whose block holds the address, disabled ones too: the longest first, of equals the oldest."""
        address = ip_address(ip)
        for length in range(address.max_prefixlen, -1, -1):
            yield from self._by_block.get(ip_network((ip, length), strict=False), ())


@dataclass
class Node:
    """A machine of a cluster."""

    instance_id: str
    ip: str
    security_groups: list[str] = field(default_factory=list)


@dataclass
class Cluster:
    """A TKE cluster; `network_type` is GR, VPC-CNI or CiliumOverlay.

    `vpc_cni` says that a GR cluster has VPC-CNI besides; nodes are held by instance id.
    """

    cluster_id: str
    region: str
    name: str
    version: str
    vpc_id: str
    network_type: str
    cluster_cidr: str
    service_cidr: str
    eni_subnet_ids: list[str] = field(default_factory=list)
    vpc_cni: bool = False
    nodes: dict[str, Node] = field(default_factory=dict)

    @property
    def has_ipamd(self) -> bool:
        """Whether the component that gives pods addresses of the VPC is installed."""
        return self.network_type == "VPC-CNI" or (self.network_type == "GR" and self.vpc_cni)


@dataclass
class Policy:
    """One rule of a security group."""

    protocol: str
    port: str
    cidr: str
    action: str


@dataclass
class SecurityGroup:
    """A security group."""

    security_group_id: str
    region: str
    ingress: list[Policy] = field(default_factory=list)
    egress: list[Policy] = field(default_factory=list)
