"""A short selection of the fault suite, on real processes: the faults that found most, a small storm, and two put-back
mistakes."""

from random import Random

import pytest

from tests.chaos.__main__ import main
from tests.chaos.mistakes import caught
from tests.chaos.plant import Plant, fresh_place
from tests.chaos.rounds import play
from tests.chaos.storm import storm
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


def test_a_run_whose_time_is_over_before_its_first_round_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["7", "0", "5"]) != 0
    assert "nothing is shown" in capsys.readouterr().out


def test_no_promise_breaks_while_workers_are_killed_and_restarted_at_random() -> None:
    played = storm(SEED, 500, load_balancers=8)
    assert (SEED, played.breaches) == (SEED, [])
    assert played.events >= 500
    assert played.deaths >= 3
    assert played.lives > 2  # so several of those that were killed had begun to write


@pytest.mark.parametrize("name", ["strangers-cleaned-up", "empty-call"])
def test_a_mistake_that_is_put_back_is_caught(name: str) -> None:
    assert caught(name, SEED, patience=3) != []
