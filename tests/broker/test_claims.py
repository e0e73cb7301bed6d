"""One address has one owner at a time: claims between clusters move by evidence, and by nothing else."""

from functools import partial
from typing import Any

import pytest

from app.broker.open_look import open_look
from app.broker.record_verdicts import record_verdicts
from app.domain.cluster import NetworkMode
from app.domain.errors import LeaseLost
from app.domain.event import PodEvent, Workload
from app.domain.target import TargetName
from app.ledger.connection import Ledger
from app.ledger.leases import Lease, LeaseSubject
from app.planning.proofs import Decision
from tests.broker.verdicts import bind, declared, disproven, everything, judge, kept, proven, sweep, take, unknown
from tests.ledger.building import a_bind, an_unbind, at_once, execute, expire, furnish

AT_THE_CLOUD = "UPDATE bindings SET state = 'bound', placed = true, bound_at = now() WHERE cluster_id = 'cls-a'"
COLUMNS = "cluster_id, state, reason, holder, placed"


def two_claims(ledger: Ledger, first: Decision) -> None:
    """cls-a has bound the address by a proof, and cls-b asks for it."""
    furnish(ledger)
    bind(ledger, a_bind())
    judge(ledger, first)
    execute(ledger, AT_THE_CLOUD)
    bind(ledger, a_bind(), cluster_id="cls-b")


PASSED = [("cls-a", "released", "proof-lost", False, False), ("cls-b", "pending", None, True, True)]
REFUSED = [("cls-a", "bound", None, True, True), ("cls-b", "held", "claimed-by-other-cluster", False, False)]
WAITS = [("cls-a", "bound", None, True, True), ("cls-b", "verifying", None, False, False)]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (proven(0), proven(1), PASSED),
        (proven(1), proven(1), REFUSED),
        (proven(1), proven(0), REFUSED),
        (declared(1), proven(0), PASSED),
        (proven(0), declared(1), REFUSED),
        (declared(0), declared(1), REFUSED),
        (proven(0), disproven(1), REFUSED),
        (proven(0), unknown(), WAITS),
    ],
)
def test_an_address_passes_to_the_cluster_with_the_younger_proof(
    ledger: Ledger, first: Decision, second: Decision, expected: object
) -> None:
    two_claims(ledger, first)
    judge(ledger, second, "cls-b")
    assert kept(ledger, COLUMNS) == expected


def test_who_lost_an_address_is_told_so_and_its_other_proofs_are_looked_at(ledger: Ledger) -> None:
    two_claims(ledger, proven(0))
    execute(ledger, "UPDATE clusters SET reverification_due_at = now() + interval '1 day'")
    judge(ledger, proven(1), "cls-b")
    due = "SELECT cluster_id FROM clusters WHERE reverification_due_at <= now()"
    assert execute(ledger, due) == ["cls-a"]
    moves = "SELECT cluster_id, from_state, to_state, reason FROM journal WHERE to_state = 'released'"
    assert execute(ledger, moves) == [("cls-a", "bound", "released", "proof-lost")]
    numbers = dict(execute(ledger, "SELECT cluster_id, change_sequence FROM bindings"))
    assert numbers == dict(execute(ledger, "SELECT cluster_id, last FROM change_numbers"))


def test_a_late_unbind_of_the_cluster_that_lost_an_address_has_no_effect(ledger: Ledger) -> None:
    two_claims(ledger, proven(0))
    judge(ledger, proven(1), "cls-b")
    bind(ledger, an_unbind())
    assert kept(ledger, COLUMNS) == PASSED


def test_a_claim_that_is_refused_is_asked_about_again_and_passes_when_the_evidence_says_so(ledger: Ledger) -> None:
    two_claims(ledger, proven(0))
    for number in range(3):
        judge(ledger, disproven(number), "cls-b")
        assert kept(ledger, COLUMNS) == REFUSED
        # `take` made it due a day ago, so a due time of today is the new one; its pause may be over already.
        again = "SELECT verification_due_at > now() - interval '1 hour' FROM clusters WHERE cluster_id = 'cls-b'"
        assert execute(ledger, again) == [True]
    judge(ledger, proven(10), "cls-b")
    assert kept(ledger, COLUMNS) == PASSED


