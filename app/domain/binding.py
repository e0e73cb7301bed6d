"""A binding: one pod's claim to one backend slot, its states and the moves between them.

::

    verifying -> pending -> bound -> draining -> removing -> released
        |           |         |         |           |
        |           +---------+---------+-----------+--> held (something stands in the way)
        +--> rejected (disproven)

`MOVES` is the whole truth; a move that it does not name raises.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from app.domain.cluster import NetworkMode
from app.domain.codes import Code
from app.domain.event import Pod, Service, Workload
from app.domain.load_balancer import Slot
from app.domain.target import Place, TargetName


class State(StrEnum):
    """Where a binding stands. State drives; `Binding.reason` reports."""

    VERIFYING = "verifying"
    PENDING = "pending"
    BOUND = "bound"
    DRAINING = "draining"
    REMOVING = "removing"
    HELD = "held"
    REJECTED = "rejected"
    RELEASED = "released"


class Verdict(StrEnum):
    """What the evidence says. ``unknown``: the cloud did not answer, which proves nothing and refuses nothing."""

    PROVEN = "proven"
    DISPROVEN = "disproven"
    UNKNOWN = "unknown"
    DECLARED = "declared"


class Health(StrEnum):
    """What the cloud's health check says of a target.

    ``off``: its listener or rule has no check. ``unknown``: no answer yet, or no target of ours at the cloud.
    """

    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    OFF = "off"


_S = State
MOVES: Final[Mapping[State, frozenset[State]]] = MappingProxyType(
    {
        _S.VERIFYING: frozenset({_S.PENDING, _S.REJECTED, _S.HELD, _S.RELEASED}),
        _S.PENDING: frozenset({_S.BOUND, _S.HELD, _S.DRAINING, _S.RELEASED}),
        _S.BOUND: frozenset({_S.PENDING, _S.DRAINING, _S.REMOVING, _S.HELD, _S.RELEASED}),
        _S.DRAINING: frozenset({_S.REMOVING, _S.PENDING, _S.BOUND, _S.RELEASED}),
        _S.REMOVING: frozenset({_S.RELEASED, _S.PENDING}),
        _S.HELD: frozenset({_S.PENDING, _S.BOUND, _S.DRAINING, _S.REMOVING, _S.RELEASED}),
        _S.REJECTED: frozenset(),
        _S.RELEASED: frozenset(),
    }
)
LIVE: Final = frozenset(state for state, leaves_to in MOVES.items() if leaves_to)
"""States that a binding can still leave."""

LEAVING: Final = frozenset({State.DRAINING, State.REMOVING})
"""Live states in which the pod is no longer wanted at its place."""

MOVED_BY_PASSES: Final = LEAVING | {State.PENDING}
"""States that a binding leaves by a pass over its load balancer."""

GUARDED: Final = frozenset({Code.REMOVAL_GUARD, Code.CLUSTER_SILENT})
"""Reasons of a held binding whose removal waits for an operator's word."""


class MoveNotAllowed(ValueError):
    """A move that `MOVES` does not name: a mistake in the broker, never an input's fault."""


@dataclass(frozen=True, slots=True)
class Verification:
    """The proof: verdict, how it was reached, when, and what it rests on."""

    verdict: Verdict
    method: str | None = None
    checked_at: datetime | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def rendered(self) -> dict[str, Any]:
        """The proof as history keeps it."""
        return {
            "verdict": self.verdict.value,
            "method": self.method,
            "checked_at": self.checked_at.isoformat() if self.checked_at else None,
            **self.evidence,
            "warnings": list(self.warnings),
        }

    def says_the_same(self, other: "Verification") -> bool:
        """Whether two looks came to the same, but for when things were read."""
        return self._unchanging() == other._unchanging()  # noqa: SLF001

    def _unchanging(self) -> tuple[object, ...]:
        facts = {name: fact for name, fact in self.evidence.items() if name != "read_at"}
        return self.verdict, self.method, self.warnings, facts


NOT_VERIFIED: Final = Verification(Verdict.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Binding:
    """One pod at one target.

    ``slot`` is what the target's name means at the cloud; None until the listeners were read.
    ``holder``: this binding holds its place; at most one per place does, which a partial unique index decides.
    ``placed``: a target for it may be at the cloud under our name, since an intent was written and no read-back
    has shown it gone. Nothing without it is ever removed. ``generation`` counts changes, for compare-and-set.
    ``traceparent``: the trace of the latest word about it (W3C), so that what is done for it can be followed.
    """

    binding_id: str
    account_id: str
    cluster_id: str
    pod: Pod
    ip: str
    target: TargetName
    slot: Slot | None
    service: Service | None
    workload: Workload | None
    network_mode: NetworkMode
    weight: int
    drain_seconds: int | None
    revision: int
    state: State
    created_at: datetime
    updated_at: datetime
    reason: Code | None = None
    detail: str | None = None
    holder: bool = False
    placed: bool = False
    generation: int = 1
    bound_at: datetime | None = None
    drain_until: datetime | None = None
    verification: Verification = NOT_VERIFIED
    health: Health = Health.UNKNOWN
    traceparent: str | None = None

    @property
    def live(self) -> bool:
        """Whether the binding can still move."""
        return self.state in LIVE

    @property
    def wanted(self) -> bool:
        """Whether the cluster still wants the pod there."""
        return self.live and self.state not in LEAVING

    @property
    def guarded(self) -> bool:
        """Whether the guard holds its removal for an operator's word."""
        return self.state is State.HELD and self.reason in GUARDED

    @property
    def workload_key(self) -> str | None:
        """What runs the pod, by namespace, kind and name; None when the agent named nothing."""
        return None if self.workload is None else self.workload.key(self.pod.namespace)

    @property
    def place(self) -> Place | None:
        """The backend slot, once the listener is known."""
        if self.slot is None:
            return None
        return Place(
            self.account_id,
            self.target.load_balancer_id,
            self.slot.listener_id,
            self.slot.location_id,
            self.ip,
            self.target.port,
        )


def moved(
    binding: Binding, to: State, at: datetime, reason: Code | None = None, detail: str | None = None, **changes: Any
) -> Binding:
    """``binding`` in state ``to`` with the reason for it. Raises `MoveNotAllowed`.

    A binding that ends no longer holds its place. ``changes`` are further fields to replace.
    """
    if to not in MOVES[binding.state]:
        raise MoveNotAllowed(f"{binding.binding_id}: {binding.state} -> {to}")
    if to not in LIVE:
        changes["holder"] = False
    return revised(binding, at, state=to, reason=reason, detail=detail, **changes)


def revised(binding: Binding, at: datetime, **changes: Any) -> Binding:
    """``binding`` with ``changes`` and the next generation, in the state that it is in unless that is changed too.

    Health is a target's: it goes with the target, and with the binding.
    """
    after = replace(binding, updated_at=at, generation=binding.generation + 1, **changes)
    if after.health is Health.UNKNOWN or (after.placed and after.live):
        return after
    return replace(after, health=Health.UNKNOWN)
