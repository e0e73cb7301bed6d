"""What answers that take their time tell of another clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.planning.clocks import DRIFT, Offset
from tests.planning.histories import law

offsets = st.floats(-(10**6), 10**6)
ways = st.tuples(st.floats(0, 1), st.floats(0, 1))


@law
@given(offsets, st.lists(ways, min_size=1, max_size=20), st.floats(0, 1))
def test_however_long_answers_take_the_far_clock_is_where_they_say(
    true: float, asked: list[tuple[float, float]], apart: float
) -> None:
    """The far clock runs a little faster than the own one, by half of what is allowed for."""

    def far(now: float) -> float:
        return true + now * (1 + DRIFT / 2)

    known: Offset | None = None
    now = 0.0
    for there, back in asked:
        seen = Offset.seen(far(now + there), now, now + there + back)
        known = seen if known is None else known.narrowed(seen)
        now += there + back
        slack = 1e-6 + DRIFT * (there + back)  # it went on since it was asked
        assert known.least - slack <= far(now) - now <= known.most + slack
        assert known.most - known.least <= seen.most - seen.least + 1e-6
        now += apart


def test_a_quick_answer_is_worth_more_than_slow_ones() -> None:
    quick, slow = Offset.seen(100.0, 0.0, 0.002), Offset.seen(101.0, 0.5, 1.4)
    both = quick.narrowed(slow)
    assert both.most - both.least < 0.01
    assert both.surely_at(100.5) - both.not_before(100.5) == pytest.approx(both.most - both.least)
    assert both.not_before(100.5) <= 0.5 <= both.surely_at(100.5)


@pytest.mark.parametrize("step", [-600.0, -1.0, 1.0, 600.0])
def test_a_far_clock_that_is_set_is_believed_at_once(step: float) -> None:
    known = Offset.seen(100.0, 0.0, 0.01)
    newer = Offset.seen(100.0 + step + 1.0, 1.0, 1.01)
    assert known.narrowed(newer) == newer
