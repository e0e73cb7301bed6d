"""The difference between what bindings ask for and what the cloud has.

======== ======= ============== ===========
stance   placed  at the cloud   change
======== ======= ============== ===========
present  any     absent         register
present  any     same weight    none
present  any     other weight   reweigh
drain    yes     weight above 0 reweigh to 0
drain    any     otherwise      none
absent   yes     present        deregister
absent   no      any            none
absent   any     absent         none
keep     any     any            none
(none)   any     any            none: not ours
any      any     not read       none: unknown
======== ======= ============== ===========

``placed`` is our own record that we put a target there, written before the call: without it nothing is removed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from app.domain.binding import Binding, State, Verdict
from app.domain.target import Place
from app.planning.observed import Observed


class Stance(StrEnum):
    """What a binding asks of the cloud."""

    PRESENT = "present"
    DRAIN = "drain"
    ABSENT = "absent"
    KEEP = "keep"


class Kind(IntEnum):
    """A kind of change, in the order in which the kinds are done."""

    REGISTER = 1
    REWEIGH = 2
    DEREGISTER = 3


@dataclass(frozen=True, slots=True)
class Change:
    """One change to one place at the cloud, for one binding that has waited for it ``since`` then."""

    kind: Kind
    place: Place
    weight: int
    binding_id: str
    since: datetime


_STANCES = {
    State.VERIFYING: Stance.KEEP,
    State.PENDING: Stance.PRESENT,
    State.BOUND: Stance.PRESENT,
    State.DRAINING: Stance.DRAIN,
    State.REMOVING: Stance.ABSENT,
    State.HELD: Stance.KEEP,
    State.REJECTED: Stance.ABSENT,
    State.RELEASED: Stance.ABSENT,
}


def stance(binding: Binding) -> Stance:
    """What ``binding`` asks of the cloud in its state.

    One that an operator kept although its proof is lost stays as it is: without a proof nothing is put there again.
    """
    unproven = binding.verification.verdict is Verdict.DISPROVEN
    if unproven and _STANCES[binding.state] is Stance.PRESENT:
        return Stance.KEEP
    return _STANCES[binding.state]


def leaves(binding: Binding) -> bool:
    """Whether ``binding`` may have a target at the cloud that is to be taken off, or to get no new connections."""
    return binding.placed and stance(binding) in {Stance.DRAIN, Stance.ABSENT}


def plan(bindings: Iterable[Binding], observed: Observed) -> tuple[Change, ...]:
    """The changes that bring the cloud to what the bindings ask for, totally ordered; empty when it is there.

    The order of ``bindings`` does not matter. Two bindings never speak for one place: the ledger's index sees to it.
    """
    changes = (_change(binding, observed) for binding in bindings)
    return tuple(sorted((change for change in changes if change is not None), key=_order))


def _order(change: Change) -> tuple[Kind, datetime, Place]:
    return change.kind, change.since, change.place


def _change(binding: Binding, observed: Observed) -> Change | None:
    place = binding.place
    if place is None or not observed.knows(place):
        return None
    there = observed.weights.get(place)
    kind, weight = _difference(stance(binding), binding, there)
    return None if kind is None else Change(kind, place, weight, binding.binding_id, binding.updated_at)


def _difference(wanted: Stance, binding: Binding, there: int | None) -> tuple[Kind | None, int]:
    if wanted is Stance.PRESENT and there is None:
        return Kind.REGISTER, binding.weight
    if wanted is Stance.PRESENT and there != binding.weight:
        return Kind.REWEIGH, binding.weight
    if wanted is Stance.DRAIN and binding.placed and there:
        return Kind.REWEIGH, 0
    if wanted is Stance.ABSENT and binding.placed and there is not None:
        return Kind.DEREGISTER, 0
    return None, 0
