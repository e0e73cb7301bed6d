"""What one pass over a load balancer is made of: how it begins, its writes and what became of them, how it ends."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from app.domain.load_balancer import LoadBalancer
from app.domain.target import Place
from app.planning.batches import Batch
from app.planning.observed import Observed
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
    """A write that is recorded and now to be called.

    ``traceparents``: the traces that it serves, or the first of them.
    """

    operation_id: int
    batch: Batch
    traceparents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Begun:
    """A pass that has begun: its first write, None when there is none and the pass is over."""

    intent: Intent | None


@dataclass(frozen=True, slots=True)
class After:
    """What follows a write.

    The load balancer is left alone for ``tail``. The cloud refuses the changes ``refused`` by themselves: their
    bindings are held. ``last`` ends the pass, ``cut_short`` for no failure but because it has taken long enough;
    ``jitter`` (0 to 1) spreads the pause after a failure. ``tail_factor`` is what was learned of the tail, None where
    there is none. ``too_early``: the cloud throttled it, or the reading after it, which is no failure.
    """

    tail: timedelta
    jitter: float
    refused: tuple[Change, ...] = ()
    last: bool = True
    cut_short: bool = False
    tail_factor: float | None = None
    too_early: bool = False


NO_WRITE: Final = After(timedelta(0), 0.0)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a pass ends: with nothing left to do, with a burst that still gathers, or with an error; and after what."""

    done: bool
    gathering: bool = False
    error: str | None = None
    after: After = NO_WRITE


@dataclass(frozen=True, slots=True)
class PassTerms:
    """For how long a lease is held at each step, how often a quiet load balancer is read again, and for how long an
    inventory is good."""

    lease: timedelta
    sweep: timedelta
    freshness: timedelta


@dataclass(frozen=True, slots=True)
class Opening:
    """What a worker needs to begin a pass.

    ``unresolved``: some binding waits for a listener that is not known. ``doubted``: the last pass failed. ``quiet``:
    nothing is wanted, the load balancer is only looked at again.
    ``coming`` are the places where targets are to be registered, None when something else is to be done too.
    ``inventory_age`` says how long ago the inventory was read; ``listener_ids`` are those with something at work.
    ``rested``: how long ago the tail of the last write was thought to be over, None when nothing is known of one.
    ``begun``: the last reading was enough to go on from, so the pass has its first write, or is over without one.
    """

    load_balancer: LoadBalancer
    unresolved: bool
    doubted: bool
    quiet: bool
    coming: frozenset[Place] | None
    inventory_age: timedelta
    listener_ids: frozenset[str]
    rested: timedelta | None = None
    begun: Begun | None = None

    def lacks_inventory(self, freshness: timedelta) -> bool:
        """Whether the inventory has to be read anew."""
        known = self.load_balancer.inventory is not None
        return not known or self.unresolved or self.doubted or self.inventory_age >= freshness

    def served_by(self, remembered: Observed) -> bool:
        """Whether an earlier reading says all that the next write needs: only new targets, on listeners read then."""
        if self.quiet or self.coming is None:
            return False
        return self.listener_ids <= remembered.listener_ids and remembered.weights.keys().isdisjoint(self.coming)
