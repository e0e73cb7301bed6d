"""What a proven binding still needs before the cloud is written to: a listener, the right to it, a free place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from app.domain.binding import Binding, State, Verdict, moved, revised
from app.domain.codes import Code
from app.domain.load_balancer import Grant, LoadBalancer, Slot, resolve
from app.planning.places import Places

WAITS_FOR_ROOM: Final = frozenset(
    {
        Code.LISTENER_NOT_FOUND,
        Code.LOAD_BALANCER_NOT_FOUND,
        Code.CLAIMED_BY_OTHER_CLUSTER,
        Code.FOUR_TUPLE_CONFLICT,
        Code.NOT_GRANTED,
    }
)
"""Reasons of a held binding that is looked at again at every pass, since nothing but the ledger or the inventory
stands in its way."""

PROOFS: Final = frozenset({Verdict.PROVEN, Verdict.DECLARED})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a binding is judged against: its load balancer, its cluster's grant, and who is at its place.

    ``places`` holds the live and the placed bindings around, the binding itself included.
    """

    load_balancer: LoadBalancer
    grants: Mapping[str, Grant]
    places: Places


def promoted(binding: Binding, around: Surroundings, at: datetime) -> Iterator[Binding]:
    """The bindings that change when ``binding`` is looked at again: those that give way to it first, then itself.

    Nothing for a binding that is not proven, or that waits for something else than room.
    """
    if not waits_for_room(binding) or (around.load_balancer.inventory is None and not around.load_balancer.missing):
        return
    obstacle = _obstacle(binding, around)
    if obstacle is not None:
        yield from _stopped(binding, *obstacle, at)
        return
    binding = replace(binding, slot=_slot(binding, around.load_balancer))
    others = around.places.others(binding)
    rival = next((other for other in others if other.holder), None)
    if rival is not None and rival.cluster_id != binding.cluster_id and not _outdoes(binding, rival):
        detail = f"cluster {rival.cluster_id} holds this place"
        yield from _stopped(binding, Code.CLAIMED_BY_OTHER_CLUSTER, detail, at)
    elif _superseded(binding, rival):
        yield moved(binding, State.RELEASED, at, Code.SUPERSEDED)
    else:
        leftovers = [other for other in others if other.placed or other is rival]
        placed = binding.placed or any(other.placed for other in leftovers)
        yield from (_gives_way(other, binding, at) for other in leftovers)
        yield moved(binding, State.PENDING, at, holder=True, placed=placed)


def waits_for_room(binding: Binding) -> bool:
    """Whether a pass may find that ``binding`` goes on: it is proven, and nothing else stands in its way."""
    if binding.verification.verdict not in PROOFS:
        return False
    return binding.state is State.VERIFYING or (binding.state is State.HELD and binding.reason in WAITS_FOR_ROOM)


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
    twin = around.places.twin(replace(binding, slot=slot), load_balancer.inventory.listeners)
    if twin is not None and twin.slot is not None:
        told = f"{binding.ip}:{binding.target.port} is bound on {twin.slot.listener_id}, which has the same protocol"
        return Code.FOUR_TUPLE_CONFLICT, told
    return None


def _outdoes(binding: Binding, rival: Binding) -> bool:
    """Whether the cloud's evidence takes the place from another cluster's binding.

    An address is one cluster's at a time: a proof (not a declaration) that is younger than the other's says that it has
    passed on.
    """
    mine, theirs = binding.verification, rival.verification
    if mine.verdict is not Verdict.PROVEN or mine.checked_at is None:
        return False
    return theirs.verdict is not Verdict.PROVEN or theirs.checked_at is None or theirs.checked_at < mine.checked_at


def _superseded(binding: Binding, rival: Binding | None) -> bool:
    """Whether the cluster itself has given the place to another pod since."""
    same_cluster = rival is not None and rival.cluster_id == binding.cluster_id
    return rival is not None and same_cluster and rival.wanted and rival.revision > binding.revision


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


def _gives_way(other: Binding, to: Binding, at: datetime) -> Binding:
    """``other`` without its place: the target that it may have at the cloud is the new one's."""
    if not other.live:
        return revised(other, at, placed=False)
    if other.cluster_id == to.cluster_id:
        return moved(other, State.RELEASED, at, Code.SUPERSEDED, placed=False)
    if other.state is State.VERIFYING:
        return revised(other, at, holder=False, placed=False)  # its own verdict is still to come
    detail = f"the address is cluster {to.cluster_id}'s now"
    return moved(other, State.RELEASED, at, Code.PROOF_LOST, detail, placed=False)
