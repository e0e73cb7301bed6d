"""Tokens: shown once, kept as hashes, bound to a role, and over when revoked or expired."""

from datetime import timedelta

import pytest

from app.broker.register_cluster import register_cluster
from app.broker.tokens import Caller, Role, authenticate, issue_token, revoke_token
from app.domain.cluster import Removal, Verification
from app.domain.errors import LedgerUnavailable, RequestRefused
from app.ledger.connection import Ledger
from tests.ledger.building import execute

ADMIN = "the-first-administrator's-token"


@pytest.fixture(autouse=True)
def _cluster(ledger: Ledger) -> None:
    register_cluster(
        ledger,
        "cls-a",
        account_id="default",
        region="r",
        verification=Verification.STRICT,
        topology=None,
        removal=Removal(0.3),
        actor="operator:ann",
    )


def test_an_agent_s_token_speaks_for_its_cluster_alone(ledger: Ledger) -> None:
    issued = issue_token(ledger, Role.AGENT, cluster_id="cls-a", actor="operator:ann")
    caller = authenticate(ledger, issued.token, ADMIN)
    assert caller is not None
    assert (caller.role, caller.cluster_id) == (Role.AGENT, "cls-a")


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OPERATOR, Role.VIEWER])
def test_a_person_s_token_has_a_role_and_a_name_for_history(ledger: Ledger, role: Role) -> None:
    issued = issue_token(ledger, role, name="ann", actor="admin:bootstrap")
    caller = authenticate(ledger, issued.token, ADMIN)
    assert caller == Caller(role, "ann")
    assert caller.actor == f"{role}:ann"


def test_the_first_administrator_s_token_is_the_setting_s(ledger: Ledger) -> None:
    assert authenticate(ledger, ADMIN, ADMIN) == Caller(Role.ADMIN, "bootstrap")
    assert authenticate(ledger, ADMIN, None) is None
    assert authenticate(ledger, "", None) is None


def test_no_secret_is_in_the_ledger(ledger: Ledger) -> None:
    issued = issue_token(ledger, Role.VIEWER, name="ann", actor="admin:bootstrap")
    secret = issued.token.partition(".")[2]
    everything = execute(ledger, "SELECT t::text FROM tokens t UNION ALL SELECT j::text FROM journal j")
    assert len(secret) >= 40
    assert not any(secret in row for row in everything)
    assert any(issued.token_id in row for row in everything)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token + "x",
        lambda token: token[:-1],
        lambda token: token.partition(".")[0],
        lambda token: token.partition(".")[0] + ".",
        lambda token: "." + token.partition(".")[2],
        lambda token: "t-none." + token.partition(".")[2],
        lambda token: token.upper(),
        lambda _: "",
        lambda _: "' OR 1=1 --.x",
        lambda _: "té.secret",
        lambda _: "t-1.\udc80",
        lambda _: "t-1.\x00",
        lambda _: "a" * 100_000,
        lambda token: token + " " * 300,
    ],
)
def test_a_token_that_is_not_exactly_right_is_nobody_s(ledger: Ledger, spoil: object) -> None:
    issued = issue_token(ledger, Role.VIEWER, name="ann", actor="admin:bootstrap")
    assert callable(spoil)
    assert authenticate(ledger, spoil(issued.token), ADMIN) is None


def test_a_revoked_token_is_over_at_once_and_revoking_it_again_finds_nothing(ledger: Ledger) -> None:
    issued = issue_token(ledger, Role.VIEWER, name="ann", actor="admin:bootstrap")
    revoke_token(ledger, issued.token_id, actor="admin:bootstrap")
    assert authenticate(ledger, issued.token, ADMIN) is None
    with pytest.raises(RequestRefused) as raised:
        revoke_token(ledger, issued.token_id, actor="admin:bootstrap")
    assert (raised.value.status, raised.value.code) == (404, "token-not-found")
    history = execute(ledger, "SELECT action FROM journal WHERE action LIKE 'token%' ORDER BY sequence")
    assert history == ["token-issued", "token-revoked"]


def test_an_expired_token_is_over(ledger: Ledger) -> None:
    issued = issue_token(ledger, Role.VIEWER, name="ann", actor="admin:bootstrap")
    execute(ledger, "UPDATE tokens SET expires_at = now() - interval '1 second'")
    assert authenticate(ledger, issued.token, ADMIN) is None


def test_a_token_for_an_unknown_cluster_is_not_issued(ledger: Ledger) -> None:
    with pytest.raises(RequestRefused) as raised:
        issue_token(ledger, Role.AGENT, cluster_id="cls-none", actor="operator:ann")
    assert (raised.value.status, raised.value.code) == (404, "cluster-not-found")


def test_a_credential_of_absurd_length_is_refused_unread() -> None:
    away = Ledger("postgresql://127.0.0.1:1/none")
    assert authenticate(away, "t-1." + "x" * 300, ADMIN) is None
    away.close()


def test_authentication_fails_closed_when_the_ledger_is_away() -> None:
    away = Ledger("postgresql://127.0.0.1:1/none")
    with pytest.raises(LedgerUnavailable):
        authenticate(away, "t-1.secret", ADMIN)
    away.close()


def test_of_a_cluster_s_tokens_those_beyond_the_newest_two_end_within_the_hour(ledger: Ledger) -> None:
    issued = [issue_token(ledger, Role.AGENT, cluster_id="cls-a", actor="operator:ann") for _ in range(4)]
    person = issue_token(ledger, Role.VIEWER, name="ann", actor="operator:ann")
    soon = "SELECT token_id FROM tokens WHERE expires_at <= now() + interval '1 hour' ORDER BY token_id"
    assert execute(ledger, soon) == sorted(each.token_id for each in issued[:2])
    assert all(authenticate(ledger, each.token, ADMIN) for each in (*issued, person))
    (told,) = execute(ledger, "SELECT detail FROM journal WHERE detail LIKE :like", like=f"{issued[3].token_id}%")
    assert told.endswith(f"; {issued[1].token_id} will end")


def test_a_token_that_ends_sooner_anyhow_is_not_made_to_last(ledger: Ledger) -> None:
    first = issue_token(ledger, Role.AGENT, cluster_id="cls-a", lifetime=timedelta(minutes=1), actor="operator:ann")
    for _ in range(3):
        issue_token(ledger, Role.AGENT, cluster_id="cls-a", actor="operator:ann")
    expires = f"SELECT expires_at < now() + interval '2 minutes' FROM tokens WHERE token_id = '{first.token_id}'"
    assert execute(ledger, expires) == [True]


def test_a_revoked_token_takes_no_place_of_the_two(ledger: Ledger) -> None:
    first, second = (issue_token(ledger, Role.AGENT, cluster_id="cls-a", actor="operator:ann") for _ in range(2))
    revoke_token(ledger, second.token_id, actor="operator:ann")
    issue_token(ledger, Role.AGENT, cluster_id="cls-a", actor="operator:ann")
    lasting = f"SELECT expires_at > now() + interval '1 day' FROM tokens WHERE token_id = '{first.token_id}'"
    assert execute(ledger, lasting) == [True]
