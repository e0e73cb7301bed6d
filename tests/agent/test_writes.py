"""A line of writes: the newest per key, in turn, again after a failure."""

import pytest

from app.agent import writes as module
from app.agent.errors import CallRefused, CallTemporary, NotLeading
from app.agent.writes import Writes


def raising(error: Exception) -> None:
    raise error


def test_of_several_writes_for_a_key_only_the_newest_is_made_in_its_first_place() -> None:
    made: list[str] = []
    line = Writes("test")
    for key, text in (("a", "a1"), ("b", "b1"), ("a", "a2")):
        line.put(key, lambda text=text: made.append(text))  # type: ignore[misc]
    while line.run_once(0.0) == 0.0 and len(made) < 2:
        pass
    assert made == ["a2", "b1"]


def test_a_write_that_fails_for_now_is_made_again_before_the_others_and_after_a_pause() -> None:
    made: list[str] = []
    failures = [CallTemporary("503", retry_after=7.0)]
    line = Writes("test")

    def write() -> None:
        if failures:
            raise failures.pop()
        made.append("first")

    line.put("a", write)
    line.put("b", lambda: made.append("second"))
    assert line.run_once(0.0) >= 7.0
    assert (line.run_once(0.0), line.run_once(0.0)) == (0.0, 0.0)
    assert made == ["first", "second"]


def test_a_newer_write_is_not_replaced_by_one_that_failed() -> None:
    made: list[str] = []
    line = Writes("test")

    def write() -> None:
        line.put("a", lambda: made.append("newer"))
        raise CallTemporary("503")

    line.put("a", write)
    assert line.run_once(0.0) > 0
    line.run_once(0.0)
    line.run_once(0.0)
    assert made == ["newer"]


def test_a_refused_write_is_let_go_and_stops_no_other() -> None:
    made: list[str] = []
    line = Writes("test")
    line.put("a", lambda: raising(CallRefused(422, "Invalid", "no")))
    line.put("b", lambda: made.append("b"))
    assert (line.run_once(0.0), line.run_once(0.0), line.run_once(0.0)) == (0.0, 0.0, 0.0)
    assert made == ["b"]


def test_who_does_not_lead_any_more_forgets_what_was_to_be_written() -> None:
    made: list[str] = []
    line = Writes("test")
    line.put("a", lambda: raising(NotLeading("no")))
    line.put("b", lambda: made.append("b"))
    assert (line.run_once(0.0), line.run_once(0.0)) == (0.0, 0.0)
    assert made == []


def test_no_more_wait_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    made: list[int] = []
    line = Writes("test")
    for number in range(5):
        line.put(number, lambda number=number: made.append(number))  # type: ignore[misc]
    for _ in range(5):
        line.run_once(0.0)
    assert made == [2, 3, 4]
