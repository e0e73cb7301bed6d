"""Two clocks, one of which is seen only through answers that take their time."""

from dataclasses import dataclass
from typing import Final

DRIFT: Final = 0.001
"""By how much two clocks may run apart, in seconds per second; one that is being set right goes wrong by half of it."""


@dataclass(frozen=True, slots=True)
class Offset:
    """What a far clock is ahead of this process's own: between ``least`` and ``most``, as of ``at``; all in seconds."""

    least: float
    most: float
    at: float

    @classmethod
    def seen(cls, far: float, after: float, before: float) -> "Offset":
        """The far clock said ``far`` at a moment between two of the own clock."""
        return cls(far - before, far - after, before)

    def narrowed(self, newer: "Offset") -> "Offset":
        """What both say together; the newer one alone when the far clock was set in between."""
        wider = DRIFT * abs(newer.at - self.at)
        least, most = max(self.least - wider, newer.least), min(self.most + wider, newer.most)
        return Offset(least, most, newer.at) if least <= most else newer

    def surely_at(self, far: float) -> float:
        """By the own clock, when the far one has surely reached ``far``."""
        return far - self.least

    def not_before(self, far: float) -> float:
        """By the own clock, until when the far one has surely not passed ``far``."""
        return far - self.most
