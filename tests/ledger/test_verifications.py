"""Questions about addresses that no binding asks: asked, answered once, forgotten."""

from functools import partial
from typing import Any

from app.domain.cluster import NetworkMode
from app.ledger import verifications
from app.ledger.connection import Ledger
from app.ledger.verifications import Question
from tests.ledger.building import ACCOUNT, at_once, execute, furnish, in_one


def ask(ledger: Ledger, verification_id: str = "v-1", cluster_id: str = "cls-a", **changes: Any) -> None:
    usual = {
        "account_id": ACCOUNT,
        "verification_id": verification_id,
        "cluster_id": cluster_id,
        "ip": "10.0.3.17",
        "network_mode": NetworkMode.VPC_CNI,
        "load_balancer_id": None,
        "port": None,
    }
    in_one(ledger, partial(verifications.ask, values=usual | changes))


def answer(ledger: Ledger, **answers: dict[str, Any]) -> None:
    named = {f"v-{name[1:]}": given for name, given in answers.items()}
    in_one(ledger, partial(verifications.answer, answers=named))


def find(ledger: Ledger, verification_id: str = "v-1") -> Question | None:
    with ledger.begin() as connection:
        return verifications.find(connection, verification_id)


def unanswered(ledger: Ledger, cluster_id: str = "cls-a", limit: int = 10) -> list[str]:
    with ledger.begin() as connection:
        return [each.verification_id for each in verifications.unanswered(connection, cluster_id, limit)]


def ids(ledger: Ledger) -> list[str]:
    return execute(ledger, "SELECT verification_id FROM verifications ORDER BY 1")


def age(ledger: Ledger, verification_id: str, age: str) -> None:
    statement = f"UPDATE verifications SET asked_at = now() - interval '{age}' WHERE verification_id = :id"
    execute(ledger, statement, id=verification_id)


def test_a_question_comes_back_as_it_was_asked(ledger: Ledger) -> None:
    furnish(ledger)
    ask(ledger, network_mode=NetworkMode.GLOBAL_ROUTER, load_balancer_id="lb-1", port=8080)
    found = find(ledger)
    assert found is not None
    expected = ("v-1", ACCOUNT, "cls-a", "10.0.3.17", NetworkMode.GLOBAL_ROUTER, "lb-1", 8080)
    where = (found.load_balancer_id, found.port)
    said = (found.verification_id, found.account_id, found.cluster_id, found.ip, found.network_mode, *where)
    assert said == expected
    assert found.answer is None
    assert find(ledger, "v-none") is None


def test_questions_wait_for_their_cluster_s_answer_the_oldest_first(ledger: Ledger) -> None:
    furnish(ledger)
    for number, minutes in enumerate((10, 30, 20), 1):
        ask(ledger, f"v-{number}")
        age(ledger, f"v-{number}", f"{minutes} minutes")
    ask(ledger, "v-4", "cls-b")
    assert unanswered(ledger) == ["v-2", "v-3", "v-1"]
    assert unanswered(ledger, limit=1) == ["v-2"]
    answer(ledger, v2={"verdict": "proven"})
    assert unanswered(ledger) == ["v-3", "v-1"]
    assert unanswered(ledger, "cls-b") == ["v-4"]


def test_a_question_is_answered_once(ledger: Ledger) -> None:
    furnish(ledger)
    ask(ledger)
    answer(ledger, v1={"verdict": "proven", "checks": []})
    answer(ledger, v1={"verdict": "disproven"}, vnone={"verdict": "proven"})
    found = find(ledger)
    assert found is not None
    assert found.answer == {"verdict": "proven", "checks": []}


def test_of_two_answers_at_once_one_stays(ledger: Ledger) -> None:
    furnish(ledger)
    ask(ledger)
    given = [{"verdict": "proven"}, {"verdict": "disproven"}]
    at_once([partial(answer, ledger, v1=each) for each in given])
    found = find(ledger)
    assert found is not None
    assert found.answer in given


def test_a_question_is_forgotten_an_hour_after_it_was_asked_whether_it_was_answered_or_not(ledger: Ledger) -> None:
    furnish(ledger)
    for name in ("v-1", "v-2", "v-3"):
        ask(ledger, name)
    answer(ledger, v1={"verdict": "proven"})
    age(ledger, "v-1", "61 minutes")
    age(ledger, "v-2", "61 minutes")
    age(ledger, "v-3", "59 minutes")
    ask(ledger, "v-4")
    assert ids(ledger) == ["v-3", "v-4"]


def test_who_asks_does_not_wait_for_who_answers(ledger: Ledger) -> None:
    """An old question that is being answered at this moment is left to the next one."""
    furnish(ledger)
    ask(ledger, "v-1")
    ask(ledger, "v-2")
    age(ledger, "v-1", "61 minutes")
    age(ledger, "v-2", "61 minutes")
    with ledger.begin() as connection:
        verifications.answer(connection, {"v-1": {"verdict": "proven"}})
        ask(ledger, "v-3")
        assert ids(ledger) == ["v-1", "v-3"]
    ask(ledger, "v-4")
    assert ids(ledger) == ["v-3", "v-4"]
