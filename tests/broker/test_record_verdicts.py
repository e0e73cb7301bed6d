"""Verdicts recorded: what is proven goes on, what is disproven ends, what got no answer waits and loses nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.broker import open_look as opening
from app.broker import record_verdicts as module
from app.broker.open_look import Look, open_look
from app.broker.receive_pod_events import receive_pod_events
from app.broker.record_verdicts import record_verdicts
from app.domain.binding import Verdict, Verification
from app.domain.codes import Code
from app.domain.errors import LeaseLost
from app.domain.event import PodEvent
from app.domain.target import TargetName
from app.ledger import leases
from app.ledger.connection import Ledger
from app.ledger.leases import Lease, LeaseSubject
from tests.ledger.building import TOPOLOGY, a_bind, an_unbind, execute, expire, furnish, received

MINUTE = timedelta(minutes=1)
AT = datetime(2026, 11, 23, tzinfo=UTC)
PROVEN = (Verification(Verdict.PROVEN, "eni", AT, {"detail": None, "checks": []}, ("loopback-possible",)), None)
DISPROVEN = (Verification(Verdict.DISPROVEN, "eni", AT, {"detail": "on no interface"}), Code.ENI_NOT_FOUND)
UNKNOWN = (Verification(Verdict.UNKNOWN, "eni", AT, {"detail": "the cloud is silent"}), None)
DECLARED = (Verification(Verdict.DECLARED, "cidr", AT, {"detail": None}), None)
Verdicts = tuple[Verification, Code | None]


def bind(ledger: Ledger, *events: PodEvent, cluster_id: str = "cls-a") -> None:
    receive_pod_events(ledger, cluster_id, received(*events), actor="agent:test", drain_seconds=30)


def take(ledger: Ledger, subject: LeaseSubject = LeaseSubject.VERIFICATION) -> Lease:
    with ledger.begin() as connection:
        (lease,) = leases.take(connection, subject, "worker-1", MINUTE, 1)
    return lease


def judge(ledger: Ledger, verdict: Verdicts, lease: Lease | None = None, waiting: Look | None = None) -> None:
    lease = lease or take(ledger)
    waiting = waiting or open_look(ledger, lease)
    record_verdicts(ledger, lease, {binding.binding_id: verdict for binding in waiting.bindings}, {}, 0.0)


def kept(ledger: Ledger, columns: str = "state, reason, verdict") -> list[Any]:
    return execute(ledger, f"SELECT {columns} FROM bindings ORDER BY cluster_id, pod_uid")


def pause_of(ledger: Ledger) -> float:
    """The pause before the next look at cls-a, in seconds: from the moment at which the lease was given back."""
    statement = """
        SELECT extract(epoch FROM verification_due_at - expires_at)::float8
        FROM clusters JOIN leases ON subject_id = cluster_id WHERE cluster_id = 'cls-a' AND subject = 'verification'
    """
    (seconds,) = execute(ledger, statement)
    return float(seconds)


def again_in(ledger: Ledger) -> float | None:
    """In how many seconds cls-a is looked at again; None: when something new comes."""
    statement = "SELECT extract(epoch FROM verification_due_at - now()) FROM clusters WHERE cluster_id = 'cls-a'"
    (seconds,) = execute(ledger, statement)
    return None if seconds is None else float(seconds)


@pytest.mark.parametrize(("verdict", "word"), [(PROVEN, "proven"), (DECLARED, "declared")])
def test_what_is_proven_is_pending_and_its_load_balancer_due(ledger: Ledger, verdict: Verdicts, word: str) -> None:
    furnish(ledger)
    bind(ledger, a_bind())
    execute(ledger, "UPDATE load_balancers SET due_at = now() + interval '1 day'")
    judge(ledger, verdict)
    assert kept(ledger, "state, reason, verdict, holder, placed") == [("pending", None, word, True, False)]
    due = "SELECT due_at <= now() FROM load_balancers ORDER BY load_balancer_id"
    assert execute(ledger, due) == [True, False]
    moves = execute(ledger, "SELECT actor, from_state, to_state FROM journal WHERE action = 'binding-moved'")
    assert moves == [("worker:worker-1", "verifying", "pending")]
    assert again_in(ledger) is None


def test_the_proof_is_kept_with_what_it_rests_on(ledger: Ledger) -> None:
    furnish(ledger)
    bind(ledger, a_bind())
    judge(ledger, PROVEN)
    (proof,) = kept(ledger, "verification")
    assert proof == {
        "method": "eni",
        "checked_at": "2026-11-23T00:00:00+00:00",
        "evidence": {"detail": None, "checks": []},
        "warnings": ["loopback-possible"],
    }


def test_what_is_disproven_is_rejected_with_the_reason_and_frees_its_place(ledger: Ledger) -> None:
    furnish(ledger)
    bind(ledger, a_bind())
    judge(ledger, DISPROVEN)
    columns = "state, reason, detail, verdict, live, holder"
    expected = ("rejected", "eni-not-found", "on no interface", "disproven", False, False)
    assert kept(ledger, columns) == [expected]
    history = execute(ledger, "SELECT to_state, reason, detail FROM journal WHERE action = 'binding-moved'")
    assert history == [("rejected", "eni-not-found", "on no interface")]


def test_an_address_disproven_for_the_next_pod_takes_the_former_pod_s_target_off(ledger: Ledger) -> None:
    furnish(ledger)
    bind(ledger, a_bind("u-1", 100))
    execute(ledger, "UPDATE bindings SET state = 'bound', placed = true, verdict = 'proven'")
    bind(ledger, a_bind("u-2", 110))
    execute(ledger, "UPDATE load_balancers SET due_at = now() + interval '1 day'")
    judge(ledger, DISPROVEN)
    assert kept(ledger, "pod_uid, state, placed") == [("u-1", "released", False), ("u-2", "rejected", True)]
    assert execute(ledger, "SELECT count(*) FROM load_balancers WHERE due_at <= now()") == [1]


def test_no_answer_proves_nothing_and_is_asked_again_after_a_pause_that_grows(ledger: Ledger) -> None:
    furnish(ledger)
    bind(ledger, a_bind())
    pauses = []
    for _ in range(8):
        execute(ledger, "UPDATE clusters SET verification_due_at = now() WHERE cluster_id = 'cls-a'")
        judge(ledger, UNKNOWN)
        pauses.append(pause_of(ledger))
    expected = [0.25, 0.5, 1, 2, 4, 8, 8, 8]
    assert all(full / 2 < pause <= full for pause, full in zip(pauses, expected, strict=True))
    assert kept(ledger, "state, verdict, detail") == [("verifying", "unknown", "the cloud is silent")]
    assert execute(ledger, "SELECT count(*) FROM journal WHERE action = 'binding-moved'") == [0]
    judge_now = "UPDATE clusters SET verification_due_at = now() WHERE cluster_id = 'cls-a'"
    execute(ledger, judge_now)
    judge(ledger, PROVEN)
    assert kept(ledger) == [("pending", None, "proven")]
    assert execute(ledger, "SELECT failures FROM clusters WHERE cluster_id = 'cls-a'") == [0]


def test_a_repeated_lack_of_an_answer_is_not_written_again(ledger: Ledger) -> None:
    furnish(ledger)
    bind(ledger, a_bind())
    judge(ledger, UNKNOWN)
    before = kept(ledger, "generation, updated_at, change_sequence")
    execute(ledger, "UPDATE clusters SET verification_due_at = now() WHERE cluster_id = 'cls-a'")
    later = (Verification(Verdict.UNKNOWN, "eni", AT + MINUTE, UNKNOWN[0].evidence), None)
    judge(ledger, later)
    assert kept(ledger, "generation, updated_at, change_sequence") == before


def test_a_proven_binding_waits_while_the_listeners_were_not_read(ledger: Ledger) -> None:
    furnish(ledger, inventory=None)
    bind(ledger, a_bind())
    judge(ledger, PROVEN)
    assert kept(ledger) == [("verifying", None, "proven")]
    assert again_in(ledger) is None  # proven once, it is not asked about again


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (TargetName("lb-1", 8080, listener_id="lbl-none"), ("held", "listener-not-found", "proven")),
        (TargetName("lb-1", 8080, listener_id="lbl-web"), ("held", "listener-not-found", "proven")),
        (TargetName("lb-1", 8080, listener_id="lbl-web", location_id="loc-2"), ("pending", None, "proven")),
        (TargetName("lb-1", 8080, protocol="TCP", listener_port=81), ("pending", None, "proven")),
    ],
)
def test_a_proven_binding_goes_where_its_name_leads(ledger: Ledger, target: TargetName, expected: object) -> None:
    furnish(ledger)
    bind(ledger, a_bind(target=target))
    judge(ledger, PROVEN)
    assert kept(ledger) == [expected]


def test_a_load_balancer_that_the_cloud_does_not_know_holds_what_is_proven(ledger: Ledger) -> None:
    furnish(ledger)
    execute(ledger, "UPDATE load_balancers SET missing = true")
    bind(ledger, a_bind())
    judge(ledger, PROVEN)
    assert kept(ledger) == [("held", "load-balancer-not-found", "proven")]


def test_a_grant_taken_back_before_the_proof_refuses(ledger: Ledger) -> None:
    furnish(ledger)
    bind(ledger, a_bind())
    execute(ledger, "DELETE FROM grants WHERE cluster_id = 'cls-a'")
    judge(ledger, PROVEN)
    assert kept(ledger) == [("rejected", "not-granted", "proven")]


def test_a_place_that_another_cluster_holds_is_waited_for(ledger: Ledger) -> None:
    furnish(ledger)
    bind(ledger, a_bind())
    bind(ledger, a_bind(), cluster_id="cls-b")
    judge(ledger, PROVEN)
    judge(ledger, PROVEN)
    assert kept(ledger, "cluster_id, state, reason") == [
        ("cls-a", "pending", None),
        ("cls-b", "held", "claimed-by-other-cluster"),
    ]


def test_a_binding_that_left_while_the_cloud_was_asked_is_not_called_back(ledger: Ledger) -> None:
    furnish(ledger)
    bind(ledger, a_bind())
    lease = take(ledger)
    waiting = open_look(ledger, lease)
    bind(ledger, an_unbind())
    judge(ledger, PROVEN, lease, waiting)
    assert kept(ledger, "state, verdict") == [("released", "unknown")]


def test_what_came_while_the_cloud_was_asked_is_looked_at_at_once(ledger: Ledger) -> None:
    furnish(ledger)
    bind(ledger, a_bind("u-1", ip="10.0.4.1"))
    lease = take(ledger)
    waiting = open_look(ledger, lease)
    bind(ledger, a_bind("u-2", ip="10.0.4.2"))
    judge(ledger, PROVEN, lease, waiting)
    assert kept(ledger, "pod_uid, state") == [("u-1", "pending"), ("u-2", "verifying")]
    assert (again_in(ledger) or 0) <= 0
    judge(ledger, PROVEN)
    assert kept(ledger, "pod_uid, state") == [("u-1", "pending"), ("u-2", "pending")]


def test_more_than_fit_into_one_look_are_looked_at_one_part_after_the_other(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in (opening, module):
        monkeypatch.setattr(each, "MOST_AT_ONCE", 4)
    furnish(ledger)
    bind(ledger, *(a_bind(f"u-{number}", ip=f"10.0.4.{number}") for number in range(10)))
    looks = 0
    while again_in(ledger) is not None:
        judge(ledger, PROVEN)
        looks += 1
    assert looks == 3
    assert kept(ledger, "DISTINCT ON (cluster_id, pod_uid) state") == ["pending"] * 10


def test_the_holder_of_an_old_epoch_records_no_verdict(ledger: Ledger) -> None:
    furnish(ledger)
    bind(ledger, a_bind())
    old = take(ledger)
    waiting = open_look(ledger, old)
    expire(ledger, old)
    heir = take(ledger)
    before = [execute(ledger, f"SELECT * FROM {table}") for table in ("bindings", "journal", "clusters")]
    with pytest.raises(LeaseLost):
        judge(ledger, DISPROVEN, old, waiting)
    assert [execute(ledger, f"SELECT * FROM {table}") for table in ("bindings", "journal", "clusters")] == before
    judge(ledger, PROVEN, heir)
    assert kept(ledger) == [("pending", None, "proven")]


def test_only_the_cluster_s_own_bindings_are_judged(ledger: Ledger) -> None:
    furnish(ledger)
    bind(ledger, a_bind(ip="10.0.4.1"))
    bind(ledger, a_bind(ip="10.0.4.2"), cluster_id="cls-b")
    lease = take(ledger)
    waiting = open_look(ledger, lease)
    assert [binding.cluster_id for binding in waiting.bindings] == ["cls-a"]
    assert waiting.cluster.topology == TOPOLOGY


def test_a_lease_on_a_cluster_that_is_not_there_is_a_mistake(ledger: Ledger) -> None:
    with pytest.raises(LookupError, match="cls-none"):
        open_look(ledger, Lease("default", LeaseSubject.VERIFICATION, "cls-none", "worker-1", 1))
