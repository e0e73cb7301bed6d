"""The checker is seen to fail: each rule on a small history made by hand, next to one that keeps every promise."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from tests.chaos import fairness, removals
from tests.chaos.checker import RULES, broken
from tests.chaos.histories import (
    Breach,
    Call,
    Change,
    Entry,
    Heard,
    History,
    Kept,
    Operation,
    Place,
    Probe,
    Row,
    Snapshot,
    Stall,
    Terms,
    Trouble,
    Word,
)

HERE = Place("lb-1", "lbl-1", "10.0.1.1")
THERE = Place("lb-1", "lbl-1", "10.0.2.1")
WAITING = Place("lb-w", "lbl-1", "10.0.2.7")
FOREIGN = Place("lb-1", "lbl-1", "10.0.9.9", 9000)
ONE_OF_THREE = "agent took 1 of 3 targets off lbl-1 without a word"
REGISTER, DEREGISTER = "BatchRegisterTargets", "BatchDeregisterTargets"


def word(event_id: str, revision: int, at: float, *, kind: str = "bind", place: Place = HERE) -> Word:
    cluster_id, uid = ("cls-a", "u1") if place == HERE else ("cls-b", "u2")
    said = Word(cluster_id, event_id, kind, revision, uid, place, at - 0.1)
    return replace(said, answered_at=at, outcome="accepted", binding_id="b1" if place == HERE else "b2")


def entry(
    sequence: int, at: float, moves: tuple[str | None, str], event_id: str | None = None, place: Place = HERE
) -> Entry:
    cluster_id, uid, binding_id = ("cls-a", "u1", "b1") if place == HERE else ("cls-b", "u2", "b2")
    action = "binding-created" if moves[0] is None else "binding-moved"
    return Entry(sequence, at, "worker", action, binding_id, cluster_id, uid, place, *moves, event_id=event_id)


def call(request_id: str, at: float, action: str, *places: Place) -> Call:
    changed = action != "DescribeTargets"
    return Call(request_id, action, "lb-1", at, at + 0.1, None, changed, frozenset(places), len(places))


def operation(number: int, at: float, action: str, epoch: int, *targets: tuple[Place, str]) -> Operation:
    done = ("done", at + 0.3, f"r{number}")
    return Operation(number, "lb-1", action, targets, f"life-{epoch}", epoch, at, *done)


def kept_promises() -> History:
    """Two clusters bind a pod each; the first unbinds its own. Somebody else has a target there too."""
    return History(
        words=(word("e1", 1, 1.0), word("e2", 2, 1.0, place=THERE), word("e3", 3, 10.0, kind="unbind")),
        heard=(Heard("cls-a", "b1", "bound"), Heard("cls-a", "b1", "released"), Heard("cls-b", "b2", "bound")),
        probes=(Probe("other cluster", 403), Probe("bad token", 401), Probe("no token", None)),
        calls=(
            call("r0", 2.0, "DescribeTargets"),
            call("r1", 2.2, REGISTER, HERE, THERE),
            call("r9", 2.5, "DescribeTargets"),
            call("r2", 11.2, DEREGISTER, HERE),
        ),
        changes=(
            Change(0.5, "added", FOREIGN, 7, "by-hand"),
            Change(2.3, "added", HERE, 10, "r1"),
            Change(2.3, "added", THERE, 10, "r1"),
            Change(11.3, "removed", HERE, 10, "r2"),
        ),
        targets={FOREIGN: 7, THERE: 10},
        rows=(
            Row("b1", "cls-a", "u1", HERE, "released", placed=False, holder=False),
            Row("b2", "cls-b", "u2", THERE, "bound"),
        ),
        entries=(
            entry(1, 0.9, (None, "verifying"), "e1"),
            entry(2, 0.9, (None, "verifying"), "e2", THERE),
            entry(3, 1.5, ("verifying", "pending")),
            entry(4, 1.5, ("verifying", "pending"), None, THERE),
            entry(5, 2.6, ("pending", "bound")),
            entry(6, 2.6, ("pending", "bound"), None, THERE),
            entry(7, 9.9, ("bound", "removing"), "e3"),
            entry(8, 11.6, ("removing", "released")),
        ),
        operations=(
            operation(1, 2.1, REGISTER, 1, (HERE, "b1"), (THERE, "b2")),
            operation(2, 11.1, DEREGISTER, 2, (HERE, "b1")),
        ),
        kept=(
            Kept("cls-a", "e1", "accepted", "b1"),
            Kept("cls-b", "e2", "accepted", "b2"),
            Kept("cls-a", "e3", "accepted", "b1"),
        ),
        troubles=(Trouble("cloud cut", 4.0, 9.0),),
        ended_at=60.0,
        at_rest=12.0,
        terms=Terms(budget=2),
    )


def noise(count: int, since: float, every: float) -> tuple[Call, ...]:
    """Registrations for cls-a on other load balancers."""
    calls = (call(f"n{number}", since + number * every, REGISTER, HERE) for number in range(count))
    return tuple(replace(each, load_balancer_id=f"lb-n{number}") for number, each in enumerate(calls))


def promises(history: History) -> set[str]:
    return {breach.promise for breach in broken(history)}


def test_a_history_in_which_all_went_well_breaks_nothing() -> None:
    assert broken(kept_promises()) == []


def test_an_intent_whose_transaction_began_before_the_word_that_it_waited_for_breaks_nothing() -> None:
    history = kept_promises()
    waited = replace(history.operations[1], intended_at=9.85)
    assert broken(replace(history, operations=(history.operations[0], waited))) == []


def test_a_target_that_its_heir_keeps_for_long_breaks_nothing() -> None:
    history = kept_promises()
    heir = replace(word("e2", 2, 1.0, place=THERE), event_id="e0", pod_uid="u0", revision=1)
    late = replace(heir, event_id="e4", kind="unbind", revision=5, sent_at=10.0, answered_at=10.1)
    kept = (*history.kept, Kept("cls-b", "e0", "accepted", "b2"), Kept("cls-b", "e4", "accepted", "b2"))
    history = replace(history, words=(*history.words, heir, late), kept=kept)
    assert broken(history) == []
    # Nor when the heir leaves in its turn, much later.
    end = replace(word("e5", 9, 55.0, kind="unbind", place=THERE))
    history = replace(history, words=(*history.words, end), kept=(*kept, Kept("cls-b", "e5", "accepted", "b2")))
    assert {breach.evidence for breach in broken(history) if "outlived" in breach.evidence} == set()


def test_a_history_of_nothing_breaks_nothing() -> None:
    assert broken(History(at_rest=0.0)) == []


def _without_event(history: History) -> History:
    return replace(history, kept=history.kept[1:])


def _other_answer_kept(history: History) -> History:
    return replace(history, kept=(replace(history.kept[0], outcome="stale"), *history.kept[1:]))


def _repeat_answered_otherwise(history: History) -> History:
    again = replace(history.words[0], sent_at=3.0, answered_at=3.1, outcome="unchanged")
    return replace(history, words=(*history.words, again))


def _two_bindings_for_one_event(history: History) -> History:
    extra = replace(entry(9, 20.0, (None, "released"), "e1"), binding_id="b9")
    return replace(history, entries=(*history.entries, extra))


def _id_taken_twice(history: History) -> History:
    other = replace(history.words[0], revision=9, sent_at=3.0, answered_at=3.1)
    return replace(history, words=(*history.words, other))


def _late_bind_has_an_effect(history: History) -> History:
    late = replace(word("e4", 2, 20.0), outcome="accepted")
    return replace(history, words=(*history.words, late), kept=(*history.kept, Kept("cls-a", "e4", "accepted", "b1")))


def _other_cluster_let_in(history: History) -> History:
    return replace(history, probes=(Probe("other cluster", 202),))


def _bad_token_let_in(history: History) -> History:
    return replace(history, probes=(Probe("bad token", 202),))


def _feed_skips_the_last(history: History) -> History:
    return replace(history, heard=(history.heard[0], history.heard[2]))


def _strangers_target_taken_along(history: History) -> History:
    gone = replace(history.operations[1], targets=((HERE, "b1"), (THERE, "b2")))
    calls = (*history.calls[:3], call("r2", 11.2, DEREGISTER, HERE, THERE))
    return replace(
        history,
        calls=calls,
        operations=(history.operations[0], gone),
        changes=(*history.changes, Change(11.3, "removed", THERE, 10, "r2")),
    )


def _foreign_target_taken_off(history: History) -> History:
    targets = {THERE: 10}
    return replace(history, targets=targets, changes=(*history.changes, Change(11.3, "removed", FOREIGN, 7, "r2")))


def _removed_at_another_clusters_word(history: History) -> History:
    entries = [replace(each, event_id="e2") if each.event_id == "e3" else each for each in history.entries]
    return replace(history, entries=tuple(entries))


def _target_outlives_its_pod(history: History) -> History:
    late = Change(50.0, "removed", HERE, 10, "r2")
    calls = (*history.calls[:3], call("r2", 49.9, DEREGISTER, HERE))
    return replace(history, changes=(*history.changes[:3], late), calls=calls, at_rest=40.0)


def _wanted_target_missing(history: History) -> History:
    return replace(history, targets={FOREIGN: 7})


def _bound_for_another_pod(history: History) -> History:
    return replace(history, rows=(history.rows[0], replace(history.rows[1], pod_uid="u7")))


def _unwanted_target_stays(history: History) -> History:
    rows = (replace(history.rows[0], state="bound"), history.rows[1])
    return replace(history, targets={**history.targets, HERE: 10}, rows=rows)


def _nobody_tries_again(history: History) -> History:
    return replace(history, at_rest=None)


def _rests_too_late(history: History) -> History:
    return replace(history, at_rest=50.0)


def _old_writer_writes_on(history: History) -> History:
    """Epoch 1 was stopped; epoch 2 wrote; then epoch 1 went on with its plan and recorded it."""
    late = replace(history.operations[0], request_id="r3", finished_at=20.0)
    return replace(
        history,
        operations=(late, history.operations[1]),
        calls=(*history.calls[:1], *history.calls[2:], call("r3", 19.0, REGISTER, HERE, THERE)),
        changes=(history.changes[0], *(replace(change, cause="r3") for change in history.changes[1:3])),
    )


def _old_lease_looks_alive(history: History) -> History:
    """A restarted worker goes on in the epoch of its former life."""
    return replace(history, operations=(history.operations[0], replace(history.operations[1], epoch=1)))


def _rescued_by_time(history: History) -> History:
    """A second worker does the same again while the first call is under way."""
    twice = call("r3", 2.25, REGISTER, HERE, THERE)
    again = replace(history.operations[0], operation_id=3, epoch=2, incarnation="life-2", request_id="r3")
    return replace(
        history, calls=(*history.calls, twice), operations=(*history.operations, replace(again, intended_at=2.15))
    )


def _written_without_reading(history: History) -> History:
    return replace(history, calls=tuple(each for each in history.calls if each.request_id != "r9"))


def _heir_relies_on_its_predecessors_reading(history: History) -> History:
    calls = (replace(each, received_at=2.35) if each.request_id == "r9" else each for each in history.calls)
    return replace(history, calls=tuple(calls))


def _epochs_go_back(history: History) -> History:
    return replace(history, operations=(history.operations[0], replace(history.operations[1], epoch=0)))


def _too_many_calls(history: History) -> History:
    more = tuple(call(f"x{number}", 30.0 + number / 10, "DescribeTargets") for number in range(3))
    return replace(history, calls=(*history.calls, *more))


def _write_without_intent(history: History) -> History:
    return replace(history, operations=history.operations[1:])


def _intent_after_the_call(history: History) -> History:
    return replace(history, operations=(replace(history.operations[0], intended_at=2.4), history.operations[1]))


def _intent_without_outcome(history: History) -> History:
    return replace(history, operations=(history.operations[0], replace(history.operations[1], outcome=None)))


def _empty_call(history: History) -> History:
    return replace(history, calls=(*history.calls, call("r5", 30.0, DEREGISTER)))


def _journal_with_a_gap(history: History) -> History:
    return replace(history, entries=tuple(each for each in history.entries if each.sequence != 5))


def _row_unlike_its_journal(history: History) -> History:
    return replace(history, entries=history.entries[:-1])


def _snapshot_takes_the_last(history: History) -> History:
    """An empty snapshot, and what it left out goes without an operator's word."""
    entries = [replace(each, event_id=None) if each.event_id == "e3" else each for each in history.entries]
    snapshot = Snapshot("cls-a", "web", 3, (), 9.8, 9.95)
    words = tuple(each for each in history.words if each.event_id != "e3")
    return replace(history, entries=tuple(entries), snapshots=(snapshot,), words=words)


