"""The rate limit: fixed one-second windows per action, region and secret id."""

from app.simulator.errors import CloudError
from app.simulator.pace import Pace
from app.simulator.server import Simulator
from tests.simulator.conftest import Asker, refused

KEY = ("DescribeQuota", "ap-guangzhou", "AKIDtest")


def admitted(pace: Pace, times: int, now: float, limit: int = 20) -> int:
    count = 0
    for _ in range(times):
        try:
            pace.admit(KEY, limit, now)
        except CloudError:
            continue
        count += 1
    return count


def test_a_window_holds_its_limit_and_the_next_second_is_a_new_one() -> None:
    pace = Pace()
    assert [admitted(pace, 30, now) for now in (100.9, 101.0, 102.5)] == [20, 20, 20]


def test_windows_are_fixed_so_forty_calls_fit_around_a_full_second() -> None:
    pace = Pace()
    assert admitted(pace, 20, 100.99) + admitted(pace, 20, 101.01) == 40


def test_a_thread_that_comes_late_around_a_full_second_opens_no_new_window() -> None:
    pace = Pace()
    found = [admitted(pace, 20, 100.9), admitted(pace, 10, 101.0), admitted(pace, 1, 100.9), admitted(pace, 11, 101.0)]
    assert found == [20, 10, 0, 10]


def test_keys_do_not_share_windows() -> None:
    pace = Pace()
    pace.admit(KEY, 1, 100.0)
    pace.admit(("DescribeQuota", "ap-shanghai", "AKIDtest"), 1, 100.0)
    pace.admit(("DescribeQuota", "ap-guangzhou", "AKIDother"), 1, 100.0)


def test_the_refusal_has_the_real_words_and_is_recorded(ask: Asker, simulator: Simulator) -> None:
    simulator.set_parameters(calls_per_second=0)
    assert refused(lambda: ask("DescribeQuota")) == (
        "RequestLimitExceeded",
        (
            "Your current request times equals to `1` in a second, which exceeds the frequency limit `0` for a second. "
            "Please reduce the frequency of calls."
        ),
    )
    assert [(row["action"], row["code"]) for row in simulator.calls] == [("DescribeQuota", "RequestLimitExceeded")]


def test_the_vpc_reads_have_their_own_rate_and_exceptions_win_over_both(ask: Asker, simulator: Simulator) -> None:
    simulator.set_parameters(calls_per_second=0, calls_per_second_by_action={"DescribeSubnets": 0, "DescribeQuota": 9})
    assert ask("DescribeVpcs", "vpc")["TotalCount"] == 2
    assert refused(lambda: ask("DescribeSubnets", "vpc"))[0] == "RequestLimitExceeded"
    assert len(ask("DescribeQuota")["QuotaSet"]) == 2
