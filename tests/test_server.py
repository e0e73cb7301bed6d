"""The API's process ends when it is asked to, whoever waits for changes."""

import signal
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from app.broker import look_up
from app.ledger.connection import Ledger
from app.server import _tell_of_the_end
from tests.ledger.building import furnish


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """What the handler that was there before hears of SIGTERM."""
    found: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: found.append(number))
    yield found
    signal.signal(signal.SIGTERM, before)


def test_who_waits_for_changes_hears_of_the_end_and_so_does_gunicorn(heard: list[int]) -> None:
    ending = Event()
    _tell_of_the_end(ending)
    signal.raise_signal(signal.SIGTERM)
    assert (ending.is_set(), heard) == (True, [signal.SIGTERM])


def test_a_wait_for_changes_is_over_when_the_process_ends(ledger: Ledger) -> None:
    furnish(ledger)
    ending = Event()
    pauses: list[float] = []

    def pause(seconds: float) -> Any:
        pauses.append(seconds)
        ending.set()
        return ending.wait(seconds)

    assert look_up.list_changes(ledger, "cls-a", 0, 10, 3600, pause) == []
    assert len(pauses) == 1
