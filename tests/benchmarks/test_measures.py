"""From a record of calls and changes to figures, by hand; and figures into the document."""

import pytest

from benchmarks import measures, report
from benchmarks.bound import Bound, CloudTimes
from benchmarks.world import SMALL

TIMES = CloudTimes(0.3, 0.002, 0.5, 0.002, read_seconds=0.01)


def call(action: str, received: float, took: float, **more: object) -> dict[str, object]:
    return {
        "action": action,
        "received_at": received,
        "finished_at": received + took,
        "code": None,
        "fault": None,
        **more,
    }


def test_a_runs_time_ends_with_the_last_target_and_counts_writes_and_failures() -> None:
    calls = [
        call("DescribeTargets", 10.1, 0, code="RequestLimitExceeded"),
        call("BatchRegisterTargets", 10.2, 0.4, fault="answer-lost"),
        call("BatchRegisterTargets", 11.0, 0.4),
    ]
    changes = [{"kind": "added", "at": 11.4}, {"kind": "added", "at": 10.6}, {"kind": "weight", "at": 99.0}]
    found = measures.convergence("x", calls, changes, 10.0, Bound(0.0, 0.7, 0.5), 1)
    assert found.seconds == pytest.approx(1.4)
    assert found.time_ratio == pytest.approx(2.0)
    assert (found.writes, found.call_ratio, found.calls, found.failed) == (2, 2.0, 3, 2)


def test_a_single_binds_overhead_leaves_out_the_clouds_own_time_and_is_the_sum_of_its_steps() -> None:
    calls = [
        call("DescribeTargets", 99.9, 0.01),  # of something before it
        call("DescribeNetworkInterfaces", 100.02, 0.012),
        call("DescribeTargets", 100.05, 0.01),
        call("BatchRegisterTargets", 100.07, 0.31),
        call("DescribeTargets", 100.5, 0.01),
    ]
    found = measures.single_bind(calls, 100.38, 100.0, 100.015, TIMES)
    assert found.overhead == pytest.approx(0.38 - 0.302 - 2 * 0.01)
    assert sum(found.steps.values()) == pytest.approx(found.overhead)
    assert found.answered == pytest.approx(0.015)


def test_a_step_that_a_bind_did_without_is_no_step_and_reading_back_is_not_taken_for_it() -> None:
    calls = [
        call("DescribeNetworkInterfaces", 100.02, 0.01),
        call("BatchRegisterTargets", 100.05, 0.31),
        call("DescribeTargets", 100.4, 0.01),
    ]
    found = measures.single_bind(calls, 100.36, 100.0, 100.015, TIMES)
    assert "reads the targets" not in found.steps
    assert sum(found.steps.values()) == pytest.approx(found.overhead) == pytest.approx(0.36 - 0.302 - 0.01)


def test_only_binds_that_were_posted_during_the_burst_count_as_beside_it() -> None:
    changes = [
        {"kind": "added", "ip": ip, "at": at}
        for ip, at in (("a", 1.4), ("b", 10.5), ("noise-1", 10.9), ("c", 12.4), ("noise-2", 13.0), ("d", 14.0))
    ]
    changes.append({"kind": "weight", "ip": "noise-2", "at": 99.0})
    later = {"b": 9.9, "c": 11.0, "d": 13.1}
    found = measures.neighbours({"a": 1.0}, later, ["noise-1", "noise-2"], changes, 10.0, TIMES)
    own = 0.302 + 2 * 0.01
    assert found.idle == [pytest.approx(0.4 - own)]
    assert found.during == [pytest.approx(1.4 - own)]
    assert found.noise_seconds == pytest.approx(3.0)


def test_the_table_of_neighbours_says_by_how_much_the_quiet_one_suffers() -> None:
    runs = [measures.Neighbours([0.1, 0.1, 0.2], [0.15, 0.3, 0.3], 5.0)]
    *_, idle, during, ratio = report.neighbours_table(runs, SMALL).splitlines()
    assert idle == "| the other cluster is quiet | 3 | 100 | 200 | 200 | 200 |"
    assert during.endswith("(5.0 s) | 3 | 300 | 300 | 300 | 300 |")
    assert ratio == "| ratio |  | 3.00 | 1.50 | 1.50 | 1.50 |"


def test_figures_take_the_place_of_the_ones_before_and_touch_nothing_else() -> None:
    document = "a\n<!-- figures: small -->\nold\n<!-- end: small -->\nb <!-- figures: full --><!-- end: full -->\n"
    new = report.placed(document, "small", "| 1 |")
    assert (
        new
        == "a\n<!-- figures: small -->\n\n| 1 |\n\n<!-- end: small -->\nb <!-- figures: full --><!-- end: full -->\n"
    )
    with pytest.raises(report.NoPlace):
        report.placed(document, "huge", "| 1 |")
