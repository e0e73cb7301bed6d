"""When each Service is told in full again."""

from app.agent.deciding.objects import ObjectKey
from app.agent.schedule import Schedule

KEYS = [ObjectKey("shop", f"web-{number}") for number in range(100)]


def test_the_first_turns_are_spread_over_the_period_and_each_comes_within_it() -> None:
    schedule = Schedule(300.0)
    for key in KEYS:
        schedule.told(key, 0.0)
    turns = []
    for now in range(301):
        while (key := schedule.due(float(now))) is not None:
            schedule.told(key, float(now))
            turns.append(now)
    assert len(turns) == len(KEYS)
    assert len([turn for turn in turns if turn < 150]) in range(25, 75)


def test_later_turns_keep_the_period() -> None:
    schedule = Schedule(300.0)
    schedule.told(KEYS[0], 0.0)
    schedule.told(KEYS[0], 100.0)
    assert (schedule.due(399.9), schedule.due(400.0)) == (None, KEYS[0])
    assert schedule.seconds_until_due(390.0, 60.0) == 10.0


def test_a_service_that_is_no_more_has_no_turn() -> None:
    schedule = Schedule(300.0)
    schedule.told(KEYS[0], 0.0)
    schedule.forget(KEYS[0])
    schedule.forget(KEYS[1])
    assert (schedule.due(1000.0), schedule.seconds_until_due(0.0, 1.0)) == (None, 1.0)
