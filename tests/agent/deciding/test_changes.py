"""What is told, and what is left to the snapshot."""

from dataclasses import replace
from typing import Any

import pytest

from app.agent.deciding.changes import Answer, Memory, answer_of
from app.agent.deciding.membership import Obstacle
from app.agent.deciding.objects import ObjectKey
from app.agent.deciding.problems import Reason
from app.agent.deciding.targets import Member, ServiceDecision, Wanted, gone
from tests.agent.deciding.builders import TARGET, WEB, wanted
from tests.agent.deciding.reports import report

ACCEPTED, STALE, REJECTED = Answer("accepted"), Answer("stale"), Answer("rejected", "not-granted", "no grant")
OLD = ObjectKey("shop", "old")


def decision(*wants: Wanted, revision: int = 12, service: ObjectKey = WEB, **changes: Any) -> ServiceDecision:
    """A decision that wants ``wants``."""
    members = {want.pod_uid: Member((want.target,)) for want in wants}
    return replace(ServiceDecision(service, f"uid-{service.name}", revision, wants, members), **changes)


def leaving(uid: str = "u1", obstacle: Obstacle | None = Obstacle.TERMINATING, **changes: Any) -> ServiceDecision:
    """A decision that has a pod and does not want it."""
    return decision(**{"members": {uid: Member((TARGET,), obstacle)}, "revision": 20, **changes})


def told(memory: Memory, *answers: Answer, view: int = 100) -> list[tuple[bool, str, int]]:
    """What is sent now (whether it is a bind, uid, revision), and takes these answers; none: they are lost."""
    words = memory.sending(memory.due(view))
    if answers:
        memory.take_answers(words, answers)
    return [(word.bind, word.wanted.pod_uid, word.revision) for word in words]


def bound(*wants: Wanted) -> Memory:
    """A memory whose broker took these binds."""
    memory = Memory()
    memory.want(decision(*wants), gap=False)
    told(memory, *[ACCEPTED for _ in wants])
    return memory


def test_a_pod_is_bound_once_and_unbound_once() -> None:
    memory = Memory()
    memory.want(decision(wanted()), gap=True)
    assert told(memory, ACCEPTED) == [(True, "u1", 12)]
    memory.want(decision(wanted(revision=15)), gap=False)
    assert told(memory) == []
    memory.want(leaving(), gap=False)
    assert told(memory, ACCEPTED) == [(False, "u1", 20)]
    assert told(memory) == []
    assert len(memory) == 0


def test_what_was_never_sent_needs_no_unbind() -> None:
    memory = Memory()
    memory.want(decision(wanted()), gap=False)
    memory.want(leaving(), gap=False)
    assert told(memory) == []
    assert len(memory) == 0


def test_what_was_refused_needs_no_unbind() -> None:
    memory = Memory()
    memory.want(decision(wanted()), gap=False)
    told(memory, REJECTED)
    assert told(memory) == []
    memory.want(leaving(), gap=False)
    assert told(memory) == []


@pytest.mark.parametrize("first", [(), (ACCEPTED,)])
def test_a_refused_change_leaves_the_bind_before_it_to_be_unbound(first: tuple[Answer, ...]) -> None:
    memory = Memory()
    memory.want(decision(wanted()), gap=False)
    told(memory, *first)
    memory.want(decision(wanted(weight=50, revision=13)), gap=False)
    assert told(memory, REJECTED) == [(True, "u1", 13)]
    memory.want(leaving(), gap=False)
    assert told(memory) == [(False, "u1", 20)]


def test_a_lost_answer_is_asked_for_again_and_only_for_the_newest_word() -> None:
    memory = Memory()
    memory.want(decision(wanted()), gap=False)
    assert told(memory) == [(True, "u1", 12)]
    assert told(memory) == [(True, "u1", 12)]
    memory.want(leaving(), gap=False)
    assert told(memory, ACCEPTED) == [(False, "u1", 20)]


def test_an_answer_to_a_word_that_has_changed_since_settles_nothing() -> None:
    memory = Memory()
    memory.want(decision(wanted()), gap=False)
    words = memory.sending(memory.due(100))
    memory.want(leaving(), gap=False)
    memory.take_answers(words, [ACCEPTED])
    assert told(memory, ACCEPTED) == [(False, "u1", 20)]


def test_a_word_that_has_changed_since_is_not_sent() -> None:
    memory = Memory()
    memory.want(decision(wanted()), gap=False)
    words = memory.due(100)
    memory.want(leaving(), gap=False)
    assert memory.sending(words) == ()