def test_a_claim_whose_rival_is_gone_ends_when_it_is_refused_again(ledger: Ledger) -> None:
    two_claims(ledger, proven(0))
    judge(ledger, disproven(1), "cls-b")
    bind(ledger, an_unbind())
    judge(ledger, disproven(2), "cls-b")
    assert kept(ledger)[1] == ("cls-b", "released", "eni-not-found")


def test_a_claim_on_an_address_that_is_not_proven_for_anybody_is_simply_refused(ledger: Ledger) -> None:
    furnish(ledger)
    bind(ledger, a_bind())
    bind(ledger, a_bind(), cluster_id="cls-b")
    judge(ledger, disproven(0), "cls-b")
    assert kept(ledger) == [("cls-a", "verifying", None), ("cls-b", "rejected", "eni-not-found")]


def test_a_claim_waits_for_the_same_address_on_the_same_place_alone(ledger: Ledger) -> None:
    two_claims(ledger, proven(0))
    elsewhere = TargetName("lb-2", 8080, listener_id="lbl-1")
    bind(ledger, a_bind("u-2", target=elsewhere), cluster_id="cls-b")
    judge(ledger, disproven(1), "cls-b")
    assert kept(ledger, "pod_uid, state, reason")[1:] == [
        ("u-1", "held", "claimed-by-other-cluster"),
        ("u-2", "rejected", "eni-not-found"),
    ]


def test_no_answer_about_a_claim_that_is_refused_changes_nothing_of_it(ledger: Ledger) -> None:
    two_claims(ledger, proven(0))
    judge(ledger, disproven(1), "cls-b")
    rows = execute(ledger, "SELECT * FROM bindings ORDER BY cluster_id")
    history = execute(ledger, "SELECT count(*) FROM journal")
    judge(ledger, unknown(), "cls-b")
    assert execute(ledger, "SELECT * FROM bindings ORDER BY cluster_id") == rows
    assert execute(ledger, "SELECT count(*) FROM journal") == history


ROUTER: dict[str, Any] = {"network_mode": NetworkMode.GLOBAL_ROUTER}


def pod(number: int, **changes: Any) -> PodEvent:
    return a_bind(f"u-{number}", ip=f"10.0.4.{number}", **changes)


def test_a_workload_has_one_network_mode_and_its_neighbours_are_bound(ledger: Ledger) -> None:
    furnish(ledger)
    bind(ledger, pod(1))
    judge(ledger, proven())
    other = {"workload": Workload("Deployment", "other")}
    bind(ledger, pod(2, **ROUTER), pod(3), pod(4, **ROUTER, **other), pod(5, **ROUTER, workload=None))
    judge(ledger, proven())
    assert kept(ledger, "pod_uid, state, reason") == [
        ("u-1", "pending", None),
        ("u-2", "rejected", "mixed-network-modes"),
        ("u-3", "pending", None),
        ("u-4", "pending", None),
        ("u-5", "pending", None),
    ]


def test_of_two_modes_in_one_look_the_first_stands(ledger: Ledger) -> None:
    furnish(ledger)
    for each in (pod(1, **ROUTER), pod(2), pod(3, **ROUTER)):
        bind(ledger, each)
    judge(ledger, proven())
    assert [row[1] for row in kept(ledger, "pod_uid, state")] == ["pending", "rejected", "pending"]


def test_a_mode_that_was_never_proven_binds_nobody(ledger: Ledger) -> None:
    furnish(ledger)
    bind(ledger, pod(1, **ROUTER))
    judge(ledger, disproven())
    bind(ledger, pod(2, **ROUTER))
    judge(ledger, unknown())
    bind(ledger, pod(3))
    execute(ledger, "DELETE FROM bindings WHERE pod_uid = 'u-2'")
    judge(ledger, proven())
    assert kept(ledger, "pod_uid, state") == [("u-1", "rejected"), ("u-3", "pending")]


