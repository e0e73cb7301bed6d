"""Laws of the fold, for any events in any order."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.domain.binding import State, Verdict
from app.domain.codes import Code
from app.domain.event import EventType, Outcome, PodEvent, Result
from tests.planning.builders import MINE, THEIRS, bind
from tests.planning.histories import UIDS, Step, events, first_binds, histories, law, lives, revisions, streams
from tests.planning.shelf import Shelf
from tests.planning.world import World


def after(history: list[Step]) -> World:
    """The world after some history."""
    world = World()
    for step in history:
        step(world)
    return world


def kept(shelf: Shelf) -> tuple[object, ...]:
    """All that a shelf keeps."""
    answers = {cluster_id: dict(given) for cluster_id, given in shelf.answers.items()}
    return dict(shelf.bindings), dict(shelf.heads), answers, list(shelf.entries)


@law
@given(histories)
def test_whatever_happens_no_place_has_two_holders_and_no_history_a_forbidden_move(history: list[Step]) -> None:
    world = after(history)
    world.shelf.check()
    for cluster_id in (MINE, THEIRS):
        bound = [b for b in world.shelf.bindings.values() if b.cluster_id == cluster_id and b.holder]
        assert all(b.live and b.place is not None for b in bound)


@law
@given(histories, streams, st.data())
def test_a_repeated_event_gets_its_first_answer_and_changes_nothing(
    history: list[Step], asked: list[PodEvent], data: st.DataObject
) -> None:
    shelf = after(history).shelf
    first: dict[str | None, tuple[PodEvent, Result]] = {}
    for event, result in zip(asked, shelf.receive(asked), strict=True):
        first.setdefault(event.event_id, (event, result))
    before = kept(shelf)
    for event, result in data.draw(st.permutations(list(first.values()))):
        assert shelf.receive([event]) == [result]
    assert kept(shelf) == before


@law
@given(histories, streams, events)
def test_an_event_id_that_is_used_for_something_else_is_refused_and_changes_nothing(
    history: list[Step], asked: list[PodEvent], other: PodEvent
) -> None:
    shelf = after(history).shelf
    shelf.receive(asked)
    before = kept(shelf)[:3]
    (result,) = shelf.receive([replace(other, event_id=asked[0].event_id, revision=99)])
    assert (result.outcome, result.code, result.binding_id) == (Outcome.REJECTED, Code.EVENT_ID_REUSED, None)
    assert kept(shelf)[:3] == before


@law
@given(histories, streams)
def test_the_revision_of_a_pod_and_target_never_goes_back(history: list[Step], asked: list[PodEvent]) -> None:
    shelf = after(history).shelf
    seen: list[dict[tuple[str, str, str], int]] = []
    for event in asked:
        shelf.receive([event])
        seen.append({name: head.revision for name, head in shelf.heads.items()})
    for before, now in pairwise(seen):
        assert all(now[name] >= revision for name, revision in before.items())


@law
@given(histories, streams, st.sets(st.integers(1, 11)))
def test_splitting_a_batch_changes_neither_the_answers_nor_what_is_kept(
    history: list[Step], asked: list[PodEvent], cuts: set[int]
) -> None:
    whole, split = after(history).shelf, after(history).shelf
    results = whole.receive(asked)
    edges = [0, *sorted(cut for cut in cuts if cut < len(asked)), len(asked)]
    parts = [split.receive(asked[start:end]) for start, end in pairwise(edges)]
    assert [result for part in parts for result in part] == results
    assert kept(split) == kept(whole)


@law
@given(histories, streams)
def test_a_rejected_event_leaves_no_binding_and_moves_no_head(history: list[Step], asked: list[PodEvent]) -> None:
    shelf = after(history).shelf
    for event in asked:
        before = kept(shelf)[:2]
        (result,) = shelf.receive([event])
        if result.outcome is Outcome.REJECTED:
            assert result.binding_id is None
            assert result.code is not None
            assert kept(shelf)[:2] == before


@law
@given(histories, streams)
def test_an_answer_says_accepted_exactly_when_something_else_is_wanted(
    history: list[Step], asked: list[PodEvent]
) -> None:
    shelf = after(history).shelf
    for event in asked:
        before = {(b.binding_id, b.wanted, b.weight, b.state) for b in shelf.bindings.values()}
        (result,) = shelf.receive([replace(event, event_id=None)])
        now = {(b.binding_id, b.wanted, b.weight, b.state) for b in shelf.bindings.values()}
        if result.outcome is Outcome.ACCEPTED:
            assert now != before
        elif result.code is not Code.SUPERSEDED:
            assert now == before


@law
@given(st.one_of(first_binds(), lives()), st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_arrival_does_not_matter_for_who_is_wanted_where(
    told: list[PodEvent], random: object, bound_at_once: bool
) -> None:
    def wanted(arrival: list[PodEvent]) -> set[tuple[str, str, str]]:
        world = World()
        for event in arrival:
            world.shelf.receive([event])
            if bound_at_once:
                world.verify(Verdict.PROVEN, MINE)
                world.converge()
        return world.shelf.wanted()

    shuffled = list(told)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert wanted(shuffled) == wanted(told)


@law
@given(lives())
def test_in_the_end_each_pod_is_wanted_where_it_last_was(told: list[PodEvent]) -> None:
    shelf = Shelf()
    shelf.receive(told)
    last = {event.pod.uid: event for event in told}
    homes = {(MINE, event.pod.ip, uid) for uid, event in last.items() if event.type is EventType.BIND}
    assert shelf.wanted() == homes


@law
@given(st.lists(st.tuples(st.sampled_from(UIDS), revisions), min_size=1, max_size=8, unique_by=lambda pair: pair[1]))
def test_the_bind_of_the_greatest_revision_holds_the_place(asked: list[tuple[str, int]]) -> None:
    shelf = Shelf()
    shelf.receive([bind(uid, revision) for uid, revision in asked])
    greatest = max(asked, key=lambda pair: pair[1])[0]
    assert [(b.pod.uid, b.state) for b in shelf.bindings.values() if b.holder] == [(greatest, State.VERIFYING)]