def _changes_without_workers(history: History) -> History:
    return replace(history, troubles=(Trouble("no worker", 9.0, 12.0, silent=True),))


def _noise_goes_first(history: History) -> History:
    """What another cluster wants of sixty load balancers is all registered before a bind that was due before it."""
    own = replace(history.calls[1], places=frozenset({HERE}), target_count=1)
    late = replace(call("r7", 9.0, REGISTER, THERE), load_balancer_id="lb-2")
    calls = (history.calls[0], own, *noise(60, 1.6, 0.1), *history.calls[2:], late)
    return replace(history, calls=calls, troubles=())


SPOILED = (
    ("A1", _without_event),
    ("A2", _other_answer_kept),
    ("A2", _repeat_answered_otherwise),
    ("A2", _two_bindings_for_one_event),
    ("A2", _id_taken_twice),
    ("A3", _late_bind_has_an_effect),
    ("A4", _other_cluster_let_in),
    ("A4", _strangers_target_taken_along),
    ("A4", _removed_at_another_clusters_word),
    ("A5", _target_outlives_its_pod),
    ("A5", _bound_for_another_pod),
    ("A5", _unwanted_target_stays),
    ("A6", _wanted_target_missing),
    ("A6", _foreign_target_taken_off),
    ("A6", _nobody_tries_again),
    ("A6", _rests_too_late),
    ("A7", _old_writer_writes_on),
    ("A7", _old_lease_looks_alive),
    ("A7", _rescued_by_time),
    ("A7", _written_without_reading),
    ("A7", _heir_relies_on_its_predecessors_reading),
    ("A7", _epochs_go_back),
    ("A8", _too_many_calls),
    ("A9", _write_without_intent),
    ("A9", _intent_after_the_call),
    ("A9", _intent_without_outcome),
    ("A9", _empty_call),
    ("A9", _journal_with_a_gap),
    ("A9", _row_unlike_its_journal),
    ("A10", _snapshot_takes_the_last),
    ("A11", _bad_token_let_in),
    ("A11", _changes_without_workers),
    ("A12", _noise_goes_first),
    ("feed", _feed_skips_the_last),
)


