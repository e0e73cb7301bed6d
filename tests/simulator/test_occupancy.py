"""One writer per load balancer: the lock, the busy tail, and asynchronous tasks."""

import time
from typing import Any

from app.simulator.server import Simulator
from tests.simulator.conftest import Asker, begun, bound, refused, target, wait_for

BUSY = (
    "FailedOperation.ResourceInOperating",
    "Loadbalancer(lb-1) is not in normal desState, maybe some tasks are being processed, please try later.",
)


def register(ask: Asker, *ips: str, load_balancer_id: str = "lb-1", listener_id: str = "lbl-1") -> dict[str, Any]:
    targets = [target(ip, listener_id=listener_id) for ip in ips]
    return ask("BatchRegisterTargets", LoadBalancerId=load_balancer_id, Targets=targets)


def test_a_second_write_is_refused_while_one_works_and_reads_are_not(ask: Asker, simulator: Simulator) -> None:
    simulator.set_parameters(batch_seconds=30)
    working = begun(lambda: register(ask, "10.0.3.17"))
    wait_for(lambda: len(simulator.calls) == 1)
    wait_for(lambda: refused(lambda: register(ask, "10.0.4.1")) == BUSY)
    assert [each["Targets"] for each in ask("DescribeTargets", LoadBalancerId="lb-1")["Listeners"][:1]] == [[]]
    assert simulator.calls[0]["finished_at"] is None
    simulator.close()
    working.join(60)


def test_other_load_balancers_are_not_held_up(ask: Asker, simulator: Simulator) -> None:
    simulator.edit("occupy-load-balancer", load_balancer_id="lb-1", seconds=60)
    assert refused(lambda: register(ask, "10.0.4.1")) == BUSY
    assert register(ask, "10.0.4.1", load_balancer_id="lb-2", listener_id="lbl-3")["FailListenerIdSet"] == []


def test_the_tail_keeps_the_load_balancer_busy_after_the_answer(ask: Asker, simulator: Simulator) -> None:
    simulator.set_parameters(tail_seconds=60)
    register(ask, "10.0.3.17")
    assert bound(simulator) == [("lbl-1", "10.0.3.17", 8080, 10)]
    assert refused(lambda: register(ask, "10.0.4.1")) == BUSY


def test_the_tail_ends(ask: Asker, simulator: Simulator) -> None:
    simulator.set_parameters(tail_seconds=0.05, tail_seconds_per_target=0.01)
    register(ask, "10.0.3.17")
    time.sleep(0.065)
    assert register(ask, "10.0.4.1")["FailListenerIdSet"] == []


def test_work_takes_a_share_per_call_and_per_target(ask: Asker, simulator: Simulator) -> None:
    simulator.set_parameters(batch_seconds=0.04, batch_seconds_per_target=0.03)
    register(ask, "10.0.3.17", "10.0.4.1")
    call = simulator.calls[-1]
    assert call["finished_at"] - call["received_at"] >= 0.1


def test_a_call_that_is_refused_at_once_leaves_no_tail(ask: Asker, simulator: Simulator) -> None:
    simulator.set_parameters(tail_seconds=60)
    missing = refused(lambda: register(ask, "10.0.3.17", listener_id="lbl-none"))
    assert missing[0] == "InvalidParameter.ListenerIdNotFound"
    assert register(ask, "10.0.3.17")["FailListenerIdSet"] == []


def test_a_task_runs_from_two_to_zero_and_then_has_had_its_effect(ask: Asker, simulator: Simulator) -> None:
    simulator.set_parameters(task_seconds=0.1)
    where = {"LoadBalancerId": "lb-1", "ListenerId": "lbl-1"}
    task = ask("RegisterTargets", **where, Targets=[{"EniIp": "10.0.3.17", "Port": 8080, "Weight": 5}])["RequestId"]

    def status() -> int:
        found: int = ask("DescribeTaskStatus", TaskId=task)["Status"]
        return found

    assert (status(), bound(simulator), simulator.calls[0]["changed"]) == (2, [], False)
    assert ask("DescribeAsyncJobs", RequestIds=[task, "none"])["Jobs"][0]["Status"] == "Processing"
    assert refused(lambda: register(ask, "10.0.4.1")) == BUSY
    wait_for(lambda: status() == 0)
    assert bound(simulator) == [("lbl-1", "10.0.3.17", 8080, 5)]
    assert simulator.calls[0]["changed"]
    assert ask("DescribeAsyncJobs", RequestIds=[task])["Jobs"][0]["Status"] == "Succeeded"


def test_a_task_whose_listener_is_deleted_meanwhile_fails(ask: Asker, simulator: Simulator) -> None:
    simulator.set_parameters(task_seconds=0.1)
    where = {"LoadBalancerId": "lb-1", "ListenerId": "lbl-1"}
    task = ask("RegisterTargets", **where, Targets=[{"EniIp": "10.0.3.17", "Port": 8080}])["RequestId"]
    simulator.edit("delete-listener", load_balancer_id="lb-1", listener_id="lbl-1")
    wait_for(lambda: ask("DescribeTaskStatus", TaskId=task)["Status"] == 1)
    assert "not found" in ask("DescribeTaskStatus", TaskId=task)["Message"]
    assert ask("DescribeAsyncJobs", RequestIds=[task])["Jobs"][0]["Status"] == "Failed"


def test_a_task_whose_load_balancer_is_replaced_meanwhile_fails(ask: Asker, simulator: Simulator) -> None:
    simulator.set_parameters(task_seconds=0.1)
    where = {"LoadBalancerId": "lb-1", "ListenerId": "lbl-1"}
    task = ask("RegisterTargets", **where, Targets=[{"EniIp": "10.0.3.17", "Port": 8080}])["RequestId"]
    simulator.edit("delete-load-balancer", load_balancer_id="lb-1")
    description = {"load_balancer_id": "lb-1", "vpc_id": "vpc-1", "listeners": []}
    simulator.edit("add-load-balancer", load_balancer=description)
    wait_for(lambda: ask("DescribeTaskStatus", TaskId=task)["Status"] == 1)


def test_a_batch_can_be_polled_too_and_is_done(ask: Asker) -> None:
    answer = register(ask, "10.0.3.17")
    found = ask("DescribeTaskStatus", TaskId=answer["RequestId"])
    assert (found["Status"], found["LoadBalancerIds"]) == (0, ["lb-1"])


def test_a_task_that_nobody_knows_is_refused_with_a_code_of_choice(ask: Asker, simulator: Simulator) -> None:
    simulator.set_parameters(unknown_task_code="ResourceNotFound")
    assert refused(lambda: ask("DescribeTaskStatus", TaskId="none"))[0] == "ResourceNotFound"
