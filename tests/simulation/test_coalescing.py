"""A hundred events on one load balancer within a second, by the clock: two register calls at the most.

A call that finds the load balancer busy is not counted: here its tail is anything up to six times as long as the call
itself, and how long it is has to be learned (`tests/worker/test_busy_tails.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random

import pytest

from app.broker.receive_pod_events import Received, receive_pod_events
from tests.chaos.story import Pod
from tests.chaos.world import LISTENERS, LOAD_BALANCERS, address
from tests.simulation.agents import event_of
from tests.simulation.calls import Arrived
from tests.simulation.installed import Installation, installed
from tests.simulation.run import Run

PODS = 100
SEEDS = range(1, 21)
QUIET_SECONDS = 3.0
"""Until then the workers have read what there is, so that the first event finds a load balancer that is idle."""

END_SECONDS = 15.0


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with installed() as made:
        yield made


class Burst(Run):
    """A run without a story: pods of one cluster, bound on one load balancer at given times."""

    def post(self, times: Sequence[float]) -> list[Arrived]:
        """Post an event at each of these times, in seconds from the first; the register calls that were taken."""
        self.ledger.committed = self._wake
        for worker in self.workers:
            worker.start()
        self._read_quota()
        for number, at in enumerate(times):
            self.schedule.at(QUIET_SECONDS + at, partial(self._bind, number))
        self.schedule.run(END_SECONDS, lambda: False)
        return [call for call in self.cloud.arrived if call.action == "BatchRegisterTargets" and call.code is None]

    def _bind(self, number: int) -> None:
        uid, ip = f"uid-{number}", address("cls-a", number)
        event = self.story._bind(Pod("cls-a", uid, ip, LOAD_BALANCERS[0], LISTENERS[number % 2]))
        received = [Received(event_of(event), uid)]
        receive_pod_events(self.ledger, "cls-a", received, actor="agent:cls-a", drain_seconds=1)  # type: ignore[arg-type]


SPREADS: dict[str, Callable[[Random], list[float]]] = {
    "evenly": lambda _: [number / PODS for number in range(PODS)],
    "at random": lambda chance: [0.0, *sorted(chance.random() for _ in range(PODS - 1))],
    "one, and then the others": lambda chance: [0.0, *(0.1 + chance.random() / 10 for _ in range(PODS - 1))],
}


@pytest.mark.parametrize("spread", SPREADS.values(), ids=SPREADS)
def test_a_hundred_events_within_a_second_take_two_register_calls_at_the_most(
    installation: Installation, spread: Callable[[Random], list[float]]
) -> None:
    for seed in SEEDS:
        burst = Burst(installation, seed, [])
        calls = burst.post(spread(Random(seed)))
        assert (seed, len(burst.cloud.targets), sum(call.target_count for call in calls)) == (seed, PODS, PODS)
        assert (seed, len(calls)) <= (seed, 2), [(call.received_at, call.target_count) for call in calls]
        assert calls[0].received_at < QUIET_SECONDS + 0.5  # the first was not kept waiting for the others
