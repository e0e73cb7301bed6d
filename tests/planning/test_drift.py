"""What differs at the cloud without the broker's doing: every kind, and its nearest neighbour that is none."""

import pytest

from app.domain.binding import Binding, State
from app.domain.target import Place
from app.planning.drift import DriftAction, DriftKind, differences
from tests.planning.builders import binding, observed, place

MISSING, FOREIGN, WEIGHT = DriftKind.MISSING, DriftKind.FOREIGN, DriftKind.WEIGHT
AGAIN, RESTORED, REPORTED = DriftAction.REGISTERED_AGAIN, DriftAction.WEIGHT_RESTORED, DriftAction.REPORTED
THERE = place()
BOUND = binding(state=State.BOUND, placed=True, weight=10)

Told = tuple[DriftKind, DriftAction, int | None]

CASES: dict[str, tuple[list[Binding], dict[Place, int], list[Told]]] = {
    "a bound target as it should be": ([BOUND], {THERE: 10}, []),
    "a bound target that is gone": ([BOUND], {}, [(MISSING, AGAIN, None)]),
    "a bound target with another weight": ([BOUND], {THERE: 11}, [(WEIGHT, RESTORED, 11)]),
    "a bound target with weight 0": ([BOUND], {THERE: 0}, [(WEIGHT, RESTORED, 0)]),
    "a target of nobody's": ([], {THERE: 10}, [(FOREIGN, REPORTED, 10)]),
    "a target beside ours": ([BOUND], {THERE: 10, place(port=81): 3}, [(FOREIGN, REPORTED, 3)]),
    "a target that a pod only waits for": (
        [binding(state=State.VERIFYING, placed=False)],
        {THERE: 10},
        [(FOREIGN, REPORTED, 10)],
    ),
    "a target that a pod takes over": ([binding(state=State.VERIFYING, placed=True)], {THERE: 10}, []),
    "a target that is about to be adopted": ([binding(state=State.PENDING, placed=False)], {THERE: 7}, []),
    "a target on its way there": ([binding(state=State.PENDING, placed=True)], {}, []),
    "a target that drains": ([binding(state=State.DRAINING, placed=True)], {THERE: 0}, []),
    "a target that somebody else took off while it drained": ([binding(state=State.DRAINING, placed=True)], {}, []),
    "what a released pod left": ([binding(state=State.RELEASED, placed=True)], {THERE: 10}, []),
    "what a released pod has not": (
        [binding(state=State.RELEASED, placed=False)],
        {THERE: 10},
        [(FOREIGN, REPORTED, 10)],
    ),
}


@pytest.mark.parametrize(("bindings", "weights", "found"), CASES.values(), ids=CASES.keys())
def test_a_difference_is_told_with_what_is_done_about_it(
    bindings: list[Binding], weights: dict[Place, int], found: list[Told]
) -> None:
    told = differences(bindings, observed(weights))
    assert [(each.kind, each.action, each.weight) for each in told] == found


def test_nothing_is_said_of_a_listener_that_was_not_read() -> None:
    assert differences([BOUND], observed({}, listeners=())) == []


def test_a_difference_names_whose_target_it_is() -> None:
    (missing,) = differences([BOUND], observed({}))
    assert (missing.place, missing.binding) == (THERE, BOUND)
    (foreign,) = differences([], observed({THERE: 10}))
    assert (foreign.place, foreign.binding) == (THERE, None)
