"""What one event does, sentence by sentence of the contract's section 4."""

from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from app.domain.binding import State, Verdict
from app.domain.cluster import NetworkMode
from app.domain.codes import Code
from app.domain.event import Malformed, Outcome, PodEvent, Result, Workload
from app.domain.journal import Action
from app.planning.known import Answer
from app.planning.reception import Reception
from tests.planning.builders import BY_ID, BY_PORT, MINE, NOW, SLOT, bind, binding, known, load_balancer, unbind
from tests.planning.shelf import Shelf

ACCEPTED, UNCHANGED, STALE, REJECTED = Outcome.ACCEPTED, Outcome.UNCHANGED, Outcome.STALE, Outcome.REJECTED


@pytest.fixture
def shelf() -> Shelf:
    """A ledger without bindings."""
    return Shelf()


@pytest.fixture
def bound() -> Shelf:
    """A ledger in which u1 is bound at revision 10."""
    shelf = Shelf()
    shelf.put(binding())
    return shelf


def told(shelf: Shelf, event: PodEvent) -> Outcome:
    """What became of one event."""
    (result,) = shelf.receive([event])
    return result.outcome


def reception(**changes: object) -> Reception:
    """A fold over a ledger without bindings, but for what is named."""
    return Reception(known(**changes), (f"b{number}" for number in count(1)))


# --- the first word on a pod


def test_a_first_bind_is_accepted_and_waits_for_its_proof_at_its_place(shelf: Shelf) -> None:
    (result,) = shelf.receive([bind(event_id="e1", weight=7)])
    assert result == Result("e1", ACCEPTED, "b1")
    made = shelf.only(binding_id="b1")
    assert (made.state, made.slot, made.holder, made.placed) == (State.VERIFYING, SLOT, True, False)
    assert (made.weight, made.revision, made.verification.verdict) == (7, 10, Verdict.UNKNOWN)


def test_a_bind_without_a_weight_gets_the_default(shelf: Shelf) -> None:
    shelf.receive([bind()])
    assert shelf.only().weight == 10


def test_the_same_said_again_is_unchanged(shelf: Shelf) -> None:
    shelf.receive([bind()])
    assert shelf.receive([bind(event_id="again")]) == [Result("again", UNCHANGED, "b1")]


def test_the_same_said_again_at_a_newer_revision_is_unchanged_and_the_revision_is_kept(shelf: Shelf) -> None:
    assert [told(shelf, bind(revision=10)), told(shelf, bind(revision=12))] == [ACCEPTED, UNCHANGED]
    assert shelf.only().revision == 12
    assert told(shelf, unbind(revision=11)) is STALE


def test_what_a_later_bind_says_about_the_pod_besides_is_kept(bound: Shelf) -> None:
    moved = replace(bind().pod, node="10.0.1.6")
    workload = Workload("Deployment", "web")
    assert told(bound, bind(revision=11, pod=moved, workload=workload, drain_seconds=5)) is UNCHANGED
    kept = bound.only()
    assert (kept.pod.node, kept.workload, kept.drain_seconds, kept.state) == ("10.0.1.6", workload, 5, State.BOUND)


# --- revisions


@pytest.mark.parametrize("event", [bind(revision=9, weight=1), bind(revision=9, ip="10.0.3.18"), unbind(revision=9)])
def test_an_older_event_is_stale_and_changes_nothing(bound: Shelf, event: PodEvent) -> None:
    before = dict(bound.bindings)
    (result,) = bound.receive([replace(event, event_id="late")])
    assert result == Result("late", STALE, "b-u1", None, "revision 10 is known")
    assert bound.bindings == before


def test_an_unbind_of_an_unknown_pod_is_recorded(shelf: Shelf) -> None:
    assert shelf.receive([unbind(revision=20, event_id="e1")]) == [Result("e1", UNCHANGED)]
    assert not shelf.bindings


def test_a_late_bind_after_an_unbind_is_stale(shelf: Shelf) -> None:
    assert [told(shelf, unbind(revision=20)), told(shelf, bind(revision=19))] == [UNCHANGED, STALE]
    assert not shelf.bindings


