"""The long fault suite: ``python -m tests.chaos SEED SECONDS PAIRS``.

Every fault alone, then the mistakes that must be caught, then seeded random pairs, as far as the time budget goes. Ends
with status 1 when a promise broke or a mistake was not caught; each breach names the promise, and the seed repeats it.
"""

import signal
import sys
import time
from collections.abc import Sequence
from random import Random

from tests.chaos.faults import FAULTS
from tests.chaos.histories import Breach
from tests.chaos.mistakes import MISTAKES, caught
from tests.chaos.plant import Plant, fresh_place
from tests.chaos.rounds import pairs, play
from tests.chaos.story import Story

DEFAULTS = (1, 900, 20)
"""Seed, seconds and pairs."""


def run(seed: int, seconds: float, count: int) -> int:
    """Play it; the number of rounds with a breach and of mistakes that were not caught."""
    end = time.monotonic() + seconds
    failed = _rounds(seed, "alone", [(name,) for name in FAULTS], end)
    for name in MISTAKES:
        if time.monotonic() < end:
            breaches = caught(name, seed)
            print(f"seed {seed}, mistake {name}: {told(breaches) if breaches else 'NOT CAUGHT'}", flush=True)
            failed += not breaches
    return failed + _rounds(seed, "pair", pairs(Random(seed), count), end)


def told(breaches: Sequence[Breach]) -> str:
    """The promises that broke, and the first of the evidence, to be read by a person."""
    if not breaches:
        return "kept"
    lines = [f"\n    {breach.promise}: {breach.evidence}" for breach in breaches[:8]]
    return f"BROKEN {', '.join(sorted({breach.promise for breach in breaches}))}{''.join(lines)}"


def _rounds(seed: int, kind: str, chosen: Sequence[tuple[str, ...]], end: float) -> int:
    """Several rounds share a plant; after a breach a new one is built, or the next would be blamed for it."""
    failed, at = 0, 0
    while at < len(chosen) and time.monotonic() < end:
        with fresh_place() as place, Plant(place) as plant:
            # The story depends on the seed and on where the plant was built: a round is repeated by what led to it.
            story = Story(Random(f"{seed} {kind} {at}"))
            first, clean = at, True
            while clean and at < len(chosen) and (at == first or time.monotonic() < end):
                began = time.monotonic()
                breaches = play(plant, story, chosen[at])
                at += 1
                clean = not breaches
                told_as = f"{kind} {at} ({' + '.join(chosen[at - 1])}), {time.monotonic() - began:.0f} s"
                print(f"seed {seed}, {told_as}: {told(breaches)}", flush=True)
            failed += not clean
    print(f"seed {seed}: {at} of {len(chosen)} rounds of kind {kind}, {failed} with a broken promise", flush=True)
    return failed


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the processes of the plant end with this one
    given = [int(text) for text in sys.argv[1:]]
    sys.exit(1 if run(*given, *DEFAULTS[len(given) :]) else 0)
