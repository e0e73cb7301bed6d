"""What the cloud answered about addresses, machines and routes. None stands for "no answer": no proof, no refusal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.domain.cluster import NetworkMode, Node, Platform, Topology, Verification
from app.domain.load_balancer import Inventory
from app.ownership.routes import RouteTable


class Source(StrEnum):
    """Where a fact comes from: each is read by itself, and is as old as its last reading."""

    ADDRESS = "address"
    INTERFACES = "interfaces"
    MACHINES = "machines"
    TOPOLOGY = "topology"
    NEIGHBOURS = "neighbours"
    NETWORK = "network"
    REGION = "region"
    LOAD_BALANCER = "load-balancer"
    LEDGER = "ledger"


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """One address of one elastic network interface (VPC API, DescribeNetworkInterfaces).

    ``primary``: the first address of a machine's first interface, which is the machine's own.
    """

    ip: str
    interface_id: str
    vpc_id: str
    subnet_id: str
    instance_id: str | None
    state: str
    primary: bool = False
    security_group_ids: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether a load balancer can send to it: attached to a machine, the address in state AVAILABLE."""
        return self.instance_id is not None and self.state.upper() == "AVAILABLE"

    def facts(self) -> dict[str, Any]:
        """What an auditor needs to look it up again."""
        return {
            "interface_id": self.interface_id,
            "vpc_id": self.vpc_id,
            "subnet_id": self.subnet_id,
            "instance_id": self.instance_id,
            "address_state": self.state,
        }


@dataclass(frozen=True, slots=True)
class Attachment:
    """A VPC in a Cloud Connect Network, with its address blocks (VPC API, DescribeCcnAttachedInstances)."""

    ccn_id: str
    vpc_id: str
    state: str
    cidrs: tuple[str, ...] = ()

    @property
    def active(self) -> bool:
        """Whether routes of the network reach the VPC."""
        return self.state.upper() == "ACTIVE"


@dataclass(frozen=True, slots=True)
class Ccn:
    """A Cloud Connect Network: the VPCs in it, and its routes."""

    ccn_id: str
    attachments: tuple[Attachment, ...]
    routes: RouteTable

    def active(self, vpc_id: str) -> Attachment | None:
        """The VPC's attachment, if it is ACTIVE here."""
        return next((each for each in self.attachments if each.vpc_id == vpc_id and each.active), None)


@dataclass(frozen=True, slots=True)
class Policy:
    """An ingress rule of a security group (VPC API, DescribeSecurityGroupPolicies), the first that fits decides.

    ``readable`` False: it names ports or sources by a template, whose content is not known here.
    """

    protocol: str
    port: str
    cidr: str
    action: str
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Vip:
    """An address of a load balancer (VIP), and the VPC that the load balancer is in."""

    load_balancer_id: str
    vpc_id: str


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another cluster, and the networks that are its own."""

    cluster_id: str
    topology: Topology


@dataclass(frozen=True, slots=True)
class Owner:
    """Another cluster that has an address by the cloud's evidence, and its VPC."""

    cluster_id: str
    vpc_id: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known when the addresses of one cluster are judged.

    ``topology`` and ``platform`` None: not known. ``stated``: an operator gave the topology. ``interfaces`` maps each
    address asked for to the interfaces that hold it, ``machines`` each instance asked for to whether it is a node of
    the cluster; what is no key was not answered for. ``ccns`` are the networks that the cluster's VPC is attached to,
    None: no answer. ``account_type`` is STANDARD (bill-by-IP) or LEGACY. ``load_balancers`` holds those that were read;
    None: the cloud says that there is none. ``nodes`` are those of any cluster at the addresses in question, and those
    of the machines in question; ``vips`` maps addresses in question to the load balancers that have them, ``owners`` to
    the other clusters that have proven bindings of them.
    ``all_vips`` False: others than these were not read. ``unread_neighbours`` are clusters whose networks nobody knows
    yet. ``read_at`` says when each source was read; ``problem`` why answers are missing.
    """

    cluster_id: str
    topology: Topology | None
    platform: Platform | None = None
    stated: bool = False
    interfaces: Mapping[str, tuple[InterfaceAddress, ...]] = field(default_factory=dict)
    machines: Mapping[str, bool] = field(default_factory=dict)
    ccns: tuple[Ccn, ...] | None = None
    account_type: str | None = None
    load_balancers: Mapping[str, Inventory | None] = field(default_factory=dict)
    neighbours: tuple[Neighbour, ...] = ()
    unread_neighbours: tuple[str, ...] = ()
    nodes: tuple[Node, ...] = ()
    owners: Mapping[str, tuple[Owner, ...]] = field(default_factory=dict)
    vips: Mapping[str, tuple[Vip, ...]] = field(default_factory=dict)
    all_vips: bool = True
    security_groups: Mapping[str, tuple[Policy, ...]] = field(default_factory=dict)
    read_at: Mapping[Source, datetime] = field(default_factory=dict)
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """The address to be proven, the cluster's say on how, and what it is to be bound to.

    ``load_balancer_id`` None: nothing in particular. ``port`` is the pod's, ``node`` the address of its machine as the
    agent says; both serve warnings alone.
    """

    ip: str
    network_mode: NetworkMode
    verification: Verification
    load_balancer_id: str | None = None
    port: int | None = None
    node: str | None = None
