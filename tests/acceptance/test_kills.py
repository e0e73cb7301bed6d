"""kill -9 in the middle: every event that was acknowledged has its effect, exactly once."""

import random
import threading
from bisect import bisect_left
from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

from tests.acceptance.installation import Installation
from tests.acceptance.world import event, target

BATCH = 20
BUDGET = 18
"""Calls per action and second: the default of CLB_BROKER_CALLS_PER_SECOND."""


class Agent(threading.Thread):
    """Posts batches one after the other; asks again, with the same events, until each is answered."""

    def __init__(self, installation: Installation, batches: list[list[dict[str, Any]]]) -> None:
        super().__init__(daemon=True)
        self._installation = installation
        self._batches = batches
        self.answered = 0
        self.results: list[Any] = []

    def run(self) -> None:
        for batch in self._batches:
            self.results += self._installation.post("cls-a", batch)
            self.answered += 1


def _batches(events: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return [events[start : start + BATCH] for start in range(0, len(events), BATCH)]


def _post_while(installation: Installation, events: list[dict[str, Any]], kills: list[Any]) -> list[Any]:
    """Post ``events`` and carry out ``kills`` at even distances in between."""
    batches = _batches(events)
    agent = Agent(installation, batches)
    agent.start()
    for number, kill in enumerate(kills, 1):
        reached = number * len(batches) // (len(kills) + 1)
        installation.wait_for(f"batch {reached}", lambda reached=reached: agent.answered >= reached)
        kill()
    agent.join(120)
    assert not agent.is_alive()
    return agent.results


def test_killing_api_worker_and_postgres_loses_no_event_and_doubles_none(installation: Installation) -> None:
    installation.start("worker")
    count = 1000

    def worker() -> None:
        installation.kill("worker")
        installation.start("worker")

    def api() -> None:
        installation.kill("serve")
        installation.start("serve")

    def postgres() -> None:
        installation.kill_postgres()
        installation.start_postgres()

    results = _post_while(
        installation, [event("cls-a", number) for number in range(count)], [worker, api, postgres, api, worker]
    )
    assert Counter(result["outcome"] for result in results) == {"accepted": count}

    installation.wait_for_targets("lb-1", [target("cls-a", number) for number in range(count)])
    installation.wait_until_settled()
    bindings = installation.everything("/v1/bindings")
    assert Counter(binding["state"] for binding in bindings) == {"bound": count}
    created = installation.everything("/v1/history", action="binding-created")
    assert Counter(entry["event_id"] for entry in created) == Counter(f"bind-{number}-1" for number in range(count))
    changes = Counter(change["kind"] for change in installation.simulator.changes)
    assert changes == {"added": count}
    assert _busiest_second(installation.simulator.calls) <= BUDGET


def test_binds_and_unbinds_under_kills_end_where_the_last_word_of_each_pod_says(installation: Installation) -> None:
    installation.start("worker")
    installation.start("worker-2")
    chance = random.Random(20261123)
    gone = set(chance.sample(range(200), 80))
    events = [event("cls-a", number, revision=10) for number in range(200)]
    events += [event("cls-a", number, kind="unbind", revision=20) for number in gone]
    events += [event("cls-a", number, revision=15, event_id=f"late-{number}") for number in gone]
    chance.shuffle(events)

    def first_worker() -> None:
        installation.kill("worker")
        installation.start("worker")

    def second_worker() -> None:
        installation.kill("worker-2")
        installation.start("worker-2")

    _post_while(installation, events, [first_worker, second_worker, first_worker, second_worker])
    installation.wait_for_targets("lb-1", [target("cls-a", number) for number in range(200) if number not in gone])
    installation.wait_until_settled()
    overlaps = _overlapping_writes(installation.simulator.calls)
    assert overlaps == []


def _busiest_second(calls: list[Any]) -> int:
    """The most calls of one action that arrived within any one second."""
    times: dict[str, list[float]] = defaultdict(list)
    for call in calls:
        times[call["action"]].append(call["received_at"])
    return max(
        bisect_left(sorted(arrived), start + 1) - bisect_left(sorted(arrived), start)
        for arrived in times.values()
        for start in arrived
    )


def _overlapping_writes(calls: list[Any]) -> list[tuple[Any, Any]]:
    """Pairs of writes to one load balancer of which the second was sent before the first had ended."""
    writes = [call for call in calls if call["action"].startswith("Batch")]
    writes.sort(key=lambda call: call["received_at"])
    return [
        (before["request_id"], after["request_id"])
        for before, after in pairwise(writes)
        if after["received_at"] < (before["finished_at"] or 0)
    ]
