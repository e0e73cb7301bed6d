"""The lease: one of several agents leads, and a leader that cannot renew keeps quiet in time."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.agent.kubernetes_api import connect
from app.agent.leadership import Leadership
from app.simulator.kubernetes.server import KubernetesSimulator
from tests.agent.waiting import wait_for

LEASE_SECONDS = 15


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


Candidate = Callable[..., Leadership]


@pytest.fixture
def candidate(cluster: KubernetesSimulator) -> Iterator[Candidate]:
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "clb"}})
    clients = []

    def make(identity: str, lease_seconds: int = LEASE_SECONDS, clock: Callable[[], float] | None = None) -> Leadership:
        clients.append(connect())
        return Leadership(clients[-1], "agents", "clb", identity, lease_seconds, clock or Clock())

    yield make
    for client in clients:
        client.close()


def holder(cluster: KubernetesSimulator) -> str | None:
    lease = cluster.get("Lease", "clb", "agents")
    assert lease is not None
    name: str | None = lease["spec"].get("holderIdentity")
    return name


def test_the_first_leads_and_the_second_does_not(cluster: KubernetesSimulator, candidate: Candidate) -> None:
    first, second = candidate("first"), candidate("second")
    assert (first.run_once(), second.run_once()) == (True, False)
    assert (first.leads(), second.leads(), holder(cluster)) == (True, False, "first")


def test_a_leader_that_cannot_renew_keeps_quiet_before_another_may_lead(
    cluster: KubernetesSimulator, candidate: Candidate
) -> None:
    clock = Clock()
    leader = candidate("first", clock=clock)
    assert leader.run_once()
    cluster.order("error", resource="leases", verb="*", status=503, times=0)
    clock.now += 9.9
    assert leader.run_once()
    clock.now += 0.1
    assert not leader.leads()
    assert not leader.run_once()
    cluster.clear_faults()
    assert leader.run_once()
    assert leader.term == 2


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"kind": "reset"}, "ProtocolError"),
        ({"kind": "error", "status": 403}, "403"),
        ({"kind": "error", "status": 500}, "500"),
    ],
)
def test_a_lease_that_cannot_be_reached_is_no_lease_and_that_is_said_once(
    cluster: KubernetesSimulator, candidate: Candidate, fault: dict[str, Any], said: str
) -> None:
    cluster.order(**fault, resource="leases", verb="*", times=0)
    agent = candidate("first")
    with capture_logs() as lines:
        assert not agent.run_once()
        assert not agent.run_once()
    assert [(line["event"], said in line["error"]) for line in lines] == [("lease not reached", True)]


def test_a_leader_that_ends_gives_the_lease_up_at_once(cluster: KubernetesSimulator, candidate: Candidate) -> None:
    first, second = candidate("first"), candidate("second")
    assert first.run_once()
    assert first.run_once()
    assert not second.run_once()
    first.give_up()
    assert (first.leads(), holder(cluster)) == (False, None)
    assert second.run_once()
    assert holder(cluster) == "second"


def test_who_does_not_lead_gives_up_nothing(cluster: KubernetesSimulator, candidate: Candidate) -> None:
    first, second = candidate("first"), candidate("second")
    assert first.run_once()
    second.give_up()
    assert holder(cluster) == "first"


def test_an_agent_that_comes_back_by_the_same_name_goes_on_at_once(candidate: Candidate) -> None:
    assert candidate("pod-0").run_once()
    assert candidate("pod-0").run_once()


def test_a_dead_leader_s_lease_runs_out(cluster: KubernetesSimulator, candidate: Candidate) -> None:
    assert candidate("dead", lease_seconds=3).run_once()
    heir = candidate("heir", lease_seconds=3)
    assert not heir.run_once()
    wait_for("the lease to run out", heir.run_once)
    assert holder(cluster) == "heir"


def test_the_loop_renews_and_gives_up_when_it_is_stopped(
    cluster: KubernetesSimulator, candidate: Candidate, running: Callable[..., threading.Event]
) -> None:
    leader = candidate("first", lease_seconds=3)
    stopped = running(leader.run)
    assert leader.wait_until_leading(10)
    wait_for(
        "a renewal", lambda: [call for call in cluster.calls if (call.resource, call.verb) == ("leases", "update")]
    )
    stopped.set()
    wait_for("the lease to be given up", lambda: holder(cluster) is None)
