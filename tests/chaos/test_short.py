"""A short selection of the fault suite, on real processes: the faults that found most, and two put-back mistakes."""

from random import Random

import pytest

from tests.chaos.mistakes import caught
from tests.chaos.plant import Plant, fresh_place
from tests.chaos.rounds import play
from tests.chaos.story import Story

SEED = 20261123
SELECTION = (
    ("worker killed in a call", "targets changed by hand"),
    ("worker stopped for two lease times", "answers lost"),
    ("Postgres killed", "API killed"),
)


@pytest.mark.timeout(240)
def test_no_promise_breaks_under_a_selection_of_faults() -> None:
    with fresh_place() as place, Plant(place) as plant:
        story = Story(Random(SEED))
        for faults in SELECTION:
            assert (SEED, faults, play(plant, story, faults)) == (SEED, faults, [])


@pytest.mark.parametrize("name", ["strangers-cleaned-up", "empty-call"])
def test_a_mistake_that_is_put_back_is_caught(name: str) -> None:
    assert caught(name, SEED, patience=3) != []
