"""What a reading of the cloud says about each binding."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from app.domain.binding import LIVE, MOVES, Binding, State
from app.domain.codes import Code
from app.domain.load_balancer import Listener
from app.planning.settle import REFUSED_PAUSE, RETRIED, next_look, settled
from tests.planning.builders import (
    BY_ID,
    BY_PORT,
    NOW,
    SLOT,
    TCP,
    UDP,
    WEB,
    binding,
    load_balancer,
    observed,
    place,
)

LATER = NOW + timedelta(minutes=10)
RENAMED = ["with the listener under another name", "with the listener under a name it shares"]

BALANCERS = {
    "as it was": load_balancer(),
    "its listeners not read": load_balancer(unread=True),
    "gone": load_balancer(missing=True),
    "gone and never read": load_balancer(unread=True, missing=True),
    "without the listener": load_balancer(UDP, WEB),
    "with the listener under another name": load_balancer(Listener("lbl-tcp", "TCP", 81), UDP, WEB),
    "with the listener under a name it shares": load_balancer(TCP, Listener("lbl-twin", "TCP", 80), UDP, WEB),
}
READINGS = {
    "absent": observed(),
    "same weight": observed({place(): 10}),
    "other weight": observed({place(): 3}),
    "weight 0": observed({place(): 0}),
    "not read": observed({}, ["lbl-udp"]),
}
REASONS = [None, *sorted(RETRIED), Code.REMOVAL_GUARD, Code.CLAIMED_BY_OTHER_CLUSTER]
BINDINGS = [
    binding(state, placed=placed, reason=reason, target=target, holder=state in LIVE and slot is not None, slot=slot)
    for state, placed, reason, target, slot in product(State, (True, False), REASONS, (BY_ID, BY_PORT), (SLOT, None))
    if (reason is None or state is State.HELD) and not (placed and slot is None)
]


def settle(found: Binding, reading: str, balancer: str = "as it was") -> Binding:
    """The binding after a reading."""
    return settled(found, BALANCERS[balancer], READINGS[reading], LATER)


@pytest.mark.parametrize("balancer", BALANCERS)
@pytest.mark.parametrize("reading", READINGS)
def test_any_binding_makes_at_most_one_allowed_move_and_comes_to_rest(reading: str, balancer: str) -> None:
    assert len(BINDINGS) > 50
    for before in BINDINGS:
        after = settle(before, reading, balancer)
        assert after.state is before.state or after.state in MOVES[before.state]
        assert after == before or after.generation == before.generation + 1
        again = settle(after, reading, balancer)
        # What is tried again after a refusal, or leaves without a record of ours, takes one step more.
        two_steps = before.state is State.HELD or (before.state is State.DRAINING and not before.placed)
        assert again == after or two_steps
        assert settle(again, reading, balancer) == again or before.state is State.HELD
        rest = settle(settle(again, reading, balancer), reading, balancer)
        assert settle(rest, reading, balancer) == rest


@pytest.mark.parametrize("balancer", ["as it was", "its listeners not read"])
def test_a_listener_that_was_not_read_leaves_every_binding_as_it_is(balancer: str) -> None:
    assert all(settle(before, "not read", balancer) == before for before in BINDINGS)


@pytest.mark.parametrize("balancer", BALANCERS)
@pytest.mark.parametrize("reading", READINGS)
def test_our_record_is_given_up_only_when_the_target_is_seen_gone(reading: str, balancer: str) -> None:
    gone = balancer in {"gone", "gone and never read", "without the listener"}
    for before in BINDINGS:
        if before.placed and not gone and reading != "absent":
            assert settle(before, reading, balancer).placed


@pytest.mark.parametrize("balancer", BALANCERS)
@pytest.mark.parametrize("reading", READINGS)
def test_a_reading_never_lets_go_of_a_pod_that_is_wanted_nor_calls_back_one_that_is_not(
    reading: str, balancer: str
) -> None:
    for before in BINDINGS:
        assert settle(before, reading, balancer).wanted is before.wanted


@pytest.mark.parametrize(
    ("state", "reading", "after"),
    [
        (State.PENDING, "absent", State.PENDING),
        (State.PENDING, "same weight", State.BOUND),
        (State.PENDING, "other weight", State.PENDING),
        (State.BOUND, "absent", State.PENDING),
        (State.BOUND, "same weight", State.BOUND),
        (State.BOUND, "other weight", State.PENDING),
        (State.DRAINING, "absent", State.RELEASED),
        (State.REMOVING, "absent", State.RELEASED),
        (State.REMOVING, "same weight", State.REMOVING),
        (State.VERIFYING, "absent", State.VERIFYING),
        (State.VERIFYING, "same weight", State.VERIFYING),
        (State.HELD, "absent", State.HELD),
        (State.HELD, "other weight", State.HELD),
        (State.REJECTED, "same weight", State.REJECTED),
        (State.REJECTED, "absent", State.REJECTED),
        (State.RELEASED, "absent", State.RELEASED),
    ],
)
def test_what_the_reading_shows_moves_the_binding(state: State, reading: str, after: State) -> None:
    assert settle(binding(state), reading).state is after


@pytest.mark.parametrize("placed", [True, False])
def test_a_target_that_is_seen_there_is_bound_and_ours_from_then_on(placed: bool) -> None:
    bound = settle(binding(State.PENDING, placed=placed), "same weight")
    assert (bound.placed, bound.bound_at, bound.reason, bound.detail) == (True, LATER, None, None)


def test_a_target_that_is_bound_again_keeps_the_time_at_which_it_first_was() -> None:
    assert settle(binding(State.PENDING, placed=True, bound_at=NOW), "same weight").bound_at == NOW


@pytest.mark.parametrize(
    ("reading", "detail"), [("absent", "missing at the cloud"), ("other weight", "weight 3 at the cloud")]
)
def test_drift_is_put_right_and_told(reading: str, detail: str) -> None:
    drifted = settle(binding(State.BOUND), reading)
    assert (drifted.state, drifted.detail, drifted.placed, drifted.holder) == (State.PENDING, detail, True, True)


@pytest.mark.parametrize("state", [State.DRAINING, State.REMOVING])
def test_what_is_gone_is_released_and_gives_up_its_place_and_record(state: State) -> None:
    released = settle(binding(state), "absent")
    assert (released.state, released.placed, released.holder) == (State.RELEASED, False, False)


@pytest.mark.parametrize("reason", [None, Code.PROOF_LOST])
@pytest.mark.parametrize(
    ("before", "reading", "after"),
    [
        (binding(State.DRAINING), "same weight", State.REMOVING),
        (binding(State.DRAINING), "absent", State.RELEASED),
        (binding(State.REMOVING), "absent", State.RELEASED),
        (binding(State.REMOVING, placed=False), "same weight", State.RELEASED),
    ],
)
def test_why_it_leaves_is_told_to_the_end(before: Binding, reading: str, after: State, reason: Code | None) -> None:
    left = settle(replace(before, reason=reason, detail="no interface holds it"), reading)
    assert (left.state, left.reason, left.detail) == (after, reason, "no interface holds it")


@pytest.mark.parametrize("balancer", ["gone", "without the listener"])
@pytest.mark.parametrize("state", [State.DRAINING, State.REMOVING])
def test_why_it_leaves_is_told_also_when_its_listener_went_first(state: State, balancer: str) -> None:
    left = settle(binding(state, reason=Code.PROOF_LOST, detail="no interface holds it"), "not read", balancer)
    assert (left.state, left.reason, left.detail) == (State.RELEASED, Code.PROOF_LOST, "no interface holds it")


@pytest.mark.parametrize(
    ("until", "after"),
    [
        (LATER - timedelta(seconds=1), State.REMOVING),
        (LATER, State.REMOVING),
        (LATER + timedelta(seconds=1), State.DRAINING),
        (None, State.DRAINING),
    ],
)
@pytest.mark.parametrize("reading", ["weight 0", "same weight"])
def test_a_drain_lasts_its_time_whatever_the_weight(reading: str, until: object, after: State) -> None:
    assert settle(binding(State.DRAINING, drain_until=until), reading).state is after


def test_what_was_never_ours_is_released_though_something_stands_there() -> None:
    assert settle(binding(State.REMOVING, placed=False), "same weight").state is State.RELEASED


@pytest.mark.parametrize("state", [State.VERIFYING, State.HELD, State.REJECTED])
def test_a_record_of_what_is_seen_gone_is_given_up_in_any_state(state: State) -> None:
    after = settle(binding(state, placed=True, bound_at=NOW), "absent")
    assert (after.state, after.placed, after.bound_at) == (state, False, None)


def test_a_pending_binding_keeps_its_record_until_its_call_was_seen() -> None:
    before = binding(State.PENDING, placed=True)
    assert settle(before, "absent") == before


# --- the listener or the load balancer is gone


@pytest.mark.parametrize(
    ("balancer", "code"),
    [
        ("gone", Code.LOAD_BALANCER_NOT_FOUND),
        ("gone and never read", Code.LOAD_BALANCER_NOT_FOUND),
        ("without the listener", Code.LISTENER_NOT_FOUND),
    ],
)
@pytest.mark.parametrize("state", [State.PENDING, State.BOUND])
def test_what_hung_on_something_that_is_gone_is_held_without_a_place(state: State, balancer: str, code: Code) -> None:
    held = settle(binding(state, placed=True, bound_at=NOW), "not read", balancer)
    assert (held.state, held.reason, held.detail) == (State.HELD, code, "gone from the cloud")
    assert (held.slot, held.holder, held.placed, held.bound_at) == (None, False, False, None)


@pytest.mark.parametrize("balancer", ["gone", "without the listener"])
@pytest.mark.parametrize("state", [State.DRAINING, State.REMOVING])
def test_what_left_something_that_is_gone_is_released(state: State, balancer: str) -> None:
    assert settle(binding(state), "not read", balancer).state is State.RELEASED


@pytest.mark.parametrize("balancer", RENAMED)
def test_a_target_whose_listener_lost_its_name_is_still_there_and_still_ours(balancer: str) -> None:
    bound = binding(State.BOUND, target=BY_PORT)
    assert settle(bound, "same weight", balancer) == bound


@pytest.mark.parametrize("balancer", RENAMED)
def test_what_was_not_put_there_yet_looks_for_its_listener_again_when_the_name_means_another(balancer: str) -> None:
    held = settle(binding(State.PENDING, target=BY_PORT), "absent", balancer)
    assert (held.state, held.reason, held.slot) == (State.HELD, Code.LISTENER_NOT_FOUND, None)


def test_a_rule_that_is_gone_is_gone_although_its_listener_is_there() -> None:
    api = replace(BY_ID, listener_id="lbl-web", location_id="loc-api")
    bound = binding(target=api, slot=replace(SLOT, listener_id="lbl-web", location_id="loc-api"))
    bare = load_balancer(replace(WEB, rules=WEB.rules[:1]))
    assert settled(bound, bare, observed(), LATER).reason is Code.LISTENER_NOT_FOUND
    assert settled(bound, load_balancer(), observed({place("10.0.3.17", "lbl-web", "loc-api"): 10}), LATER) == bound


# --- trying again


@pytest.mark.parametrize("reason", sorted(RETRIED))
@pytest.mark.parametrize("reading", ["absent", "other weight"])
def test_what_the_cloud_refused_is_tried_again_after_a_pause_for_ever(reason: Code, reading: str) -> None:
    held = binding(State.HELD, reason=reason, detail="500 of 500", updated_at=LATER - REFUSED_PAUSE)
    again = settle(held, reading)
    assert (again.state, again.reason, again.detail, again.holder) == (State.PENDING, None, "500 of 500", True)
    early = replace(held, updated_at=held.updated_at + timedelta(microseconds=1))
    assert settle(early, reading) == early


@pytest.mark.parametrize(
    "reason", [code for code in Code if code not in {Code.CLOUD_REFUSED, Code.QUOTA_EXCEEDED}] + [None]
)
def test_what_is_held_for_another_reason_is_not_tried_again_by_time(reason: Code | None) -> None:
    held = binding(State.HELD, reason=reason, updated_at=NOW - timedelta(days=1))
    assert settle(held, "absent") == held
    assert next_look(held) is None


@pytest.mark.parametrize(
    ("found", "look"),
    [
        (binding(State.DRAINING, drain_until=LATER), LATER),
        (binding(State.HELD, reason=Code.CLOUD_REFUSED), NOW + REFUSED_PAUSE),
        (binding(State.HELD, reason=Code.QUOTA_EXCEEDED), NOW + REFUSED_PAUSE),
        *[(binding(state), None) for state in State if state not in {State.DRAINING, State.HELD}],
    ],
)
def test_a_pass_is_due_when_a_drain_ends_or_a_refusal_is_tried_again(found: Binding, look: object) -> None:
    assert next_look(found) == look


def test_while_a_write_may_be_under_way_a_target_that_is_not_there_is_one_of_which_nothing_is_known() -> None:
    absent, there = READINGS["absent"].doubting([place()]), READINGS["same weight"].doubting([place()])
    for found in BINDINGS:
        assert settled(found, BALANCERS["as it was"], absent, LATER) == settle(found, "not read")
        assert settled(found, BALANCERS["as it was"], there, LATER) == settle(found, "same weight")
