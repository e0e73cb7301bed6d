"""The arithmetic of the bound, by hand."""

import pytest

from benchmarks.bound import CloudTimes, Workload, bound, least_calls, percentile

TIMES = CloudTimes(
    batch_seconds=0.3, batch_seconds_per_target=0.002, tail_seconds=0.5, tail_seconds_per_target=0.004, read_seconds=0.0
)


@pytest.mark.parametrize(
    ("targets", "writes"),
    [([0], 0), ([1], 1), ([500], 1), ([501], 2), ([50] * 200, 200), ([1000, 1, 0], 3)],
)
def test_the_fewest_writes_are_full_ones_and_none_is_empty(targets: list[int], writes: int) -> None:
    calls = least_calls(Workload(targets, [sum(targets)]))
    assert calls["BatchRegisterTargets"] == calls["DescribeTargets"] == writes


def test_addresses_are_proven_by_the_hundred_and_for_each_cluster_by_itself() -> None:
    assert least_calls(Workload([], [100, 101, 0]))["DescribeNetworkInterfaces"] == 3


def test_many_load_balancers_are_bound_by_the_budget_of_the_busiest_action() -> None:
    best = bound(TIMES, Workload([50] * 200, [10_000]), per_second=20)
    assert (best.by_budget, best.seconds) == (pytest.approx(10.0), pytest.approx(10.0))
    proofs = bound(TIMES, Workload([500], [500] * 8), per_second=20)
    assert proofs.by_budget == pytest.approx(2.0)  # 40 reads of interfaces, 1 write


def test_one_load_balancer_is_bound_by_its_own_calls_and_tails() -> None:
    best = bound(TIMES, Workload([1200, 50], [1250]), per_second=20)
    calls, tails = 3 * 0.3 + 1200 * 0.002, 3 * 0.5 + 1200 * 0.004
    assert best.by_load_balancer == pytest.approx(calls + tails)
    assert best.seconds == pytest.approx(best.by_load_balancer)


def test_the_reads_that_must_come_before_a_write_are_added() -> None:
    slow = CloudTimes(0.3, 0.002, 0.5, 0.004, read_seconds=0.1)
    work = Workload([50], [50])
    assert bound(slow, work, 20).seconds == pytest.approx(bound(TIMES, work, 20).seconds + 0.2)


def test_the_times_are_taken_from_the_simulators_parameters_by_name() -> None:
    from app.simulator.parameters import Parameters

    kept = Parameters(batch_seconds=0.7)
    assert CloudTimes.of(vars(kept)) == CloudTimes(0.7, 0.002, 0.5, 0.002, 0.0)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50), (0.9, 90), (0.99, 99), (0.991, 100), (1.0, 100), (0.001, 1)]
)
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: float) -> None:
    assert percentile([float(each) for each in range(100, 0, -1)], share) == expected


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)
