"""A cluster, the networks that are its own, and how its addresses are to be proven."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class Verification(StrEnum):
    """How addresses of a cluster are proven.

    ``strict``: nothing unproven is ever registered. ``declared``: GlobalRouter addresses pass on the cluster's CIDR
    alone, as with the platform's ticket way; every binding made so says it.
    """

    STRICT = "strict"
    DECLARED = "declared"


class NetworkMode(StrEnum):
    """How a pod got its address: from an elastic network interface, or from the cluster's container CIDR."""

    VPC_CNI = "vpc-cni"
    GLOBAL_ROUTER = "global-router"


@dataclass(frozen=True, slots=True)
class Topology:
    """The networks of a cluster: set by an operator or read from the cloud."""

    vpc_id: str
    cluster_cidrs: tuple[str, ...] = ()
    service_cidr: str | None = None
    eni_subnet_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Platform:
    """What the cloud says a cluster is made of (TKE API, DescribeClusters and DescribeIPAMD).

    ``known`` False: the cloud answered that it has no such cluster. ``network_type`` is GR, VPC-CNI, CiliumOverlay, or
    "" when the answer did not say; so with ``kubernetes_version``. ``vpc_cni``: pods may have interface addresses, None
    when the cloud did not say.
    """

    known: bool
    kubernetes_version: str = ""
    network_type: str = ""
    vpc_cni: bool | None = False


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of a cluster, with its primary address."""

    cluster_id: str
    instance_id: str
    ip: str
    security_group_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Removal:
    """How targets of a cluster leave.

    ``max_share`` (0 to 1) is the share of a listener's targets that one implicit removal may take. ``drain_seconds`` is
    the drain time of bindings that name none; None: the broker's.
    """

    max_share: float
    drain_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that may ask for bindings.

    ``topology_setting`` is the operator's word and wins over ``topology_found``, which the worker reads from the cloud.
    ``platform`` is None until the cloud was asked; it is read whether or not an operator stated the topology.
    ``max_removal_share`` (0 to 1) is the share of a listener's targets that one implicit removal may take.
    ``drain_seconds`` is the drain time of its bindings that name none, None the broker's. ``failing_since`` says of
    each kind of work on it that fails (topology, verification, reverification) since when.
    """

    account_id: str
    cluster_id: str
    region: str
    verification: Verification
    topology_setting: Topology | None
    topology_found: Topology | None
    platform: Platform | None
    topology_read_at: datetime | None
    topology_error: str | None
    max_removal_share: float
    last_seen_at: datetime | None
    created_at: datetime
    updated_at: datetime
    drain_seconds: int | None = None
    failing_since: Mapping[str, datetime] = field(default_factory=dict)
    alarmed_at: datetime | None = None

    @property
    def alarm(self) -> bool:
        """Whether some work on it fails, and has failed for so long that an alarm began."""
        return bool(self.failing_since) and self.alarmed_at is not None

    def drain(self, default_seconds: int) -> int:
        """The drain time in seconds of its bindings that name none; ``default_seconds`` is the broker's."""
        return default_seconds if self.drain_seconds is None else self.drain_seconds

    def silent(self, now: datetime, after: timedelta) -> bool:
        """Whether its agent spoke once, and then not for longer than ``after``."""
        return self.last_seen_at is not None and now - self.last_seen_at > after

    @property
    def topology(self) -> Topology | None:
        """The topology in use."""
        return self.topology_setting or self.topology_found
