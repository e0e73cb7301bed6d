"""Differences between the ledger and the cloud that the broker did not make. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from app.domain.binding import Binding, State
from app.domain.target import Place
from app.planning.observed import Observed


class DriftKind(StrEnum):
    """``missing``: a bound target is gone. ``weight``: it has another weight. ``foreign``: nobody here put it there."""

    MISSING = "missing"
    FOREIGN = "foreign"
    WEIGHT = "weight"


class DriftAction(StrEnum):
    """What was done about a difference. Foreign targets are reported and never touched."""

    REGISTERED_AGAIN = "registered-again"
    WEIGHT_RESTORED = "weight-restored"
    REPORTED = "reported"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: ``weight`` is what the cloud has, None where it has nothing; ``binding`` whose target it is."""

    kind: DriftKind
    place: Place
    action: DriftAction
    weight: int | None = None
    binding: Binding | None = None


OURS = frozenset({State.PENDING, State.BOUND})


def differences(bindings: Iterable[Binding], observed: Observed) -> list[Difference]:
    """The differences that one reading shows, before anything is settled by it; nothing on listeners not read.

    A target that a binding only waits for is foreign until the binding has a right to it, and then it is adopted.
    """
    found: list[Difference] = []
    ours: set[Place] = set()
    for binding in bindings:
        place = binding.place
        if place is None:
            continue
        if binding.placed or binding.state in OURS:
            ours.add(place)
        if binding.state is State.BOUND and observed.knows(place):
            there = observed.weights.get(place)
            if there is None:
                found.append(Difference(DriftKind.MISSING, place, DriftAction.REGISTERED_AGAIN, None, binding))
            elif there != binding.weight:
                found.append(Difference(DriftKind.WEIGHT, place, DriftAction.WEIGHT_RESTORED, there, binding))
    foreign = sorted(place for place in observed.weights if place not in ours)
    found += [Difference(DriftKind.FOREIGN, each, DriftAction.REPORTED, observed.weights[each]) for each in foreign]
    return found
