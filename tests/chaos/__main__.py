"""The long fault suite: ``python -m tests.chaos SEED SECONDS PAIRS``.

Every fault alone, then the mistakes that must be caught, a crowd and a storm, then seeded random pairs, as far as the
time budget goes. ``python -m tests.chaos storm SEED EVENTS`` and ``python -m tests.chaos crowd SEED`` play one of these
alone. Ends with status 1 when a promise broke or a mistake was not caught, and when there was time for nothing at all;
each breach names the promise, and the seed repeats it.
"""

import signal
import sys
import time
from collections.abc import Callable, Sequence
from random import Random

from tests.chaos.crowd import crowd
from tests.chaos.faults import FAULTS
from tests.chaos.histories import Breach
from tests.chaos.mistakes import MISTAKES, caught
from tests.chaos.plant import Plant, fresh_place
from tests.chaos.rounds import pairs, play
from tests.chaos.storm import EVENTS, storm
from tests.chaos.story import Story

DEFAULTS = (1, 900, 20)
"""Seed, seconds and pairs."""

ROUNDS_PER_PLANT = 40
"""A story has addresses for a hundred chapters, and each round is judged with all those before it."""


def run(seed: int, seconds: float, count: int) -> int:
    """Play it; the number of rounds with a breach and of mistakes that were not caught; 1 when nothing was played."""
    end = time.monotonic() + seconds
    played, failed = _rounds(seed, "alone", [(name,) for name in FAULTS], end)
    if not played:
        print(f"seed {seed}: {seconds} s were over before the first round; nothing is shown", flush=True)
        return 1
    failed += _mistakes(seed, end)
    for alone in (run_crowd, run_storm):
        if time.monotonic() < end:
            failed += alone(seed)
    return failed + _rounds(seed, "pair", pairs(Random(seed), count), end)[1]


def run_storm(seed: int, events: int = EVENTS) -> int:
    """Play a storm; 1 when a promise broke."""
    played = storm(seed, events)
    print(f"seed {seed}, storm ({played.told()}): {told(played.breaches)}", flush=True)
    return bool(played.breaches)


def run_crowd(seed: int) -> int:
    """Play a crowd; 1 when a promise broke."""
    began = time.monotonic()
    breaches = crowd(seed)
    print(f"seed {seed}, crowd, {time.monotonic() - began:.0f} s: {told(breaches)}", flush=True)
    return bool(breaches)


def told(breaches: Sequence[Breach]) -> str:
    """The promises that broke, and the first of the evidence, to be read by a person."""
    if not breaches:
        return "kept"
    lines = [f"\n    {breach.promise}: {breach.evidence}" for breach in breaches[:8]]
    return f"BROKEN {', '.join(sorted({breach.promise for breach in breaches}))}{''.join(lines)}"


def _mistakes(seed: int, end: float) -> int:
    """How many were put back and not caught."""
    tried, failed = 0, 0
    for name in MISTAKES:
        if time.monotonic() < end:
            breaches = caught(name, seed)
            print(f"seed {seed}, mistake {name}: {told(breaches) if breaches else 'NOT CAUGHT'}", flush=True)
            tried, failed = tried + 1, failed + (not breaches)
    print(f"seed {seed}: {tried} of {len(MISTAKES)} mistakes put back, {failed} not caught", flush=True)
    return failed


def _rounds(seed: int, kind: str, chosen: Sequence[tuple[str, ...]], end: float) -> tuple[int, int]:
    """How many were played, and in how many parts a promise broke.

    Several rounds share a plant; after a breach a new one is built, or the next would be blamed for it.
    """
    failed, at = 0, 0
    while at < len(chosen) and time.monotonic() < end:
        with fresh_place() as place, Plant(place) as plant:
            # The story depends on the seed and on where the plant was built: a round is repeated by what led to it.
            story = Story(Random(f"{seed} {kind} {at}"))
            first, clean = at, True
            while clean and at < min(len(chosen), first + ROUNDS_PER_PLANT) and (at == first or time.monotonic() < end):
                began = time.monotonic()
                breaches = play(plant, story, chosen[at])
                at += 1
                clean = not breaches
                told_as = f"{kind} {at} ({' + '.join(chosen[at - 1])}), {time.monotonic() - began:.0f} s"
                print(f"seed {seed}, {told_as}: {told(breaches)}", flush=True)
            failed += not clean
    print(f"seed {seed}: {at} of {len(chosen)} rounds of kind {kind}, {failed} with a broken promise", flush=True)
    return at, failed


def main(arguments: Sequence[str]) -> int:
    """Play what the command line asks for; not 0 when something is wrong."""
    if arguments and arguments[0] in ALONE:
        return ALONE[arguments[0]](*(int(text) for text in arguments[1:] or ["1"]))
    given = [int(text) for text in arguments]
    return run(*given, *DEFAULTS[len(given) :])


ALONE: dict[str, Callable[..., int]] = {"storm": run_storm, "crowd": run_crowd}

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the processes of the plant end with this one
    sys.exit(1 if main(sys.argv[1:]) else 0)