def test_a_pod_that_comes_back_is_bound_anew_while_its_unbind_is_under_way() -> None:
    memory = bound(wanted())
    memory.want(leaving(), gap=False)
    words = memory.sending(memory.due(100))
    memory.want(decision(wanted(revision=21)), gap=False)
    memory.take_answers(words, [ACCEPTED])
    assert told(memory, ACCEPTED) == [(True, "u1", 21)]


def test_revisions_never_go_back_though_what_a_word_rests_on_is_older() -> None:
    memory = bound(wanted())
    snapshot = memory.snapshot(WEB, 90)
    assert snapshot is not None
    assert memory.sending_snapshot(snapshot)
    memory.take_snapshot_answer(snapshot, [Answer("unchanged")])
    memory.want(leaving(), gap=False)
    assert told(memory, ACCEPTED) == [(False, "u1", 90)]
    memory.want(decision(wanted(revision=30)), gap=False)
    assert told(memory, ACCEPTED) == [(True, "u1", 90)]
    memory.want(decision(wanted(revision=31, weight=1)), gap=False)
    assert told(memory) == [(True, "u1", 90)]


def test_a_stale_word_waits_for_a_newer_view_and_rests_on_that() -> None:
    memory = Memory()
    memory.want(decision(wanted()), gap=False)
    assert told(memory, STALE, view=12) == [(True, "u1", 12)]
    assert told(memory, view=12) == []
    assert told(memory, ACCEPTED, view=13) == [(True, "u1", 13)]


def test_unbinds_go_before_binds() -> None:
    memory = bound(wanted())
    memory.want(
        decision(wanted("u2", ip="10.0.3.18"), members={"u1": Member((TARGET,), Obstacle.NOT_READY)}, revision=13),
        gap=False,
    )
    assert told(memory) == [(False, "u1", 13), (True, "u2", 12)]


def test_what_is_only_missing_after_a_gap_is_left_to_the_snapshot() -> None:
    memory = bound(wanted(), wanted("u2", ip="10.0.3.18"))
    memory.want(decision(wanted(), revision=30), gap=True)
    assert told(memory) == []
    assert memory.left_out() == (WEB,)
    memory.want(decision(wanted(), revision=31), gap=False)
    assert told(memory) == []
    snapshot = memory.snapshot(WEB, 31)
    assert snapshot is not None
    assert [word.wanted.pod_uid for word in snapshot.words] == ["u1"]
    assert memory.sending_snapshot(snapshot)
    memory.take_snapshot_answer(snapshot, [ACCEPTED])
    assert memory.left_out() == ()
    assert len(memory) == 1


def test_what_is_missing_and_comes_back_is_told_again() -> None:
    memory = bound(wanted())
    memory.want(decision(revision=30), gap=True)
    memory.want(decision(wanted(revision=31)), gap=False)
    assert told(memory) == [(True, "u1", 31)]
    assert memory.left_out() == ()


@pytest.mark.parametrize(
    "seen",
    [leaving(), leaving(obstacle=Obstacle.NOT_READY), leaving(obstacle=None, members={"u1": Member(())})],
    ids=["a pod that terminates", "a pod that is not ready", "a pod whose Service names other targets"],
)
def test_what_a_list_shows_to_be_unwanted_is_unbound_by_an_event(seen: ServiceDecision) -> None:
    memory = bound(wanted())
    memory.want(seen, gap=True)
    assert told(memory) == [(False, "u1", 20)]


def test_a_service_that_went_unseen_is_left_to_an_empty_snapshot() -> None:
    memory = bound(wanted())
    memory.want(gone(WEB, 30), gap=True)
    assert told(memory) == []
    assert memory.left_out() == (WEB,)
    snapshot = memory.snapshot(WEB, 30)
    assert snapshot is not None
    assert snapshot.body() == {"revision": 30, "targets": []}
    memory.take_snapshot_answer(snapshot, [])
    assert len(memory) == 0


def test_a_service_that_was_seen_going_is_unbound_by_events() -> None:
    memory = bound(wanted())
    memory.want(gone(WEB, 30), gap=False)
    assert told(memory, ACCEPTED) == [(False, "u1", 30)]
    assert len(memory) == 0


def test_a_snapshot_that_is_outdated_is_not_sent() -> None:
    memory = bound(wanted())
    snapshot = memory.snapshot(WEB, 30)
    assert snapshot is not None
    memory.want(leaving(), gap=False)
    assert not memory.sending_snapshot(snapshot)


