"""What the ledger knew before a batch of events, as the fold over the batch needs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.binding import Binding
from app.domain.event import Result
from app.domain.load_balancer import Grant, LoadBalancer
from app.domain.target import TargetName


@dataclass(frozen=True, slots=True)
class Answer:
    """The first answer to an event, and the digest of what was asked."""

    digest: str
    result: Result


@dataclass(frozen=True, slots=True)
class Head:
    """The latest word on one (pod uid, target).

    ``revision`` is the greatest seen, ``bind_revision`` the greatest of a bind (None: never bound), ``ip`` the address
    in that bind, ``binding_id`` the binding that it led to.
    """

    pod_uid: str
    target: TargetName
    revision: int
    bind_revision: int | None = None
    ip: str | None = None
    binding_id: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of everything that a batch names, read under the locks of cluster and load balancers.

    ``bindings`` holds those of the heads, and whatever is live or placed at the places named, of any cluster.
    """

    account_id: str
    cluster_id: str
    now: datetime
    drain_seconds: int
    load_balancers: Mapping[str, LoadBalancer] = field(default_factory=dict)
    grants: Mapping[str, Grant] = field(default_factory=dict)
    answers: Mapping[str, Answer] = field(default_factory=dict)
    heads: Sequence[Head] = ()
    bindings: Sequence[Binding] = ()
