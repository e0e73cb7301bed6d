"""The broker's scenarios, each on an installation of its own: many binds at once, and single ones."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from benchmarks import measures, world
from benchmarks.bound import CloudTimes, bound, least_calls
from benchmarks.measures import Convergence, Neighbours, SingleBind
from benchmarks.stage import Broker, Unfinished, at_once, running_broker, wait_for
from benchmarks.world import Pod, Size

PER_SECOND: Final = 18
"""The broker's own default budget (CLB_BROKER_CALLS_PER_SECOND)."""

EVENTS_PER_REQUEST: Final = 500
FAULTS: Final = (
    "internal-error-before",
    "internal-error-after",
    "request-lost",
    "answer-lost",
    "http-500",
    "throttle",
)
"""What a failing call meets, each as likely as the others."""

REST_SECONDS: Final = (0.25, 0.45)
"""Between two single binds: the first has been read back by then, and no two are in step with a loop's period."""

SINGLE_LOAD_BALANCERS: Final = 25

STEADY_SECONDS: Final = 0.2
"""Between two binds of a quiet cluster beside a noisy one: each load balancer has its turn every five seconds."""

IDLE_BINDS: Final = 50
"""How many of these come before the noise."""


def many_binds(
    who: str, size: Size, ordered: Sequence[Pod], workers: int, failing: float = 0.0, seed: int = 1
) -> tuple[Convergence, dict[str, int]]:
    """Post all pods' binds at once, each cluster by itself; the figures, and the calls by action.

    ``failing`` is the share of calls that meet a fault. Raises `Unfinished`.
    """
    with running_broker(size, workers=workers) as broker:
        work = world.workload(ordered)
        best = bound(CloudTimes.of(broker.cloud.parameters()), work, PER_SECOND)
        broker.cloud.forget()
        _order_faults(broker, failing, seed)
        began = time.time()
        by_cluster = _by_cluster(ordered)
        at_once(lambda each: _post_all(broker, each, by_cluster[each]), list(by_cluster), len(by_cluster))
        changes = broker.cloud.wait_for_targets(len(ordered))
        broker.wait_until_bound()
        known = max(_moment(row["bound_at"]) for row in broker.bindings())
        calls = broker.cloud.new_calls()
        least = least_calls(work)["BatchRegisterTargets"]
        found = measures.convergence(who, calls, changes, began, best, least)
        return replace(found, known_seconds=known - began), measures.calls_by_action(calls)


def single_binds(count: int, workers: int, seed: int = 1) -> list[SingleBind]:
    """Post so many binds one after the other, each when the one before is done. Raises `Unfinished`."""
    size = Size("single", count, SINGLE_LOAD_BALANCERS, 1)
    dice = random.Random(seed)
    with running_broker(size, workers=workers) as broker:
        times = CloudTimes.of(broker.cloud.parameters())
        time.sleep(2)
        broker.cloud.forget()
        found = []
        for pod in world.interleaved(world.pods(size)):
            time.sleep(dice.uniform(*REST_SECONDS))
            found.append(_single_bind(broker, pod, times))
        return found


def noisy_neighbour(size: Size, workers: int) -> Neighbours:
    """Post single binds of a quiet cluster, before and while a noisy one posts all of its own. Raises `Unfinished`.

    The quiet one posts at a steady pace, whatever became of the bind before, on load balancers of its own.
    """
    world_size, noisy, quiet = world.neighbours(size, SINGLE_LOAD_BALANCERS)
    waiting = iter(quiet)
    with running_broker(world_size, workers=workers) as broker, ThreadPoolExecutor(1) as agent:
        times = CloudTimes.of(broker.cloud.parameters())
        time.sleep(2)
        broker.cloud.forget()
        changes: list[dict[str, Any]] = []
        idle = _post_steadily(broker, waiting, changes, lambda: len(changes) >= IDLE_BINDS)
        began = time.time()
        burst = agent.submit(_post_all, broker, noisy[0].cluster_id, noisy)
        addresses = {pod.ip for pod in noisy}
        later = _post_steadily(
            broker, waiting, changes, lambda: len(addresses & {row["ip"] for row in changes}) == len(addresses)
        )
        burst.result()
        changes.extend(broker.cloud.wait_for_targets(len(idle) + len(later) + len(noisy) - len(changes)))
        return measures.neighbours(idle, later, addresses, changes, began, times)


def _post_steadily(
    broker: Broker, pods: Iterator[Pod], changes: list[dict[str, Any]], enough: Callable[[], bool]
) -> dict[str, float]:
    """Post one pod after the other until it is ``enough``; when each was posted, by its address."""
    posted: dict[str, float] = {}
    due = time.monotonic()
    while not enough():
        pod = next(pods, None)
        if pod is None:
            raise Unfinished(f"{len(posted)} binds were posted, and it is still not enough")
        posted[pod.ip] = time.time()
        broker.post(pod.cluster_id, [pod])
        due += STEADY_SECONDS
        time.sleep(max(0.0, due - time.monotonic()))
        changes.extend(row for row in broker.cloud.new_changes() if row["kind"] == "added")
    return posted


def _single_bind(broker: Broker, pod: Pod, times: CloudTimes) -> SingleBind:
    broker.cloud.new_calls()
    posted = time.time()
    answered = broker.post(pod.cluster_id, [pod])
    time.sleep(times.call(1))
    changes: list[dict[str, Any]] = []

    def there() -> bool:
        changes.extend(row for row in broker.cloud.new_changes() if (row["ip"], row["kind"]) == (pod.ip, "added"))
        return bool(changes)

    wait_for(f"{pod.ip} at the cloud", there, every=0.02)
    calls = [row for row in broker.cloud.new_calls() if row["load_balancer_id"] in {None, pod.load_balancer_id}]
    return measures.single_bind(calls, changes[0]["at"], posted, answered, times)


def _order_faults(broker: Broker, failing: float, seed: int) -> None:
    if not failing:
        return
    for number, kind in enumerate(FAULTS):
        broker.cloud.order(kind=kind, times=0, probability=failing / len(FAULTS), seed=seed * 100 + number)


def _post_all(broker: Broker, cluster_id: str, pods: Sequence[Pod]) -> None:
    for start in range(0, len(pods), EVENTS_PER_REQUEST):
        broker.post(cluster_id, pods[start : start + EVENTS_PER_REQUEST])


def _by_cluster(ordered: Sequence[Pod]) -> Mapping[str, list[Pod]]:
    found: dict[str, list[Pod]] = {}
    for pod in ordered:
        found.setdefault(pod.cluster_id, []).append(pod)
    return found


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
