"""The cloud's limit of targets per listener: known before the call, and used to the last place."""

from app.domain.codes import Code
from tests.worker.judgement import judge
from tests.worker.yard import Yard, name_of, pod_event


def known(yard: Yard, quota: int) -> None:
    """The broker has read the quota."""
    yard.simulator.edit("set-quota", quota=quota)
    yard.set_the_table("cls-a")
    yard.settle()
    assert yard.tell("SELECT target_quota FROM regions") == [(quota,)]
    yard.simulator.clear_calls()


def test_what_has_no_room_is_held_without_asking_the_cloud_and_the_room_is_used(yard: Yard) -> None:
    known(yard, 4)
    yard.say("cls-a", *(pod_event(number) for number in range(6)), pod_event(7, listener_id="lbl-2"))
    yard.settle()
    assert yard.states() == {("bound", None): 5, ("held", Code.QUOTA_EXCEEDED): 2}
    assert [(call["target_count"], call["code"]) for call in yard.writes()] == [(5, None)]
    assert {each.detail for each in yard.bindings(state="held")} == {"lbl-1 has its 4 targets"}
    judge(yard)


def test_those_that_wait_follow_as_others_leave(yard: Yard) -> None:
    known(yard, 4)
    yard.say("cls-a", *(pod_event(number) for number in range(6)))
    yard.settle()
    yard.say("cls-a", pod_event(0, kind="unbind", revision=2), pod_event(1, kind="unbind", revision=2))
    yard.settle()
    yard.end_refusals()
    assert set(yard.targets()) == {name_of(number) for number in range(2, 6)}
    assert [call["code"] for call in yard.writes()] == [None] * len(yard.writes())
    judge(yard)


def test_a_full_listener_is_renewed_by_taking_off_first(yard: Yard) -> None:
    known(yard, 4)
    yard.say("cls-a", *(pod_event(number) for number in range(4)))
    yard.settle()
    gone = [pod_event(number, kind="unbind", revision=2) for number in range(4)]
    yard.say("cls-a", *gone, *(pod_event(number) for number in range(4, 8)))
    yard.settle()
    yard.end_refusals()
    assert set(yard.targets()) == {name_of(number) for number in range(4, 8)}
    assert {call["code"] for call in yard.writes()} == {None}
    judge(yard)


def test_a_raised_quota_lets_the_waiting_follow(yard: Yard) -> None:
    known(yard, 2)
    yard.say("cls-a", *(pod_event(number) for number in range(4)))
    yard.settle()
    yard.simulator.edit("set-quota", quota=4)
    yard.tell("UPDATE bindings SET updated_at = now() - interval '31 seconds' WHERE state = 'held'")
    yard.tell("UPDATE regions SET due_at = now()")
    yard.settle()
    assert yard.states() == {("bound", None): 4}


def test_waiting_for_room_costs_no_passes(yard: Yard) -> None:
    known(yard, 1)
    yard.say("cls-a", pod_event(0), pod_event(1))
    yard.settle()
    yard.end_refusals()
    yard.simulator.clear_calls()
    assert yard.settle() == 0
    assert yard.simulator.calls == []


def test_a_load_balancer_with_less_room_than_the_account_is_learned_from_the_cloud_s_refusal(yard: Yard) -> None:
    known(yard, 100)
    yard.simulator.edit("set-quota", quota=2, load_balancer_id="lb-1")
    yard.say("cls-a", *(pod_event(number) for number in range(4)))
    yard.settle()
    assert len(yard.targets()) == 2
    assert yard.states()["held", Code.QUOTA_EXCEEDED] == 2
