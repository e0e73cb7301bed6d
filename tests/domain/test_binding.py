"""States of a binding, and the moves between them."""

from dataclasses import FrozenInstanceError, replace
from datetime import timedelta

import pytest

from app.domain.binding import (
    LEAVING,
    LIVE,
    MOVES,
    NOT_VERIFIED,
    MoveNotAllowed,
    State,
    Verdict,
    Verification,
    moved,
    revised,
)
from app.domain.codes import Code
from app.domain.event import Workload
from app.domain.load_balancer import Slot
from app.domain.target import Place
from tests.planning.builders import NOW, binding

# Section 5 of the contract, word for word.
CONTRACT = {
    "verifying": "pending, rejected, held, released",
    "pending": "bound, held, draining, released",
    "bound": "pending, draining, removing, held, released",
    "draining": "removing, pending, bound, released",
    "removing": "released, pending",
    "held": "pending, bound, draining, removing, released",
    "rejected": "",
    "released": "",
}
LEAVES_TO = {State(name): {State(to) for to in row.split(", ") if to} for name, row in CONTRACT.items()}
ALLOWED = [(state, to) for state in State for to in State if to in LEAVES_TO[state]]
FORBIDDEN = [(state, to) for state in State for to in State if to not in LEAVES_TO[state]]
LATER = NOW + timedelta(seconds=1)


def test_the_table_of_moves_is_the_contracts() -> None:
    assert MOVES == LEAVES_TO


def test_the_table_of_moves_cannot_be_changed() -> None:
    with pytest.raises(TypeError, match="does not support item assignment"):
        MOVES[State.RELEASED] = frozenset({State.PENDING})  # type: ignore[index]


@pytest.mark.parametrize(("state", "to"), ALLOWED)
def test_a_move_that_the_table_names_is_made(state: State, to: State) -> None:
    after = moved(binding(state), to, LATER, Code.SUPERSEDED, "a sentence")
    assert (after.state, after.reason, after.detail) == (to, Code.SUPERSEDED, "a sentence")
    assert (after.updated_at, after.generation) == (LATER, 2)


@pytest.mark.parametrize(("state", "to"), FORBIDDEN)
def test_a_move_that_the_table_does_not_name_raises(state: State, to: State) -> None:
    with pytest.raises(MoveNotAllowed, match=f"b-u1: {state} -> {to}"):
        moved(binding(state), to, LATER)


@pytest.mark.parametrize(("state", "to"), [pair for pair in ALLOWED if pair[1] in {State.REJECTED, State.RELEASED}])
def test_a_binding_that_ends_no_longer_holds_its_place(state: State, to: State) -> None:
    assert binding(state).holder
    assert not moved(binding(state), to, LATER).holder
    assert not moved(binding(state), to, LATER, holder=True).holder


@pytest.mark.parametrize(("state", "to"), [pair for pair in ALLOWED if pair[1] in LIVE])
def test_a_binding_that_goes_on_keeps_its_place(state: State, to: State) -> None:
    assert moved(binding(state), to, LATER).holder


@pytest.mark.parametrize(
    ("state", "live", "wanted"),
    [
        (State.VERIFYING, True, True),
        (State.PENDING, True, True),
        (State.BOUND, True, True),
        (State.HELD, True, True),
        (State.DRAINING, True, False),
        (State.REMOVING, True, False),
        (State.REJECTED, False, False),
        (State.RELEASED, False, False),
    ],
)
def test_a_binding_is_live_until_it_ends_and_wanted_until_it_leaves(state: State, live: bool, wanted: bool) -> None:
    assert (binding(state).live, binding(state).wanted) == (live, wanted)
    assert (state in LIVE, state in LEAVING) == (live, live and not wanted)


def test_a_move_forgets_the_reason_of_the_former_state() -> None:
    held = binding(State.HELD, reason=Code.QUOTA_EXCEEDED, detail="500 of 500")
    after = moved(held, State.PENDING, LATER)
    assert (after.reason, after.detail) == (None, None)


def test_a_move_changes_further_fields_too() -> None:
    assert moved(binding(State.BOUND), State.PENDING, LATER, weight=3).weight == 3


def test_a_revised_binding_stays_in_its_state_with_its_reason() -> None:
    held = binding(State.HELD, reason=Code.QUOTA_EXCEEDED, detail="500 of 500")
    after = revised(held, LATER, weight=3)
    assert (after.state, after.reason, after.detail) == (State.HELD, Code.QUOTA_EXCEEDED, "500 of 500")
    assert (after.weight, after.updated_at, after.generation) == (3, LATER, 2)


def test_a_binding_is_a_value() -> None:
    assert binding() == binding()
    with pytest.raises(FrozenInstanceError):
        binding().weight = 3  # type: ignore[misc]


def test_the_place_is_what_the_slot_and_the_address_say() -> None:
    found = binding(slot=Slot("lbl-web", "loc-api"), ip="10.0.3.18").place
    assert found == Place("default", "lb-1", "lbl-web", "loc-api", "10.0.3.18", 8080)


def test_there_is_no_place_before_the_listener_is_known() -> None:
    assert binding(State.VERIFYING, slot=None, holder=False).place is None


PROOF = Verification(
    Verdict.PROVEN,
    "eni",
    NOW,
    {"detail": None, "checks": [{"check": "no-node"}], "read_at": {"region": "then"}},
    ("w-1",),
)


def test_a_proof_is_rendered_with_all_that_it_rests_on() -> None:
    assert PROOF.rendered() == {
        "verdict": "proven",
        "method": "eni",
        "checked_at": NOW.isoformat(),
        "detail": None,
        "checks": [{"check": "no-node"}],
        "read_at": {"region": "then"},
        "warnings": ["w-1"],
    }
    assert NOT_VERIFIED.rendered() == {"verdict": "unknown", "method": None, "checked_at": None, "warnings": []}


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (PROOF, True),
        (replace(PROOF, checked_at=LATER), True),
        (replace(PROOF, checked_at=None), True),
        (replace(PROOF, evidence={**PROOF.evidence, "read_at": {"region": "now"}}), True),
        (replace(PROOF, evidence={"detail": None, "checks": [{"check": "no-node"}]}), True),
        (replace(PROOF, evidence={**PROOF.evidence, "checks": []}), False),
        (replace(PROOF, evidence={**PROOF.evidence, "detail": "another"}), False),
        (replace(PROOF, verdict=Verdict.DECLARED), False),
        (replace(PROOF, method="cidr"), False),
        (replace(PROOF, warnings=()), False),
    ],
)
def test_two_looks_say_the_same_when_nothing_but_their_times_differs(other: Verification, same: bool) -> None:
    assert (PROOF.says_the_same(other), other.says_the_same(PROOF)) == (same, same)


def test_a_workload_is_named_by_namespace_kind_and_name() -> None:
    named = replace(binding(State.BOUND), workload=Workload("StatefulSet", "db"))
    assert named.workload_key == f"{named.pod.namespace}/StatefulSet/db"
    assert replace(named, workload=None).workload_key is None
