"""What the cloud answered about addresses and routes. None stands for "no answer", which proves and refuses nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.domain.cluster import NetworkMode, Topology, Verification


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """One address of one elastic network interface (VPC API, DescribeNetworkInterfaces)."""

    ip: str
    interface_id: str
    vpc_id: str
    subnet_id: str
    instance_id: str | None
    state: str

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
    """A VPC in a Cloud Connect Network (VPC API, DescribeCcnAttachedInstances)."""

    ccn_id: str
    vpc_id: str
    state: str

    @property
    def active(self) -> bool:
        """Whether routes of the network reach the VPC."""
        return self.state.upper() == "ACTIVE"


@dataclass(frozen=True, slots=True)
class Route:
    """A route of a Cloud Connect Network (VPC API, DescribeCcnRoutes)."""

    ccn_id: str
    destination: str
    instance_type: str
    instance_id: str
    enabled: bool

    def facts(self) -> dict[str, Any]:
        """What an auditor needs to look it up again."""
        return {
            "ccn_id": self.ccn_id,
            "destination": self.destination,
            "leads_to": self.instance_id,
            "enabled": self.enabled,
        }


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was read for one cluster's addresses.

    ``topology`` None: the cluster's networks are not known. ``interfaces`` maps each address asked for to the
    interfaces that hold it; an address that is no key was not answered for. ``attachments`` and ``routes`` None: no
    answer. ``problem`` says why answers are missing.
    """

    topology: Topology | None
    interfaces: Mapping[str, tuple[InterfaceAddress, ...]] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] | None = None
    routes: tuple[Route, ...] | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """The address to be proven, and the cluster's say on how."""

    ip: str
    network_mode: NetworkMode
    verification: Verification
