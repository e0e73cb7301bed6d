"""A short selection of the simulation: every fault alone, some seeds, and every mistake that is put back."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.simulation.faults import FAULTS
from tests.simulation.installed import Installation, installed
from tests.simulation.mistakes import MISTAKES, caught
from tests.simulation.run import play

SEED = 1
MANY = 30
FEW = 5
FINGERPRINT = """
from tests.simulation.installed import installed
from tests.simulation.test_simulation import fingerprint

with installed() as installation:
    print(fingerprint(installation))
"""


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """The real rooms over the ledger in memory, for all tests of this module."""
    with installed() as made:
        yield made


@pytest.mark.parametrize("fault", FAULTS)
def test_no_promise_breaks_under_a_fault_alone(installation: Installation, fault: str) -> None:
    played = play(installation, SEED, [fault])
    assert played.breaches == (), played.told()


def test_no_promise_breaks_under_what_the_seeds_choose(installation: Installation) -> None:
    for seed in range(SEED, SEED + MANY):
        played = play(installation, seed)
        assert played.breaches == (), played.told()


def test_the_runs_do_what_they_are_there_for(installation: Installation) -> None:
    histories = [play(installation, seed, ["worker killed"]).history for seed in range(SEED, SEED + FEW)]
    states = {entry.to_state for history in histories for entry in history.entries}
    assert states >= {"verifying", "pending", "bound", "draining", "removing", "released"}
    lives = {operation.incarnation for history in histories for operation in history.operations}
    assert len(lives) > 2
    assert all(history.at_rest is not None and history.targets for history in histories)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_that_is_put_back_is_caught(installation: Installation, name: str) -> None:
    assert caught(installation, name, SEED) is not None


def test_what_broke_is_told_with_the_seed_and_the_last_events(installation: Installation) -> None:
    played = caught(installation, "no-guard", SEED)
    assert played is not None
    told = played.told()
    assert f"seed {played.seed}" in told
    assert "A10" in told
    assert played.last_events[-1] in told


def test_the_same_seed_gives_the_same_history_in_this_process_and_in_another(installation: Installation) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "1"}
    other = subprocess.run(
        [sys.executable, "-c", FINGERPRINT], env=environment, capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == fingerprint(installation) == fingerprint(installation)


def fingerprint(installation: Installation) -> str:
    """A few histories in short: what was said, done, recorded and heard, each with its time."""
    told = hashlib.sha256()
    for seed in range(SEED, SEED + FEW):
        history = play(installation, seed).history
        told.update(repr((history.words, history.changes, history.entries, history.operations, history.heard)).encode())
    return told.hexdigest()
