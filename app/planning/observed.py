"""What the cloud has, as last read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.domain.load_balancer import Inventory
from app.domain.target import Place


@dataclass(frozen=True, slots=True)
class Observed:
    """Targets of one load balancer with their weights.

    ``listener_ids`` are the listeners that were read: of any other listener nothing is known, and nothing is concluded.
    """

    listener_ids: frozenset[str]
    weights: Mapping[Place, int] = field(default_factory=dict)

    def knows(self, place: Place) -> bool:
        """Whether this reading says anything about ``place``."""
        return place.listener_id in self.listener_ids


@dataclass(frozen=True, slots=True)
class Inspection:
    """One look at a load balancer before a write.

    ``inventory`` is None when it was not read anew, or when the cloud said that the load balancer does not exist, which
    is what ``missing`` says.
    """

    observed: Observed
    inventory: Inventory | None = None
    missing: bool = False
