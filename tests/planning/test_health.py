"""What the cloud's health checks say of targets, which bindings change by it, and when they are asked again."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from app.domain.binding import Binding, Health, State, moved, revised
from app.domain.target import Place
from app.planning.health import SOONEST, STABLE, Standing, changed_health, health_of, pause_before_next
from app.planning.settle import settled
from tests.planning.builders import NOW, SECOND, binding, load_balancer, observed, place

PERIOD = 10 * SECOND
H = Health


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ("Alive", H.HEALTHY),
        ("Dead", H.UNHEALTHY),
        ("Unknown", H.UNKNOWN),
        ("Close", H.OFF),
        ("ALIVE", H.HEALTHY),
        ("close", H.OFF),
        ("", None),
        ("Resting", None),
        ("true", None),
    ],
)
def test_the_cloud_s_word_means(detail: str, expected: Health | None) -> None:
    assert health_of(detail) is expected


def standing(name: str = "b-1", health: Health = H.UNKNOWN, age: float = 60, **changes: Any) -> Standing:
    """A bound target at 10.0.0.N for b-N, whose binding changed ``age`` seconds ago."""
    where = changes.pop("place", at(name))
    state = changes.pop("state", State.BOUND)
    return Standing(name, "cls-a", where, state, health, NOW - age * SECOND)


def at(name: str) -> Place:
    return place(f"10.0.0.{name[2:]}")


@pytest.mark.parametrize("before", list(Health))
@pytest.mark.parametrize("found", list(Health))
def test_a_target_has_the_health_that_was_read_and_changes_only_if_it_had_another(
    before: Health, found: Health
) -> None:
    expected = {} if before is found else {"b-1": found}
    assert changed_health([standing(health=before)], {at("b-1"): found}, NOW) == expected


@pytest.mark.parametrize(
    "found",
    [
        {},
        {at("b-2"): H.UNHEALTHY},
        {place("10.0.0.1", port=9090): H.UNHEALTHY},
        {place("10.0.0.1", listener_id="lbl-udp"): H.UNHEALTHY},
        {place("10.0.0.1", location_id="loc-root"): H.UNHEALTHY},
    ],
    ids=["nothing", "another target", "another port", "another listener", "another rule"],
)
def test_a_target_that_the_reading_leaves_out_stays_as_it_is(found: dict[Place, Health]) -> None:
    assert changed_health([standing(health=H.HEALTHY)], found, NOW) == {}


@pytest.mark.parametrize(("age", "changes"), [(1, True), (0, True), (-0.001, False), (-5, False)])
def test_a_binding_that_changed_after_the_reading_began_is_not_judged_by_it(age: float, changes: bool) -> None:
    found = {at("b-1"): H.HEALTHY}
    assert bool(changed_health([standing(age=age)], found, NOW)) is changes


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ([], None),
        ([standing(health=H.HEALTHY)], STABLE * PERIOD),
        ([standing(health=H.OFF)], STABLE * PERIOD),
        ([standing(health=H.UNHEALTHY)], PERIOD),
        ([standing("b-1", H.HEALTHY), standing("b-2", H.UNHEALTHY)], PERIOD),
        ([standing(age=0)], SOONEST),
        ([standing(age=-3)], SOONEST),
        ([standing(age=6)], 3 * SECOND),
        ([standing(age=3600)], PERIOD),
        ([standing("b-1", age=3600), standing("b-2", age=8), standing("b-3", H.OFF)], 4 * SECOND),
        ([standing(age=0, state=State.HELD)], SOONEST),
        ([standing(age=0, state=State.PENDING)], STABLE * PERIOD),
        ([standing(age=0, state=State.DRAINING)], STABLE * PERIOD),
        ([standing(age=0, state=State.REMOVING)], STABLE * PERIOD),
        ([standing("b-1", H.UNHEALTHY, state=State.DRAINING)], STABLE * PERIOD),
    ],
)
def test_health_is_read_again_after(targets: list[Standing], expected: timedelta | None) -> None:
    assert pause_before_next(targets, NOW, PERIOD) == expected


def test_a_new_target_is_asked_about_soon_and_then_ever_more_seldom() -> None:
    pauses = []
    age = timedelta(0)
    for _ in range(12):
        pause = pause_before_next([standing(age=age.total_seconds())], NOW, PERIOD)
        assert pause is not None
        pauses.append(pause)
        age += pause
    assert pauses[0] == SOONEST
    assert pauses[-1] == PERIOD
    assert all(before <= after <= max(2 * before, SOONEST) for before, after in pairwise(pauses))
    # The cloud needs 15 s by its defaults (3 checks, 5 s apart): few calls until then, and the answer soon after.
    assert sum(sum(pauses[:number], timedelta(0)) <= 15 * SECOND for number in range(1, 12)) <= 8


def test_the_shortest_period_is_never_undercut() -> None:
    assert pause_before_next([standing(age=0)], NOW, SECOND) == SECOND


HEALTHY = binding(health=H.HEALTHY)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (moved(HEALTHY, State.PENDING, NOW), H.HEALTHY),
        (moved(HEALTHY, State.DRAINING, NOW), H.HEALTHY),
        (moved(HEALTHY, State.REMOVING, NOW), H.HEALTHY),
        (moved(HEALTHY, State.HELD, NOW), H.HEALTHY),
        (revised(HEALTHY, NOW, weight=3), H.HEALTHY),
        (moved(HEALTHY, State.HELD, NOW, placed=False), H.UNKNOWN),
        (revised(HEALTHY, NOW, placed=False), H.UNKNOWN),
        (moved(HEALTHY, State.RELEASED, NOW, placed=False), H.UNKNOWN),
        (moved(HEALTHY, State.RELEASED, NOW), H.UNKNOWN),
    ],
)
def test_health_stays_as_long_as_the_target_does_and_goes_with_it(after: Binding, expected: Health) -> None:
    assert after.health is expected


def test_a_target_that_is_missing_at_the_cloud_has_no_health() -> None:
    after = settled(HEALTHY, load_balancer(), observed(), NOW)
    assert (after.state, after.health) == (State.PENDING, H.UNKNOWN)


def test_a_weight_that_is_to_be_set_says_nothing_of_health() -> None:
    after = settled(HEALTHY, load_balancer(), observed({place(): 3}), NOW)
    assert (after.state, after.health) == (State.PENDING, H.HEALTHY)
