"""Large pieces of work wait for each other, small ones for nobody."""

import threading

import pytest

from app.turns import AT_ONCE, SMALL, Turns


def test_of_large_pieces_only_so_many_are_worked_on_and_small_ones_go_by() -> None:
    turns, go = Turns(), threading.Event()
    at_work: list[int] = []
    full = threading.Barrier(AT_ONCE + 1)

    def work() -> None:
        with turns.of(SMALL + 1):
            at_work.append(1)
            if not go.is_set():
                full.wait(60)
                go.wait(60)

    threads = [threading.Thread(target=work) for _ in range(AT_ONCE + 3)]
    for thread in threads:
        thread.start()
    full.wait(60)
    with turns.of(SMALL):
        assert len(at_work) == AT_ONCE
    go.set()
    for thread in threads:
        thread.join(60)
    assert len(at_work) == AT_ONCE + 3


def test_a_turn_ends_with_the_work_also_when_that_fails() -> None:
    turns = Turns()
    for _ in range(AT_ONCE + 1):
        with pytest.raises(ZeroDivisionError), turns.of(SMALL + 1):
            raise ZeroDivisionError
    done = threading.Thread(target=lambda: turns.of(SMALL + 1).__enter__(), daemon=True)
    done.start()
    done.join(60)
    assert not done.is_alive()
