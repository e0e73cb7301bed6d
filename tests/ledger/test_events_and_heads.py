"""First answers are kept word for word, and heads keep the latest word on each pod and target."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Select
from sqlalchemy.exc import IntegrityError

from app.domain.codes import Code
from app.domain.event import Outcome, Result
from app.domain.target import TargetName
from app.ledger import events, heads
from app.ledger.connection import Ledger
from app.ledger.rows import GIVEN
from app.planning.known import Answer, Head
from tests.ledger.building import ACCOUNT, execute, furnish

ACCEPTED = Answer("digest-1", Result("e-1", Outcome.ACCEPTED, "b-1"))
REJECTED = Answer("digest-2", Result("e-2", Outcome.REJECTED, None, Code.NOT_GRANTED, "no 'grant'\nfor lb-9"))
TARGET = TargetName("lb-1", 8080, None, None, "HTTP", 8000, "shop.example", "/")
HEAD = Head("u-1", TARGET, 2**63 - 1, 100, "10.0.3.17", "b-1")
UNBOUND = Head("u-2", TargetName("lb-2", 8080, listener_id="lbl-1"), 7)


def test_a_first_answer_comes_back_word_for_word(ledger: Ledger) -> None:
    furnish(ledger)
    with ledger.begin() as connection:
        events.add(connection, ACCOUNT, "cls-a", {"e-1": ACCEPTED, "e-2": REJECTED}, {"e-1": {"weight": 1}})
        found = events.answers(connection, "cls-a", ["e-1", "e-2", "e-3"])
    assert found == {"e-1": ACCEPTED, "e-2": REJECTED}
    assert execute(ledger, "SELECT content FROM events ORDER BY event_id") == [{"weight": 1}, None]


def test_an_answer_is_the_cluster_s_own(ledger: Ledger) -> None:
    furnish(ledger)
    with ledger.begin() as connection:
        events.add(connection, ACCOUNT, "cls-a", {"e-1": ACCEPTED}, {})
        assert events.answers(connection, "cls-b", ["e-1"]) == {}
        events.add(connection, ACCOUNT, "cls-b", {"e-1": replace(ACCEPTED, digest="other")}, {})
        assert events.answers(connection, "cls-a", ["e-1"]) == {"e-1": ACCEPTED}


def test_an_event_id_is_kept_once(ledger: Ledger) -> None:
    furnish(ledger)
    with ledger.begin() as connection:
        events.add(connection, ACCOUNT, "cls-a", {"e-1": ACCEPTED}, {})
    with pytest.raises(IntegrityError, match="events_pkey"), ledger.begin() as connection:
        events.add(connection, ACCOUNT, "cls-a", {"e-1": ACCEPTED}, {})


def test_heads_are_found_by_pod_and_by_address_within_their_cluster(ledger: Ledger) -> None:
    furnish(ledger)
    with ledger.begin() as connection:
        heads.write(connection, ACCOUNT, "cls-a", [HEAD, UNBOUND])
        heads.write(connection, ACCOUNT, "cls-b", [replace(HEAD, revision=1)])
        assert heads.around(connection, ACCOUNT, "cls-a", ["u-2"], []) == [UNBOUND]
        assert heads.around(connection, ACCOUNT, "cls-a", [], [("lb-1", "10.0.3.17"), ("lb-2", "10.0.3.18")]) == [HEAD]
        assert heads.around(connection, ACCOUNT, "cls-a", [], [("lb-2", "10.0.3.17")]) == []
        assert heads.around(connection, ACCOUNT, "cls-a", ["u-1"], [("lb-1", "10.0.3.17")]) == [HEAD]
        assert heads.around(connection, ACCOUNT, "cls-a", [], []) == []


@pytest.mark.parametrize(
    ("statement", "asked", "condition"),
    [
        (heads._OF_PODS, {"uids": ["u-1", "u-2"]}, "(pod_uid = "),
        (heads._AT_ADDRESSES, {GIVEN: '[{"load_balancer_id": "lb-1", "ip": "10.0.3.17"}]'}, "(ip = "),
    ],
    ids=["by pod", "by address"],
)
def test_heads_are_looked_up_one_by_one_among_many_that_nothing_is_known_of_yet(
    ledger: Ledger, ledger_url: str, statement: Select[Any], asked: dict[str, Any], condition: str
) -> None:
    furnish(ledger)
    _forget_statistics(ledger_url)
    many = [replace(HEAD, pod_uid=f"u-{number}", ip=f"10.1.{number // 250}.{number % 250}") for number in range(2000)]
    with ledger.begin() as connection:
        heads.write(connection, ACCOUNT, "cls-a", many)
        text = str(statement.compile(dialect=connection.dialect))
        parameters = {"account": ACCOUNT, "of": "cls-a", "param_1": 0, **asked}
        plan = connection.exec_driver_sql(f"EXPLAIN {text}", parameters).scalars().all()
    assert any("Index Cond" in line and condition in line for line in plan), plan


def _forget_statistics(ledger_url: str) -> None:
    """The database that tests share may have counted what others had in it."""
    owner = Ledger(ledger_url, role=None)
    with owner.begin() as connection:
        connection.exec_driver_sql("DELETE FROM pg_statistic WHERE starelid = 'heads'::regclass")
        connection.exec_driver_sql("SELECT pg_clear_relation_stats('public', 'heads')")
    owner.close()


def test_a_head_is_replaced_by_the_next_word(ledger: Ledger) -> None:
    furnish(ledger)
    later = replace(HEAD, revision=HEAD.revision, bind_revision=101, ip="10.0.3.18", binding_id="b-2")
    with ledger.begin() as connection:
        heads.write(connection, ACCOUNT, "cls-a", [HEAD])
        heads.write(connection, ACCOUNT, "cls-a", [later, UNBOUND])
        heads.write(connection, ACCOUNT, "cls-a", [])
        found = heads.around(connection, ACCOUNT, "cls-a", ["u-1", "u-2"], [])
    assert sorted(found, key=lambda head: head.pod_uid) == [later, UNBOUND]