def test_a_bind_of_a_greater_revision_after_an_unbind_is_accepted(shelf: Shelf) -> None:
    assert [told(shelf, unbind(revision=20)), told(shelf, bind(revision=21))] == [UNCHANGED, ACCEPTED]
    assert shelf.wanted() == {(MINE, "10.0.3.17", "u1")}


def test_at_equal_revisions_the_later_received_wins(shelf: Shelf) -> None:
    assert [told(shelf, each) for each in (bind(revision=5), unbind(revision=5))] == [ACCEPTED, ACCEPTED]
    assert not shelf.wanted()
    assert told(shelf, bind(revision=5)) is ACCEPTED
    assert shelf.wanted() == {(MINE, "10.0.3.17", "u1")}


def test_pods_and_targets_have_revisions_of_their_own(shelf: Shelf) -> None:
    other = replace(BY_ID, listener_id="lbl-udp")
    assert told(shelf, bind(revision=10)) is ACCEPTED
    assert told(shelf, bind(revision=5, target=other)) is ACCEPTED
    assert told(shelf, bind("u2", 5, "10.0.3.18")) is ACCEPTED


# --- event ids


def test_a_repeated_event_id_gets_its_first_answer_word_for_word(shelf: Shelf) -> None:
    first = shelf.receive([bind(event_id="e1")])
    shelf.receive([unbind(event_id="e2")])
    assert shelf.receive([bind(event_id="e1")]) == first
    assert not shelf.wanted()


def test_an_answer_that_the_ledger_remembers_is_given_again() -> None:
    first = Result("e1", STALE, "b-old", None, "revision 812345 is known")
    fold = reception(answers={"e1": Answer("digest", first)})
    assert fold.receive(bind(event_id="e1"), "digest") == first
    assert not any([fold.created, fold.changed, fold.heads, fold.answers, fold.entries, fold.dirty])


def test_an_event_id_for_other_content_is_refused_and_its_first_answer_stays(shelf: Shelf) -> None:
    first = shelf.receive([bind(event_id="e1")])
    (reused,) = shelf.receive([bind(event_id="e1", weight=3)])
    assert (reused.outcome, reused.code, reused.binding_id) == (REJECTED, Code.EVENT_ID_REUSED, None)
    assert shelf.receive([bind(event_id="e1")]) == first
    assert shelf.only().weight == 10


def test_an_event_without_an_id_is_judged_each_time(shelf: Shelf) -> None:
    assert [told(shelf, bind()), told(shelf, bind())] == [ACCEPTED, UNCHANGED]


def test_an_event_that_cannot_be_read_is_rejected_and_its_id_remembered() -> None:
    fold = reception()
    broken = Malformed("e1", "target.port: 0 is not a port")
    first = Result("e1", REJECTED, None, Code.INVALID_EVENT, "target.port: 0 is not a port")
    assert fold.receive(broken, "digest") == first == fold.receive(broken, "digest")
    assert fold.answers == {"e1": Answer("digest", first)}
    assert [(entry.action, entry.reason, entry.event_id) for entry in fold.entries] == [
        (Action.EVENT_REJECTED, "invalid-event", "e1")
    ]


def test_an_event_that_cannot_be_read_at_all_spoils_itself_alone() -> None:
    fold = reception()
    assert fold.receive(Malformed(None, "not an object"), "digest").outcome is REJECTED
    assert fold.receive(bind(event_id="e1"), "digest").outcome is ACCEPTED
    assert fold.answers.keys() == {"e1"}


# --- unbinding


@pytest.mark.parametrize(
    ("of_event", "of_binding", "seconds"), [(None, None, 30), (None, 90, 90), (5, 90, 5), (5, None, 5)]
)
def test_an_unbind_drains_as_long_as_the_event_or_the_bind_or_the_broker_says(
    shelf: Shelf, of_event: int | None, of_binding: int | None, seconds: int
) -> None:
    shelf.put(binding(drain_seconds=of_binding))
    assert told(shelf, unbind(drain_seconds=of_event)) is ACCEPTED
    left = shelf.only()
    assert (left.state, left.revision, left.holder, left.placed) == (State.DRAINING, 20, True, True)
    assert left.drain_until == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(("of_event", "of_binding"), [(0, None), (0, 90), (None, 0)])
