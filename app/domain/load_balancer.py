"""A load balancer, its listeners and rules as last read from the cloud."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.domain.target import TargetName

LAYER_7: Final = frozenset({"HTTP", "HTTPS"})
"""Protocols whose targets hang on a rule and need its ``location_id`` (CLB API, DescribeTargets)."""

EVERY_LISTENER: Final = "*"
"""In a grant: all listeners of the load balancer, those of tomorrow included."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A forwarding rule of a layer-7 listener."""

    location_id: str
    domain: str
    url: str


@dataclass(frozen=True, slots=True)
class Listener:
    """A listener; ``rules`` is empty at layer 4."""

    listener_id: str
    protocol: str
    port: int
    rules: tuple[Rule, ...] = ()

    @property
    def layer_7(self) -> bool:
        """Whether targets hang on rules instead of on the listener itself."""
        return self.protocol in LAYER_7


@dataclass(frozen=True, slots=True)
class Inventory:
    """What the cloud says a load balancer is: its VPC, addresses, listeners and rules.

    ``internal``: its clients are in private networks (LoadBalancerType INTERNAL). ``snat_pro``: it may have targets in
    other VPCs (SnatPro).
    """

    vpc_id: str
    vips: tuple[str, ...]
    listeners: tuple[Listener, ...]
    internal: bool = False
    snat_pro: bool = False


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """A load balancer that the broker manages.

    ``inventory`` is None until first read; ``missing`` says that the cloud answered that it does not exist.
    Work is due while ``reconciled_generation`` is behind ``wanted_generation``. ``failures`` counts the passes that
    failed in a row, the first of them at ``failing_since``. After a write it stays busy for ``tail_factor`` times the
    usual tail; that of the last one is thought to be over at ``tail_ends_at``.
    """

    account_id: str
    load_balancer_id: str
    region: str
    inventory: Inventory | None
    inventory_read_at: datetime | None
    missing: bool
    wanted_generation: int
    reconciled_generation: int
    wanted_at: datetime | None
    last_error: str | None
    failures: int
    created_at: datetime
    failing_since: datetime | None = None
    alarmed_at: datetime | None = None
    tail_factor: float = 1.0
    tail_ends_at: datetime | None = None
    last_event_at: datetime | None = None

    @property
    def alarm(self) -> bool:
        """Whether its passes fail, and have failed for so long that an alarm began."""
        return self.failing_since is not None and self.alarmed_at is not None


@dataclass(frozen=True, slots=True)
class Grant:
    """The right of one cluster to bind on one load balancer, on all or on named listeners."""

    load_balancer_id: str
    cluster_id: str
    listener_ids: tuple[str, ...]

    def covers(self, listener_id: str) -> bool:
        """Whether the grant holds for this listener."""
        return EVERY_LISTENER in self.listener_ids or listener_id in self.listener_ids


@dataclass(frozen=True, slots=True)
class Slot:
    """A listener, and at layer 7 its rule: what a target's name means at the cloud."""

    listener_id: str
    location_id: str


def resolve(name: TargetName, listeners: Sequence[Listener]) -> Slot | None:
    """The slot that ``name`` means among ``listeners``; None when there is none or no single one."""
    slots = [slot for listener in listeners if _same_listener(name, listener) for slot in _slots(name, listener)]
    return slots[0] if len(slots) == 1 else None


def slots_of(listeners: Sequence[Listener]) -> frozenset[Slot]:
    """All slots that there are, whatever their names."""
    rules = {Slot(listener.listener_id, rule.location_id) for listener in listeners for rule in listener.rules}
    return frozenset(rules | {Slot(listener.listener_id, "") for listener in listeners if not listener.layer_7})


def _same_listener(name: TargetName, listener: Listener) -> bool:
    if name.listener_id is not None:
        return name.listener_id == listener.listener_id
    return (name.protocol, name.listener_port) == (listener.protocol, listener.port)


def _slots(name: TargetName, listener: Listener) -> list[Slot]:
    if not listener.layer_7:
        return [] if name.location_id or name.domain or name.url else [Slot(listener.listener_id, "")]
    return [Slot(listener.listener_id, rule.location_id) for rule in listener.rules if _same_rule(name, rule)]


def _same_rule(name: TargetName, rule: Rule) -> bool:
    if name.location_id is not None:
        return name.location_id == rule.location_id
    if name.domain is None and name.url is None:
        return False
    return name.domain in {None, rule.domain} and name.url in {None, rule.url}
