"""Agents that are killed, the broker away, Kubernetes away: nothing is lost, and nothing is unbound by silence."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.agent_chart import NAMESPACE
from tests.acceptance.installation import Installation
from tests.acceptance.shop import LEASE_SECONDS, Cluster, at, deployment, service
from tests.acceptance.test_watching import asked, total
from tests.acceptance.world import address

WRITES = ("BatchRegisterTargets", "BatchDeregisterTargets", "BatchModifyTargetWeight")


@pytest.fixture(scope="module")
def shop(broker: Installation, place: Path) -> Iterator[Cluster]:
    addresses = [address("cls-a", number) for number in range(200)]
    with Cluster(broker, place, "cls-a", addresses, defaultNetworkMode="vpc-cni") as cluster:
        yield cluster


@pytest.fixture
def agent(broker: Installation, shop: Cluster) -> Iterator[str]:
    """One agent for one test: the name of its process."""
    shop.start("agent")
    yield "agent"
    with contextlib.suppress(KeyError):  # the test may have killed it
        broker.stop("agent")


def test_an_agent_killed_in_the_middle_leaves_nothing_undone(broker: Installation, shop: Cluster, agent: str) -> None:
    shop.apply(service("killed", "lb-near", 8001), deployment("killed", 20, surge=10))
    broker.wait_for("some targets", lambda: at(broker, "lb-near", "lbl-near-1"))
    broker.kill(agent)
    shop.start(agent)
    shop.wait_until_ready("killed", 20)

    shop.apply(deployment("killed", 20, image="web:2", surge=10))
    broker.wait_for("some new pods", lambda: len(shop.pods("killed")) > 20)
    broker.kill(agent)
    shop.start(agent)
    broker.wait_for("new pods only", lambda: _images(shop, "killed") == ["web:2"] * 20)
    shop.wait_until_ready("killed", 20)
    broker.wait_for("their targets", lambda: at(broker, "lb-near", "lbl-near-1") == shop.addresses("killed"))


def test_a_restarted_agent_writes_nothing_that_is_as_it_should_be(
    broker: Installation, shop: Cluster, agent: str
) -> None:
    shop.apply(service("restarted", "lb-near", 8002), deployment("restarted", 10))
    shop.wait_until_ready("restarted", 10)
    broker.wait_until_settled()
    writes, shop_writes = _writes(broker), _kubernetes_writes(shop)
    assert broker.stop(agent) == 0
    bound = broker.everything("/v1/bindings", state="bound")
    metrics = shop.start(agent).split("metrics at ")[1].strip()
    unchanged = r'clb_broker_agent_results_total\{code="[^"]*",outcome="unchanged"\}'
    broker.wait_for("full snapshots", lambda: total(asked(metrics), unchanged) >= len(bound))
    broker.wait_until_settled()
    assert _writes(broker) == writes
    assert _kubernetes_writes(shop) == shop_writes
    assert len(shop.ready("restarted")) == 10


def test_what_happened_while_no_agent_was_there_is_made_good_as_far_as_the_guard_allows(
    broker: Installation, shop: Cluster, agent: str
) -> None:
    shop.apply(service("unseen", "lb-near", 8003), deployment("unseen", 8))
    shop.apply(service("orphaned", "lb-near", 8004), deployment("orphaned", 3))
    shop.wait_until_ready("unseen", 8)
    shop.wait_until_ready("orphaned", 3)
    broker.kill(agent)
    shop.scale("unseen", 6)
    shop.api.delete("Service", "orphaned", "web")
    broker.wait_for("six pods", lambda: len(shop.pods("unseen")) == 6)
    shop.api.compact()
    shop.start(agent)
    broker.wait_for("six targets", lambda: at(broker, "lb-near", "lbl-near-3") == shop.addresses("unseen"))

    held = broker.wait_for("three holds", lambda: _holds(broker, "lbl-near-4", 3))
    assert len(at(broker, "lb-near", "lbl-near-4")) == 3
    for each in held:
        broker.post_as_operator(f"/v1/holds/{each['binding_id']}/approve")
    broker.wait_for("no target", lambda: at(broker, "lb-near", "lbl-near-4") == [])


def test_while_the_broker_is_away_nothing_is_unbound_and_afterwards_all_is_right(
    broker: Installation, shop: Cluster, agent: str
) -> None:
    shop.apply(service("away", "lb-near", 8005), deployment("away", 4))
    shop.wait_until_ready("away", 4)
    before = at(broker, "lb-near", "lbl-near-5")
    with _away(broker):
        shop.api.delete("Pod", "away", shop.pods("away")[0]["metadata"]["name"])
        shop.scale("away", 6)
        broker.wait_for("six running pods", lambda: all(shop.addresses("away")) and len(shop.pods("away")) == 6)
        broker.wait_for("the agent to notice", lambda: "the broker was not reached" in broker.log(agent))
        assert at(broker, "lb-near", "lbl-near-5") == before
        assert len(shop.ready("away")) == 3  # the old ones stay ready, the new ones wait for their targets
    shop.wait_until_ready("away", 6)
    broker.wait_for("six targets", lambda: at(broker, "lb-near", "lbl-near-5") == shop.addresses("away"))


def test_watches_that_break_and_versions_that_are_gone_lose_no_change(
    broker: Installation, shop: Cluster, agent: str
) -> None:
    shop.apply(service("gaps", "lb-near", 8006), deployment("gaps", 4))
    shop.wait_until_ready("gaps", 4)
    for number, kind in enumerate(("gone", "gone-event"), 1):
        shop.api.order(kind, verb="watch", times=3)
        shop.api.cut_watches()
        shop.scale("gaps", 4 + number)
        shop.wait_until_ready("gaps", 4 + number)
    shop.api.order("error", verb="watch", status=503, times=6)
    shop.api.cut_watches()
    shop.scale("gaps", 5)
    broker.wait_for("five targets", lambda: at(broker, "lb-near", "lbl-near-6") == shop.addresses("gaps"))
    shop.wait_until_ready("gaps", 5)


def test_a_second_agent_takes_over_and_a_former_leader_that_comes_back_late_changes_nothing(
    broker: Installation, shop: Cluster
) -> None:
    shop.apply(service("late", "lb-near", 8007), deployment("late", 5))
    names = ("agent-first", "agent-second")
    shop.start(names[0], CLB_BROKER_AGENT_IDENTITY=names[0])
    broker.wait_for("the first to lead", lambda: _holder(shop) == names[0])
    shop.start(names[1], CLB_BROKER_AGENT_IDENTITY=names[1])
    shop.wait_until_ready("late", 5)

    with _standing_still(broker, names[0]):
        shop.api.delete("Pod", "late", shop.pods("late")[0]["metadata"]["name"], 0)  # its address goes to the next one
        broker.wait_for("the second to lead", lambda: _holder(shop) == names[1], seconds=10 * LEASE_SECONDS)
        shop.scale("late", 4)
        shop.wait_until_ready("late", 4)
        broker.wait_for("four targets", lambda: at(broker, "lb-near", "lbl-near-7") == shop.addresses("late"))
        broker.wait_until_settled()
        writes = _writes(broker)
    broker.wait_for("the first to notice", lambda: "does not lead any more" in broker.log(names[0]))
    broker.wait_until_settled()
    assert _holder(shop) == names[1]
    assert _writes(broker) == writes
    assert at(broker, "lb-near", "lbl-near-7") == shop.addresses("late")
    assert [broker.stop(name) for name in names] == [0, 0]
    assert _holder(shop) is None  # given up, not left to run out


@contextlib.contextmanager
def _standing_still(broker: Installation, name: str) -> Iterator[None]:
    """A process that does not notice how time passes."""
    broker.signal(name, signal.SIGSTOP)
    try:
        yield
    finally:
        broker.signal(name, signal.SIGCONT)


@contextlib.contextmanager
def _away(broker: Installation) -> Iterator[None]:
    """The broker's API is not there."""
    broker.kill("serve")
    try:
        yield
    finally:
        broker.start("serve")


def _writes(broker: Installation) -> int:
    return sum(len(broker.writes(action)) for action in WRITES)


def _kubernetes_writes(cluster: Cluster) -> int:
    """What was written to Kubernetes, but for the lease."""
    calls = [each for each in cluster.api.calls if each.verb in ("create", "update", "patch", "delete")]
    return len([each for each in calls if each.resource != "leases"])


def _holds(broker: Installation, listener_id: str, count: int) -> list[Any]:
    found = [each for each in broker.everything("/v1/holds") if each["target"]["listener_id"] == listener_id]
    return found if len(found) == count else []


def _holder(cluster: Cluster) -> str | None:
    leases = cluster.api.objects("Lease", NAMESPACE)
    holder: str | None = leases[0]["spec"].get("holderIdentity") if leases else None
    return holder or None


def _images(cluster: Cluster, namespace: str) -> list[str]:
    return [each["spec"]["containers"][0]["image"] for each in cluster.pods(namespace)]
