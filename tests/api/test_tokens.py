"""Tokens: shown once, kept as hashes, compared in constant time, and blind to other clusters."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from app.broker import tokens
from app.ledger import tables
from app.ledger.connection import Ledger
from tests.api.client import (
    ADMIN_TOKEN,
    CLUSTER,
    OTHER_CLUSTER,
    Caller,
    agent_of,
    bind,
    person,
    problem_of,
    register_cluster,
)


def test_a_token_is_answered_with_its_id_and_its_end(admin: Caller) -> None:
    register_cluster(admin)
    asked_at = datetime.now(UTC)
    for answer in (
        admin.post(f"/v1/clusters/{CLUSTER}/tokens"),
        admin.post("/v1/tokens", {"role": "viewer", "name": "x"}),
    ):
        assert answer.status_code == 201
        assert answer.json.keys() == {"token", "token_id", "expires_at"}
        assert answer.json["token"].startswith(f"{answer.json['token_id']}.")
        lifetime = datetime.fromisoformat(answer.json["expires_at"]) - asked_at
        assert timedelta(days=364) < lifetime < timedelta(days=366)
        assert answer.json["expires_at"].endswith("Z")


def test_a_token_is_kept_as_a_hash_only(admin: Caller, ledger: Ledger) -> None:
    token = str(person(admin, "operator").token)
    token_id, _, secret = token.partition(".")
    with ledger.begin() as connection:
        kept = connection.execute(select(tables.tokens)).one()
        everything = [
            str(row) for table in tables.METADATA.tables.values() for row in connection.execute(select(table)).all()
        ]
    assert kept.token_id == token_id
    assert kept.secret_hash == hashlib.sha256(secret.encode()).hexdigest()
    assert not any(secret in row or ADMIN_TOKEN in row for row in everything)


def test_no_two_tokens_are_alike(admin: Caller) -> None:
    register_cluster(admin)
    issued = [str(agent_of(admin).token) for _ in range(5)]
    assert len({token.partition(".")[0] for token in issued}) == 5
    assert len({token.partition(".")[2] for token in issued}) == 5
    assert all(len(token.partition(".")[2]) >= 43 for token in issued)  # 256 bits


def test_secrets_are_compared_in_constant_time_by_their_hashes(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    viewer = person(admin, "viewer")
    compared: list[tuple[str, str]] = []

    def watched(left: str, right: str) -> bool:
        compared.append((left, right))
        return hmac_compare(left, right)

    hmac_compare = hmac.compare_digest
    monkeypatch.setattr(tokens.hmac, "compare_digest", watched)
    for caller, status in ((admin, 200), (viewer, 200), (admin.having("t-1.x"), 401)):
        compared.clear()
        assert caller.get("/v1/clusters").status_code == status
        assert compared  # an unknown id is compared too: the time taken does not tell whether it exists
        assert {len(side) for pair in compared for side in pair} == {64}


def test_a_token_for_an_unknown_cluster_is_not_issued(admin: Caller) -> None:
    problem_of(admin.post("/v1/clusters/cls-unknown/tokens"), 404, "cluster-not-found")


@pytest.mark.parametrize("role", ["agent", "root", "", None, 1, ["admin"]])
def test_a_token_for_people_has_a_role_of_people(admin: Caller, role: object) -> None:
    answer = admin.post("/v1/tokens", {"role": role, "name": "x"})
    assert "role" in problem_of(answer, 422, "invalid-request")["detail"]


@pytest.mark.parametrize("name", [None, "", "a\nb", "a\x00b", "x" * 254, 5, {}])
def test_a_token_for_people_has_a_name_that_can_stand_in_history(admin: Caller, name: object) -> None:
    answer = admin.post("/v1/tokens", {"role": "viewer", "name": name})
    assert "name" in problem_of(answer, 422, "invalid-request")["detail"]


def test_revoking_ends_a_token_at_once_and_once(admin: Caller) -> None:
    viewer = person(admin, "viewer")
    path = f"/v1/tokens/{str(viewer.token).partition('.')[0]}"
    assert viewer.get("/v1/clusters").status_code == 200
    answer = admin.delete(path)
    assert (answer.status_code, answer.data) == (204, b"")
    assert viewer.get("/v1/clusters").status_code == 401
    problem_of(admin.delete(path), 404, "token-not-found")


def test_issuing_and_revoking_are_in_history_without_the_secret(admin: Caller) -> None:
    viewer = person(admin, "viewer")
    token_id, _, secret = str(viewer.token).partition(".")
    admin.delete(f"/v1/tokens/{token_id}")
    items = admin.get("/v1/history", order="asc").json["items"]
    assert [(item["action"], item["actor"]) for item in items] == [
        ("token-issued", "admin:bootstrap"),
        ("token-revoked", "admin:bootstrap"),
    ]
    assert all(token_id in item["detail"] and secret not in item["detail"] for item in items)


def test_history_names_who_did_it(admin: Caller) -> None:
    register_cluster(person(admin, "operator"))
    (item,) = admin.get("/v1/history", action="cluster-registered").json["items"]
    assert item["actor"] == "operator:operator of the tests"


def test_without_an_administrators_token_in_the_settings_nobody_is_administrator_by_it(ledger: Ledger) -> None:
    from app.api.application import create_application
    from app.api.context import ApiContext

    caller = Caller(create_application(ApiContext(ledger, None, 0)))
    for token in ("", "None", "null", ADMIN_TOKEN):
        problem_of(caller.having(token).get("/v1/clusters"), 401)


def test_a_context_does_not_show_the_administrators_token(ledger: Ledger) -> None:
    from app.api.context import ApiContext

    assert ADMIN_TOKEN not in repr(ApiContext(ledger, ADMIN_TOKEN, 0))


def test_another_clusters_binding_does_not_exist_for_an_agent(agent: Caller, neighbour: Caller) -> None:
    binding_id = agent.tell_one(bind())["binding_id"]
    for path in (f"/v1/bindings/{binding_id}", f"/v1/bindings/{binding_id}/history"):
        assert agent.get(path).status_code == 200
        hidden = problem_of(neighbour.get(path), 404, "binding-not-found")
        unknown = problem_of(neighbour.get(path.replace(binding_id, "b-0")), 404, "binding-not-found")
        assert hidden["detail"].replace(binding_id, "b-0") == unknown["detail"]


def test_lists_show_an_agent_its_own_cluster_alone(agent: Caller, neighbour: Caller, admin: Caller) -> None:
    agent.tell(bind("u1"), bind("u2"))
    neighbour.tell(bind("u3"))
    for path in ("/v1/bindings", "/v1/history"):
        assert {item["cluster_id"] for item in admin.get(path).json["items"]} >= {CLUSTER, OTHER_CLUSTER}
        assert {item["cluster_id"] for item in agent.get(path).json["items"]} == {CLUSTER}
        assert {item["cluster_id"] for item in neighbour.get(path, cluster_id=OTHER_CLUSTER).json["items"]} == {
            OTHER_CLUSTER
        }
        problem_of(agent.get(path, cluster_id=OTHER_CLUSTER), 403, "forbidden")
    assert len(agent.get("/v1/bindings").json["items"]) == 2


def test_an_agent_sees_no_other_cluster_through_another_filter(agent: Caller, neighbour: Caller) -> None:
    binding_id = agent.tell_one(bind())["binding_id"]
    mine = agent.binding(binding_id)
    for query in (
        {"load_balancer_id": "lb-1"},
        {"ip": mine["pod"]["ip"]},
        {"pod_uid": mine["pod"]["uid"]},
        {"listener_id": "lbl-tcp"},
    ):
        assert neighbour.get("/v1/bindings", **query).json["items"] == []
        assert agent.get("/v1/bindings", **query).json["items"] == [mine]
        assert all(item["cluster_id"] == OTHER_CLUSTER for item in neighbour.get("/v1/history", **query).json["items"])
    assert neighbour.get("/v1/history", binding_id=binding_id).json["items"] == []


def test_reaching_for_what_is_anothers_leaves_a_trace(agent: Caller, neighbour: Caller) -> None:
    binding_id = agent.tell_one(bind())["binding_id"]
    actor = f"agent:{OTHER_CLUSTER}:{str(neighbour.token).partition('.')[0]}"
    with capture_logs() as logs:
        neighbour.post(f"/v1/clusters/{CLUSTER}/pod-events", {"events": []})
        neighbour.get(f"/v1/bindings/{binding_id}")
        neighbour.get("/v1/bindings/b-unknown")
        neighbour.having(None).get("/v1/bindings")
    assert [{name: value for name, value in line.items() if name != "event"} for line in logs] == [
        {"log_level": "warning", "method": "POST", "path": f"/v1/clusters/{CLUSTER}/pod-events", "caller": actor},
        {"log_level": "warning", "binding_id": binding_id, "caller": actor},
    ]


def test_changes_of_another_cluster_are_not_told(agent: Caller, neighbour: Caller) -> None:
    agent.tell(bind())
    problem_of(neighbour.get(f"/v1/clusters/{CLUSTER}/changes"), 403)
    assert neighbour.get(f"/v1/clusters/{OTHER_CLUSTER}/changes").json["items"] == []


@pytest.mark.parametrize("path", [f"/v1/clusters/{CLUSTER}/tokens", "/v1/tokens"])
def test_a_token_lasts_as_long_as_was_asked(agent: Caller, admin: Caller, path: str) -> None:
    about = {"role": "auditor", "name": "x"} if path == "/v1/tokens" else {}
    answer = admin.post(path, {**about, "expires_in_seconds": 60})
    assert answer.status_code == 201
    left = datetime.fromisoformat(answer.json["expires_at"]) - datetime.now(UTC)
    assert timedelta(seconds=30) < left <= timedelta(seconds=60)
    for wrong in (0, -1, 59, 31_536_001, 1.5, "60", True, 10**30):
        problem_of(admin.post(path, {**about, "expires_in_seconds": wrong}), 422, "invalid-request")
