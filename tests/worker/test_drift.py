"""What somebody did by hand: put right where it is ours, reported where it is not, and told to operators."""

from typing import Any

import pytest

from app.broker.report_drift import ignore_drift, list_drift
from app.domain.binding import State
from app.domain.errors import RequestRefused
from tests.worker.yard import Yard, address, name_of, pod_event

PLACE: dict[str, Any] = {"load_balancer_id": "lb-1", "listener_id": "lbl-1", "port": 8080}
STRANGER = "10.0.6.9"


def told(yard: Yard) -> list[tuple[str, str, str, int | None]]:
    """(kind, action, address, weight) of what is known at the load balancer, oldest first."""
    found = list_drift(yard.ledger, "lb-1", 0, 100)
    return [(each.kind, each.action, each.place.ip, each.weight) for each in reversed(found)]


@pytest.fixture
def bound(yard: Yard) -> Yard:
    yard.set_the_table("cls-a")
    yard.say("cls-a", *(pod_event(number) for number in range(3)))
    yard.settle()
    yard.simulator.clear_calls()
    return yard


def test_nothing_is_told_of_what_the_broker_did(bound: Yard) -> None:
    bound.say("cls-a", pod_event(0, kind="unbind", revision=2), pod_event(1, revision=2, weight=3))
    bound.settle()
    bound.sweep()
    assert told(bound) == []


def test_missing_targets_and_changed_weights_are_put_right_and_told(bound: Yard) -> None:
    bound.simulator.edit("remove-target", ip=address("cls-a", 0), **PLACE)
    bound.simulator.edit("set-weight", ip=address("cls-a", 1), weight=99, **PLACE)
    bound.sweep()
    bound.sweep()
    assert sorted(told(bound)) == [
        ("missing", "registered-again", address("cls-a", 0), None),
        ("weight", "weight-restored", address("cls-a", 1), 99),
    ]
    assert bound.targets() == {name_of(number): 10 for number in range(3)}
    owners = {each.binding_id for each in list_drift(bound.ledger, "lb-1", 0, 100)}
    assert owners == {each.binding_id for each in bound.bindings() if each.ip != address("cls-a", 2)}


def test_a_foreign_target_is_told_once_for_as_long_as_it_is_there_and_never_touched(bound: Yard) -> None:
    bound.simulator.edit("add-target", ip=STRANGER, weight=33, **PLACE)
    for _ in range(3):
        bound.sweep()
    (first,) = list_drift(bound.ledger, "lb-1", 0, 100)
    assert told(bound) == [("foreign", "reported", STRANGER, 33)]
    bound.say("cls-a", pod_event(0, kind="unbind", revision=2))
    bound.settle()
    bound.sweep()
    assert list_drift(bound.ledger, "lb-1", 0, 100) == [first]
    assert bound.targets()["lbl-1", STRANGER, 8080] == 33
    bound.simulator.edit("remove-target", ip=STRANGER, **PLACE)
    bound.sweep()
    assert told(bound) == []


def test_a_foreign_target_on_a_listener_without_pods_is_found_by_the_next_sweep(bound: Yard) -> None:
    bound.simulator.edit("add-target", ip=STRANGER, weight=1, **{**PLACE, "listener_id": "lbl-4"})
    bound.sweep()
    assert told(bound) == [("foreign", "reported", STRANGER, 1)]
    assert [call["action"] for call in bound.simulator.calls] == ["DescribeTargets"]


def test_a_foreign_target_that_a_pod_claims_with_proof_is_adopted_and_no_longer_foreign(bound: Yard) -> None:
    bound.simulator.edit("add-target", ip=address("cls-a", 9), weight=10, **PLACE)
    bound.sweep()
    assert [kind for kind, *_ in told(bound)] == ["foreign"]
    bound.say("cls-a", pod_event(9))
    bound.settle()
    bound.sweep()
    assert bound.only(ip=address("cls-a", 9)).state is State.BOUND
    assert told(bound) == []


def test_an_operator_says_that_a_foreign_target_is_known(bound: Yard) -> None:
    bound.simulator.edit("add-target", ip=STRANGER, weight=33, **PLACE)
    bound.sweep()
    (foreign,) = list_drift(bound.ledger, "lb-1", 0, 100)
    ignore_drift(bound.ledger, "lb-1", foreign.drift_id, actor="operator:ann")
    bound.sweep()
    assert told(bound) == [("foreign", "ignored", STRANGER, 33)]
    assert ("drift-ignored", None, None, None) in bound.history(ip=STRANGER)


def test_only_a_foreign_target_can_be_ignored(bound: Yard) -> None:
    bound.simulator.edit("remove-target", ip=address("cls-a", 0), **PLACE)
    bound.sweep()
    (missing,) = list_drift(bound.ledger, "lb-1", 0, 100)
    for load_balancer_id, drift_id in (("lb-1", missing.drift_id), ("lb-1", 10**6), ("lb-other", missing.drift_id)):
        with pytest.raises(RequestRefused, match="drift-not-found"):
            ignore_drift(bound.ledger, load_balancer_id, drift_id, actor="operator:ann")


def test_what_was_put_right_is_told_for_a_week(bound: Yard) -> None:
    for number in (0, 1):
        bound.simulator.edit("remove-target", ip=address("cls-a", number), **PLACE)
        bound.sweep()
        bound.tell("UPDATE drift SET seen_at = seen_at - interval '8 days'")
    bound.simulator.edit("remove-target", ip=address("cls-a", 2), **PLACE)
    bound.sweep()
    assert [ip for _, _, ip, _ in told(bound)] == [address("cls-a", 2)]
