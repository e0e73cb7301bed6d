"""Work that fails for longer than the published bound is an alarm: in the log once, in answers while it lasts."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from app.broker.look_up import cluster, load_balancer
from app.domain.errors import LedgerUnavailable
from app.ledger.leases import Lease, LeaseSubject
from app.worker.loops import Loop, Worker
from app.worker.watch_alarms import watch_alarms, watching_alarms
from app.worker.workshop import Workshop
from tests.worker.yard import Yard, pod_event, running

BEYOND = "interval '96 seconds'"
"""The yard's lease is 5 s and its sweep 60 s, so B is 95 s."""


def watch(yard: Yard) -> list[tuple[str, str, str]]:
    """What one look tells: (event, level, id)."""
    with capture_logs() as lines:
        watch_alarms(yard.workshop("watching"))
    return [(line["event"], line["log_level"], line["subject_id"]) for line in lines]


def grow_old(yard: Yard, *columns: str, table: str = "clusters") -> None:
    for column in columns:
        yard.tell(f"UPDATE {table} SET {column} = {column} - {BEYOND}")


def test_a_load_balancer_that_cannot_be_read_for_too_long_is_in_alarm_until_it_can(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.simulator.order("error", action="DescribeLoadBalancers", times=0, code="AuthFailure.Revoked")
    yard.say("cls-a", pod_event(0))
    yard.work(1)
    assert watch(yard) == []
    failing = load_balancer(yard.ledger, "lb-1")
    assert failing is not None
    assert failing.failing_since is not None
    assert not failing.alarm
    grow_old(yard, "failing_since", table="load_balancers")
    assert ("alarm begins", "warning", "lb-1") in watch(yard)
    yard.work(1)
    assert "lb-1" not in {name for _, _, name in watch(yard)}
    found: Any = load_balancer(yard.ledger, "lb-1")
    assert (found.alarm, "AuthFailure.Revoked" in found.last_error) == (True, True)
    yard.simulator.clear_faults()
    yard.run()
    assert ("alarm ends", "warning", "lb-1") in watch(yard)
    well: Any = load_balancer(yard.ledger, "lb-1")
    assert (well.alarm, well.failing_since, well.last_error) == (False, None, None)


@pytest.mark.parametrize(
    ("work", "action"),
    [
        ("topology", "DescribeClusters"),
        ("verification", "DescribeNetworkInterfaces"),
        ("reverification", "DescribeNetworkInterfaces"),
    ],
)
def test_a_cluster_whose_work_the_cloud_does_not_answer_for_too_long_is_in_alarm(
    yard: Yard, work: str, action: str
) -> None:
    yard.bound("cls-a", 0)
    yard.simulator.order("http-500", action=action, times=0)
    if work == "verification":
        yard.say("cls-a", pod_event(1))
    column = f"{work}_due_at"
    yard.tell(f"UPDATE clusters SET {column} = clock_timestamp() WHERE cluster_id = 'cls-a'")
    yard.work(1)
    failing: Any = cluster(yard.ledger, "cls-a")
    assert failing.failing_since.keys() == {work}
    assert watch(yard) == []
    grow_old(yard, f"{work}_failing_since")
    assert watch(yard) == [("alarm begins", "warning", "cls-a")]
    assert watch(yard) == []
    yard.simulator.clear_faults()
    yard.tell(f"UPDATE clusters SET {column} = clock_timestamp() WHERE cluster_id = 'cls-a'")
    yard.settle()
    assert watch(yard) == [("alarm ends", "warning", "cls-a")]


def test_an_address_that_another_cluster_has_is_no_trouble_with_the_cloud(yard: Yard) -> None:
    yard.bound("cls-a", 0)
    yard.say("cls-b", pod_event(0, cluster_id="cls-a", uid="uid-b"))
    yard.work()
    claimed: Any = cluster(yard.ledger, "cls-b")
    assert claimed.failing_since == {}


@pytest.mark.parametrize(
    ("subject", "subject_id"),
    [
        (LeaseSubject.LOAD_BALANCER, "lb-1"),
        (LeaseSubject.TOPOLOGY, "cls-a"),
        (LeaseSubject.VERIFICATION, "cls-a"),
        (LeaseSubject.REVERIFICATION, "cls-a"),
    ],
)
def test_work_that_breaks_off_by_a_mistake_is_an_alarm_too_until_it_ends_well(
    yard: Yard, subject: LeaseSubject, subject_id: str
) -> None:
    yard.set_the_table("cls-a")
    yard.tell("UPDATE clusters SET verification_due_at = now()")

    def fails(_: Workshop, __: Lease) -> None:
        raise KeyError("a mistake")

    def failing() -> list[str]:
        balancer: Any = load_balancer(yard.ledger, "lb-1")
        kept: Any = cluster(yard.ledger, "cls-a")
        return [*(["load-balancer"] if balancer.failing_since else []), *kept.failing_since]

    with capture_logs(), running(Worker(yard.workshop("clumsy"), [Loop(subject, fails, hands=1)])):
        yard.wait_for("the note of it", failing)
    assert failing() == [subject]
    if subject is LeaseSubject.LOAD_BALANCER:
        found: Any = load_balancer(yard.ledger, "lb-1")
        assert found.last_error == "the work broke off: KeyError"
        grow_old(yard, "failing_since", table="load_balancers")
    else:
        grow_old(yard, f"{subject}_failing_since")
    assert watch(yard) == [("alarm begins", "warning", subject_id)]
    yard.tell("UPDATE leases SET expires_at = now() WHERE incarnation IS NOT NULL")
    yard.settle()
    assert failing() == []
    assert watch(yard) == [("alarm ends", "warning", subject_id)]


def test_where_the_mistake_cannot_be_noted_the_worker_goes_on(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    yard.set_the_table(load_balancer_ids=("lb-1", "lb-2"))
    done: list[str] = []

    def cut(*_: Any) -> None:
        raise LedgerUnavailable("cut")

    def work(_: Workshop, lease: Lease) -> None:
        done.append(lease.subject_id)
        raise KeyError("a mistake")

    monkeypatch.setattr("app.worker.loops.note_broken_work", cut)
    with capture_logs() as lines, running(Worker(yard.workshop("x"), [Loop(LeaseSubject.LOAD_BALANCER, work, 1)])):
        yard.wait_for("both", lambda: sorted(done) == ["lb-1", "lb-2"])
        yard.wait_for("the words on it", lambda: [line["event"] for line in lines].count("ledger unavailable") == 2)


def test_a_worker_watches_beside_its_work_and_nothing_stops_it(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    yard.set_the_table("cls-a")
    looks: list[int] = []

    def look(_: Any) -> None:
        looks.append(1)
        if len(looks) == 1:
            raise KeyError("a mistake")

    monkeypatch.setattr("app.worker.watch_alarms.watch_alarms", look)
    with capture_logs() as lines, watching_alarms(yard.workshop("watching"), 0.001):
        yard.wait_for("a few looks", lambda: len(looks) >= 3)
    assert [line["log_level"] for line in lines] == ["error"]
