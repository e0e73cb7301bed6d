"""All routes by all kinds of callers, generated from the table of routes: who is let in, who is refused, and how."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

import pytest

from app.api.context import EXTENSION
from app.api.routes import ROUTES, Route
from app.api.trusted_keys import TrustedKeys
from app.broker import tokens
from app.domain.caller import Role
from app.domain.trust import PeopleIssuer
from app.identity.key_set import read_key_set
from tests.api.client import ADMIN_TOKEN, CLUSTER, OTHER_CLUSTER, Caller, agent_of, person, problem_of, register_cluster
from tests.identity.issuing import KEY, Key, by_hand, claims, key_set, token, trust

LOGIN = "https://login.example"
PEOPLE_KEY = Key("people")
PEOPLE = PeopleIssuer(
    "corp",
    LOGIN,
    "broker",
    "groups",
    {str(role): role for role in Role if role is not Role.AGENT},
    read_key_set(key_set(PEOPLE_KEY), strict=True),
)
NOT_JSON = b"{"
"""Sent along: whoever is let in gets as far as this, and changes nothing."""

OPEN, GUARDED = ([route for route in ROUTES if (route.roles is None) is is_open] for is_open in (True, False))
NOBODY: Final = None
"""The role of a caller whose token is nobody's."""
WITHOUT_ROLE: Final = "without a role"


@pytest.fixture(autouse=True)
def _place(admin: Caller) -> Iterator[None]:
    keys = TrustedKeys([PEOPLE])
    object.__setattr__(admin.app.extensions[EXTENSION], "trusted_keys", keys)
    for cluster_id, key in ((CLUSTER, KEY), (OTHER_CLUSTER, Key("key-b"))):
        register_cluster(admin, cluster_id, trust=trust(key))
    yield
    keys.close()


def employee(role: str, key: Key = PEOPLE_KEY, **changes: object) -> str:
    return token(key, **{"iss": LOGIN, "aud": "broker", "sub": "ann", "groups": ["staff", role], **changes})


def revoked(admin: Caller, caller: Caller) -> str:
    assert admin.delete(f"/v1/tokens/{str(caller.token).partition('.')[0]}").status_code == 204
    return str(caller.token)


def expired(admin: Caller, role: Role) -> str:
    issued = tokens.issue_token(
        admin.app.extensions[EXTENSION].ledger,
        role,
        name=None if role is Role.AGENT else "x",
        cluster_id=CLUSTER if role is Role.AGENT else None,
        lifetime=timedelta(seconds=-1),
        actor="x",
    )
    return issued.token


Give = Callable[[Caller], str | None]
BY_TOKEN: dict[str, tuple[Give, object]] = {
    f"{role} by token": (lambda admin, role=role: person(admin, role).token, role)
    for role in Role
    if role is not Role.AGENT
}
BY_LOGIN: dict[str, tuple[Give, object]] = {
    f"{role} by login": (lambda _, role=role: employee(role), role) for role in Role if role is not Role.AGENT
}
OVER: dict[str, tuple[Give, object]] = {
    **{f"{role} expired": (lambda admin, role=role: expired(admin, role), NOBODY) for role in Role},
    **{
        f"{role} revoked": (lambda admin, role=role: revoked(admin, person(admin, role)), NOBODY)
        for role in Role
        if role is not Role.AGENT
    },
    "agent revoked": (lambda admin: revoked(admin, agent_of(admin)), NOBODY),
    "agent's identity expired": (lambda _: token(exp=1), NOBODY),
    "login expired": (lambda _: employee("admin", exp=1), NOBODY),
}
CALLERS: dict[str, tuple[Give, object]] = {
    "nobody": (lambda _: None, NOBODY),
    "malformed": (lambda _: "x", NOBODY),
    "malformed login": (lambda _: "a.b.c", NOBODY),
    "unsigned": (lambda _: by_hand({"alg": "none", "kid": "people"}, claims(iss=LOGIN, groups=["admin"])), NOBODY),
    "unknown key": (lambda _: token(Key("stranger")), NOBODY),
    "an agent who says it is of the people": (lambda _: employee("admin", KEY), NOBODY),
    "a person who says to be an agent": (lambda _: token(PEOPLE_KEY), NOBODY),
    "another audience": (lambda _: employee("admin", aud="clb-broker"), NOBODY),
    "first administrator": (lambda _: ADMIN_TOKEN, Role.ADMIN),
    **BY_TOKEN,
    **BY_LOGIN,
    **OVER,
    "person without a role": (lambda _: employee("nothing"), WITHOUT_ROLE),
    "person who says to be an agent by role": (lambda _: employee("agent"), WITHOUT_ROLE),
    "agent by token": (lambda admin: agent_of(admin).token, Role.AGENT),
    "agent by identity": (lambda _: token(), Role.AGENT),
    "other agent by token": (lambda admin: agent_of(admin, OTHER_CLUSTER).token, OTHER_CLUSTER),
    "other agent by identity": (lambda _: token(Key("key-b")), OTHER_CLUSTER),
}


