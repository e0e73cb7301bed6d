"""Pauses between tries."""

from app.agent.pauses import Pauses


def test_pauses_double_to_a_bound_and_lie_in_the_upper_half() -> None:
    pauses = Pauses(first=1.0, longest=8.0)
    for span in (1.0, 2.0, 4.0, 8.0, 8.0, 8.0):
        assert span / 2 <= pauses.next() <= span


def test_success_makes_the_next_pause_a_short_one() -> None:
    pauses = Pauses(first=1.0, longest=8.0)
    for _ in range(4):
        pauses.next()
    pauses.reset()
    assert pauses.next() <= 1.0


def test_a_pause_that_was_asked_for_is_kept_and_not_by_all_alike() -> None:
    drawn = {Pauses(first=1.0, longest=8.0).next(at_least=20.0) for _ in range(20)}
    assert all(20.0 <= pause <= 24.0 for pause in drawn)
    assert len(drawn) > 1
