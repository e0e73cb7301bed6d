"""What the cloud has, as last read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from app.domain.load_balancer import Inventory
from app.domain.target import Place


@dataclass(frozen=True, slots=True)
class Observed:
    """Targets of one load balancer with their weights.

    ``listener_ids`` are the listeners that were read: of any other listener nothing is known, and nothing is concluded.
    Nor is it of the places in ``doubted``.
    """

    listener_ids: frozenset[str]
    weights: Mapping[Place, int] = field(default_factory=dict)
    doubted: frozenset[Place] = frozenset()

    def knows(self, place: Place) -> bool:
        """Whether this reading says anything about ``place``."""
        return place.listener_id in self.listener_ids and place not in self.doubted

    def doubting(self, places: Iterable[Place]) -> "Observed":
        """The same reading, made while a write that puts targets at ``places`` may still be under way: that one of them
        is not there says nothing yet."""
        return replace(self, doubted=frozenset(place for place in places if place not in self.weights))


@dataclass(frozen=True, slots=True)
class Inspection:
    """One look at a load balancer before a write.

    ``inventory`` is None when it was not read anew, or when the cloud said that the load balancer does not exist, which
    is what ``missing`` says.
    """

    observed: Observed
    inventory: Inventory | None = None
    missing: bool = False