def test_an_unbind_with_no_time_to_drain_is_removed_at_once(
    shelf: Shelf, of_event: int | None, of_binding: int | None
) -> None:
    shelf.put(binding(drain_seconds=of_binding))
    assert told(shelf, unbind(drain_seconds=of_event)) is ACCEPTED
    assert shelf.only().state is State.REMOVING


@pytest.mark.parametrize("state", [State.VERIFYING, State.PENDING, State.HELD])
def test_an_unbind_before_anything_was_put_there_is_released_at_once(shelf: Shelf, state: State) -> None:
    shelf.put(binding(state))
    assert told(shelf, unbind()) is ACCEPTED
    assert (shelf.only().state, shelf.only().holder) == (State.RELEASED, False)


@pytest.mark.parametrize("state", [State.DRAINING, State.REMOVING, State.REJECTED, State.RELEASED])
def test_an_unbind_of_what_leaves_or_left_is_unchanged_and_counts_as_a_word(shelf: Shelf, state: State) -> None:
    shelf.put(binding(state))
    assert told(shelf, unbind(revision=20)) is UNCHANGED
    assert shelf.only().state is state
    assert told(shelf, bind(revision=19)) is STALE


# --- a bind calls back what was leaving


@pytest.mark.parametrize("state", [State.DRAINING, State.REMOVING])
def test_a_bind_calls_back_a_pod_that_was_leaving(shelf: Shelf, state: State) -> None:
    shelf.put(binding(state))
    assert shelf.receive([bind(revision=11, weight=4)]) == [Result(None, ACCEPTED, "b-u1")]
    back = shelf.only()
    assert (back.state, back.weight, back.drain_until, back.placed) == (State.PENDING, 4, None, True)


def test_a_bind_calls_back_what_the_guard_holds(shelf: Shelf) -> None:
    shelf.put(binding(State.HELD, placed=True, reason=Code.REMOVAL_GUARD))
    assert told(shelf, bind(revision=11)) is ACCEPTED
    assert (shelf.only().state, shelf.only().reason) == (State.PENDING, None)


def test_a_bind_does_not_free_what_is_held_for_another_reason(shelf: Shelf) -> None:
    shelf.put(binding(State.HELD, reason=Code.QUOTA_EXCEEDED, detail="500 of 500"))
    assert told(shelf, bind(revision=11)) is UNCHANGED
    assert told(shelf, bind(revision=12, weight=3)) is ACCEPTED
    held = shelf.only()
    assert (held.state, held.reason, held.detail, held.weight) == (State.HELD, Code.QUOTA_EXCEEDED, "500 of 500", 3)


@pytest.mark.parametrize(
    ("state", "after"),
    [(State.BOUND, State.PENDING), (State.PENDING, State.PENDING), (State.VERIFYING, State.VERIFYING)],
)
def test_another_weight_is_accepted(shelf: Shelf, state: State, after: State) -> None:
    shelf.put(binding(state))
    assert told(shelf, bind(revision=11, weight=50)) is ACCEPTED
    assert (shelf.only().state, shelf.only().weight) == (after, 50)
    assert (shelf.entries[-1].from_state, shelf.entries[-1].to_state) == (state, after)


def test_a_bind_starts_anew_after_the_release(shelf: Shelf) -> None:
    shelf.put(binding(State.RELEASED))
    assert told(shelf, bind(revision=10)) is ACCEPTED
    assert shelf.only(binding_id="b1").state is State.VERIFYING


def test_a_rejected_bind_said_again_at_its_revision_is_unchanged(shelf: Shelf) -> None:
    shelf.put(binding(State.REJECTED, reason=Code.ENI_NOT_FOUND, detail="nowhere"))
    (again,) = shelf.receive([bind(revision=10)])
    assert again == Result(None, UNCHANGED, "b-u1", Code.ENI_NOT_FOUND, "nowhere")


