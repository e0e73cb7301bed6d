"""A plan as calls: none empty, none too large, and none that waits for ever."""

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.planning.batches import PATIENCE, Batch, batches, halves, next_batch
from app.planning.plan import Change, Kind
from tests.planning.builders import NOW, SECOND, place
from tests.planning.histories import law

REGISTER, REWEIGH, DEREGISTER = Kind.REGISTER, Kind.REWEIGH, Kind.DEREGISTER
TICK = timedelta(microseconds=1)


def changes(
    kind: Kind, count: int, listener: str = "lbl-tcp", weight: int = 10, age: timedelta = SECOND
) -> list[Change]:
    """So many changes on one listener."""
    return [
        Change(kind, place(f"10.{kind}.{number // 250}.{number % 250}", listener), weight, f"b{number}", NOW - age)
        for number in range(count)
    ]


def sizes(found: list[Change]) -> list[int]:
    """How many changes each call has."""
    return [len(batch.changes) for batch in batches(found)]


def entries(batch: Batch) -> int:
    """The entries that the cloud counts: of one listener or rule and one weight each, of at most 50 targets."""
    counts = Counter((each.place.listener_id, each.place.location_id, each.weight) for each in batch.changes)
    return sum(-(-count // 50) for count in counts.values())


def test_for_no_change_there_is_no_call() -> None:
    assert batches([]) == ()
    assert next_batch([], NOW) is None


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, [1]), (499, [499]), (500, [500]), (501, [500, 1]), (1000, [500, 500]), (1001, [500, 500, 1])],
)
def test_a_call_has_at_most_500_targets_and_a_multiple_of_500_no_empty_call(
    kind: Kind, count: int, expected: list[int]
) -> None:
    assert sizes(changes(kind, count)) == expected


def test_a_call_is_of_one_kind() -> None:
    mixed = changes(DEREGISTER, 2) + changes(REGISTER, 1) + changes(REWEIGH, 3)
    calls = [(batch.kind, len(batch.changes)) for batch in batches(mixed)]
    assert calls == [(REGISTER, 1), (REWEIGH, 3), (DEREGISTER, 2)]


@pytest.mark.parametrize(("listeners", "expected"), [(100, [100]), (101, [100, 1]), (250, [100, 100, 50])])
def test_a_call_of_weights_has_at_most_100_listeners_or_rules(listeners: int, expected: list[int]) -> None:
    found = [change for number in range(listeners) for change in changes(REWEIGH, 1, f"lbl-{number}")]
    assert sizes(found) == expected


def test_a_call_of_weights_has_at_most_100_entries_of_50_targets() -> None:
    # 98 entries of one target, then 51 targets of one more listener, which are two entries: 100. One more is too much.
    found = [change for number in range(98) for change in changes(REWEIGH, 1, f"lbl-{number}")]
    assert sizes(found + changes(REWEIGH, 51)) == [149]
    assert sizes(found + changes(REWEIGH, 101)) == [98 + 100, 1]


def test_each_weight_of_a_listener_is_an_entry_of_its_own() -> None:
    found = [change for weight in range(101) for change in changes(REWEIGH, 1, weight=weight)]
    assert sizes(found) == [100, 1]


@pytest.mark.parametrize("kind", [REGISTER, DEREGISTER])
def test_other_calls_may_name_as_many_listeners_as_they_have_targets(kind: Kind) -> None:
    found = [change for number in range(500) for change in changes(kind, 1, f"lbl-{number}")]
    assert sizes(found) == [500]


plans = st.lists(
    st.builds(
        changes,
        st.sampled_from(list(Kind)),
        st.sampled_from([1, 2, 49, 51, 120, 400]),
        st.sampled_from([f"lbl-{number}" for number in range(6)]),
        st.sampled_from([0, 1, 10]),
        st.sampled_from([timedelta(0), SECOND, PATIENCE, PATIENCE + TICK, 60 * SECOND]),
    ),
    max_size=6,
).map(lambda parts: sorted((change for part in parts for change in part), key=lambda change: change.kind))


@law
@given(plans)
def test_the_calls_joined_are_the_plan_and_keep_to_the_clouds_bounds(plan: list[Change]) -> None:
    calls = batches(plan)
    assert [change for call in calls for change in call.changes] == plan
    for call in calls:
        assert 1 <= len(call.changes) <= 500
        assert {change.kind for change in call.changes} == {call.kind}
        assert call.kind is not REWEIGH or entries(call) <= 100