@pytest.mark.parametrize(
    ("promise", "spoil"),
    SPOILED,
    ids=lambda each: each if isinstance(each, str) else each.__name__.strip("_").replace("_", " "),
)
def test_the_checker_names_the_promise_that_broke(promise: str, spoil: Callable[[History], History]) -> None:
    assert promise in promises(spoil(kept_promises()))


def _journal(heir: bool) -> tuple[Entry, ...]:
    """Four targets of a listener; one passes to a new pod (an ``heir``, or it just ends), then a snapshot takes one."""

    def line(number: int, at: float, binding: int, moves: tuple[str | None, str], reason: str | None = None) -> Entry:
        place = Place("lb-1", "lbl-1", f"10.0.1.{binding % 10}")
        told = ("binding-moved", f"b{binding}", "cls-a", f"u{binding}", place)
        return Entry(number, at, "agent", *told, *moves, reason=reason)

    bound = [line(number, 1.0, number, ("pending", "bound")) for number in range(1, 5)]
    ended = line(5, 2.0, 4, ("bound", "released"), removals.SUPERSEDED)
    begun = [line(6, 2.0, 14, (None, "verifying"))] if heir else []
    return (*bound, ended, *begun, line(7, 3.0, 1, ("bound", "draining")))


@pytest.mark.parametrize("heir", [True, False])
def test_a_target_whose_new_pod_waits_for_its_proof_counts_as_one_that_is_there(heir: bool) -> None:
    history = replace(History(at_rest=0.0), entries=_journal(heir))
    assert list(removals.blast(history)) == ([] if heir else [Breach("A10", ONE_OF_THREE)])


