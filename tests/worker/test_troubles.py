"""Long troubles: the cloud away, reads that fail, load balancers and listeners that go, refusals in the middle."""

import threading
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from app.domain.binding import State
from app.domain.errors import CloudCredentialRefused
from app.ledger.connection import Ledger
from app.worker.loops import Worker
from app.worker.workshop import Workshop
from tests.acceptance.world import world
from tests.worker.judgement import cloud_has, judge
from tests.worker.yard import BINDING_LOOPS, INSTANT, Yard, address, name_of, pod_event

READS = ("DescribeLoadBalancers", "DescribeListeners", "DescribeTargets", "DescribeNetworkInterfaces")


@pytest.mark.parametrize("kind", ["reset", "http-500", "throttle", "internal-error-before", "not-json"])
def test_while_the_cloud_is_away_everything_waits_and_is_done_when_it_is_back(yard: Yard, kind: str) -> None:
    yard.set_the_table("cls-a")
    yard.say("cls-a", *(pod_event(number) for number in range(3)))
    yard.settle()
    yard.simulator.order(kind, times=0)
    yard.say("cls-a", pod_event(3), pod_event(0, kind="unbind", revision=2), pod_event(1, revision=2, weight=50))
    for _ in range(4):
        yard.skip_pauses()
        yard.worker.run_once()
    states = Counter(str(binding.state) for binding in yard.bindings())
    assert states == {"verifying": 1, "removing": 1, "pending": 1, "bound": 1}
    assert set(yard.targets()) == {name_of(0), name_of(1), name_of(2)}  # what is bound stays
    ((error, failures),) = yard.tell("SELECT last_error, failures FROM load_balancers")
    if kind == "throttle":  # being too early is no failure
        assert (error, failures) == (None, 0)
    else:
        assert error
        assert failures >= 3
    yard.simulator.clear_faults()
    yard.settle()
    assert yard.targets() == {name_of(1): 50, name_of(2): 10, name_of(3): 10}
    judge(yard)


@pytest.mark.parametrize("action", READS)
@pytest.mark.parametrize("kind", ["answer-lost", "throttle", "charset"])
def test_a_read_that_fails_now_and_then_only_costs_time(yard: Yard, action: str, kind: str) -> None:
    yard.set_the_table("cls-a")
    yard.simulator.order(kind, action=action, times=2)
    yard.say("cls-a", pod_event(0))
    yard.settle()
    assert yard.targets() == {name_of(0): 10}
    judge(yard)


@pytest.mark.parametrize("failures", [0, 5])
def test_a_throttled_reading_is_made_again_in_a_second_however_much_has_failed_before(
    yard: Yard, failures: int
) -> None:
    yard.set_the_table("cls-a")
    yard.settle()
    error = "'reset'" if failures else "NULL"
    yard.tell(f"UPDATE load_balancers SET failures = {failures}, last_error = {error}, due_at = now()")
    yard.simulator.order("throttle", action="DescribeTargets")
    yard.simulator.order("throttle", action="DescribeLoadBalancers")
    yard.worker.run_once()
    kept = "failures, coalesce(last_error, 'none'), not_before - clock_timestamp() <= interval '1 second'"
    assert yard.tell(f"SELECT {kept}, due_at <= clock_timestamp() FROM load_balancers") == [
        (failures, "reset" if failures else "none", True, True)
    ]
    yard.simulator.clear_faults()
    yard.settle()
    assert yard.tell("SELECT failures, last_error FROM load_balancers") == [(0, None)]