def expected(route: Route, role: object) -> int | None:
    """The status of a refusal; None: this caller is let in."""
    if role is NOBODY:
        return 401
    of_a_cluster = "<identifier:cluster_id>" in route.path
    if role == OTHER_CLUSTER:
        return 403 if of_a_cluster or Role.AGENT not in (route.roles or ()) else None
    return None if role in (route.roles or ()) else 403


def path_of(route: Route) -> str:
    path = route.path.replace("<identifier:cluster_id>", CLUSTER)
    while "<identifier:" in path:
        before, _, rest = path.partition("<identifier:")
        path = f"{before}x-1{rest.partition('>')[2]}"
    return path


@pytest.mark.parametrize("kind", CALLERS)
def test_each_route_lets_in_whom_the_table_names_and_nobody_else(admin: Caller, kind: str) -> None:
    give, role = CALLERS[kind]
    caller = admin.having(give(admin))
    wrong = {}
    for route in GUARDED:
        answer = caller.send(route.method, path_of(route), NOT_JSON)
        wanted = expected(route, role)
        if wanted is not None:
            problem_of(answer, answer.status_code)
        let_in = answer.status_code not in {401, 403}
        if (let_in and wanted is not None) or (not let_in and answer.status_code != wanted):
            wrong[f"{route.method} {route.path}"] = (answer.status_code, wanted)
    assert wrong == {}


@pytest.mark.parametrize("kind", CALLERS)
def test_open_routes_let_in_everybody(admin: Caller, kind: str) -> None:
    caller = admin.having(CALLERS[kind][0](admin))
    assert {route.path: caller.send(route.method, route.path).status_code for route in OPEN} == {
        "/livez": 200,
        "/readyz": 200,
        "/metrics": 200,
    }


def test_the_matrix_has_no_hole() -> None:
    roles = {role for _, role in CALLERS.values()}
    assert roles >= {*Role, NOBODY, WITHOUT_ROLE, OTHER_CLUSTER}
    assert len(GUARDED) + len(OPEN) == len(ROUTES) > 30
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


def test_who_may_read_may_write_nothing_and_an_auditor_reads_all_that_a_viewer_reads() -> None:
    routes = {role: {(each.method, each.path) for each in GUARDED if role in (each.roles or ())} for role in Role}
    readings = {(method, path) for method, path in routes[Role.VIEWER] if method == "GET"}
    assert routes[Role.VIEWER] - readings == {("POST", "/v1/verifications")}
    assert readings <= routes[Role.AUDITOR]
    assert {method for method, _ in routes[Role.AUDITOR]} == {"GET"}
    writes = {(method, path) for method, path in routes[Role.AGENT] if method != "GET"}
    assert {path.rpartition("/")[2] for _, path in writes} == {"pod-events", "targets"}
    assert all("<identifier:cluster_id>" in path for _, path in writes)
