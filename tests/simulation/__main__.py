"""The long simulation: ``python -m tests.simulation SEED SECONDS``.

Every mistake is put back and has to be caught; then one seed after the other is played, from SEED on, until the time is
over. With 0 seconds only the run of SEED is played: so a failure is looked at again. Ends with status 1 when a promise
broke or a mistake was not caught; what is printed names the seed, the promises, and the last events.
"""

import sys
import time

from tests.simulation.installed import Installation, installed
from tests.simulation.mistakes import MISTAKES, MOST_SEEDS, caught
from tests.simulation.run import play

DEFAULTS = (1, 900)
"""Seed and seconds."""

TOLD_EVERY = 1000
MOST_TOLD = 5
"""After so many failed seeds the run is over: they will have something in common."""


def run(seed: int, seconds: float) -> int:
    """Play it; how many runs broke a promise, and how many mistakes were not caught."""
    end = time.monotonic() + seconds
    with installed() as installation:
        missed = _mistakes(installation, seed) if seconds else 0
        return missed + _seeds(installation, seed, end)


def _mistakes(installation: Installation, seed: int) -> int:
    missed = 0
    for name in MISTAKES:
        played = caught(installation, name, seed)
        told = f"not caught in {MOST_SEEDS} seeds" if played is None else f"caught with seed {played.seed}"
        print(f"mistake {name}: {told}", flush=True)
        missed += played is None
    return missed


def _seeds(installation: Installation, first: int, end: float) -> int:
    began, failed, seed = time.monotonic(), 0, first
    while seed == first or (time.monotonic() < end and failed < MOST_TOLD):
        played = play(installation, seed)
        seed += 1
        if played.breaches:
            failed += 1
            print(played.told(), flush=True)
        if (seed - first) % TOLD_EVERY == 0:
            print(f"{seed - first} seeds, {failed} with a broken promise", flush=True)
    pace = (seed - first) / (time.monotonic() - began) * 60
    print(f"seeds {first} to {seed - 1}: {failed} with a broken promise; {pace:.0f} seeds a minute", flush=True)
    return failed


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:]]
    sys.exit(1 if run(*given, *DEFAULTS[len(given) :]) else 0)
