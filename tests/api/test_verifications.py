"""Verifications over HTTP: a question waits for a worker's answer, and whoever may not ask is told so."""

import threading
from typing import Any

import pytest

from app.api import verifications as views
from app.api.context import DEFAULT_WAITING_PLACES, EXTENSION
from app.broker import ask_verification
from app.domain.binding import Verdict, Verification
from app.domain.codes import Code
from app.ledger import verifications
from app.ledger.connection import Ledger, clock
from app.ownership.verdict import Judgement
from tests.api.client import BALANCER, CLUSTER, Caller, agent_of, person, problem_of, register_cluster

PATH = "/v1/verifications"
QUESTION = {"cluster_id": CLUSTER, "ip": "10.0.0.2", "network_mode": "vpc-cni"}


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "LONGEST_WAIT_SECONDS", 0.0)


@pytest.fixture
def viewer(admin: Caller, agent: Caller) -> Caller:
    """Somebody who may look, where a cluster and a load balancer are known."""
    return person(admin, "viewer")


def answer_all(ledger: Ledger, code: Code | None = None) -> list[str]:
    """The worker answered every question there is; their ids."""
    with ledger.begin() as connection:
        checks = [{"check": "no-node", "result": "failed" if code else "passed", "code": code, "evidence": {"a": 1}}]
        facts = {"detail": "why" if code else None, "checks": checks, "read_at": {}}
        verdict = Verdict.DISPROVEN if code else Verdict.PROVEN
        proof = Verification(verdict, "eni", clock(connection), facts, ("loopback-possible",))
        open_ones = [each.verification_id for each in verifications.unanswered(connection, CLUSTER, 100)]
        verifications.answer(connection, dict.fromkeys(open_ones, Judgement(proof, code).rendered()))
    return open_ones


def changed(**changes: Any) -> dict[str, Any]:
    return {**QUESTION, **changes}


def test_without_a_worker_a_question_is_answered_202_with_where_to_ask_again(viewer: Caller) -> None:
    asked = viewer.post(PATH, QUESTION)
    verification_id = asked.json["verification_id"]
    assert (asked.status_code, asked.json) == (202, {"verification_id": verification_id})
    assert asked.headers["Location"] == f"{PATH}/{verification_id}"
    again = viewer.get(asked.headers["Location"])
    assert (again.status_code, again.json, again.headers["Location"]) == (202, asked.json, asked.headers["Location"])


@pytest.mark.parametrize("code", [None, Code.ADDRESS_IS_NODE])
def test_a_verdict_has_the_fields_of_the_contract(viewer: Caller, ledger: Ledger, code: Code | None) -> None:
    where = viewer.post(PATH, QUESTION).headers["Location"]
    (verification_id,) = answer_all(ledger, code)
    answer = viewer.get(where)
    assert answer.status_code == 200
    assert answer.json.pop("checked_at").endswith("Z")
    assert answer.json | {"checked_at": ""} == {
        "verification_id": verification_id,
        "verdict": "disproven" if code else "proven",
        "code": code,
        "method": "eni",
        "detail": "why" if code else None,
        "checked_at": "",
        "checks": [{"check": "no-node", "result": "failed" if code else "passed", "code": code, "evidence": {"a": 1}}],
        "warnings": ["loopback-possible"],
        "read_at": {},
    }
    assert viewer.get(where).json == answer.json | {"checked_at": viewer.get(where).json["checked_at"]}


def test_a_question_is_answered_at_once_when_a_worker_answers_while_it_waits(
    viewer: Caller, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "LONGEST_WAIT_SECONDS", 20.0)
    answered: list[Any] = []
    asking = threading.Thread(target=lambda: answered.append(viewer.post(PATH, QUESTION)))
    asking.start()
    while asking.is_alive():
        answer_all(ledger)
    asking.join()
    assert (answered[0].status_code, answered[0].json["verdict"]) == (200, "proven")


def test_no_transaction_stays_open_while_a_question_waits(viewer: Caller, ledger: Ledger) -> None:
    verification_id = viewer.post(PATH, QUESTION).json["verification_id"]
    open_while_pausing: list[int] = []

    def pause(_: float) -> None:
        open_while_pausing.append(ledger._engine.pool.checkedout())
        answer_all(ledger)

    found = ask_verification.find_answer(ledger, verification_id, 20, pause)
    assert (found.answer is not None, open_while_pausing) == (True, [0])


