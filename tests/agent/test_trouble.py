"""The broker does not hear us: what is said of it, and how often."""

import pytest
from structlog.testing import capture_logs

from app.agent.errors import CallTemporary, TokenRefused
from app.agent.trouble import LASTING_SECONDS, Trouble

AWAY = CallTemporary("no answer")
REFUSED = TokenRefused(401, "unauthorized", "no")


class Clock:
    """A clock that stands still."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_an_hour_away_is_said_once_and_so_is_its_end(clock: Clock) -> None:
    said: list[str | None] = []
    trouble = Trouble(said.append, clock)
    with capture_logs() as lines:
        for _ in range(120):
            assert 0 < trouble.failed(AWAY) <= LASTING_SECONDS
            clock.now += LASTING_SECONDS
        trouble.over()
        trouble.over()
    assert said == ["no answer", None]
    assert [line["event"] for line in lines] == [
        "the broker was not reached",
        "the broker is not reached",
        "the broker answers again",
    ]


def test_a_short_absence_is_not_said(clock: Clock) -> None:
    said: list[str | None] = []
    trouble = Trouble(said.append, clock)
    trouble.failed(AWAY)
    clock.now += LASTING_SECONDS - 1
    trouble.failed(AWAY)
    trouble.over()
    assert said == []


def test_a_refused_token_is_said_at_once_and_once_per_change(clock: Clock) -> None:
    said: list[str | None] = []
    trouble = Trouble(said.append, clock)
    for error in (REFUSED, REFUSED, TokenRefused(403, "forbidden", "no"), REFUSED):
        trouble.failed(error)
    assert said == ["401 unauthorized: no", "403 forbidden: no", "401 unauthorized: no"]


def test_pauses_respect_what_was_asked_for_and_begin_anew_after_success(clock: Clock) -> None:
    trouble = Trouble(lambda _: None, clock)
    assert trouble.failed(CallTemporary("503", retry_after=9.0)) >= 9.0
    for _ in range(9):
        trouble.failed(AWAY)
    trouble.over()
    assert trouble.failed(AWAY) <= 0.5
