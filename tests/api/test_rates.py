"""So many a second, and a memory that does not grow."""

from dataclasses import dataclass

import pytest

from app.api.rates import MOST_KEPT, Acquaintances, Rates


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_burst_passes_and_then_so_many_a_second(clock: Clock) -> None:
    rates = Rates(8, 2.0, clock)
    assert [rates.take("a") for _ in range(17)] == [0.0] * 17  # with the one whose time has just come
    assert rates.take("a") == 1 / 8
    passed = 0
    for _ in range(300):
        clock.now += 1 / 64
        passed += rates.take("a") == 0
    assert passed == 300 * 8 // 64


def test_one_key_does_not_pay_for_another(clock: Clock) -> None:
    rates = Rates(1, 1.0, clock)
    while rates.take("noisy") == 0:
        pass
    assert rates.take("quiet") == 0


def test_a_piece_of_any_size_passes_and_is_worked_off_afterwards(clock: Clock) -> None:
    rates = Rates(100, 2.0, clock)
    assert rates.take("a", 1000) == 0
    assert rates.take("a", 1) == pytest.approx(8.0)
    clock.now += 7.9
    assert rates.take("a", 1000) > 0
    clock.now += 0.2
    assert rates.take("a", 1000) == 0


def test_what_is_refused_does_not_count(clock: Clock) -> None:
    rates = Rates(8, 1.0, clock)
    waits = [rates.take("a") for _ in range(1000)]
    assert max(waits) == 1 / 8


def test_none_a_second_is_no_limit(clock: Clock) -> None:
    rates = Rates(0, 2.0, clock)
    assert {rates.take("a", 1000) for _ in range(1000)} == {0.0}
    assert rates.wait("a") == 0.0


def test_a_flood_of_keys_is_not_kept_and_who_is_over_stays_so(clock: Clock) -> None:
    rates = Rates(1, 2.0, clock)
    assert rates.take("over", 1000) == 0
    for number in range(3 * MOST_KEPT):
        rates.take(f"address-{number}")
    assert len(rates._done_at) <= MOST_KEPT
    assert rates.take("over") > 0
    clock.now += 3600
    for number in range(MOST_KEPT + 1):
        rates.take(f"other-{number}")
    assert "over" not in rates._done_at


def test_acquaintances_are_few_and_the_latest_stay() -> None:
    known = Acquaintances()
    for number in range(MOST_KEPT + 100):
        known.greet(f"token-{number}")
        known.greet("often here")
    assert "often here" in known
    assert "token-50" not in known
    assert f"token-{MOST_KEPT + 99}" in known
    known.forget("often here")
    known.forget("never here")
    assert "often here" not in known
    assert all("token" not in repr(each) for each in known._known)
