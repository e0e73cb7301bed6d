"""A cluster whose agent is silent: nothing goes for the silence, and what the guard keeps back says why."""

import pytest

from app.broker.resolve_holds import approve_hold, dismiss_hold, list_holds
from app.domain.binding import State
from tests.worker.judgement import judge
from tests.worker.yard import Yard, name_of, pod_event

SILENT = ("held", "cluster-silent")
GUARDED = ("held", "removal-guard")


def fall_silent(yard: Yard) -> None:
    yard.tell("UPDATE clusters SET last_seen_at = now() - interval '1 hour' WHERE cluster_id = 'cls-a'")


def speak(yard: Yard) -> None:
    """The agent says what was known already."""
    yard.say("cls-a")


def lose(yard: Yard, pods: int, *lost: int) -> None:
    """So many pods are bound, their agent falls silent, and some of their addresses are on no interface any more."""
    yard.bound("cls-a", *range(pods))
    fall_silent(yard)
    yard.take_addresses(*lost)
    yard.look_again()


def test_silence_alone_takes_nothing_off(yard: Yard) -> None:
    yard.bound("cls-a", 0, 1, 2)
    fall_silent(yard)
    yard.look_again()
    yard.sweep()
    assert yard.states() == {("bound", None): 3}
    assert len(yard.targets()) == 3


def test_what_the_cloud_contradicts_goes_within_the_guards_share(yard: Yard) -> None:
    lose(yard, 10, 0, 1, 2)
    assert yard.states() == {("bound", None): 7, ("released", "proof-lost"): 3}
    judge(yard)
    assert set(yard.targets()) == {name_of(number) for number in range(3, 10)}


@pytest.mark.parametrize(("pods", "lost"), [(10, 4), (1, 1)])
def test_what_is_beyond_the_share_is_held_with_the_reason(yard: Yard, pods: int, lost: int) -> None:
    lose(yard, pods, *range(lost))
    for _ in range(2):
        yard.look_again()
        assert yard.states()[SILENT] == lost
        assert len(yard.targets()) == pods


def test_when_the_agent_speaks_again_what_was_held_is_judged_as_ordinary(yard: Yard) -> None:
    lose(yard, 10, 0, 1, 2, 3)
    generations = [binding.generation for binding in yard.bindings()]
    yard.look_again()
    assert [binding.generation for binding in yard.bindings()] == generations
    speak(yard)
    yard.look_again()
    assert yard.states() == {("bound", None): 6, GUARDED: 4}


def test_what_was_held_goes_when_there_is_room_under_the_guard_by_then(yard: Yard) -> None:
    lose(yard, 10, 0, 1, 2, 3)
    yard.say("cls-a", *(pod_event(number) for number in range(10, 20)))
    yard.settle()
    yard.look_again()
    assert yard.states() == {("bound", None): 16, ("released", "proof-lost"): 4}


def test_a_proof_that_returns_during_the_silence_ends_the_hold(yard: Yard) -> None:
    lose(yard, 2, 0, 1)
    assert yard.states() == {SILENT: 2}
    yard.give_addresses_back(0, 1)
    yard.look_again()
    assert yard.states() == {("bound", None): 2}


def test_an_operator_decides_on_what_a_silence_holds_and_its_end_does_not_overrule_that(yard: Yard) -> None:
    lose(yard, 2, 0, 1)
    first, second = list_holds(yard.ledger, "", 10)
    approve_hold(yard.ledger, first.binding_id, drain_seconds=0, actor="operator:test")
    dismiss_hold(yard.ledger, second.binding_id, actor="operator:test")
    yard.end_drains()
    speak(yard)
    yard.look_again()
    assert {each.binding_id: each.state for each in yard.bindings()} == {
        first.binding_id: State.RELEASED,
        second.binding_id: State.BOUND,
    }
    assert len(yard.targets()) == 1


def test_a_cluster_whose_agent_never_spoke_is_not_silent(yard: Yard) -> None:
    lose(yard, 10, *range(3))
    yard.tell("UPDATE clusters SET last_seen_at = NULL")
    yard.take_addresses(*range(3, 7))
    yard.look_again()
    assert yard.states()[GUARDED] == 4
