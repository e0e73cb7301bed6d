"""Many pods, many workers: each target once, in few calls, and one write at a time on each load balancer."""

import math
import threading
from itertools import pairwise
from typing import Any

import pytest

from app.ledger.connection import Ledger
from app.worker.loops import Worker
from tests.acceptance.installation import FAST
from tests.acceptance.world import world
from tests.worker.yard import Yard, name_of, pod_event

LISTENERS = ("lbl-1", "lbl-2", "lbl-3", "lbl-4")
BALANCERS = tuple(f"lb-{number}" for number in range(1, 7))


def _listener(number: int) -> str:
    return LISTENERS[number % len(LISTENERS)]


def test_1200_waiting_pods_of_two_clusters_take_the_least_number_of_calls(yard: Yard) -> None:
    yard.set_the_table("cls-a", "cls-b")
    for cluster_id in ("cls-a", "cls-b"):
        events = [pod_event(n, cluster_id=cluster_id, listener_id=_listener(n)) for n in range(600)]
        yard.say(cluster_id, *events)
    yard.run()
    wanted = {name_of(n, cluster_id, _listener(n)) for cluster_id in ("cls-a", "cls-b") for n in range(600)}
    assert set(yard.targets()) == wanted
    assert [call["target_count"] for call in yard.writes()] == [500, 500, 200]
    assert len(yard.changes()) == 1200
    reads = [call for call in yard.simulator.calls if call["action"] == "DescribeNetworkInterfaces"]
    assert len(reads) <= math.ceil(600 / 100) + 1


@pytest.fixture
def wide_yard(ledger: Ledger) -> Any:
    spread = world(**FAST)
    (only,) = spread["load_balancers"]
    spread["load_balancers"] = [
        {
            **only,
            "load_balancer_id": load_balancer_id,
            "vips": [f"203.0.113.{number}"],
            "listeners": [
                {**each, "listener_id": f"{load_balancer_id}-{each['listener_id']}"} for each in only["listeners"]
            ],
        }
        for number, load_balancer_id in enumerate(BALANCERS, 1)
    ]
    with Yard(ledger, spread) as opened:
        yield opened


def test_two_workers_at_once_write_one_at_a_time_to_each_load_balancer(wide_yard: Yard) -> None:
    yard = wide_yard
    yard.set_the_table("cls-a", load_balancer_ids=BALANCERS)
    stopped = threading.Event()
    workers = [Worker(yard.workshop(f"life-{number}")) for number in (1, 2)]
    threads = [threading.Thread(target=worker.run, args=(stopped,)) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        for start in range(0, 300, 30):
            yard.say("cls-a", *(_spread(number) for number in range(start, start + 30)))
        yard.say("cls-a", *(_spread(number, kind="unbind", revision=2) for number in range(0, 300, 3)))
        kept = [number for number in range(300) if number % 3]
        yard.wait_for("the targets", lambda: sum(len(yard.targets(each)) for each in BALANCERS) == len(kept))
    finally:
        stopped.set()
        for thread in threads:
            thread.join(60)
    for load_balancer_id in BALANCERS:
        mine = [call for call in yard.writes() if call["load_balancer_id"] == load_balancer_id]
        mine.sort(key=lambda call: call["received_at"])
        assert [after for before, after in pairwise(mine) if after["received_at"] < before["finished_at"]] == []
    removed = [change for change in yard.changes() if change[0] == "removed"]
    assert len(removed) == len(set(removed))


def _spread(number: int, **more: Any) -> Any:
    load_balancer_id = BALANCERS[number % len(BALANCERS)]
    listener_id = f"{load_balancer_id}-{_listener(number // len(BALANCERS))}"
    return pod_event(number, load_balancer_id=load_balancer_id, listener_id=listener_id, **more)
