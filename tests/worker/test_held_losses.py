"""Lost proofs that the guard holds back: more than its share of a listener, or the last; and an operator's word."""

from typing import Any

import pytest

from app.broker.resolve_holds import approve_hold, dismiss_hold
from app.domain.binding import State, Verdict
from tests.worker.judgement import judge
from tests.worker.yard import Yard, address, name_of, pod_event

ROUTE_OFF: dict[str, Any] = {"kind": "set-route-enabled", "ccn_id": "ccn-1", "cidr": "172.20.0.0/16", "enabled": False}


@pytest.mark.parametrize(("pods", "lost", "held"), [(10, 3, 0), (10, 4, 4), (3, 1, 1), (1, 1, 1), (2, 2, 2)])
def test_a_sweep_takes_its_share_of_a_listener_and_holds_what_is_over_it(
    yard: Yard, pods: int, lost: int, held: int
) -> None:
    yard.bound("cls-a", *range(pods))
    yard.take_addresses(*range(lost))
    yard.look_again()
    yard.look_again()
    gone = lost - held
    expected = {("bound", None): pods - lost, ("held", "removal-guard"): held, ("released", "proof-lost"): gone}
    assert yard.states() == {state: count for state, count in expected.items() if count}
    assert set(yard.targets()) == {name_of(number) for number in range(gone, pods)}
    assert all(each.bound_at for each in yard.bindings(state="held"))
    assert all("eni-not-found" in str(each.detail) for each in yard.bindings(state="held"))


def test_each_listener_has_a_share_of_its_own(yard: Yard) -> None:
    yard.bound("cls-a", *range(5))
    yard.say("cls-a", *(pod_event(number, listener_id="lbl-2") for number in range(5, 7)))
    yard.settle()
    yard.take_addresses(0, 5)
    yard.look_again()
    assert yard.states() == {("bound", None): 5, ("held", "removal-guard"): 1, ("released", "proof-lost"): 1}
    assert yard.only(state="held").ip == address("cls-a", 5)


def test_an_operator_lets_a_held_loss_go_or_keeps_it_and_no_sweep_overrules_that(yard: Yard) -> None:
    yard.bound("cls-a", 0, 1)
    yard.take_addresses(0, 1)
    yard.look_again()
    first, second = sorted(yard.bindings(state="held"), key=lambda binding: binding.ip)
    approve_hold(yard.ledger, first.binding_id, drain_seconds=0, actor="operator:test")
    dismiss_hold(yard.ledger, second.binding_id, actor="operator:test")
    yard.end_drains()
    for _ in range(2):
        yard.look_again()
        assert set(yard.targets()) == {name_of(1)}
        assert {(each.pod.uid, each.state) for each in yard.bindings()} == {
            ("uid-cls-a-0", State.RELEASED),
            ("uid-cls-a-1", State.BOUND),
        }
    judge(yard)


def test_the_clusters_own_word_does_not_bring_back_what_is_held_for_a_lost_proof(yard: Yard) -> None:
    yard.bound("cls-a", 0, 1)
    yard.take_addresses(0, 1)
    yard.look_again()
    yard.say("cls-a", pod_event(0, revision=2, drain_seconds=600))
    yard.settle()
    assert yard.states() == {("held", "removal-guard"): 2}
    yard.say("cls-a", pod_event(0, kind="unbind", revision=3, drain_seconds=0))
    yard.end_drains()
    assert set(yard.targets()) == {name_of(1)}


def test_a_proof_that_returns_ends_the_hold(yard: Yard) -> None:
    yard.bound("cls-a", 0, 1)
    yard.take_addresses(0, 1)
    yard.look_again()
    yard.give_addresses_back(0)
    yard.look_again()
    assert {(each.pod.uid, each.state, each.verification.verdict) for each in yard.bindings()} == {
        ("uid-cls-a-0", State.BOUND, Verdict.PROVEN),
        ("uid-cls-a-1", State.HELD, Verdict.DISPROVEN),
    }
    assert yard.changes() == [("added", address("cls-a", number)) for number in (0, 1)]
    assert yard.only(pod_uid="uid-cls-a-0").reason is None


def test_a_route_that_is_disabled_takes_all_and_so_is_held_for_an_operator(yard: Yard) -> None:
    yard.bound("cls-b", *range(4))
    yard.simulator.edit(**ROUTE_OFF)
    yard.look_again()
    assert yard.states() == {("held", "removal-guard"): 4}
    assert {str(each.detail).count("ccn-route-disabled") for each in yard.bindings()} == {1}
    assert len(yard.targets()) == 4
    yard.simulator.edit(**{**ROUTE_OFF, "enabled": True})
    yard.look_again()
    assert yard.states() == {("bound", None): 4}
    assert [kind for kind, _ in yard.changes()] == ["added"] * 4
