"""The difference between what bindings ask for and what the cloud has."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.binding import Binding, State
from app.domain.load_balancer import Slot
from app.domain.target import Place
from app.planning.observed import Observed
from app.planning.plan import Change, Kind, Stance, leaves, plan, stance
from tests.planning.builders import NOW, SECOND, binding, observed, place
from tests.planning.histories import law

REGISTER, REWEIGH, DEREGISTER = Kind.REGISTER, Kind.REWEIGH, Kind.DEREGISTER

STANCES = {
    State.VERIFYING: Stance.KEEP,
    State.PENDING: Stance.PRESENT,
    State.BOUND: Stance.PRESENT,
    State.DRAINING: Stance.DRAIN,
    State.REMOVING: Stance.ABSENT,
    State.HELD: Stance.KEEP,
    State.REJECTED: Stance.ABSENT,
    State.RELEASED: Stance.ABSENT,
}
# Stance, placed, weight at the cloud (None: absent; the binding's own is 10), and what is to be done.
TRUTH: list[tuple[Stance, bool, int | None, tuple[Kind, int] | None]] = [
    (Stance.PRESENT, False, None, (REGISTER, 10)),
    (Stance.PRESENT, True, None, (REGISTER, 10)),
    (Stance.PRESENT, False, 10, None),
    (Stance.PRESENT, True, 10, None),
    (Stance.PRESENT, False, 3, (REWEIGH, 10)),
    (Stance.PRESENT, True, 3, (REWEIGH, 10)),
    (Stance.PRESENT, True, 0, (REWEIGH, 10)),
    (Stance.DRAIN, True, 10, (REWEIGH, 0)),
    (Stance.DRAIN, True, 0, None),
    (Stance.DRAIN, True, None, None),
    (Stance.DRAIN, False, 10, None),
    (Stance.DRAIN, False, None, None),
    (Stance.ABSENT, True, 10, (DEREGISTER, 0)),
    (Stance.ABSENT, True, 0, (DEREGISTER, 0)),
    (Stance.ABSENT, True, None, None),
    (Stance.ABSENT, False, 10, None),
    (Stance.ABSENT, False, None, None),
    (Stance.KEEP, True, 10, None),
    (Stance.KEEP, True, 3, None),
    (Stance.KEEP, True, None, None),
    (Stance.KEEP, False, 10, None),
    (Stance.KEEP, False, None, None),
]
ROWS = [(state, *row[1:]) for row in TRUTH for state in State if STANCES[state] is row[0]]


def test_each_state_asks_for_its_stance() -> None:
    assert {state: stance(binding(state)) for state in State} == STANCES


@pytest.mark.parametrize("placed", [True, False])
def test_only_what_may_be_at_the_cloud_and_is_to_go_leaves(placed: bool) -> None:
    going = {State.DRAINING, State.REMOVING, State.REJECTED, State.RELEASED} if placed else set()
    assert {state for state in State if leaves(binding(state, placed=placed))} == going


@pytest.mark.parametrize(("state", "placed", "there", "expected"), ROWS)
def test_the_truth_table(state: State, placed: bool, there: int | None, expected: tuple[Kind, int] | None) -> None:
    asked = binding(state, placed=placed, holder=False)
    weights = {} if there is None else {place(): there}
    changes = [] if expected is None else [Change(expected[0], place(), expected[1], "b-u1", NOW)]
    assert list(plan([asked], observed(weights))) == changes


@pytest.mark.parametrize("state", State)
def test_of_a_listener_that_was_not_read_nothing_is_concluded(state: State) -> None:
    unread = observed({}, listeners=["lbl-udp", "lbl-web"])
    assert plan([binding(state, placed=True)], unread) == ()


def test_a_binding_whose_listener_is_not_known_asks_for_nothing() -> None:
    assert plan([binding(State.PENDING, slot=None)], observed()) == ()


def test_targets_of_others_are_left_alone() -> None:
    foreign = {place("10.9.9.9"): 10, place(port=9): 3, place(listener_id="lbl-udp"): 1}
    assert plan([], observed(foreign)) == ()
    assert plan([binding()], observed(foreign | {place(): 10})) == ()


def test_a_reading_knows_the_listeners_that_were_read_and_no_others() -> None:
    read = observed({}, listeners=["lbl-tcp"])
    assert read.knows(place())
    assert not read.knows(place(listener_id="lbl-udp"))


def test_registrations_come_before_weights_and_weights_before_removals_each_the_oldest_first() -> None:
    asked = [
        binding(State.REMOVING, "u1", "10.0.3.1"),
        binding(State.DRAINING, "u2", "10.0.3.2"),
        binding(State.PENDING, "u3", "10.0.3.3", updated_at=NOW + SECOND),
        binding(State.PENDING, "u4", "10.0.3.4"),
        binding(State.PENDING, "u5", "10.0.3.15"),
    ]
    weights = {place("10.0.3.1"): 10, place("10.0.3.2"): 10}
    changes = plan(asked, observed(weights))
    assert [(change.kind, change.binding_id) for change in changes] == [
        (REGISTER, "b-u5"),
        (REGISTER, "b-u4"),
        (REGISTER, "b-u3"),
        (REWEIGH, "b-u2"),
        (DEREGISTER, "b-u1"),
    ]


# --- laws

PLACES = [
    place(ip, slot.listener_id, slot.location_id)
    for ip in ("10.0.3.1", "10.0.3.2", "10.0.3.3")
    for slot in (Slot("lbl-tcp", ""), Slot("lbl-udp", ""), Slot("lbl-web", "loc-api"))
]


def _at(where: Place, state: State, placed: bool, weight: int, age: int) -> Binding:
    made = binding(state, uid=f"{PLACES.index(where)}", ip=where.ip, placed=placed, weight=weight, holder=False)
    return replace(made, slot=Slot(where.listener_id, where.location_id), updated_at=NOW - age * SECOND)


bindings: st.SearchStrategy[list[Binding]] = st.lists(
    st.builds(
        _at,
        st.sampled_from(PLACES),
        st.sampled_from(list(State)),
        st.booleans(),
        st.sampled_from([0, 3, 10]),
        st.integers(0, 3),
    ),
    unique_by=lambda made: made.place,
)
readings: st.SearchStrategy[Observed] = st.builds(
    lambda weights, read: observed({each: weights[each] for each in weights if each.listener_id in read}, read),
    st.dictionaries(st.sampled_from([*PLACES, place("10.9.9.9")]), st.sampled_from([0, 3, 10])),
    st.sets(st.sampled_from(["lbl-tcp", "lbl-udp", "lbl-web"])),
)


def applied(changes: Sequence[Change], before: Observed) -> Observed:
    """What the cloud has after all of a plan."""
    weights = dict(before.weights)
    for change in changes:
        if change.kind is DEREGISTER:
            del weights[change.place]
        else:
            assert (change.place in weights) is (change.kind is REWEIGH)
            weights[change.place] = change.weight
    return replace(before, weights=weights)


@law
@given(bindings, readings)
def test_a_plan_brings_the_cloud_to_what_is_asked_for(asked: list[Binding], before: Observed) -> None:
    after = applied(plan(asked, before), before).weights
    for each in asked:
        where = each.place
        assert where is not None
        if not before.knows(where):
            continue
        if stance(each) is Stance.PRESENT:
            assert after[where] == each.weight
        elif each.placed and stance(each) is Stance.ABSENT:
            assert where not in after
        elif each.placed and stance(each) is Stance.DRAIN:
            assert after.get(where, 0) == 0
        else:
            assert after.get(where) == before.weights.get(where)


@law
@given(bindings, readings)
def test_after_a_plan_there_is_nothing_left_to_do(asked: list[Binding], before: Observed) -> None:
    assert plan(asked, applied(plan(asked, before), before)) == ()


@law
@given(bindings, readings)
def test_nothing_is_removed_or_drained_without_our_record_that_we_put_it_there(
    asked: list[Binding], before: Observed
) -> None:
    by_id = {each.binding_id: each for each in asked}
    for change in plan(asked, before):
        owner = by_id[change.binding_id]
        assert change.place == owner.place
        assert owner.placed or stance(owner) is Stance.PRESENT


@law
@given(bindings, readings)
def test_no_change_is_planned_where_nothing_was_read(asked: list[Binding], before: Observed) -> None:
    assert all(change.place.listener_id in before.listener_ids for change in plan(asked, before))
    assert plan(asked, observed({}, [])) == ()


@law
@given(bindings.flatmap(lambda asked: st.tuples(st.just(asked), st.permutations(asked))), readings)
def test_the_order_of_the_bindings_does_not_matter(orders: tuple[list[Binding], list[Binding]], seen: Observed) -> None:
    assert plan(orders[0], seen) == plan(orders[1], seen)


@law
@given(bindings, readings)
def test_a_plan_is_totally_ordered_with_one_change_per_place(asked: list[Binding], seen: Observed) -> None:
    changes = plan(asked, seen)
    order = [(change.kind, change.since, change.place) for change in changes]
    assert order == sorted(order)
    assert len({change.place for change in changes}) == len(changes)