@law
@given(plans)
def test_the_next_call_is_one_of_the_plans(plan: list[Change]) -> None:
    assert next_batch(plan, NOW) in (batches(plan) or (None,))


@law
@given(plans)
def test_halves_are_a_partition_of_any_call_until_one_change_is_left(plan: list[Change]) -> None:
    for call in batches(plan):
        parts = halves(call)
        assert len(parts) == (2 if len(call.changes) > 1 else 0)
        assert all(part.changes and part.kind is call.kind for part in parts)
        assert not parts or Counter(change for part in parts for change in part.changes) == Counter(call.changes)


def test_halves_keep_listeners_together_while_there_are_several() -> None:
    mixed = changes(REGISTER, 5, "lbl-a") + changes(REGISTER, 1, "lbl-b") + changes(REGISTER, 1, "lbl-c")
    call = Batch(REGISTER, tuple(mixed))
    parts = [{change.place.listener_id for change in part.changes} for part in halves(call)]
    assert parts == [{"lbl-a"}, {"lbl-b", "lbl-c"}]


def test_halving_finds_any_one_change_in_ten_calls_or_less() -> None:
    (call,) = batches(changes(REGISTER, 500))
    for wanted in (call.changes[0], call.changes[250], call.changes[-1]):
        part, asked = call, 0
        while len(part.changes) > 1:
            part = next(half for half in halves(part) if wanted in half.changes)
            asked += 1
        assert (part.changes, asked <= 9) == ((wanted,), True)


# --- patience


@pytest.mark.parametrize("kind", [REWEIGH, DEREGISTER])
@pytest.mark.parametrize(("age", "first"), [(timedelta(0), REGISTER), (PATIENCE, REGISTER), (PATIENCE + TICK, None)])
def test_registrations_go_first_until_something_else_lost_its_patience(
    kind: Kind, age: timedelta, first: Kind | None
) -> None:
    batch = next_batch(changes(REGISTER, 3) + changes(kind, 2, age=age), NOW)
    assert batch is not None
    assert batch.kind is (first or kind)


def test_old_registrations_do_not_count_as_removals_that_wait() -> None:
    batch = next_batch(changes(REGISTER, 3, age=60 * SECOND) + changes(DEREGISTER, 2), NOW)
    assert batch is not None
    assert batch.kind is REGISTER


def test_one_removal_that_lost_its_patience_takes_its_whole_call_along() -> None:
    old, young = changes(DEREGISTER, 1, age=60 * SECOND), changes(DEREGISTER, 9, "lbl-udp", age=timedelta(0))
    batch = next_batch(changes(REGISTER, 700) + young + old, NOW)
    assert batch is not None
    assert (batch.kind, len(batch.changes)) == (DEREGISTER, 10)


def stream(kind: Kind, second: int, count: int) -> list[Change]:
    """The changes that one second of a stream brings."""
    since = NOW + second * SECOND
    places = [place(f"10.{9 + second}.{number}") for number in range(count)]
    return [Change(kind, where, 10, f"s{where.ip}", since) for where in places]


@pytest.mark.parametrize("kind", [REGISTER, REWEIGH])
@pytest.mark.parametrize(("per_second", "removals", "drained"), [(9, 600, 600), (510, 1, 1)])
def test_a_stream_of_binds_or_weights_does_not_starve_what_waits(
    kind: Kind, removals: int, drained: int, per_second: int
) -> None:
    now_due = timedelta(0)
    waiting = changes(REWEIGH, drained, weight=0, age=now_due) + changes(DEREGISTER, removals, age=now_due)
    streamed = [change for second in range(-6, 0) for change in stream(kind, second, per_second)]
    for second in range(7 + 2 * len(batches(streamed + waiting))):
        streamed += stream(kind, second, per_second)
        plan = sorted(streamed + waiting, key=lambda change: (change.kind, change.since, change.place))
        batch = next_batch(plan, NOW + second * SECOND)
        assert batch is not None
        done = set(batch.changes)
        streamed = [change for change in streamed if change not in done]
        waiting = [change for change in waiting if change not in done]
    assert not waiting