def test_whoever_finds_no_place_to_wait_is_answered_202_at_once(
    viewer: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    found = views.find_answer
    monkeypatch.setattr(views, "LONGEST_WAIT_SECONDS", 20.0)
    monkeypatch.setattr(views, "find_answer", lambda *given: waits.append(given[2]) or found(*given[:2], 0))
    places = viewer.app.extensions[EXTENSION].waiting_places
    for _ in range(DEFAULT_WAITING_PLACES):
        assert places.acquire(blocking=False)
    assert viewer.post(PATH, QUESTION).status_code == 202
    places.release(DEFAULT_WAITING_PLACES)
    assert viewer.post(PATH, QUESTION).status_code == 202
    assert waits == [0, 20.0]
    for _ in range(DEFAULT_WAITING_PLACES):
        assert places.acquire(blocking=False)  # each place that was taken was given back


def test_a_question_makes_the_cluster_due_and_nothing_else(viewer: Caller, admin: Caller, ledger: Ledger) -> None:
    due = "SELECT verification_due_at IS NOT NULL FROM clusters"
    before = admin.get("/v1/history", limit=1000).json
    assert viewer.post(PATH, QUESTION).status_code == 202
    with ledger.begin() as connection:
        assert connection.exec_driver_sql(due).scalars().all() == [True]
    assert admin.get("/v1/history", limit=1000).json == before
    assert admin.get("/v1/bindings").json["items"] == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (changed(cluster_id="cls-unknown"), "cluster-not-found"),
        (changed(load_balancer_id="lb-unknown"), "load-balancer-not-found"),
    ],
)
def test_what_is_not_known_is_404(viewer: Caller, body: dict[str, Any], code: str) -> None:
    problem_of(viewer.post(PATH, body), 404, code)
    problem_of(viewer.get(f"{PATH}/v-unknown"), 404, "verification-not-found")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {name: value for name, value in QUESTION.items() if name != "ip"},
        changed(network_mode="overlay"),
        changed(network_mode=None),
        changed(ip=None),
        changed(ip=167772162),
        changed(ip=""),
        changed(ip="010.0.0.2"),
        changed(ip="10.0.0.02"),
        changed(ip=" 10.0.0.2"),
        changed(ip="10.0.0.2\n"),
        changed(ip="10.0.0.0/24"),
        changed(ip="10.0.0"),
        changed(ip="10.0.0.256"),
        changed(ip="fe80::1%eth0"),
        changed(port=0),
        changed(port=65536),
        changed(port=-1),
        changed(port="8080"),
        changed(port=80.5),
        changed(port=True),
        changed(cluster_id=""),
        changed(load_balancer_id="a b"),
        changed(colour="red"),
    ],
    ids=str,
)
def test_a_question_that_is_none_is_422_and_is_not_kept(viewer: Caller, ledger: Ledger, body: dict[str, Any]) -> None:
    problem_of(viewer.post(PATH, body), 422, "invalid-request")
    assert answer_all(ledger) == []


@pytest.mark.parametrize("body", [changed(port=1), changed(port=65535), changed(port=None, load_balancer_id=None)])
def test_ports_from_1_to_65535_or_none_are_asked_about(viewer: Caller, body: dict[str, Any]) -> None:
    assert viewer.post(PATH, body).status_code == 202


@pytest.mark.parametrize("ip", ["2001:db8::1", "::ffff:10.0.0.2", "127.0.0.1", "0.0.0.0"])
def test_an_address_that_cannot_be_bound_is_a_question_all_the_same(viewer: Caller, ledger: Ledger, ip: str) -> None:
    asked = viewer.post(PATH, changed(ip=ip, load_balancer_id=BALANCER))
    assert (asked.status_code, len(answer_all(ledger))) == (202, 1)


@pytest.mark.parametrize("role", ["admin", "operator", "viewer"])
def test_whoever_may_look_may_ask(admin: Caller, agent: Caller, role: str) -> None:
    asked = person(admin, role).post(PATH, QUESTION)
    assert asked.status_code == 202
    assert person(admin, role).get(asked.headers["Location"]).status_code == 202


def test_an_agent_may_not_ask_not_even_about_its_own_cluster(viewer: Caller, agent: Caller) -> None:
    where = viewer.post(PATH, QUESTION).headers["Location"]
    problem_of(agent.post(PATH, QUESTION), 403, "forbidden")
    problem_of(agent.get(where), 403, "forbidden")
    problem_of(agent.having(None).post(PATH, QUESTION), 401, "unauthorized")


def test_answers_are_forgotten_after_an_hour(viewer: Caller, ledger: Ledger) -> None:
    where = viewer.post(PATH, QUESTION).headers["Location"]
    with ledger.begin() as connection:
        connection.exec_driver_sql("UPDATE verifications SET asked_at = now() - interval '61 minutes'")
    assert viewer.post(PATH, QUESTION).status_code == 202
    problem_of(viewer.get(where), 404, "verification-not-found")


def test_an_agent_of_a_new_cluster_asks_nothing_either(admin: Caller) -> None:
    register_cluster(admin)
    problem_of(agent_of(admin).post(PATH, NOT_JSON), 403, "forbidden")


NOT_JSON = b"{"