def test_a_mode_stands_until_the_workload_s_last_binding_is_gone(ledger: Ledger) -> None:
    furnish(ledger)
    bind(ledger, pod(1))
    judge(ledger, proven())
    execute(ledger, AT_THE_CLOUD)
    bind(ledger, an_unbind("u-1", ip="10.0.4.1"), pod(2, **ROUTER))
    judge(ledger, proven())
    assert kept(ledger, "pod_uid, state") == [("u-1", "draining"), ("u-2", "rejected")]
    execute(ledger, "UPDATE bindings SET state = 'released', live = false, holder = false, placed = false")
    bind(ledger, pod(3, **ROUTER))
    judge(ledger, proven())
    assert kept(ledger, "pod_uid, state")[2] == ("u-3", "pending")


@pytest.mark.parametrize("verdict", [proven(5), disproven(5), unknown()])
def test_the_holder_of_an_old_epoch_changes_no_row(ledger: Ledger, verdict: Decision) -> None:
    two_claims(ledger, proven(0))
    old = take(ledger, "cls-b")
    look = open_look(ledger, old)
    expire(ledger, old)
    take(ledger, "cls-b")
    before = everything(ledger)
    with pytest.raises(LeaseLost):
        record_verdicts(ledger, old, {each.binding_id: verdict for each in look.bindings}, {}, 0.0)
    assert everything(ledger) == before


def test_clusters_that_take_addresses_from_each_other_at_once_never_wait_in_a_ring(ledger: Ledger) -> None:
    """Verdicts of both, sweeps of both and events of both, on two load balancers in either order."""
    furnish(ledger)
    targets = [TargetName(name, 8080, listener_id="lbl-1") for name in ("lb-1", "lb-2")]
    pods = [
        a_bind(f"u-{number}", ip=f"10.0.4.{number}", target=targets[number % 2], workload=None) for number in range(20)
    ]
    for name in ("cls-a", "cls-b"):
        bind(ledger, *pods, cluster_id=name)

    def verify(cluster_id: str) -> None:
        for number in range(8):
            lease = Lease("default", LeaseSubject.VERIFICATION, cluster_id, "w", 1)
            look = open_look(ledger, lease)
            waiting = [each.binding_id for each in look.bindings]
            claimed = execute(ledger, "SELECT binding_id FROM bindings WHERE cluster_id = :id", id=cluster_id)
            decisions = dict.fromkeys([*waiting, *claimed], proven(number))
            record_verdicts(ledger, lease, decisions, {}, 0.0)
            execute(ledger, own, id=cluster_id)

    def look_again(cluster_id: str) -> None:
        for number in range(8):
            names = execute(ledger, "SELECT binding_id FROM bindings WHERE cluster_id = :id AND live", id=cluster_id)
            lease = Lease("default", LeaseSubject.REVERIFICATION, cluster_id, "w", 1)
            sweep(ledger, dict.fromkeys(names, proven(number) if number % 2 else disproven(number)), cluster_id, lease)
            execute(ledger, own, id=cluster_id)

    own = "UPDATE leases SET incarnation = 'w', epoch = 1 WHERE subject_id = :id"
    for name in ("cls-a", "cls-b"):
        execute(ledger, own, id=name)

    def send(cluster_id: str) -> None:
        for number in range(8):
            again = [a_bind(each.pod.uid, 101 + number, each.pod.ip or "", target=each.target) for each in pods]
            bind(ledger, *(again if number % 2 else reversed(again)), cluster_id=cluster_id)

    each = (partial(work, name) for work in (verify, look_again, send) for name in ("cls-a", "cls-b"))
    at_once(list(each))
    holders = "SELECT max(n) FROM (SELECT sum(holder::int) AS n FROM bindings GROUP BY load_balancer_id, ip) AS places"
    assert execute(ledger, holders)[0] in {0, 1}
    assert execute(ledger, "SELECT count(*) FROM bindings WHERE holder AND NOT live") == [0]
