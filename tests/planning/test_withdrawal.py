"""How a binding leaves, from whatever state it is in."""

from datetime import timedelta
from itertools import pairwise

import pytest

from app.domain.binding import MOVES, State
from app.planning.plan import Stance, stance
from app.planning.withdrawal import withdrawn
from tests.planning.builders import NOW, binding

LATER = NOW + timedelta(seconds=5)
HELD_FIRST = [State.HELD, State.REMOVING]

LEAVES: list[tuple[State, bool, int, list[State]]] = [
    (State.VERIFYING, False, 30, [State.RELEASED]),
    (State.VERIFYING, True, 30, HELD_FIRST),
    (State.VERIFYING, True, 0, HELD_FIRST),
    (State.PENDING, False, 30, [State.RELEASED]),
    (State.PENDING, True, 30, [State.DRAINING]),
    (State.PENDING, True, 0, [State.DRAINING]),
    (State.BOUND, True, 30, [State.DRAINING]),
    (State.BOUND, True, 0, [State.REMOVING]),
    (State.HELD, False, 30, [State.RELEASED]),
    (State.HELD, True, 30, [State.DRAINING]),
    (State.HELD, True, 0, [State.REMOVING]),
    *[(state, True, 30, []) for state in (State.DRAINING, State.REMOVING, State.REJECTED, State.RELEASED)],
]


@pytest.mark.parametrize(("state", "placed", "seconds", "states"), LEAVES)
def test_a_binding_leaves_at_once_when_the_cloud_never_had_it_and_drained_when_it_may_have_it(
    state: State, placed: bool, seconds: int, states: list[State]
) -> None:
    gone = list(withdrawn(binding(state, placed=placed), LATER, seconds))
    assert [each.state for each in gone] == states
    assert all(each.placed is placed for each in gone)
    assert all(after.state in MOVES[before.state] for before, after in pairwise([binding(state), *gone]))


@pytest.mark.parametrize("state", [State.PENDING, State.BOUND, State.HELD])
def test_the_drain_ends_after_the_time_that_was_given(state: State) -> None:
    (draining,) = withdrawn(binding(state, placed=True), LATER, 45)
    assert draining.drain_until == LATER + timedelta(seconds=45)


@pytest.mark.parametrize(("state", "placed", "seconds", "states"), [row for row in LEAVES if row[3]])
def test_what_may_be_at_the_cloud_keeps_its_place_until_it_is_gone(
    state: State, placed: bool, seconds: int, states: list[State]
) -> None:
    *_, last = withdrawn(binding(state, placed=placed), LATER, seconds)
    assert last.holder is placed
    assert not last.wanted
    assert not placed or stance(last) in {Stance.DRAIN, Stance.ABSENT}
