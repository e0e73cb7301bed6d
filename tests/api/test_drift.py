"""Drift over HTTP."""

import pytest
from sqlalchemy.exc import IntegrityError

from app.ledger.connection import Ledger
from tests.api.client import Caller, pages, person, problem_of

COLUMNS = (
    "account_id, load_balancer_id, listener_id, location_id, ip, port, kind, action, weight, binding_id,"
    " cluster_id, seen_at"
)


def put(ledger: Ledger, *rows: str) -> None:
    """Differences as a worker keeps them."""
    with ledger.begin() as connection:
        for row in rows:
            connection.exec_driver_sql(f"INSERT INTO drift ({COLUMNS}) VALUES ('default', 'lb-1', {row}, now())")


FOREIGN = "'lbl-1', '', '10.0.6.9', 8080, 'foreign', 'reported', 33, NULL, NULL"
MISSING = "'lbl-1', 'loc-1', '10.0.3.17', 8080, 'missing', 'registered-again', NULL, 'b-1', 'cls-1'"


def test_differences_are_listed_the_newest_first_with_what_was_done(
    agent: Caller, admin: Caller, ledger: Ledger
) -> None:
    put(ledger, FOREIGN, MISSING)
    answer = person(admin, "viewer").get("/v1/load-balancers/lb-1/drift")
    assert answer.json["next_cursor"] is None
    missing, foreign = answer.json["items"]
    assert {
        name: missing[name] for name in ("kind", "action", "ip", "port", "listener_id", "location_id", "weight")
    } == {
        "kind": "missing",
        "action": "registered-again",
        "ip": "10.0.3.17",
        "port": 8080,
        "listener_id": "lbl-1",
        "location_id": "loc-1",
        "weight": None,
    }
    assert (missing["binding_id"], missing["cluster_id"]) == ("b-1", "cls-1")
    assert (foreign["kind"], foreign["action"], foreign["weight"], foreign["location_id"]) == (
        "foreign",
        "reported",
        33,
        None,
    )
    assert missing["seen_at"].endswith("Z")


def test_differences_come_in_pages(agent: Caller, admin: Caller, ledger: Ledger) -> None:
    put(ledger, *[MISSING.replace("8080", str(port)) for port in range(1, 6)])
    found = [[item["port"] for item in page] for page in pages(admin, "/v1/load-balancers/lb-1/drift", 2)]
    assert found == [[5, 4], [3, 2], [1]]


def test_an_operator_ignores_a_foreign_target_and_nothing_else(agent: Caller, admin: Caller, ledger: Ledger) -> None:
    put(ledger, FOREIGN, MISSING)
    missing, foreign = admin.get("/v1/load-balancers/lb-1/drift").json["items"]
    path = "/v1/load-balancers/lb-1/drift"
    answer = person(admin, "operator").post(f"{path}/{foreign['drift_id']}/ignore")
    assert (answer.status_code, answer.json) == (200, {**foreign, "action": "ignored"})
    assert problem_of(admin.post(f"{path}/{missing['drift_id']}/ignore"), 404)["code"] == "drift-not-found"
    assert problem_of(admin.post(f"{path}/999999/ignore"), 404)["code"] == "drift-not-found"
    (item,) = admin.get("/v1/history", action="drift-ignored").json["items"]
    assert (item["ip"], item["listener_id"], item["actor"]) == ("10.0.6.9", "lbl-1", "operator:operator of the tests")


def test_drift_of_an_unknown_load_balancer_is_not_found(admin: Caller) -> None:
    assert problem_of(admin.get("/v1/load-balancers/lb-none/drift"), 404)["code"] == "load-balancer-not-found"


def test_a_foreign_target_has_one_row_per_place(agent: Caller, ledger: Ledger) -> None:
    put(ledger, FOREIGN)
    with pytest.raises(IntegrityError, match="drift_one_foreign_per_place"):
        put(ledger, FOREIGN)
