"""Races on a real database: who wins is decided by locks and indexes, nothing is lost and nobody waits for ever."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from app.broker.converge import begin_write
from app.broker.open_look import open_look
from app.broker.passes import PassTerms
from app.broker.receive_pod_events import receive_pod_events
from app.broker.record_verdicts import record_verdicts
from app.domain.binding import Verdict, Verification
from app.domain.errors import LeaseLost
from app.domain.event import Outcome, PodEvent, Result
from app.domain.target import TargetName
from app.ledger import clusters, leases
from app.ledger.connection import Ledger
from app.ledger.leases import Lease, LeaseSubject
from app.planning.observed import Inspection, Observed
from tests.ledger.building import a_bind, an_unbind, at_once, execute, furnish, in_one, received

MINUTE = timedelta(minutes=1)
TERMS = PassTerms(MINUTE, MINUTE, MINUTE)
PROVEN = Verification(Verdict.PROVEN, "eni", datetime(2026, 11, 23, tzinfo=UTC), {"checks": []})
EMPTY = Inspection(Observed(frozenset({"lbl-1", "lbl-2"})))


def receive(ledger: Ledger, cluster_id: str, *events: PodEvent) -> list[Result]:
    return receive_pod_events(ledger, cluster_id, received(*events), actor="agent:test", drain_seconds=30)


def take(ledger: Ledger, subject: LeaseSubject, limit: int = 1) -> list[Lease]:
    with ledger.begin() as connection:
        return leases.take(connection, subject, "worker-1", MINUTE, limit)


def verify_all(ledger: Ledger, cluster_id: str) -> None:
    with ledger.begin() as connection:
        clusters.want_verification(connection, cluster_id)
    for lease in take(ledger, LeaseSubject.VERIFICATION, 10):
        found = open_look(ledger, lease).bindings
        record_verdicts(ledger, lease, {binding.binding_id: (PROVEN, None) for binding in found}, {}, 0.0)


def test_of_two_clusters_that_bind_one_place_at_once_exactly_one_holds_it(ledger: Ledger) -> None:
    furnish(ledger)
    for number in range(15):
        bind = a_bind(f"u-{number}", ip=f"10.0.4.{number}")
        results = at_once([partial(receive, ledger, name, bind) for name in ("cls-a", "cls-b")])
        outcomes = [result.outcome for (result,) in results]
        assert outcomes == [Outcome.ACCEPTED, Outcome.ACCEPTED]
    holders = execute(ledger, "SELECT ip, sum(holder::int), count(*) FROM bindings GROUP BY ip")
    assert sorted(holders) == sorted((f"10.0.4.{number}", 1, 2) for number in range(15))


def test_both_clusters_proven_at_once_the_loser_waits_and_the_holder_goes_on(ledger: Ledger) -> None:
    furnish(ledger)
    events = [a_bind(f"u-{number}", ip=f"10.0.4.{number}") for number in range(20)]
    for name in ("cls-a", "cls-b"):
        receive(ledger, name, *events)
    at_once([partial(verify_all, ledger, name) for name in ("cls-a", "cls-b")])
    states = Counter(execute(ledger, "SELECT state, reason, holder FROM bindings"))
    assert states == {("pending", None, True): 20, ("held", "claimed-by-other-cluster", False): 20}
    holders = execute(ledger, "SELECT ip, sum(holder::int), count(*) FROM bindings GROUP BY ip")
    assert sorted(holders) == sorted((f"10.0.4.{number}", 1, 2) for number in range(20))


def test_an_unbind_and_a_verdict_at_once_leave_nothing_wanted(ledger: Ledger) -> None:
    furnish(ledger)
    for number in range(15):
        pod: Any = {"uid": f"u-{number}", "ip": f"10.0.4.{number}"}
        receive(ledger, "cls-a", a_bind(**pod))
        unbind = partial(receive, ledger, "cls-a", an_unbind(**pod))
        at_once([unbind, partial(verify_all, ledger, "cls-a")])
    assert execute(ledger, "SELECT DISTINCT state, holder, placed FROM bindings") == [("released", False, False)]
    moves = execute(ledger, "SELECT binding_id, from_state, to_state FROM journal WHERE action = 'binding-moved'")
    ends = Counter(binding_id for binding_id, _, to_state in moves if to_state == "released")
    assert set(ends.values()) == {1}
    assert len(ends) == 15


def test_an_unbind_and_a_write_at_once_agree_on_whether_the_target_may_be_at_the_cloud(ledger: Ledger) -> None:
    """Either the unbind comes first and nothing is intended, or the intent does and the target is taken off again."""
    furnish(ledger, load_balancer_ids=["lb-1"])
    for number in range(20):
        pod: Any = {"uid": f"u-{number}", "ip": f"10.0.4.{number}"}
        receive(ledger, "cls-a", a_bind(**pod))
        verify_all(ledger, "cls-a")
        execute(ledger, "UPDATE load_balancers SET due_at = now(), not_before = now()")
        execute(ledger, "UPDATE leases SET incarnation = NULL")
        (lease,) = take(ledger, LeaseSubject.LOAD_BALANCER)
        unbind = partial(receive, ledger, "cls-a", an_unbind(**pod))
        at_once([unbind, partial(begin_write, ledger, lease, EMPTY, TERMS)])
        intended = "(SELECT count(*) FROM cloud_operations WHERE targets::text LIKE '%\"' || ip || '\"%')"
        ((state, placed, intents),) = execute(
            ledger, f"SELECT state, placed, {intended} FROM bindings WHERE ip = :ip", ip=pod["ip"]
        )
        assert (state, placed, intents) in {("released", False, 0), ("draining", True, 1)}


def test_the_holder_of_an_old_epoch_writes_nothing_while_its_heir_does(ledger: Ledger) -> None:
    furnish(ledger, load_balancer_ids=["lb-1"])
    receive(ledger, "cls-a", a_bind())
    verify_all(ledger, "cls-a")
    (old,) = take(ledger, LeaseSubject.LOAD_BALANCER)
    execute(ledger, "UPDATE leases SET expires_at = now() - interval '1 second'")
    (heir,) = take(ledger, LeaseSubject.LOAD_BALANCER)

    def write(lease: Lease) -> str:
        try:
            return "written" if begin_write(ledger, lease, EMPTY, TERMS) else "nothing to do"
        except LeaseLost:
            return "lost"

    assert at_once([lambda: write(old), lambda: write(heir)]) == ["lost", "written"]
    assert execute(ledger, "SELECT epoch FROM cloud_operations") == [heir.epoch]


ROUNDS, SIZE = 8, 12


def send_everywhere(ledger: Ledger, cluster_id: str, writer: int) -> None:
    """Binds on both load balancers, in another order each time."""
    order = Random(writer)
    for number in range(ROUNDS):
        batch = [
            a_bind(
                f"{cluster_id}-{writer}-{number}-{part}",
                ip=f"10.{writer}.{number}.{part + 1}",
                target=TargetName(f"lb-{part % 2 + 1}", 8080, listener_id=f"lbl-{writer % 2 + 1}"),
            )
            for part in range(SIZE)
        ]
        order.shuffle(batch)
        assert {result.outcome for result in receive(ledger, cluster_id, *batch)} == {Outcome.ACCEPTED}


def pass_over_all(ledger: Ledger) -> None:
    for _ in range(ROUNDS):
        for name in ("lb-1", "lb-2"):
            past = "UPDATE load_balancers SET due_at = now(), not_before = now()"
            execute(ledger, f"{past} WHERE load_balancer_id = :name", name=name)
        for lease in take(ledger, LeaseSubject.LOAD_BALANCER, 2):
            if begin_write(ledger, lease, EMPTY, TERMS) is not None:
                in_one(ledger, partial(leases.give_back, lease=lease))


def verify_what_waits(ledger: Ledger) -> None:
    for _ in range(ROUNDS):
        for lease in take(ledger, LeaseSubject.VERIFICATION, 2):
            found = open_look(ledger, lease).bindings
            record_verdicts(ledger, lease, {binding.binding_id: (PROVEN, None) for binding in found}, {}, 0.0)


def test_nothing_deadlocks_and_no_event_is_lost_when_everybody_writes_everywhere(ledger: Ledger) -> None:
    """Events of two clusters on two load balancers in either order, against verdicts and passes over both."""
    furnish(ledger)
    senders = [partial(send_everywhere, ledger, name, writer) for writer in (1, 2) for name in ("cls-a", "cls-b")]
    workers = [partial(pass_over_all, ledger), partial(verify_what_waits, ledger)] * 2
    at_once([*senders, *workers])
    expected = 4 * ROUNDS * SIZE
    assert execute(ledger, "SELECT count(*) FROM events") == [expected]
    assert execute(ledger, "SELECT count(*), count(DISTINCT pod_uid) FROM bindings") == [(expected, expected)]
    assert execute(ledger, "SELECT count(*) FROM journal WHERE action = 'binding-created'") == [expected]


def test_events_sent_by_two_agents_of_one_cluster_at_once_have_one_effect(ledger: Ledger) -> None:
    furnish(ledger)
    events = [a_bind(f"u-{number}", ip=f"10.0.4.{number}") for number in range(30)]
    first, second = at_once([partial(receive, ledger, "cls-a", *events)] * 2)
    assert first == second
    assert execute(ledger, "SELECT count(*) FROM bindings") == [30]
    assert execute(ledger, "SELECT count(*) FROM journal WHERE action = 'binding-created'") == [30]


def test_a_later_revision_wins_in_whichever_order_two_agents_come(ledger: Ledger) -> None:
    furnish(ledger)
    for number in range(10):
        pod: Any = {"uid": f"u-{number}", "ip": f"10.0.4.{number}"}
        events = (an_unbind(revision=200, **pod), a_bind(revision=100, **pod))
        at_once([partial(receive, ledger, "cls-a", event) for event in events])
    live = execute(ledger, "SELECT pod_uid, state FROM bindings WHERE live")
    assert live == []
    assert execute(ledger, "SELECT count(*) FROM heads WHERE revision = 200") == [10]


def test_the_same_event_id_with_other_content_at_once_is_taken_once(ledger: Ledger) -> None:
    furnish(ledger)
    one = a_bind(event_id="e-1")
    other = replace(one, weight=99)
    results = at_once([partial(receive, ledger, "cls-a", event) for event in (one, other)])
    assert sorted(result.outcome for (result,) in results) == [Outcome.ACCEPTED, Outcome.REJECTED]
    assert execute(ledger, "SELECT count(*) FROM events") == [1]