@pytest.mark.parametrize("event", [bind(revision=11), bind(revision=10, ip="10.0.3.18")])
def test_a_rejected_bind_starts_anew_at_a_newer_revision_or_another_address(shelf: Shelf, event: PodEvent) -> None:
    shelf.put(binding(State.REJECTED))
    assert told(shelf, event) is ACCEPTED
    assert shelf.only(binding_id="b1").state is State.VERIFYING


# --- proof


def test_a_change_of_network_mode_needs_a_new_proof_and_keeps_the_target(bound: Shelf) -> None:
    assert told(bound, bind(revision=11, network_mode=NetworkMode.GLOBAL_ROUTER)) is ACCEPTED
    states = {b.binding_id: (b.state, b.placed) for b in bound.bindings.values()}
    assert states == {"b-u1": (State.RELEASED, False), "b1": (State.VERIFYING, True)}
    moves = [(entry.from_state, entry.to_state) for entry in bound.entries]
    assert moves == [(State.BOUND, State.RELEASED), (None, State.VERIFYING)]


def test_the_same_network_mode_needs_no_new_proof(bound: Shelf) -> None:
    assert told(bound, bind(revision=11, network_mode=NetworkMode.VPC_CNI)) is UNCHANGED
    assert bound.only().state is State.BOUND


@pytest.mark.parametrize("state", [State.REMOVING, State.DRAINING])
@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.DISPROVEN])
def test_a_pod_that_left_without_a_proof_is_not_called_back_but_proven_anew(
    shelf: Shelf, state: State, verdict: Verdict
) -> None:
    shelf.put(binding(state, verification=replace(binding().verification, verdict=verdict)))
    assert told(shelf, bind(revision=11)) is ACCEPTED
    assert shelf.only(binding_id="b-u1").state is State.RELEASED
    anew = shelf.only(binding_id="b1")
    assert (anew.state, anew.placed, anew.holder) == (State.VERIFYING, True, True)


@pytest.fixture
def lost(shelf: Shelf) -> Shelf:
    """A ledger in which the guard holds u1, since its proof is lost."""
    disproven = replace(binding().verification, verdict=Verdict.DISPROVEN)
    shelf.put(binding(State.HELD, placed=True, bound_at=NOW, reason=Code.REMOVAL_GUARD, verification=disproven))
    return shelf


@pytest.mark.parametrize("weight", [10, 50, 0])
def test_a_bind_does_not_call_back_what_is_held_for_its_lost_proof(lost: Shelf, weight: int) -> None:
    before = lost.only()
    assert told(lost, bind(revision=11, weight=weight)) is (UNCHANGED if weight == 10 else ACCEPTED)
    after = lost.only()
    assert (after.state, after.reason, after.verification) == (State.HELD, Code.REMOVAL_GUARD, before.verification)
    assert (after.revision, after.weight, after.placed, after.holder) == (11, weight, True, True)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_snapshot_does_not_call_it_back_nor_tells_of_it_again(lost: Shelf, share: float) -> None:
    named = lost.replace(20, [bind(revision=20)], share)
    assert (named.held, [result.outcome for result in named.results]) == ((), [UNCHANGED])
    assert lost.replace(30, [], share).held == ("b-u1",)
    assert (lost.only().state, lost.entries) == (State.HELD, [])


def test_an_unbind_lets_go_of_what_is_held_for_its_lost_proof(lost: Shelf) -> None:
    assert told(lost, unbind(revision=11)) is ACCEPTED
    assert lost.only().state is State.DRAINING


def test_a_new_pod_at_the_address_of_a_lost_proof_is_proven_by_itself(lost: Shelf) -> None:
    assert told(lost, bind("u2", 11)) is ACCEPTED
    former, anew = lost.only(binding_id="b-u1"), lost.only(binding_id="b1")
    assert (former.state, former.reason, former.placed) == (State.RELEASED, Code.SUPERSEDED, False)
    assert (anew.state, anew.verification.verdict, anew.placed) == (State.VERIFYING, Verdict.UNKNOWN, True)


