"""What a reading of the cloud says about each binding."""

from datetime import datetime, timedelta
from typing import Final

from app.domain.binding import Binding, Health, State, Verdict, moved, revised
from app.domain.codes import Code
from app.domain.load_balancer import LoadBalancer, resolve, slots_of
from app.planning.observed import Observed
from app.planning.quota import Room

REFUSED_PAUSE: Final = timedelta(seconds=15)
"""How long a binding that the cloud refused is left alone before it is tried again; it is never given up."""

RETRIED: Final = frozenset({Code.CLOUD_REFUSED, Code.QUOTA_EXCEEDED})


def settled(
    binding: Binding, load_balancer: LoadBalancer, observed: Observed, now: datetime, room: Room | None = None
) -> Binding:
    """``binding`` after a reading: confirmed, put back in the queue, or left as it is when the reading says nothing.

    Unknown never decides: a listener that was not read leaves its bindings as they are. ``room`` is what is left of the
    quota, from which those that wait for it take theirs.
    """
    place = binding.place
    if place is None:
        return binding
    if _gone(binding, load_balancer):
        return _without_listener(binding, load_balancer, now)
    if not observed.knows(place):
        return binding
    there = observed.weights.get(place)
    return _absent(binding, now, room) if there is None else _present(binding, there, now)


def next_look(binding: Binding) -> datetime | None:
    """When ``binding`` needs a pass although nothing happens: its drain ends, or a refusal is tried again."""
    if binding.state is State.DRAINING:
        return binding.drain_until
    if binding.state is State.HELD and binding.reason in RETRIED:
        return binding.updated_at + REFUSED_PAUSE
    return None


def _gone(binding: Binding, load_balancer: LoadBalancer) -> bool:
    """Whether the slot is no more; one that may have our target and only lost its name is not gone."""
    if load_balancer.missing:
        return True
    if load_balancer.inventory is None or binding.slot is None:
        return False
    listeners = load_balancer.inventory.listeners
    if binding.placed:
        return binding.slot not in slots_of(listeners)
    return resolve(binding.target, listeners) != binding.slot


def _without_listener(binding: Binding, load_balancer: LoadBalancer, now: datetime) -> Binding:
    """The listener, its rule or the whole load balancer is gone from the cloud, and every target with it."""
    missing = load_balancer.missing
    code = Code.LOAD_BALANCER_NOT_FOUND if missing else Code.LISTENER_NOT_FOUND
    if binding.state in {State.PENDING, State.BOUND}:
        detail = "gone from the cloud"
        return moved(binding, State.HELD, now, code, detail, holder=False, placed=False, bound_at=None, slot=None)
    return _absent(binding, now)


def _absent(binding: Binding, now: datetime, room: Room | None = None) -> Binding:
    if binding.state in {State.DRAINING, State.REMOVING}:
        return moved(binding, State.RELEASED, now, binding.reason, binding.detail, placed=False)
    if _kept_unproven(binding):
        # An operator kept it, or was still to decide; now it is gone, and without its proof it does not come back.
        return moved(binding, State.RELEASED, now, Code.PROOF_LOST, binding.detail, placed=False)
    if binding.state is State.BOUND:
        return moved(binding, State.PENDING, now, detail="missing at the cloud", health=Health.UNKNOWN)
    if binding.placed and binding.state is not State.PENDING:
        return revised(binding, now, placed=False, bound_at=None)
    return _tried_again(binding, now, room)


def _kept_unproven(binding: Binding) -> bool:
    lost = binding.verification.verdict is Verdict.DISPROVEN
    return lost and (binding.guarded or binding.state in {State.PENDING, State.BOUND})


def _present(binding: Binding, weight: int, now: datetime) -> Binding:
    if binding.state is State.PENDING and weight == binding.weight:
        return moved(binding, State.BOUND, now, placed=True, bound_at=binding.bound_at or now)
    if binding.state is State.BOUND and weight != binding.weight:
        return moved(binding, State.PENDING, now, detail=f"weight {weight} at the cloud")
    if binding.state is State.DRAINING and binding.drain_until is not None and binding.drain_until <= now:
        return moved(binding, State.REMOVING, now, binding.reason, binding.detail)
    if binding.state is State.REMOVING and not binding.placed:
        return moved(binding, State.RELEASED, now, binding.reason, binding.detail)
    return _tried_again(binding, now)


def _tried_again(binding: Binding, now: datetime, room: Room | None = None) -> Binding:
    look = next_look(binding)
    if binding.state is not State.HELD or look is None or look > now:
        return binding
    if binding.reason is Code.QUOTA_EXCEEDED and room is not None and not room.take(binding.place):
        return binding
    return moved(binding, State.PENDING, now, detail=binding.detail)
