"""Questions about addresses: asked of the right cluster, waited for, and in nobody's way."""

from functools import partial
from typing import Any

import pytest

from app.broker.ask_verification import ask_verification, find_answer
from app.broker.open_look import open_look
from app.broker.record_verdicts import record_verdicts
from app.domain.cluster import NetworkMode
from app.domain.errors import RequestRefused
from app.ledger import clusters, verifications
from app.ledger.connection import Ledger
from tests.broker.verdicts import everything, take
from tests.ledger.building import at_once, execute, furnish, wait_until, waiting_for_locks


def ask(ledger: Ledger, cluster_id: str = "cls-a", **changes: Any) -> str:
    usual: dict[str, Any] = {"ip": "10.0.3.17", "network_mode": NetworkMode.VPC_CNI}
    given = {"load_balancer_id": "lb-1", "port": 8080, **usual, **changes}
    return ask_verification(ledger, cluster_id=cluster_id, **given)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"cluster_id": "cls-none"}, "cluster-not-found"),
        ({"load_balancer_id": "lb-none"}, "load-balancer-not-found"),
    ],
)
def test_a_question_about_what_is_not_there_is_refused_and_leaves_nothing(
    ledger: Ledger, asked: dict[str, Any], code: str
) -> None:
    furnish(ledger)
    before = everything(ledger)
    with pytest.raises(RequestRefused) as raised:
        ask(ledger, **asked)
    assert (raised.value.status, raised.value.code) == (404, code)
    assert everything(ledger) == before


def test_a_question_is_answered_by_the_next_look_and_changes_no_binding(ledger: Ledger) -> None:
    furnish(ledger)
    verification_id = ask(ledger)
    lease = take(ledger)
    look = open_look(ledger, lease)
    assert [question.verification_id for question in look.questions] == [verification_id]
    subject = look.subjects[verification_id]
    assert (subject.ip, subject.load_balancer_id, subject.port) == ("10.0.3.17", "lb-1", 8080)
    record_verdicts(ledger, lease, {}, {verification_id: {"verdict": "proven"}}, 0.0)
    assert find_answer(ledger, verification_id, 0).answer == {"verdict": "proven"}
    assert execute(ledger, "SELECT verification_due_at FROM clusters WHERE cluster_id = 'cls-a'") == [None]
    assert execute(ledger, "SELECT count(*) FROM bindings") == [0]


def test_an_answer_that_does_not_come_in_time_is_none_yet(ledger: Ledger) -> None:
    furnish(ledger)
    assert find_answer(ledger, ask(ledger), 0).answer is None
    with pytest.raises(RequestRefused) as raised:
        find_answer(ledger, "v-none", 0)
    assert (raised.value.status, raised.value.code) == (404, "verification-not-found")


def test_an_answer_is_waited_for(ledger: Ledger) -> None:
    furnish(ledger)
    verification_id = ask(ledger)

    def give(_: float) -> None:
        with ledger.begin() as connection:
            verifications.answer(connection, {verification_id: {"verdict": "unknown"}})

    assert find_answer(ledger, verification_id, 10, give).answer == {"verdict": "unknown"}


def test_who_asks_takes_the_cluster_s_lock_before_old_questions_are_forgotten(ledger: Ledger) -> None:
    """A worker has that lock when it answers: in any other order each would wait for the other."""
    furnish(ledger)
    old = ask(ledger)
    execute(ledger, "UPDATE verifications SET asked_at = now() - interval '2 hours'")

    def answer_late() -> None:
        with ledger.begin() as connection:
            clusters.lock(connection, ["cls-a"])
            wait_until(lambda: waiting_for_locks(ledger) == 1)
            verifications.answer(connection, {old: {"verdict": "proven"}})

    def ask_anew() -> None:
        wait_until(lambda: execute(ledger, f"SELECT count(*) {_LOCKED}") == [1])
        ask(ledger)

    at_once([answer_late, partial(ask_anew)])
    assert execute(ledger, "SELECT count(*) FROM verifications WHERE answer IS NULL") == [1]


_LOCKED = "FROM pg_locks WHERE mode = 'RowShareLock' AND relation = 'clusters'::regclass"
