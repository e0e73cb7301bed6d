"""Every route of the table asks for a token, and for the right one."""

from datetime import timedelta

import pytest

from app.api.routes import ROUTES, Route
from app.broker import tokens
from app.broker.tokens import Role
from tests.api.client import ADMIN_TOKEN, CLUSTER, OTHER_CLUSTER, Caller, agent_of, person, problem_of, register_cluster

OPEN = {"/livez", "/readyz", "/metrics"}
GUARDED = [route for route in ROUTES if route.roles is not None]
NOT_JSON = b"{"
"""Sent along: whoever may not ask is refused before anything of the request is read."""

MALFORMED = {
    "no scheme": ADMIN_TOKEN,
    "another scheme": f"Basic {ADMIN_TOKEN}",
    "scheme alone": "Bearer",
    "nothing after the scheme": "Bearer   ",
    "no secret": "Bearer t-0123456789abcdef.",
    "no id": "Bearer .secret",
    "too long": f"Bearer {'x' * 100_000}",
    "SQL": "Bearer t-1' OR '1'='1.secret",
    "letters of another script": "Bearer t-\xe9\xfc.secret",
    "two tokens": f"Bearer {ADMIN_TOKEN}, Bearer {ADMIN_TOKEN}",
}


def _path(route: Route, cluster_id: str = CLUSTER) -> str:
    path = route.path.replace("<identifier:cluster_id>", cluster_id)
    while "<identifier:" in path:
        before, _, rest = path.partition("<identifier:")
        path = f"{before}x-1{rest.partition('>')[2]}"
    return path


def _statuses(caller: Caller, routes: list[Route], header: str | None = None) -> dict[str, int]:
    headers = {} if header is None else {"Authorization": header}
    found = {}
    for route in routes:
        answer = caller.send(route.method, _path(route), NOT_JSON, headers=headers)
        if answer.status_code >= 400:
            problem_of(answer, answer.status_code)
        found[f"{route.method} {route.path}"] = answer.status_code
    return found


def _all(routes: list[Route], status: int) -> dict[str, int]:
    return {f"{route.method} {route.path}": status for route in routes}


def _caller(admin: Caller, role: Role) -> Caller:
    return agent_of(admin) if role is Role.AGENT else person(admin, role)


def test_only_health_and_metrics_are_open() -> None:
    assert {route.path for route in ROUTES if route.roles is None} == OPEN
    assert len(GUARDED) > 20
    assert all(route.roles for route in GUARDED)


def test_open_routes_and_documents_need_no_token(stranger: Caller) -> None:
    for path in (*OPEN, "/openapi.yaml", "/docs"):
        assert stranger.get(path).status_code == 200, path


def test_no_route_answers_without_a_token(stranger: Caller) -> None:
    assert _statuses(stranger, GUARDED) == _all(GUARDED, 401)


@pytest.mark.parametrize("header", MALFORMED.values(), ids=MALFORMED.keys())
def test_no_route_answers_a_malformed_token(stranger: Caller, header: str) -> None:
    assert _statuses(stranger, GUARDED, header) == _all(GUARDED, 401)


def test_no_route_answers_an_unknown_token(stranger: Caller) -> None:
    unknown = stranger.having("t-0123456789abcdef0123456789ab.c2VjcmV0LXRoYXQtbm9ib2R5LWlzc3VlZA")
    assert _statuses(unknown, GUARDED) == _all(GUARDED, 401)


def test_no_route_answers_a_known_id_with_another_secret(admin: Caller) -> None:
    operator = person(admin, "operator")
    token_id, _, secret = str(operator.token).partition(".")
    for wrong in (secret[:-1], secret + "x", secret.swapcase(), "x"):
        assert _statuses(admin.having(f"{token_id}.{wrong}"), GUARDED) == _all(GUARDED, 401)


@pytest.mark.parametrize("role", Role)
def test_no_route_answers_a_revoked_token(admin: Caller, role: Role) -> None:
    register_cluster(admin)
    caller = _caller(admin, role)
    assert caller.get("/v1/bindings").status_code == 200
    assert admin.delete(f"/v1/tokens/{str(caller.token).partition('.')[0]}").status_code == 204
    assert _statuses(caller, GUARDED) == _all(GUARDED, 401)


@pytest.mark.parametrize("role", Role)
def test_no_route_answers_an_expired_token(admin: Caller, role: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    register_cluster(admin)
    monkeypatch.setattr(tokens, "LIFETIME", timedelta(seconds=-1))
    assert _statuses(_caller(admin, role), GUARDED) == _all(GUARDED, 401)


def test_a_refusal_for_want_of_a_token_names_the_scheme_and_not_the_token(stranger: Caller) -> None:
    answer = stranger.having("t-1.my-secret").get("/v1/clusters")
    problem_of(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "my-secret" not in answer.text


@pytest.mark.parametrize("role", Role)
def test_a_role_is_refused_wherever_the_table_does_not_name_it(admin: Caller, role: Role) -> None:
    register_cluster(admin)
    closed = [route for route in GUARDED if role not in (route.roles or ())]
    assert _statuses(_caller(admin, role), closed) == _all(closed, 403)


@pytest.mark.parametrize("role", Role)
def test_a_role_is_let_in_wherever_the_table_names_it(admin: Caller, role: Role) -> None:
    register_cluster(admin)
    caller = _caller(admin, role)
    mine = [route for route in GUARDED if role in (route.roles or ())]
    assert mine
    assert not {401, 403} & set(_statuses(caller, mine).values())


def test_the_agent_of_another_cluster_is_refused_wherever_the_path_names_a_cluster(admin: Caller) -> None:
    register_cluster(admin)
    register_cluster(admin, OTHER_CLUSTER)
    other = agent_of(admin, OTHER_CLUSTER)
    named = [route for route in GUARDED if "<identifier:cluster_id>" in route.path]
    assert _statuses(other, named) == _all(named, 403)


@pytest.mark.parametrize("role", ["admin", "operator", "viewer"])
def test_nobody_but_an_agent_sends_events(admin: Caller, role: str) -> None:
    register_cluster(admin)
    answer = person(admin, role).post(f"/v1/clusters/{CLUSTER}/pod-events", {"events": []})
    assert role in problem_of(answer, 403, "forbidden")["detail"]


def test_the_first_administrator_cannot_send_events_either(admin: Caller) -> None:
    register_cluster(admin)
    problem_of(admin.post(f"/v1/clusters/{CLUSTER}/pod-events", {"events": []}), 403, "forbidden")


def test_an_agent_may_do_the_named_things_and_nothing_else() -> None:
    assert sorted(route.view.__name__ for route in GUARDED if Role.AGENT in (route.roles or ())) == [
        "changes",
        "get",
        "history",
        "listing",
        "listing",
        "post",
        "put_service_targets",
    ]


def test_a_path_to_nowhere_needs_no_token_to_be_nowhere(stranger: Caller) -> None:
    problem_of(stranger.get("/v1/nothing"), 404, "not-found")


def test_the_scheme_is_read_in_any_case(admin: Caller) -> None:
    for scheme in ("bearer", "BEARER", "Bearer "):
        answer = admin.send("GET", "/v1/clusters", headers={"Authorization": f"{scheme} {ADMIN_TOKEN}"})
        assert answer.status_code == 200
