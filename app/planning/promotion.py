"""What a proven binding still needs before the cloud is written to: a listener, the right to it, a free place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from app.domain.binding import Binding, State, Verdict, Verification, moved, revised
from app.domain.codes import Code
from app.domain.load_balancer import Grant, LoadBalancer, Slot, resolve
from app.domain.target import Place

WAITS_FOR_ROOM: Final = frozenset(
    {Code.LISTENER_NOT_FOUND, Code.LOAD_BALANCER_NOT_FOUND, Code.CLAIMED_BY_OTHER_CLUSTER, Code.NOT_GRANTED}
)
"""Reasons of a held binding that is looked at again at every pass, since nothing but the ledger or the inventory
stands in its way."""

PROOFS: Final = frozenset({Verdict.PROVEN, Verdict.DECLARED})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a binding is judged against: its load balancer, its cluster's grant, and who is at its place.

    ``at_place`` holds the live and the placed bindings of each place, the binding itself included.
    """

    load_balancer: LoadBalancer
    grants: Mapping[str, Grant]
    at_place: Mapping[Place, tuple[Binding, ...]]


def judged(binding: Binding, verification: Verification, code: Code | None, at: datetime) -> Binding:
    """A verifying binding with its verdict: rejected when disproven, else with the proof or the lack of an answer."""
    if verification.verdict is Verdict.DISPROVEN:
        detail = str(verification.evidence.get("detail") or "") or None
        return moved(binding, State.REJECTED, at, code, detail, verification=verification)
    if verification.verdict is Verdict.UNKNOWN:
        return revised(binding, at, verification=verification, detail=str(verification.evidence.get("detail") or ""))
    return revised(binding, at, verification=verification, detail=None)


def promoted(binding: Binding, around: Surroundings, at: datetime) -> Iterator[Binding]:
    """The bindings that change when ``binding`` is looked at again: those that give way to it first, then itself.

    Nothing for a binding that is not proven, or that waits for something else than room.
    """
    if not _waits(binding) or (around.load_balancer.inventory is None and not around.load_balancer.missing):
        return
    obstacle = _obstacle(binding, around)
    if obstacle is not None:
        yield from _stopped(binding, *obstacle, at)
        return
    binding = replace(binding, slot=_slot(binding, around.load_balancer))
    others = [other for other in around.at_place.get(_place(binding), ()) if other.binding_id != binding.binding_id]
    rival = next((other for other in others if other.holder), None)
    if rival is not None and rival.cluster_id != binding.cluster_id:
        detail = f"cluster {rival.cluster_id} holds this place"
        yield from _stopped(binding, Code.CLAIMED_BY_OTHER_CLUSTER, detail, at)
    elif rival is not None and rival.wanted and rival.revision > binding.revision:
        yield moved(binding, State.RELEASED, at, Code.SUPERSEDED)
    else:
        leftovers = [other for other in others if other.placed or other is rival]
        placed = binding.placed or any(other.placed for other in leftovers)
        yield from (_gives_way(other, at) for other in leftovers)
        yield moved(binding, State.PENDING, at, holder=True, placed=placed)


def _waits(binding: Binding) -> bool:
    if binding.state is State.VERIFYING:
        return binding.verification.verdict in PROOFS
    return binding.state is State.HELD and binding.reason in WAITS_FOR_ROOM


def _obstacle(binding: Binding, around: Surroundings) -> tuple[Code, str] | None:
    load_balancer = around.load_balancer
    if load_balancer.missing or load_balancer.inventory is None:
        return Code.LOAD_BALANCER_NOT_FOUND, f"the cloud knows no {load_balancer.load_balancer_id}"
    slot = _slot(binding, load_balancer)
    if slot is None:
        return Code.LISTENER_NOT_FOUND, f"{binding.target.key} names no single listener or rule"
    grant = around.grants.get(binding.cluster_id)
    if grant is None or not grant.covers(slot.listener_id):
        return Code.NOT_GRANTED, f"no grant for listener {slot.listener_id}"
    return None


def _stopped(binding: Binding, code: Code, detail: str, at: datetime) -> Iterator[Binding]:
    """``binding`` without the right to a place: one that it held may be gone, or be another's under its new name."""
    if binding.state is State.HELD:
        if (binding.reason, binding.detail) != (code, detail):
            yield revised(binding, at, reason=code, detail=detail, holder=False)
    elif code is Code.NOT_GRANTED:
        yield moved(binding, State.REJECTED, at, code, detail)
    else:
        yield moved(binding, State.HELD, at, code, detail, holder=False)


def _slot(binding: Binding, load_balancer: LoadBalancer) -> Slot | None:
    """What the name means now; a binding that may have a target at the cloud stays with that one's slot."""
    if binding.placed:
        return binding.slot
    return resolve(binding.target, load_balancer.inventory.listeners if load_balancer.inventory else ())


def _place(binding: Binding) -> Place:
    if binding.place is None:
        raise ValueError(f"{binding.binding_id}: the slot is resolved before the place is asked for")
    return binding.place


def _gives_way(other: Binding, at: datetime) -> Binding:
    if other.live:
        return moved(other, State.RELEASED, at, Code.SUPERSEDED, placed=False)
    return revised(other, at, placed=False)
