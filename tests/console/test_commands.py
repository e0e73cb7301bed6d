"""Each command asks the API for what it says, and shows it to people and to machines."""

import csv
import io
from collections.abc import Callable

import pytest

from app.console.contexts import SERVER_VARIABLE
from app.ledger.connection import Ledger
from tests.api import stage
from tests.api.client import Caller, bind, entry
from tests.console.conftest import Console


@pytest.fixture
def bound(agent: Caller, ledger: Ledger) -> str:
    """A binding that is at the cloud."""
    (result,) = agent.tell(bind("u1"))
    stage.bring_to_the_cloud(ledger, result["binding_id"])
    return str(result["binding_id"])


@pytest.fixture
def held(agent: Caller, ledger: Ledger) -> str:
    """A binding whose removal the guard holds."""
    found = str(agent.replace_targets(10, entry("u1"))["results"][0]["binding_id"])
    stage.bring_to_the_cloud(ledger, found)
    assert agent.replace_targets(11)["held"] == [found]
    return found


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_clusters_are_listed_and_shown(console: Console, agent: Caller) -> None:
    assert [each["cluster_id"] for each in console.items("clusters", "list")] == ["cls-a"]
    assert "removal_guard.max_share" in console.shown("clusters", "show", "cls-a")


def test_load_balancers_are_listed_and_shown(console: Console, agent: Caller) -> None:
    assert rows(console.shown("load-balancers", "list", "-o", "csv"))[0]["load balancer"] == "lb-1"
    assert "1.2.3.4" in console.shown("load-balancers", "show", "lb-1")


def test_bindings_are_found_by_their_filters(console: Console, bound: str) -> None:
    assert [each["binding_id"] for each in console.items("bindings", "list", "--pod-uid", "u1")] == [bound]
    assert console.items("bindings", "list", "--state", "held") == []
    assert console.items("bindings", "list", "--ip", "10.9.9.9") == []
    assert bound in console.shown("bindings", "show", bound)


def test_history_comes_in_the_order_that_is_asked_for(console: Console, bound: str) -> None:
    numbers = [each["sequence"] for each in console.items("history", "--binding", bound, "--order", "asc")]
    assert numbers == sorted(numbers)
    assert len(numbers) > 2
    assert [each["sequence"] for each in console.items("history", "--binding", bound, "--limit", "0")] == numbers[::-1]
    assert console.items("history", "--binding", bound, "--to", "2020-01-01T00:00:00Z") == []


def test_a_limit_counts_over_pages(console: Console, agent: Caller) -> None:
    agent.tell(*(bind(f"u{number}") for number in range(5)))
    assert len(console.items("bindings", "list", "--limit", "3")) == 3
    assert len(console.items("bindings", "list")) == 5


def test_why_a_pod_is_bound_is_told_step_by_step(console: Console, bound: str) -> None:
    told = rows(console.shown("explain", "--pod-uid", "u1", "-o", "csv"))
    assert {row["binding"] for row in told} == {bound}
    assert [row["step"] for row in told][-1] == "state"


def test_a_refused_event_is_told_too(console: Console, agent: Caller) -> None:
    agent.tell(bind("u1", target={"weight": 101}))
    (told,) = rows(console.shown("explain", "--pod-uid", "u1", "-o", "csv"))
    assert (told["result"], told["code"]) == ("refused", "target-weight-out-of-range")


def test_a_hold_is_listed_and_approved_or_dismissed(console: Console, held: str) -> None:
    assert [each["binding_id"] for each in console.items("holds", "list")] == [held]
    assert console.run("holds", "approve", held, says="n\n").exit_code == 1
    assert [each["binding_id"] for each in console.items("holds", "list")] == [held]
    assert "draining" in console.shown("holds", "approve", held, "--yes")
    assert console.items("holds", "list") == []


def test_a_dismissed_hold_keeps_its_target(console: Console, held: str) -> None:
    assert "bound" in console.shown("holds", "dismiss", held)
    assert console.items("holds", "list") == []


def test_a_cluster_is_evacuated_after_a_question(console: Console, bound: str) -> None:
    assert console.run("clusters", "evacuate", "cls-a", says="n\n").exit_code == 1
    console.shown("clusters", "evacuate", "cls-a", "--yes")
    assert console.items("bindings", "list", "--state", "draining")


def test_drift_of_a_quiet_load_balancer_is_an_empty_table(console: Console, agent: Caller) -> None:
    assert console.shown("drift", "list", "lb-1").split()[0] == "DRIFT"
    assert console.run("drift", "ignore", "lb-1", "7").exit_code == 3


@pytest.mark.parametrize(
    "words",
    [
        ("clusters", "show", "cls-none"),
        ("bindings", "show", "b-none"),
        ("load-balancers", "show", "lb-none"),
        ("holds", "dismiss", "b-none"),
        ("explain", "--ip", "10.9.9.9"),
    ],
)
def test_what_is_not_there_is_exit_code_3(console: Console, words: tuple[str, ...]) -> None:
    assert console.run(*words).exit_code == 3


@pytest.mark.parametrize(
    "words", [("explain",), ("explain", "--ip", "10.0.0.1", "--pod-uid", "u"), ("history", "--order", "x")]
)
def test_wrong_words_are_exit_code_2(console: Console, words: tuple[str, ...]) -> None:
    assert console.run(*words).exit_code == 2


def test_a_wrong_filter_is_exit_code_1_with_the_brokers_own_code(console: Console) -> None:
    result = console.run("history", "--from", "yesterday")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: invalid-request: ")


def test_who_may_not_is_exit_code_4(as_role: Callable[[str], Console], held: str) -> None:
    viewer = as_role("viewer")
    assert viewer.items("holds", "list")
    assert viewer.run("holds", "dismiss", held).exit_code == 4


def test_a_broker_that_is_away_is_exit_code_5(console: Console) -> None:
    away = console.having(**{SERVER_VARIABLE: "http://127.0.0.1:1"})
    result = away.run("clusters", "list")
    assert (result.exit_code, result.stdout) == (5, "")
    assert "not reached" in result.stderr


def test_a_name_that_would_be_a_path_stays_a_name(console: Console, agent: Caller) -> None:
    assert console.run("clusters", "show", "../load-balancers/lb-1").exit_code == 3