@pytest.mark.parametrize(
    ("others", "own", "broken_rules"),
    [(50, 0, 0), (51, 0, 0), (52, 0, 1), (60, 9, 0), (61, 9, 1)],
    ids=["at hand", "and a turn", "one more", "as many turns as its own", "more turns than its own"],
)
def test_a_bind_waits_for_what_is_at_hand_and_for_a_turn_of_each_other_cluster(
    others: int, own: int, broken_rules: int
) -> None:
    mine = (
        replace(each, load_balancer_id=f"lb-o{number}", places=frozenset({THERE}), request_id=f"o{number}")
        for number, each in enumerate(noise(own, 1.7, 0.01))
    )
    last = replace(call("last", 9.0, REGISTER, WAITING), load_balancer_id="lb-w")
    entries = (
        entry(1, 0.5, ("verifying", "pending")),
        entry(2, 0.5, ("verifying", "pending"), None, THERE),
        replace(entry(3, 1.5, ("verifying", "pending"), None, THERE), binding_id="b3", place=WAITING),
    )
    history = History(calls=(*noise(others, 1.6, 0.1), *mine, last), entries=entries, at_rest=0.0)
    assert len(list(fairness.in_turn(history))) == broken_rules
    # Nobody is judged by what happened beside a fault, nor by the time in which the load balancer itself was busy.
    struck = replace(history, troubles=(Trouble("cloud cut", 1.0, 2.0),))
    busy = replace(call("tail", 8.5, DEREGISTER, WAITING), load_balancer_id="lb-w")
    assert list(fairness.in_turn(struck)) == []
    assert list(fairness.in_turn(replace(history, calls=(*history.calls, busy)))) == []