def test_a_write_that_is_read_back_too_early_is_no_failure(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.settle()
    yard.say("cls-a", pod_event(0))
    yard.worker.run_once()
    yard.simulator.order("throttle", action="DescribeTargets")
    yard.skip_pauses()
    yard.worker.run_once()
    assert yard.targets() == {name_of(0): 10}
    assert yard.states() == {("pending", None): 1}
    assert yard.tell("SELECT failures, last_error FROM load_balancers") == [(0, None)]
    yard.settle()
    assert yard.states() == {("bound", None): 1}
    judge(yard)


def test_a_write_that_cannot_be_read_back_is_settled_by_the_next_reading(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.settle()
    yard.say("cls-a", pod_event(0))
    yard.worker.run_once()  # the look at the new binding, and its verdict
    yard.simulator.order("reset", action="DescribeTargets", load_balancer_id="lb-1", probability=0.5, seed=4, times=3)
    yard.settle()
    assert yard.changes() == [("added", address("cls-a", 0))]
    judge(yard)


PAIRS = (
    ("answer-lost", "no-effect"),
    ("internal-error-after", "busy"),
    ("reset", "partial"),
    ("throttle", "charset"),
)


@pytest.mark.parametrize("seed", range(4))
def test_faults_at_random_in_pairs_end_where_the_ledger_wants(yard: Yard, seed: int) -> None:
    stranger = {"load_balancer_id": "lb-1", "listener_id": "lbl-1", "ip": "10.0.6.9", "port": 1, "weight": 7}
    yard.simulator.edit("add-target", **stranger)
    yard.set_the_table("cls-a", "cls-b")
    for kind in PAIRS[seed]:
        yard.simulator.order(kind, times=12, probability=0.4, seed=seed)
    for revision in range(1, 5):
        events = [pod_event(n, revision=revision, weight=10 * revision) for n in range(8)]
        yard.say("cls-a", *events)
        yard.say("cls-b", *(pod_event(n, cluster_id="cls-b", listener_id="lbl-2", revision=revision) for n in range(8)))
        yard.skip_pauses()
        yard.worker.run_once()
        gone = [pod_event(n, kind="unbind", revision=revision) for n in range(revision)]
        yard.say("cls-a", *gone)
    yard.settle()
    yard.end_refusals()
    judge(yard, foreign=[("lb-1", "lbl-1", None, "10.0.6.9", 1)])
    wanted = {name_of(n): 40 for n in range(4, 8)} | {name_of(n, "cls-b", "lbl-2"): 10 for n in range(8)}
    assert yard.targets() == {**wanted, ("lbl-1", "10.0.6.9", 1): 7}


BUSY = {name: value for name, value in INSTANT.items() if name != "tail_seconds"} | {"batch_seconds": 0.02}


@pytest.mark.parametrize(
    ("form", "pods", "tail"), [("error", 12, 0.15), ("partial", 12, 0.15), ("partial", 2, 0.45)], ids=str
)
def test_one_bad_address_is_found_although_the_load_balancer_is_busy_after_each_write(
    ledger: Ledger, form: str, pods: int, tail: float
) -> None:
    """Also when it stays busy for longer than the worker leaves it alone."""
    with Yard(ledger, world(**BUSY, address_form=form, tail_seconds=tail)) as yard:
        yard.worker = Worker(replace(yard.workshop("life-1"), pause=time.sleep))
        yard.set_the_table("cls-a")
        yard.say("cls-a", *(pod_event(number) for number in range(pods)))
        yard.worker.run_once()
        assert yard.states() == {("pending", None): pods}
        bad = address("cls-a", pods // 2)  # proven a moment ago, and gone before the write
        yard.simulator.edit("move-address", ip=bad, **{"from": "eni-1"})
        stopped = threading.Event()
        thread = threading.Thread(target=yard.worker.run, args=(stopped,))
        thread.start()
        try:
            yard.wait_for("the neighbours", lambda: len(yard.targets()) == pods - 1)
            yard.wait_for("the refusal", lambda: yard.states()["held", "cloud-refused"] == 1)
        finally:
            stopped.set()
            thread.join(60)
        assert yard.only(ip=bad).state is State.HELD
        assert len(yard.writes()) <= 20


def test_a_load_balancer_that_stays_busy_between_parts_is_left_alone_for_longer_each_time(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.settle()
    yard.say("cls-a", *(pod_event(number) for number in range(8)))
    yard.worker.run_once()  # the verdict
    pauses: list[float] = []
    yard.worker = Worker(replace(yard.workshop("life-1"), pause=pauses.append))
    for kind, times in (("partial", 2), ("busy", 2)):
        yard.simulator.order(kind, action="BatchRegisterTargets", times=times)
    yard.skip_pauses()
    yard.worker.run_once()
    assert [call["target_count"] for call in yard.writes()] == [8, 4, 2, 2, 4]
    assert pauses[2:] == [0.25, 0.5]
    assert all(0.25 < pause < 5 for pause in pauses[:2])  # as long as the call took, and a little more
    yard.settle()
    assert yard.states() == {("bound", None): 8}
    judge(yard)


def test_a_load_balancer_that_goes_under_a_write_is_not_asked_again_for_every_target(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.settle()
    yard.say("cls-a", *(pod_event(number) for number in range(15)))
    yard.worker.run_once()
    assert yard.states() == {("pending", None): 15}
    yard.simulator.order("error", action="BatchRegisterTargets", code="InvalidParameter.LBIdNotFound", times=0)
    yard.skip_pauses()
    yard.worker.run_once()
    assert len(yard.writes()) == 1
    yard.simulator.edit("delete-load-balancer", load_balancer_id="lb-1")
    yard.settle()
    assert yard.states() == {("held", "load-balancer-not-found"): 15}
    assert len(yard.writes()) == 1
    assert yard.tell("SELECT outcome FROM cloud_operations") == [("missing",)]


def test_what_the_cloud_misses_although_it_lists_it_is_refused_by_itself(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.simulator.order("error", action="BatchRegisterTargets", code="InvalidParameter.LocationNotFound", times=0)
    yard.say("cls-a", pod_event(0), pod_event(1))
    yard.settle()
    assert yard.states() == {("held", "cloud-refused"): 2}
    yard.simulator.clear_faults()
    yard.end_refusals()
    assert yard.states() == {("bound", None): 2}
    judge(yard)


def test_a_listener_that_goes_under_a_write_holds_its_own_bindings_alone(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(100), pod_event(101, listener_id="lbl-2"))
    yard.settle()
    yard.simulator.edit("delete-listener", load_balancer_id="lb-1", listener_id="lbl-2")
    yard.say("cls-a", *(pod_event(number, listener_id=f"lbl-{number % 2 + 1}") for number in range(10)))
    yard.settle()
    yard.end_refusals()
    assert yard.states() == {("bound", None): 6, ("held", "listener-not-found"): 6}
    judge(yard)
    assert len(yard.writes()) <= 12


def test_what_is_beyond_the_quota_is_held_and_follows_when_there_is_room(yard: Yard) -> None:
    yard.simulator.edit("set-quota", quota=5)
    yard.set_the_table("cls-a")
    yard.say("cls-a", *(pod_event(number) for number in range(8)))
    yard.settle()
    assert yard.states() == {("bound", None): 5, ("held", "quota-exceeded"): 3}
    yard.simulator.edit("set-quota", quota=7)
    yard.tell("UPDATE regions SET due_at = now()")
    yard.settle()
    yard.end_refusals()
    assert yard.states() == {("bound", None): 7, ("held", "quota-exceeded"): 1}
    number = int(yard.bindings(state="bound")[0].pod.uid.rpartition("-")[2])
    yard.say("cls-a", pod_event(number, kind="unbind", revision=2))
    yard.settle()
    yard.end_refusals()
    assert yard.states() == {("bound", None): 7, ("released", None): 1}
    judge(yard)


def test_a_refused_binding_whose_listener_went_too_is_not_looked_at_without_pause(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.simulator.order("error", action="BatchRegisterTargets", code="InvalidParameter", message="no", times=0)
    yard.say("cls-a", pod_event(0))
    yard.settle()
    assert yard.states() == {("held", "cloud-refused"): 1}
    yard.simulator.edit("delete-listener", load_balancer_id="lb-1", listener_id="lbl-1")
    yard.tell("UPDATE bindings SET updated_at = now() - interval '31 seconds'")
    yard.tell("UPDATE load_balancers SET due_at = now()")
    passes = sum(yard.worker.run_once() for _ in range(10))  # with all pauses kept
    assert passes <= 4
    yard.settle()
    yard.sweep()
    assert yard.states() == {("held", "listener-not-found"): 1}


def test_a_worker_without_the_account_s_credential_says_so_and_leaves_the_work_to_others(yard: Yard) -> None:
    def no_cloud(account_id: str, _region: str) -> Any:
        raise CloudCredentialRefused("NoCredential", f"this worker has no credential for account {account_id}")

    tools = yard.workshop("life-1")
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0))
    tools = Workshop(tools.ledger, no_cloud, "stranger", tools.periods, jitter=lambda: 0.0)
    stranger = Worker(tools, BINDING_LOOPS)
    assert stranger.run_once() == 5  # a load balancer, a verification, a sweep, a topology and a region
    ((error, free),) = yard.tell(
        "SELECT last_error, incarnation IS NULL FROM load_balancers JOIN leases ON subject_id = load_balancer_id"
    )
    assert error == "NoCredential: this worker has no credential for account default"
    assert free
    assert yard.tell("SELECT subject FROM leases WHERE incarnation IS NOT NULL") == []
    assert yard.only().state is State.VERIFYING
    yard.settle()
    assert cloud_has(yard)
    judge(yard)
