"""Who is at each place of a load balancer, and at the same address on its other listeners."""

from collections.abc import Iterable, Sequence

from app.domain.binding import Binding, State
from app.domain.load_balancer import Listener
from app.domain.target import Place

OCCUPIES = frozenset({State.PENDING, State.BOUND})
"""States in which a binding is at the cloud, or on its way there."""


class Places:
    """The bindings around, by place. A binding that has changed is put in again."""

    def __init__(self, bindings: Iterable[Binding] = ()) -> None:
        self._at_place: dict[Place, dict[str, Binding]] = {}
        self._places: dict[tuple[str, str, int], set[Place]] = {}
        self._place_of: dict[str, Place] = {}
        for binding in bindings:
            self.put(binding)

    def put(self, binding: Binding) -> None:
        """Note where ``binding`` is now, and that it is no more where it was; nowhere while its listener is unknown."""
        former = self._place_of.pop(binding.binding_id, None)
        if former is not None:
            del self._at_place[former][binding.binding_id]
        place = binding.place
        if place is not None:
            self._place_of[binding.binding_id] = place
            self._at_place.setdefault(place, {})[binding.binding_id] = binding
            self._places.setdefault((place.load_balancer_id, place.ip, place.port), set()).add(place)

    def others(self, binding: Binding) -> list[Binding]:
        """The other bindings at the place of ``binding``, which is known."""
        place = binding.place
        if place is None:
            raise ValueError(f"{binding.binding_id}: the slot is resolved before the place is asked for")
        return [other for other in self._at_place.get(place, {}).values() if other.binding_id != binding.binding_id]

    def twin(self, binding: Binding, listeners: Sequence[Listener]) -> Binding | None:
        """A binding that the cloud would not have beside ``binding``; None when there is none.

        The same address and port cannot be on two layer-4 listeners of one protocol: (VIP, VIP's port, address, port)
        must stay different in all four.
        """
        protocols = {listener.listener_id: listener.protocol for listener in listeners if not listener.layer_7}
        place = binding.place
        if place is None or place.listener_id not in protocols:
            return None
        for other_place in sorted(self._places.get((place.load_balancer_id, place.ip, place.port), ())):
            if other_place == place or protocols.get(other_place.listener_id) != protocols[place.listener_id]:
                continue
            for other in self._at_place[other_place].values():
                if other.placed or other.state in OCCUPIES:
                    return other
        return None
