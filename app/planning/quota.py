"""How many targets a listener or rule has room for. Pure.

The cloud refuses a whole call when one listener would get too many targets, and counts what is there already, whoever
put it there. So what has no room is not sent; it waits as ``held`` and follows when others leave.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from app.domain.binding import Binding, State
from app.domain.load_balancer import Slot
from app.domain.target import Place
from app.planning.observed import Observed
from app.planning.plan import Change, Kind


class Room:
    """What is left of the quota on each listener or rule, as seen by one reading; None: the quota is not known."""

    def __init__(self, quota: int | None, observed: Observed, bindings: Iterable[Binding] = ()) -> None:
        self._quota = quota
        self._taken = Counter(map(_slot, observed.weights))
        coming = (each.place for each in bindings if each.state is State.PENDING)
        self._taken.update(_slot(place) for place in coming if place is not None and place not in observed.weights)

    def take(self, place: Place | None) -> bool:
        """Take room for one more target, if there is some; always when the quota is not known."""
        if self._quota is None or place is None:
            return True
        slot = _slot(place)
        if self._taken[slot] >= self._quota:
            return False
        self._taken[slot] += 1
        return True


def within_quota(
    changes: Sequence[Change], observed: Observed, quota: int | None
) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """The changes that can be made, in their order, and the registrations for which there will be no room.

    A registration whose room comes from removals of the same plan is in neither: it waits for these, which therefore go
    first.
    """
    room = Room(quota, observed)
    leaving = Counter(_slot(change.place) for change in changes if change.kind is Kind.DEREGISTER)
    kept: list[Change] = []
    excess: list[Change] = []
    for change in changes:
        if change.kind is not Kind.REGISTER or room.take(change.place):
            kept.append(change)
        elif leaving[_slot(change.place)]:
            leaving[_slot(change.place)] -= 1
        else:
            excess.append(change)
    return tuple(kept), tuple(excess)


def _slot(place: Place) -> Slot:
    return Slot(place.listener_id, place.location_id)
