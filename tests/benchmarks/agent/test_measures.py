"""From what recorder and agents say to figures, by hand."""

import pytest

from benchmarks.agent import measures
from benchmarks.agent.measures import Idle, Restart

METRICS = """\
# HELP answers_total Answers
answers_total{code="",outcome="unchanged"} 980.0
answers_total{code="",outcome="accepted"} 20.0
answers_total{code="not-granted",outcome="rejected"} 1.0
answers_total_created{code="",outcome="unchanged"} 1.7e+09
left 0.0
"""


def row(at: float, *words: tuple[str, str]) -> dict[str, object]:
    return {"at": at, "words": [list(word) for word in words]}


def test_a_change_took_until_the_first_request_that_told_of_it_and_not_of_an_earlier_one() -> None:
    rows = [
        row(9.0, ("bind", "10.0.0.1")),  # of a time before
        row(10.02, ("unbind", "10.0.0.1"), ("bind", "10.0.0.2")),
        row(10.05, ("bind", "10.0.0.1")),
        row(10.30, ("bind", "10.0.0.1")),
    ]
    changed = {("bind", "10.0.0.1"): 10.0, ("bind", "10.0.0.2"): 10.01}
    found = measures.telling("x", "y", changed, rows)
    assert found.delays == pytest.approx([0.05, 0.01])
    assert (found.requests, found.words, found.needed) == (4, 5, 2)


def test_a_change_that_nobody_told_of_is_an_error_and_no_good_figure() -> None:
    with pytest.raises(ValueError, match=r"never told of: \[\('bind', '10\.0\.0\.1'\)\]"):
        measures.telling("x", "y", {("bind", "10.0.0.1"): 10.0}, [row(9.0, ("bind", "10.0.0.1"))])


@pytest.mark.parametrize(("needed", "runs", "fewest"), [(1000, 1, 1), (1001, 1, 2), (1000, 10, 10), (4000, 2, 4)])
def test_the_fewest_requests_are_those_that_each_run_has_room_in(needed: int, runs: int, fewest: int) -> None:
    assert measures.Telling("x", "y", [], [], needed, runs).fewest == fewest


def test_several_runs_count_as_one_with_all_their_delays_and_requests() -> None:
    runs = [measures.telling("x", "y", {("bind", ip): 1.0}, [row(2.0, ("bind", ip))]) for ip in ("a", "b")]
    found = measures.together(runs)
    assert (found.delays, found.words_per_request) == ([1.0, 1.0], [1, 1])
    assert (found.needed, found.runs) == (2, 2)
    with pytest.raises(ValueError, match="no runs"):
        measures.together([])


@pytest.mark.parametrize(
    ("labels", "expected"),
    [({"outcome": "unchanged"}, 980.0), ({"code": ""}, 1000.0), ({}, 1001.0), ({"outcome": "stale"}, 0.0)],
)
def test_a_metric_is_summed_over_the_series_with_these_labels_and_no_other_metrics(
    labels: dict[str, str], expected: float
) -> None:
    assert measures.total(METRICS, "answers_total", **labels) == expected


def test_a_metric_without_labels_is_read_too() -> None:
    assert measures.total(METRICS + "rate 0.5\n", "rate") == 0.5


def test_an_idle_agents_share_is_of_one_core() -> None:
    assert Idle("x", 60.0, 0.3, 1, 0).share == pytest.approx(0.005)


@pytest.mark.parametrize(("lease_ran_out", "expected"), [(True, 2.0), (False, 18.0)])
def test_a_new_leader_is_not_blamed_for_a_lease_that_had_to_run_out(lease_ran_out: bool, expected: float) -> None:
    assert Restart("x", lease_ran_out, 16.0, 2.0, 20, 0, 0, 0).judged_seconds == expected