def test_what_the_guard_holds_unproven_is_proven_anew_when_it_returns(shelf: Shelf) -> None:
    unproven = replace(binding().verification, verdict=Verdict.UNKNOWN)
    shelf.put(binding(State.HELD, placed=True, reason=Code.REMOVAL_GUARD, verification=unproven))
    assert told(shelf, bind(revision=11)) is ACCEPTED
    assert [b.state for b in shelf.bindings.values() if b.live] == [State.VERIFYING]


def test_a_verdict_of_a_declared_cluster_is_proof_enough_to_be_called_back(shelf: Shelf) -> None:
    declared = replace(binding().verification, verdict=Verdict.DECLARED)
    shelf.put(binding(State.DRAINING, verification=declared))
    assert told(shelf, bind(revision=11)) is ACCEPTED
    assert shelf.only().state is State.PENDING


# --- the load balancer is made due only when something else is wanted


@pytest.mark.parametrize(
    ("event", "due"),
    [
        (bind(revision=11), False),
        (bind(revision=9), False),
        (bind(revision=11, weight=101), False),
        (bind(revision=11, weight=3), True),
        (unbind(revision=11), True),
        (bind("u2", 11, "10.0.3.18"), True),
    ],
)
def test_the_load_balancer_wants_a_pass_when_something_else_is_wanted(event: PodEvent, due: bool) -> None:
    shelf = Shelf()
    shelf.put(binding())
    fold = reception(bindings=list(shelf.bindings.values()), heads=list(shelf.heads.values()))
    fold.receive(event, "digest")
    assert fold.dirty == ({"lb-1"} if due else set())


def test_a_bind_and_what_becomes_of_it_in_one_batch_is_written_once() -> None:
    fold = reception()
    for event in (bind(revision=1), bind(revision=2, weight=3), unbind(revision=3)):
        fold.receive(event, "digest")
    assert not fold.changed
    assert [(b.state, b.weight, b.revision) for b in fold.created.values()] == [(State.RELEASED, 3, 3)]
    moves = [(entry.from_state, entry.to_state) for entry in fold.entries]
    assert moves == [
        (None, State.VERIFYING),
        (State.VERIFYING, State.VERIFYING),
        (State.VERIFYING, State.RELEASED),
    ]


# --- while the listeners are not known


def test_before_the_listeners_were_read_a_bind_waits_without_a_place(shelf: Shelf) -> None:
    shelf.load_balancer = load_balancer(unread=True)
    assert told(shelf, bind(target=BY_PORT)) is ACCEPTED
    assert (shelf.only().state, shelf.only().slot, shelf.only().holder) == (State.VERIFYING, None, False)
    assert told(shelf, bind(revision=9, target=BY_PORT)) is STALE
    assert told(shelf, bind(revision=11, target=BY_PORT, ip="10.0.3.18")) is ACCEPTED
    assert shelf.wanted() == {(MINE, "10.0.3.18", "u1")}


def test_a_bind_that_waited_for_its_listener_goes_on_when_it_is_read(shelf: Shelf) -> None:
    shelf.load_balancer = load_balancer(unread=True)
    assert told(shelf, bind(revision=10, target=BY_PORT)) is ACCEPTED
    shelf.load_balancer = load_balancer()
    assert told(shelf, bind(revision=11, target=BY_PORT)) is UNCHANGED
    assert shelf.only().revision == 11


def test_a_listener_that_does_not_exist_leaves_the_bind_without_a_place(shelf: Shelf) -> None:
    assert told(shelf, bind(target=replace(BY_PORT, listener_port=81))) is ACCEPTED
    assert (shelf.only().state, shelf.only().place) == (State.VERIFYING, None)


def test_a_target_named_by_id_and_by_port_is_the_same_target(shelf: Shelf) -> None:
    assert told(shelf, bind(revision=10, target=BY_ID)) is ACCEPTED
    assert told(shelf, bind(revision=11, target=BY_PORT)) is UNCHANGED
    assert told(shelf, bind(revision=10, target=BY_PORT)) is STALE
    assert told(shelf, unbind(revision=12, target=BY_PORT)) is ACCEPTED
    assert not shelf.wanted()
