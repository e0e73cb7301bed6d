"""What others do, as small drivers on the same cloud through the broker's own client.

They are favoured: each knows the final list of targets at once, has no ledger, proves nothing, reads nothing back, and
has a limiter in memory that never lets a call be throttled.
"""

import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from app.cloud.client import Account, Client
from app.domain.errors import CloudError
from benchmarks import measures, world
from benchmarks.bound import CloudTimes, bound, least_calls
from benchmarks.broker import PER_SECOND
from benchmarks.measures import Convergence
from benchmarks.stage import Cloud, at_once, running_cloud
from benchmarks.world import PORT, Pod, Size

BATCH_HANDS: Final = 16
SINGLE_CALL_TARGETS: Final = 20
POLL_SECONDS: Final = 2.0
TASK_RUNS: Final = 2
"""DescribeTaskStatus: 2 running (CLB API)."""

Wanted = Mapping[str, Sequence[Pod]]
"""Each load balancer's pods."""


@dataclass
class Limiter:
    """At most so many calls of one action in any second, in order of asking."""

    per_second: int
    _sent: dict[str, deque[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, account_id: str, region: str, action: str) -> None:
        """Wait until the next call of ``action`` may go."""
        with self._lock:
            sent = self._sent.setdefault(action, deque(maxlen=self.per_second))
            now = time.monotonic()
            slot = max(now, sent[0] + 1.0) if len(sent) == self.per_second else now
            sent.append(slot)
        time.sleep(slot - now)


@dataclass(frozen=True, slots=True)
class Rounds:
    """Batches in rounds: the first after ``first`` seconds, then every ``period``; ``most`` targets in a call."""

    first: float
    period: float
    most: int

    def run(self, client: Client, wanted: Wanted) -> None:
        """Until everything was taken; what is refused goes into the next round, as does what is left."""
        began = time.monotonic()
        left = {load_balancer_id: list(pods) for load_balancer_id, pods in wanted.items()}
        while left:
            late = max(0.0, time.monotonic() - began - self.first)
            number = math.ceil(late / self.period)
            time.sleep(max(0.0, began + self.first + number * self.period - time.monotonic()))
            at_once(partial(self._send, client, left), list(left), BATCH_HANDS)
            left = {load_balancer_id: pods for load_balancer_id, pods in left.items() if pods}

    def _send(self, client: Client, left: Mapping[str, list[Pod]], load_balancer_id: str) -> None:
        part = left[load_balancer_id][: self.most]
        targets = [{"ListenerId": pod.listener_id, "EniIp": pod.ip, "Port": PORT, "Weight": 10} for pod in part]
        try:
            client.call("clb", "BatchRegisterTargets", {"LoadBalancerId": load_balancer_id, "Targets": targets})
        except CloudError:
            return
        del left[load_balancer_id][: self.most]


def twenty_and_poll(client: Client, wanted: Wanted) -> None:
    """RegisterTargets of 20 on one listener, DescribeTaskStatus every 2 s, then the next; on all load balancers."""
    at_once(lambda each: _one_after_the_other(client, each, wanted[each]), list(wanted), len(wanted))


def _one_after_the_other(client: Client, load_balancer_id: str, pods: Sequence[Pod]) -> None:
    for listener_id in sorted({pod.listener_id for pod in pods}):
        mine = [pod for pod in pods if pod.listener_id == listener_id]
        for start in range(0, len(mine), SINGLE_CALL_TARGETS):
            targets = [
                {"EniIp": pod.ip, "Port": PORT, "Weight": 10} for pod in mine[start : start + SINGLE_CALL_TARGETS]
            ]
            asked = {"LoadBalancerId": load_balancer_id, "ListenerId": listener_id, "Targets": targets}
            while not _done(client, asked):
                time.sleep(POLL_SECONDS)


def _done(client: Client, asked: Mapping[str, object]) -> bool:
    try:
        task = client.call("clb", "RegisterTargets", asked)["RequestId"]
        time.sleep(POLL_SECONDS)
        while (status := client.call("clb", "DescribeTaskStatus", {"TaskId": task})["Status"]) == TASK_RUNS:
            time.sleep(POLL_SECONDS)
    except CloudError:
        return False
    return bool(status == 0)


STRATEGIES: Final[Mapping[str, Callable[[Client, Wanted], None]]] = {
    # The events of a burst meet the tick anywhere in its period: in the middle, taken over many bursts.
    "tick every 3 s, batches of 250": Rounds(first=1.5, period=3.0, most=250).run,
    "window of 2 s, batches of 500": Rounds(first=2.0, period=2.0, most=500).run,
    "calls of 20, polled every 2 s": twenty_and_poll,
}


def strategy(who: str, size: Size, ordered: Sequence[Pod]) -> Convergence:
    """The figures of one of `STRATEGIES`."""
    with running_cloud(size) as cloud:
        work = world.workload(ordered)
        best = bound(CloudTimes.of(cloud.parameters()), work, PER_SECOND)
        client = _client(cloud)
        wanted: dict[str, list[Pod]] = {}
        for pod in ordered:
            wanted.setdefault(pod.load_balancer_id, []).append(pod)
        began = time.time()
        STRATEGIES[who](client, wanted)
        changes = cloud.wait_for_targets(len(ordered))
        least = least_calls(work)["BatchRegisterTargets"]
        return measures.convergence(who, cloud.new_calls(), changes, began, best, least)


def _client(cloud: Cloud) -> Client:
    host = cloud.url.removeprefix("http://")
    for name in ("NO_PROXY", "no_proxy"):  # the SDK wants loopback named with and without its port
        os.environ[name] = f"127.0.0.1,{host}"
    account = Account("default", world.SECRET_ID, world.SECRET_KEY, cloud.url, timeout_seconds=15.0)
    return Client(account, world.REGION, Limiter(PER_SECOND))
