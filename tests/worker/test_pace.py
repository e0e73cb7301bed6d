"""Two worker processes that call as fast as they may, on a machine that has something else to do too."""

import json
import os
import subprocess
import sys
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median

import pytest

from app.planning.pacing import LEAST_SPREAD, TRAVELS
from tests.worker.yard import Yard

BUDGET = 18
PROCESSES, HANDS, CALLS = 2, 10, 5
TRAVEL = (TRAVELS * LEAST_SPREAD).total_seconds()
"""What the least turn allows for the way to the cloud."""


@pytest.fixture
def burner() -> Iterator[None]:
    """A process that never rests."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    yield
    process.kill()
    process.wait(60)


def most_in_a_second(moments: list[float]) -> int:
    moments = sorted(moments)
    return max(bisect_left(moments, first + 1.0) - index for index, first in enumerate(moments))


@pytest.mark.usefixtures("burner")
def test_no_second_at_the_cloud_has_more_calls_than_the_budget(yard: Yard, ledger_url: str) -> None:
    """A call that the machine holds up after it was sent counts as having arrived when it should have.

    How many calls a second there are is printed only (``pytest -s``): that is a matter of the machine.
    """
    yard.simulator.set_parameters(calls_per_second=1000)
    environment = {
        **os.environ,
        "CLB_BROKER_DATABASE_URL": ledger_url,
        "CLB_BROKER_TENCENT_SECRET_ID": "AKIDtest",
        "CLB_BROKER_TENCENT_SECRET_KEY": "test-secret",
        "CLB_BROKER_TENCENT_ENDPOINT": yard.simulator.endpoint,
        "CLB_BROKER_CALLS_PER_SECOND": str(BUDGET),
    }
    command = [sys.executable, "-m", "tests.worker.caller", str(CALLS), str(HANDS)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    with ExitStack() as stack:
        callers = [stack.enter_context(subprocess.Popen(command, **pipes)) for _ in range(PROCESSES)]
        assert [caller.stdout.readline() for caller in callers] == ["ready\n"] * PROCESSES
        for caller in callers:
            caller.stdin.write("go\n")
            caller.stdin.flush()
        sent = {name: at for caller in callers for name, at in json.loads(caller.stdout.readline())}
    received = {call["request_id"]: call["received_at"] for call in yard.simulator.calls}
    assert len(sent) == len(received) == PROCESSES * HANDS * CALLS
    arrived = sorted(received.values())
    rate = BUDGET / median(after - before for before, after in zip(arrived, arrived[BUDGET:], strict=False))
    print(f"\n{rate:.2f} calls a second, at most {most_in_a_second(arrived)} in any, of a budget of {BUDGET}")
    assert most_in_a_second([min(at, sent[name] + TRAVEL) for name, at in received.items()]) <= BUDGET