@pytest.mark.parametrize(
    ("stalls", "every", "promised"),
    [
        ([], 0.4, {"A8"}),
        ([(29.9, 0.1, 7)], 0.4, {"A8"}),
        ([(29.9, 0.15, 7), (30.0, 0.1, 7)], 0.4, set()),
        ([(29.9, 0.15, 0), (29.9, 0.1, 7)], 0.4, set()),
        ([(29.9, 0.15, 8), (29.9, 0.1, 7)], 0.4, {"A8"}),
        ([(29.0, 5.0, 7)], 0.4, {"A8"}),
        ([(30.5, 5.0, 7)], 0.4, {"A8"}),
        ([(29.9, 5.0, 7)], 0.25, {"A8"}),
    ],
    ids=[
        "none",
        "too short",
        "together long enough",
        "the cloud's and a worker's",
        "two workers'",
        "long before",
        "after it",
        "two thirds more",
    ],
)
def test_a_window_whose_first_call_was_held_up_by_the_machine_proves_nothing(
    stalls: list[tuple[float, float, int]], every: float, promised: set[str]
) -> None:
    history = kept_promises()
    more = tuple(call(f"x{number}", 30.0 + number * every, "DescribeTargets") for number in range(3))
    noted = tuple(Stall(*each) for each in stalls)
    assert promises(replace(history, calls=(*history.calls, *more), stalls=noted)) == promised


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_rule_is_seen_to_fail(rule: Callable[[History], Iterable[Breach]]) -> None:
    alone = [spoil.__name__ for _, spoil in SPOILED if {breach.promise for breach in rule(spoil(kept_promises()))}]
    assert alone != []
