"""What one pass over a load balancer is made of: how it begins, its writes and what became of them, how it ends."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from app.domain.load_balancer import LoadBalancer
from app.domain.target import Place
from app.planning.batches import Batch
from app.planning.plan import Change


class CallOutcome(StrEnum):
    """What became of a write."""

    DONE = "done"
    PARTIAL = "partial"
    BUSY = "busy"
    THROTTLED = "throttled"
    AMBIGUOUS = "ambiguous"
    CREDENTIAL = "credential"
    MISSING = "missing"
    REFUSED = "refused"
    NOT_SENT = "not-sent"


@dataclass(frozen=True, slots=True)
class Call:
    """The result of a write, or why there is none. ``failed_listeners`` of a partial one did not take theirs."""

    outcome: CallOutcome
    request_id: str | None = None
    detail: str | None = None
    failed_listeners: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Intent:
    """A write that is recorded and now to be called."""

    operation_id: int
    batch: Batch


@dataclass(frozen=True, slots=True)
class After:
    """What follows a write.

    The load balancer is left alone for ``tail``. The cloud refuses the changes ``refused`` by themselves: their
    bindings are held. ``last`` ends the pass, ``cut_short`` for no failure but because it has taken long enough;
    ``jitter`` (0 to 1) spreads the pause after a failure.
    """

    tail: timedelta
    jitter: float
    refused: tuple[Change, ...] = ()
    last: bool = True
    cut_short: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """How a pass ends: with nothing left to do, with a burst that still gathers, or with an error."""

    done: bool
    gathering: bool = False
    error: str | None = None
    tail: timedelta = timedelta(0)
    jitter: float = 0.0


@dataclass(frozen=True, slots=True)
class PassTerms:
    """For how long a lease is held at each step, and how often a quiet load balancer is read again."""

    lease: timedelta
    sweep: timedelta


@dataclass(frozen=True, slots=True)
class Opening:
    """What a worker needs to begin a pass.

    ``unresolved``: some binding waits for a listener that is not known. ``doubted``: the last pass failed. ``quiet``:
    nothing is wanted, the load balancer is only looked at again.
    ``coming`` are the places where targets are to be registered, None when something else is to be done too.
    ``inventory_age`` says how long ago the inventory was read; ``listener_ids`` are those with something at work.
    """

    load_balancer: LoadBalancer
    unresolved: bool
    doubted: bool
    quiet: bool
    coming: frozenset[Place] | None
    inventory_age: timedelta
    listener_ids: frozenset[str]
