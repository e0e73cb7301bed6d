"""Bindings, listed and looked at in every state."""

from collections.abc import Callable
from typing import Any

import pytest

from app.domain.binding import State
from app.ledger.connection import Ledger
from tests.api import stage
from tests.api.client import CLUSTER, OTHER_CLUSTER, Caller, bind, grant, pages, problem_of, register_load_balancer
from tests.ledger.building import execute

BINDING = {
    "binding_id",
    "cluster_id",
    "pod",
    "workload",
    "service",
    "network_mode",
    "target",
    "state",
    "reason",
    "detail",
    "health",
    "verification",
    "revision",
    "created_at",
    "updated_at",
    "bound_at",
}

FILTERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "cluster_id": lambda item: item["cluster_id"],
    "load_balancer_id": lambda item: item["target"]["load_balancer_id"],
    "listener_id": lambda item: item["target"]["listener_id"],
    "ip": lambda item: item["target"]["ip"],
    "pod_uid": lambda item: item["pod"]["uid"],
    "state": lambda item: item["state"],
}


@pytest.fixture
def everything(agent: Caller, neighbour: Caller, admin: Caller, ledger: Ledger) -> list[dict[str, Any]]:
    """A binding in each state, and some of another cluster on other listeners and another load balancer."""
    register_load_balancer(admin, "lb-2")
    grant(admin, OTHER_CLUSTER, load_balancer_id="lb-2")
    for number, state in enumerate(State):
        binding_id = agent.tell_one(bind(f"u{number}"))["binding_id"]
        stage.bring_to(ledger, binding_id, state)
    neighbour.tell(
        bind("u50", target={"listener_id": "lbl-udp"}),
        bind("u51", target={"listener_id": "lbl-late"}),
        bind("u52", target={"load_balancer_id": "lb-2"}),
    )
    items: list[dict[str, Any]] = agent.get("/v1/bindings").json["items"] + neighbour.get("/v1/bindings").json["items"]
    return sorted(items, key=lambda item: str(item["binding_id"]))


def test_a_binding_is_shown_in_every_state(admin: Caller, everything: list[dict[str, Any]]) -> None:
    assert {item["state"] for item in everything if item["cluster_id"] == CLUSTER} == set(State)
    for item in everything:
        assert item.keys() == BINDING
        assert admin.binding(item["binding_id"]) == item
        assert all(item[name].endswith("Z") for name in ("created_at", "updated_at"))


def test_a_proven_binding_shows_its_proof(agent: Caller, ledger: Ledger) -> None:
    binding_id = agent.tell_one(bind())["binding_id"]
    stage.bring_to_the_cloud(ledger, binding_id)
    kept = agent.binding(binding_id)
    assert (kept["state"], kept["health"]) == ("bound", "healthy")
    assert kept["bound_at"].endswith("Z")
    checked_at = kept["verification"].pop("checked_at")
    assert checked_at.endswith("Z")
    assert kept["verification"] == {
        "verdict": "proven",
        "method": "eni",
        "evidence": {"eni_id": "eni-1"},
        "warnings": [],
    }


def test_each_filter_shows_what_equals_it_and_nothing_else(admin: Caller, everything: list[dict[str, Any]]) -> None:
    for name, where in FILTERS.items():
        for value in {where(item) for item in everything}:
            shown = admin.get("/v1/bindings", **{name: value}).json["items"]
            assert shown == [item for item in everything if where(item) == value]
            assert 0 < len(shown) < len(everything)


def test_a_listener_that_was_not_found_yet_is_filtered_by_as_it_is_shown(agent: Caller) -> None:
    result = agent.tell_one(bind(target={"listener_id": "lbl-unknown"}))
    (shown,) = agent.get("/v1/bindings", listener_id="lbl-unknown").json["items"]
    assert (shown["binding_id"], shown["target"]["listener_id"]) == (result["binding_id"], "lbl-unknown")


def test_all_filters_that_are_given_must_hold(admin: Caller, everything: list[dict[str, Any]]) -> None:
    shown = admin.get("/v1/bindings", cluster_id=CLUSTER, state="verifying").json["items"]
    assert [item["pod"]["uid"] for item in shown] == ["u0"]
    assert admin.get("/v1/bindings", cluster_id=OTHER_CLUSTER, state="bound").json["items"] == []


def test_bindings_are_listed_through_all_pages(admin: Caller, everything: list[dict[str, Any]]) -> None:
    for limit in (1, 2, 4, 100):
        found = pages(admin, "/v1/bindings", limit)
        assert [item for page in found for item in page] == everything
        assert all(len(page) == limit for page in found[:-1])
    held = pages(admin, "/v1/bindings", 1, cluster_id=CLUSTER, state="held")
    assert [len(page) for page in held] == [1]


def test_a_page_that_is_just_full_is_the_last(agent: Caller) -> None:
    agent.tell(*(bind(f"u{number}") for number in range(4)))
    assert agent.get("/v1/bindings", limit=4).json["next_cursor"] is None
    assert [len(page) for page in pages(agent, "/v1/bindings", 2)] == [2, 2]


def test_an_unknown_binding_is_404(admin: Caller) -> None:
    problem_of(admin.get("/v1/bindings/b-unknown"), 404, "binding-not-found")


@pytest.mark.parametrize(
    ("state", "detail"),
    [
        (State.PENDING, "InternalError: try later"),
        (State.DRAINING, "InternalError: try later"),
        (State.REMOVING, "InternalError: try later"),
        (State.BOUND, None),
        (State.VERIFYING, None),
        (State.RELEASED, None),
    ],
)
def test_a_binding_that_waits_for_a_pass_says_why_the_last_one_failed(
    agent: Caller, admin: Caller, ledger: Ledger, state: State, detail: str | None
) -> None:
    binding_id = agent.tell_one(bind())["binding_id"]
    stage.bring_to(ledger, binding_id, state)
    fails = "UPDATE load_balancers SET failing_since = now(), failures = 3, last_error = 'InternalError: try later'"
    execute(ledger, fails)
    assert admin.binding(binding_id)["detail"] == detail
    (item,) = admin.get("/v1/bindings").json["items"]
    assert item["detail"] == detail
    execute(ledger, "UPDATE load_balancers SET failing_since = NULL, failures = 0, last_error = NULL")
    assert admin.binding(binding_id)["detail"] is None


def test_what_a_binding_says_itself_comes_before_what_its_load_balancer_does_which_agents_do_not_hear(
    agent: Caller, admin: Caller, ledger: Ledger
) -> None:
    binding_id = agent.tell_one(bind())["binding_id"]
    stage.move(ledger, binding_id, State.PENDING, detail="weight 5 at the cloud")
    execute(ledger, "UPDATE load_balancers SET failing_since = now(), last_error = 'busy'")
    assert admin.binding(binding_id)["detail"] == "weight 5 at the cloud; busy"
    assert agent.binding(binding_id)["detail"] == "weight 5 at the cloud"
    (item,) = agent.get("/v1/bindings").json["items"]
    assert item["detail"] == "weight 5 at the cloud"
