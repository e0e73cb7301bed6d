"""Load balancers and grants."""

from datetime import timedelta
from typing import Any

import pytest

from app.ledger import load_balancers
from app.ledger.connection import Ledger
from tests.api import stage
from tests.api.client import (
    BALANCER,
    CLUSTER,
    Caller,
    agent_of,
    bind,
    grant,
    pages,
    person,
    problem_of,
    register_cluster,
    register_load_balancer,
)
from tests.ledger.building import execute

PATH = f"/v1/load-balancers/{BALANCER}"
GRANT = f"{PATH}/grants/{CLUSTER}"


def _sync(admin: Caller) -> dict[str, Any]:
    sync: dict[str, Any] = admin.get(PATH).json["sync"]
    return sync


def test_a_load_balancer_is_201_when_new_and_200_after(admin: Caller) -> None:
    operator = person(admin, "operator")
    first = operator.put(PATH, {"account_id": "default", "region": "ap-guangzhou"})
    again = operator.put(PATH, {"region": "ap-shanghai"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert (first.json["region"], again.json["region"]) == ("ap-guangzhou", "ap-shanghai")
    assert again.json["created_at"] == first.json["created_at"]


def test_a_load_balancer_that_was_not_read_yet_says_so(admin: Caller) -> None:
    shown = admin.put(PATH, {"region": "ap-guangzhou"}).json
    assert shown["created_at"].endswith("Z")
    lag = shown["sync"].pop("lag_seconds")
    assert 0 <= lag < 60
    assert {name: value for name, value in shown.items() if name != "created_at"} == {
        "load_balancer_id": BALANCER,
        "account_id": "default",
        "region": "ap-guangzhou",
        "vpc_id": None,
        "vips": [],
        "listeners": [],
        "inventory_read_at": None,
        "missing": False,
        "sync": {
            "wanted_generation": 1,
            "reconciled_generation": 0,
            "last_error": None,
            "failing_since": None,
            "alarm": False,
        },
    }


def test_a_load_balancer_that_was_read_shows_its_listeners_and_rules(admin: Caller, ledger: Ledger) -> None:
    register_load_balancer(admin)
    stage.read_listeners(ledger)
    shown = admin.get(PATH).json
    assert (shown["vpc_id"], shown["vips"], shown["missing"]) == ("vpc-1", ["1.2.3.4"], False)
    assert shown["inventory_read_at"].endswith("Z")
    assert shown["listeners"][0] == {"listener_id": "lbl-tcp", "protocol": "TCP", "port": 80, "rules": []}
    assert shown["listeners"][2]["rules"] == [
        {"location_id": "loc-root", "domain": "a.example", "url": "/"},
        {"location_id": "loc-api", "domain": "a.example", "url": "/api"},
    ]


def test_a_load_balancer_that_the_cloud_does_not_know_is_missing(admin: Caller, ledger: Ledger) -> None:
    register_load_balancer(admin)
    stage.read_listeners(ledger)
    with ledger.begin() as connection:
        load_balancers.record_inventory(connection, BALANCER, None)
    shown = admin.get(PATH).json
    assert (shown["missing"], shown["vpc_id"]) == (True, "vpc-1")


def test_sync_tells_how_far_the_cloud_is_behind(agent: Caller, admin: Caller, ledger: Ledger) -> None:
    agent.tell(bind())
    behind = _sync(admin)
    assert behind["reconciled_generation"] < behind["wanted_generation"]
    with ledger.begin() as connection:
        load_balancers.finish_pass(
            connection,
            BALANCER,
            reconciled=behind["wanted_generation"],
            due_in=timedelta(minutes=1),
            due_at=None,
            not_before=timedelta(0),
            failures=1,
            error="InternalError",
        )
    told = _sync(admin)
    assert told.pop("failing_since").endswith("Z")
    assert told == {
        "wanted_generation": behind["wanted_generation"],
        "reconciled_generation": behind["wanted_generation"],
        "lag_seconds": 0.0,
        "last_error": "InternalError",
        "alarm": False,
    }
    execute(ledger, "UPDATE load_balancers SET alarmed_at = now()")
    assert _sync(admin)["alarm"]
    execute(ledger, "UPDATE load_balancers SET failing_since = NULL")
    assert not _sync(admin)["alarm"]  # its passes fail no more, whether or not a worker has told of it yet


def test_a_load_balancer_stays_with_its_account(admin: Caller) -> None:
    register_load_balancer(admin, account_id="first")
    problem_of(admin.put(PATH, {"region": "ap-guangzhou"}), 409, "account-mismatch")
    assert admin.get(PATH).json["account_id"] == "first"


@pytest.mark.parametrize("body", [{}, {"region": None}, {"region": "a b"}, {"region": 1}, {"region": "r", "vips": []}])
def test_a_load_balancer_that_cannot_be_read_is_422(admin: Caller, body: object) -> None:
    problem_of(admin.put(PATH, body), 422, "invalid-request")
    problem_of(admin.get(PATH), 404, "load-balancer-not-found")


def test_load_balancers_are_listed_through_all_pages(admin: Caller) -> None:
    names = [f"lb-{number}" for number in range(5)]
    for name in reversed(names):
        register_load_balancer(admin, name)
    found = pages(admin, "/v1/load-balancers", 2)
    assert [[item["load_balancer_id"] for item in page] for page in found] == [names[:2], names[2:4], names[4:]]


def test_a_grant_is_201_when_new_200_after_and_204_when_taken_back(admin: Caller) -> None:
    register_cluster(admin)
    register_load_balancer(admin)
    first = admin.put(GRANT, {"listener_ids": ["*"]})
    again = admin.put(GRANT, {"listener_ids": ["lbl-tcp", "lbl-udp"]})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json == {
        "load_balancer_id": BALANCER,
        "cluster_id": CLUSTER,
        "listener_ids": ["lbl-tcp", "lbl-udp"],
    }
    assert admin.get(GRANT).json == again.json
    gone = admin.delete(GRANT)
    assert (gone.status_code, gone.data) == (204, b"")
    problem_of(admin.get(GRANT), 404, "grant-not-found")
    problem_of(admin.delete(GRANT), 404, "grant-not-found")


def test_a_grant_without_a_word_on_listeners_is_for_all_of_them(admin: Caller) -> None:
    register_cluster(admin)
    register_load_balancer(admin)
    assert admin.put(GRANT, {}).json["listener_ids"] == ["*"]


@pytest.mark.parametrize(
    "listener_ids",
    [[], None, "*", "lbl-tcp", [None], [1], ["lbl tcp"], ["lbl-tcp\n"], ["**"], [""], ["\x00"], [["*"]], ["a"] * 201],
)
def test_listeners_are_named_or_all_of_them(admin: Caller, listener_ids: object) -> None:
    register_cluster(admin)
    register_load_balancer(admin)
    answer = admin.put(GRANT, {"listener_ids": listener_ids})
    assert problem_of(answer, 422, "invalid-request")["detail"].startswith("listener_ids")
    problem_of(admin.get(GRANT), 404, "grant-not-found")


def test_a_grant_of_an_unknown_cluster_or_load_balancer_is_404(admin: Caller) -> None:
    for method in ("PUT", "GET", "DELETE"):
        problem_of(admin.send(method, GRANT, {}), 404, "load-balancer-not-found")
    problem_of(admin.get(f"{PATH}/grants"), 404, "load-balancer-not-found")
    register_load_balancer(admin)
    problem_of(admin.put(GRANT, {}), 404, "cluster-not-found")
    for method in ("GET", "DELETE"):
        problem_of(admin.send(method, GRANT), 404, "grant-not-found")


def test_a_grant_does_not_reach_over_accounts(admin: Caller) -> None:
    register_cluster(admin, account_id="first")
    register_load_balancer(admin, account_id="second")
    problem_of(admin.put(GRANT, {"listener_ids": ["*"]}), 409, "account-mismatch")


def test_grants_are_listed_through_all_pages(admin: Caller) -> None:
    register_load_balancer(admin)
    register_load_balancer(admin, "lb-2")
    names = [f"cls-{number}" for number in range(5)]
    for name in reversed(names):
        register_cluster(admin, name)
        grant(admin, name)
        grant(admin, name, load_balancer_id="lb-2")
    assert pages(admin, f"{PATH}/grants", 10) == [[admin.get(f"{PATH}/grants/{name}").json for name in names]]
    found = pages(admin, f"{PATH}/grants", 2)
    assert [[item["cluster_id"] for item in page] for page in found] == [names[:2], names[2:4], names[4:]]
    problem_of(admin.get(f"{PATH}/grants", limit=0), 422, "invalid-request")
    problem_of(admin.get(f"{PATH}/grants", colour="red"), 422, "invalid-request")


def test_a_grant_taken_back_ends_new_binds_and_leaves_what_is_there(agent: Caller, admin: Caller) -> None:
    kept = agent.tell_one(bind("u1"))["binding_id"]
    admin.delete(GRANT)
    assert agent.tell_one(bind("u2"))["code"] == "not-granted"
    assert agent.binding(kept)["state"] == "verifying"


def test_a_binding_of_an_account_stays_apart_from_another_account(admin: Caller, ledger: Ledger) -> None:
    register_cluster(admin, "cls-x", account_id="other")
    register_load_balancer(admin, "lb-x", account_id="other")
    stage.read_listeners(ledger, "lb-x")
    grant(admin, "cls-x", load_balancer_id="lb-x")
    agent = agent_of(admin, "cls-x")
    assert agent.tell_one(bind(target={"load_balancer_id": "lb-x"}))["outcome"] == "accepted"
    register_load_balancer(admin)
    assert agent.tell_one(bind())["code"] == "not-granted"


def test_granting_and_taking_back_are_recorded(admin: Caller) -> None:
    register_cluster(admin)
    register_load_balancer(admin)
    grant(admin, CLUSTER, "lbl-tcp")
    admin.delete(GRANT)
    items = admin.get("/v1/history", cluster_id=CLUSTER, load_balancer_id=BALANCER, order="asc").json["items"]
    assert [(item["action"], item["detail"]) for item in items] == [("grant-made", "lbl-tcp"), ("grant-revoked", None)]
