"""Calls as the cloud sees them: what they ask for, what became of them, and what goes wrong with them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.chaos.histories import Call, Place

BATCHES = frozenset({"BatchRegisterTargets", "BatchDeregisterTargets"})
WEIGHTS = "BatchModifyTargetWeight"
WRITES = BATCHES | {WEIGHTS}


@dataclass(frozen=True, slots=True)
class Asked:
    """One target of a write."""

    listener_id: str
    ip: str
    port: int
    weight: int


@dataclass
class Arrived:
    """One call as the cloud has seen it so far."""

    request_id: str
    action: str
    load_balancer_id: str | None
    received_at: float
    targets: tuple[Asked, ...]
    target_count: int
    finished_at: float | None = None
    code: str | None = None
    changed: bool = False
    mischief: frozenset[str] = frozenset()

    def seen(self) -> Call:
        """The call as the checker reads it."""
        name = self.load_balancer_id or ""
        places = frozenset(Place(name, each.listener_id, each.ip, each.port) for each in self.targets)
        told = (self.finished_at, self.code, self.changed, places, self.target_count)
        return Call(self.request_id, self.action, self.load_balancer_id, self.received_at, *told)


@dataclass
class Mischief:
    """What goes wrong with calls: by kind how likely, and for `hang-before` and `hang-after` for how long."""

    likely: dict[str, float] = field(default_factory=dict)
    hang_seconds: float = 1.6
    poisoned: str | None = None

    def strikes(self, chance: Random, action: str) -> frozenset[str]:
        """The kinds that strike one call."""
        if not self.likely:
            return frozenset()
        writes = action in WRITES
        return frozenset(
            kind for kind, likely in self.likely.items() if (writes or kind in EVERY) and chance.random() < likely
        )


EVERY = frozenset(
    {"request-lost", "answer-lost", "internal-before", "throttled", "hang-before", "hang-after", "credential"}
)
"""What strikes reads too."""


def targets_of(parameters: Mapping[str, Any]) -> Iterator[Asked]:
    """The targets that a write names."""
    for each in parameters.get("Targets", ()):
        yield Asked(each["ListenerId"], each["EniIp"], each["Port"], each.get("Weight", 10))
    for rule in parameters.get("ModifyList", ()):
        for each in rule["Targets"]:
            yield Asked(rule["ListenerId"], each["EniIp"], each["Port"], rule["Weight"])
