"""What an agent says about a pod: bind it, or unbind it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from app.domain.cluster import NetworkMode
from app.domain.codes import Code
from app.domain.target import TargetName

MAX_EVENT_ID_LENGTH: Final = 128
MAX_EVENTS: Final = 1000
"""Most events in one request."""

MAX_REVISION: Final = 2**63 - 1
"""Kubernetes resource versions are unsigned 64-bit at etcd, signed 64-bit in the ledger."""

LONGEST_KEY: Final = 500
"""Characters. An index of the ledger has room for four bytes of each, and not for the longest names there can be."""


class EventType(StrEnum):
    """What the cluster wants of a pod's target."""

    BIND = "bind"
    UNBIND = "unbind"


class Outcome(StrEnum):
    """What became of one event."""

    ACCEPTED = "accepted"
    UNCHANGED = "unchanged"
    STALE = "stale"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Pod:
    """The pod behind a target. ``ip`` may be None in an unbind: a pod that is gone has no address."""

    namespace: str
    name: str
    uid: str
    ip: str | None
    node: str | None = None


@dataclass(frozen=True, slots=True)
class Workload:
    """What runs the pod, e.g. a Deployment."""

    kind: str
    name: str

    def key(self, namespace: str) -> str:
        """The workload's name in its cluster, as one string that an index has room for."""
        whole = f"{namespace}/{self.kind}/{self.name}"
        return whole if len(whole) <= LONGEST_KEY else hashlib.sha256(whole.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Service:
    """The Service that the pod belongs to."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class PodEvent:
    """One event. ``revision`` is the greatest resource version it rests on.

    ``event_id`` is None for an entry of a snapshot. ``weight`` is None when the agent leaves it to the default,
    ``drain_seconds`` is None when it leaves that to the broker.
    """

    event_id: str | None
    type: EventType
    revision: int
    pod: Pod
    target: TargetName
    service: Service | None = None
    workload: Workload | None = None
    network_mode: NetworkMode | None = None
    weight: int | None = None
    drain_seconds: int | None = None
    observed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Malformed:
    """An event that cannot be read: its id when that at least is one, and the field that is wrong."""

    event_id: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to one event."""

    event_id: str | None
    outcome: Outcome
    binding_id: str | None = None
    code: Code | None = None
    detail: str | None = None
