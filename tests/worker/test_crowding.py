"""A worker knows how far ahead the calls of an account are reserved, and takes no more of its load balancers then."""

import pytest

from app.worker.crowding import Crowding


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        ([], []),
        ([("a", "BatchRegisterTargets", 50.0)], ["a"]),
        ([("a", "DescribeTargets", 50.0)], ["a"]),
        ([("a", "BatchRegisterTargets", 0.0)], []),
        ([("a", "DescribeNetworkInterfaces", 50.0)], []),
        ([("a", "BatchRegisterTargets", 50.0), ("a", "BatchRegisterTargets", 0.0)], ["a"]),
        ([("b", "DescribeTargets", 50.0), ("a", "DescribeTargets", 50.0), ("c", "DescribeTargets", 1.0)], ["a", "b"]),
    ],
    ids=["none", "write", "read", "at once", "not of passes", "the latest counts", "several"],
)
def test_accounts_are_crowded_whose_calls_wait_for_long(
    notes: list[tuple[str, str, float]], expected: list[str]
) -> None:
    crowding = Crowding()
    for note in notes:
        crowding.note(*note)
    assert list(crowding.accounts(20.0)) == expected


def test_waiting_that_is_over_crowds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("app.worker.crowding.time.monotonic", lambda: now[0])
    crowding = Crowding()
    crowding.note("a", "DescribeTargets", 5.0)
    assert list(crowding.accounts(1.0)) == ["a"]
    now[0] += 4.5
    assert list(crowding.accounts(1.0)) == []