def test_a_service_that_cannot_be_read_has_no_snapshot_and_keeps_what_was_told() -> None:
    memory = bound(wanted(), wanted("u2", ip="10.0.3.18"))
    broken = decision(
        readable=False,
        revision=20,
        members={"u1": Member(()), "u2": Member((), Obstacle.NOT_READY), "u3": Member(())},
    )
    memory.want(broken, gap=False)
    assert memory.snapshot(WEB, 20) is None
    assert told(memory, ACCEPTED) == [(False, "u2", 20)]
    memory.want(replace(broken, revision=21, members={"u1": Member(()), "u2": Member(())}), gap=False)
    assert told(memory, ACCEPTED) == [(True, "u2", 21)]
    memory.want(replace(broken, revision=22, members={"u2": Member(())}), gap=False)
    assert told(memory, ACCEPTED) == [(False, "u1", 22)]


def test_what_was_missing_while_a_service_could_not_be_read_is_left_to_the_snapshot_after_that() -> None:
    memory = bound(wanted())
    memory.want(decision(readable=False, revision=20), gap=True)
    assert told(memory) == []
    memory.want(decision(revision=21), gap=False)
    assert told(memory) == []
    assert memory.left_out() == (WEB,)


def test_a_new_leader_unbinds_what_it_sees_leaving_and_leaves_the_rest_to_the_snapshot() -> None:
    memory = Memory()
    memory.inherit([report("u1", revision=50), report("u2", ip="10.0.3.18", revision=50), report("u3", "released")])
    assert len(memory) == 2
    memory.want(leaving("u1"), gap=True)
    assert told(memory, ACCEPTED) == [(False, "u1", 50)]
    assert memory.left_out() == (WEB,)


def test_a_new_leader_is_never_behind_what_the_broker_knows() -> None:
    memory = Memory()
    memory.inherit([report("u1", revision=50)])
    memory.want(decision(wanted()), gap=True)
    assert told(memory) == [(True, "u1", 50)]


def test_of_two_services_with_one_target_the_elder_keeps_it_and_nothing_is_told_of_the_other() -> None:
    memory = bound(wanted(service_born="2026-11-23T09:00:00Z"))
    elder = wanted(service=OLD, service_born="2026-11-23T08:00:00Z", revision=30)
    memory.want(decision(elder, service=OLD), gap=False)
    words = memory.due(100)
    assert [(word.bind, word.wanted.service) for word in words] == [(True, OLD)]
    memory.take_answers(memory.sending(words), [ACCEPTED])
    assert {key: problem.reason for key, problem in memory.duplicates().items()} == {WEB: Reason.DUPLICATE_TARGET}
    assert memory.duplicates()[WEB].about.uid == "uid-web"
    memory.want(decision(wanted(revision=40, service_born="2026-11-23T09:00:00Z")), gap=False)
    assert told(memory) == []
    snapshot = memory.snapshot(WEB, 50)
    assert snapshot is not None
    assert snapshot.words == ()


def test_when_the_elder_service_goes_the_other_has_its_target_without_an_unbind() -> None:
    memory = Memory()
    memory.want(decision(wanted(service=OLD), service=OLD), gap=False)
    told(memory, ACCEPTED)
    memory.want(decision(wanted(service_born="2026-11-23T09:00:00Z")), gap=False)
    memory.want(gone(OLD, 60), gap=False)
    words = memory.due(100)
    assert [(word.bind, word.wanted.service, word.revision) for word in words] == [(True, WEB, 60)]
    assert memory.duplicates() == {}


def test_of_two_pods_with_one_address_the_younger_has_it() -> None:
    memory = bound(wanted("u1"))
    younger = wanted("u2", pod_born="2026-11-23T10:00:00Z", revision=30)
    memory.want(decision(wanted("u1"), younger, revision=30), gap=False)
    assert told(memory, ACCEPTED, ACCEPTED) == [(False, "u1", 30), (True, "u2", 30)]


def test_more_targets_than_a_snapshot_holds_are_told_by_events() -> None:
    wants = [wanted(f"u{number}", ip=f"10.0.{number // 250}.{number % 250}") for number in range(1001)]
    memory = bound(*wants, wanted("gone", ip="10.9.9.9"))
    memory.want(decision(*wants, revision=30), gap=True)
    assert memory.snapshot(WEB, 40) is None
    words = memory.due(100)
    assert [word.wanted.pod_uid for word in words if not word.bind] == ["gone"]
    assert sum(word.bind for word in words) == 1001
    assert {word.revision for word in words} == {40}
    assert memory.left_out() == ()


def test_answers_are_read_strictly() -> None:
    assert answer_of({"outcome": "rejected", "code": "not-granted", "detail": "no"}) == Answer(
        "rejected", "not-granted", "no"
    )
    with pytest.raises(ValueError, match="perhaps"):
        answer_of({"outcome": "perhaps"})
    memory = Memory()
    memory.want(decision(wanted()), gap=False)
    with pytest.raises(ValueError, match="zip"):
        memory.take_answers(memory.sending(memory.due(1)), [])
