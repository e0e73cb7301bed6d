"""A cluster's own identity: what an operator may state, and whose requests it lets in."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from app.api.context import EXTENSION
from app.api.trusted_keys import TrustedKeys
from app.domain.errors import LedgerUnavailable
from app.domain.trust import trust_id_of_cluster
from app.identity.key_set import read_key_set
from app.ledger import trusts
from app.ledger.connection import Connection, Ledger
from tests.api.client import CLUSTER, OTHER_CLUSTER, Caller, bind, problem_of
from tests.identity.issuing import ISSUER, KEY, OTHER_KEY, SUBJECT, Key, by_hand, claims, key_set, token, trust

PATH = f"/v1/clusters/{CLUSTER}"
URI = "https://issuer.example/openid/v1/jwks"


@pytest.fixture(autouse=True)
def _threads(admin: Caller) -> Iterator[None]:
    yield
    admin.app.extensions[EXTENSION].trusted_keys.close()


def put(admin: Caller, stated: Any, cluster_id: str = CLUSTER) -> Any:
    answer = admin.put(f"/v1/clusters/{cluster_id}", {"region": "ap-guangzhou", "trust": stated})
    assert answer.status_code in {200, 201}, answer.text
    return answer.json


def sent(caller: Caller, given: str, cluster_id: str = CLUSTER) -> int:
    path = f"/v1/clusters/{cluster_id}/pod-events"
    return caller.having(given).post(path, {"events": []}).status_code


def actors(admin: Caller, **query: Any) -> list[str]:
    return [item["actor"] for item in admin.get("/v1/history", **query).json["items"]]


def test_a_trust_is_shown_as_it_was_given(admin: Caller) -> None:
    shown = put(admin, trust())
    assert shown["trust"] == {**trust(), "jwks_uri": None}
    assert shown["trust_keys"] == {"key_ids": ["key-1"], "read_at": None, "error": None, "failing_since": None}
    assert admin.get(PATH).json["trust"] == shown["trust"]
    assert admin.get("/v1/clusters").json["items"][0]["trust"] == shown["trust"]
    assert put(admin, shown["trust"])["trust"] == shown["trust"]
    assert put(admin, None)["trust"] is None


def test_keys_to_be_read_elsewhere_are_none_until_a_worker_has_read_them(admin: Caller) -> None:
    shown = put(admin, trust(jwks=None, jwks_uri=URI))
    assert (shown["trust"]["jwks"], shown["trust"]["jwks_uri"]) == (None, URI)
    assert shown["trust_keys"]["key_ids"] == []
    assert sent(admin, token()) == 401


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"issuer": None}, "issuer"),
        ({"issuer": ""}, "issuer"),
        ({"issuer": "x" * 513}, "issuer"),
        ({"audience": None}, "audience"),
        ({"subjects": []}, "subjects"),
        ({"subjects": None}, "subjects"),
        ({"subjects": "x"}, "subjects"),
        ({"subjects": ["x"] * 51}, "subjects"),
        ({"subjects": ["a\nb"]}, "subjects"),
        ({"jwks": None}, "trust"),
        ({"jwks_uri": URI}, "trust"),
        ({"jwks": {}}, "jwks"),
        ({"jwks": "x"}, "jwks"),
        ({"jwks": {"keys": [KEY.jwk(d="AQAB")]}}, "jwks"),
        ({"jwks": {"keys": [{"kty": "oct", "k": "AQAB"}]}}, "jwks"),
        ({"jwks": None, "jwks_uri": "http://issuer.example/keys"}, "https"),
        ({"jwks": None, "jwks_uri": "http://127.0.0.1.issuer.example/keys"}, "https"),
        ({"jwks": None, "jwks_uri": "https://ann:pw@issuer.example/keys"}, "user"),
        ({"jwks": None, "jwks_uri": "file:///etc/passwd"}, "URL"),
        ({"jwks": None, "jwks_uri": "gopher://issuer.example/keys"}, "URL"),
        ({"jwks": None, "jwks_uri": "https://"}, "URL"),
        ({"jwks": None, "jwks_uri": "https://issuer.example/\u00e9"}, "URL"),
        ({"algorithms": ["none"]}, "algorithms"),
    ],
    ids=lambda given: given if isinstance(given, str) else "-".join(given),  # keys are made anew in each process
)
def test_what_cannot_be_trusted_is_refused_and_named(admin: Caller, changes: dict[str, Any], field: str) -> None:
    answer = admin.put(PATH, {"region": "ap-guangzhou", "trust": trust(**changes)})
    assert field in problem_of(answer, 422, "invalid-request")["detail"]
    problem_of(admin.get(PATH), 404)


@pytest.mark.parametrize("uri", ["http://127.0.0.1:8443/keys", "http://localhost/keys", "http://[::1]:80/keys", URI])
def test_keys_may_be_read_over_https_and_unencrypted_from_this_machine_alone(admin: Caller, uri: str) -> None:
    assert put(admin, trust(jwks=None, jwks_uri=uri))["trust"]["jwks_uri"] == uri


def test_a_token_of_the_cluster_s_issuer_is_its_agent(agent: Caller, admin: Caller) -> None:
    put(admin, trust())
    mine = admin.having(token())
    assert mine.tell_one(bind())["outcome"] == "accepted"
    assert [item["cluster_id"] for item in mine.get("/v1/bindings").json["items"]] == [CLUSTER]
    assert set(actors(admin, action="binding-created")) == {f"agent:{CLUSTER}:{SUBJECT}"}
    problem_of(mine.get("/v1/clusters"), 403, "forbidden")
    assert agent.tell_one(bind("u2"))["outcome"] == "accepted"


def test_a_token_is_of_the_cluster_whose_key_verifies_whatever_the_path_and_the_issuer_say(admin: Caller) -> None:
    put(admin, trust(Key("mine", key_id="same")))
    put(admin, trust(Key("other", key_id="same")), OTHER_CLUSTER)
    mine, other = token(Key("mine", key_id="same")), token(Key("other", key_id="same"))
    assert (sent(admin, mine), sent(admin, other, OTHER_CLUSTER)) == (202, 202)
    assert (sent(admin, other), sent(admin, mine, OTHER_CLUSTER)) == (403, 403)
    assert sent(admin, token(Key("third", key_id="same"))) == 401


def test_a_key_is_one_cluster_s_alone(admin: Caller) -> None:
    put(admin, trust(KEY))
    for issuer in (ISSUER, "https://another.example"):
        for key in (KEY, Key("key-1", key_id="renamed")):
            body = {"region": "ap-guangzhou", "trust": trust(OTHER_KEY, key, issuer=issuer)}
            answer = admin.put(f"/v1/clusters/{OTHER_CLUSTER}", body)
            assert CLUSTER not in problem_of(answer, 409, "key-registered-elsewhere")["detail"]
    problem_of(admin.get(f"/v1/clusters/{OTHER_CLUSTER}"), 404)
    put(admin, None)
    put(admin, trust(OTHER_KEY, KEY), OTHER_CLUSTER)
    assert (sent(admin, token(), OTHER_CLUSTER), sent(admin, token())) == (202, 403)


def test_a_trust_counts_at_once_where_it_was_written(admin: Caller) -> None:
    put(admin, trust(KEY))
    assert sent(admin, token(KEY)) == 202
    put(admin, trust(OTHER_KEY))
    assert (sent(admin, token(KEY)), sent(admin, token(OTHER_KEY))) == (401, 202)
    put(admin, trust(OTHER_KEY, subjects=["another"]))
    assert sent(admin, token(OTHER_KEY)) == 401
    put(admin, None)
    assert sent(admin, token(OTHER_KEY)) == 401


def test_a_trust_that_another_process_wrote_counts_soon(admin: Caller, ledger: Ledger) -> None:
    here = admin.app.extensions[EXTENSION]
    keys = TrustedKeys(seconds=0.02)
    object.__setattr__(here, "trusted_keys", keys)
    put(admin, trust(KEY))
    assert sent(admin, token(KEY)) == 202
    new = read_key_set(key_set(OTHER_KEY), strict=True)
    with ledger.begin() as connection:
        trusts.put_keys(connection, "default", trust_id_of_cluster(CLUSTER), new, None)
    assert soon(lambda: sent(admin, token(OTHER_KEY)) == 202)
    assert sent(admin, token(KEY)) == 401


def soon(holds: Any, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.01)
    return False


class Counting(Ledger):
    """A ledger that counts its transactions."""

    def __init__(self, counted: Ledger) -> None:
        self._engine, self._statements = counted._engine, counted._statements
        self.transactions = 0

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        self.transactions += 1
        with super().begin() as connection:
            yield connection


def test_a_flood_of_unknown_keys_costs_neither_ledger_nor_network(
    admin: Caller, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(admin, trust())
    assert sent(admin, token()) == 202
    here = admin.app.extensions[EXTENSION]
    here.trusted_keys.close()  # what it reads every few seconds is not what is counted
    counting = Counting(ledger)
    object.__setattr__(here, "ledger", counting)
    monkeypatch.setattr("socket.socket.connect", forbidden)
    for number in range(200):
        assert sent(admin, token(Key("flood", key_id=f"key-{number}"))) == 401
        assert sent(admin, by_hand({"alg": "none"}, claims())) == 401
        assert sent(admin, "a.b.c") == 401
    assert counting.transactions == 0


def forbidden(*_: Any) -> None:
    raise AssertionError("somebody was called")


def test_while_the_ledger_is_away_the_keys_known_stay_and_without_any_nobody_is_let_in(
    admin: Caller, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(admin, trust())
    away = Ledger("postgresql://127.0.0.1:1/none")
    here = admin.app.extensions[EXTENSION]
    keys = here.trusted_keys
    keys.reload(ledger)
    with pytest.raises(LedgerUnavailable):
        keys.reload(away)
    keys.reload_soon(away)
    assert sent(admin, token()) == 202
    monkeypatch.setattr("app.api.trusted_keys.FIRST_SECONDS", 0.05)
    fresh = TrustedKeys()
    object.__setattr__(here, "trusted_keys", fresh)
    object.__setattr__(here, "ledger", away)
    problem_of(admin.having(token()).post(f"{PATH}/pod-events", {"events": []}), 503, "ledger-unavailable")
    keys.close()
    away.close()


@pytest.mark.parametrize(
    "given",
    [
        by_hand({"alg": "none", "kid": "key-1"}, claims()),
        token(exp=int(time.time()) - 600),
        token(nbf=int(time.time()) + 600),
        token(aud="another"),
        token(sub="system:serviceaccount:kube-system:default"),
        token(Key("stranger", key_id="key-1")),
        token(header={"crit": ["x"], "x": 1}),
        "a." * 5000 + "b",
        f"{'a' * 8000}.b.c",
        "t-0123.unknown",
    ],
    ids=lambda given: f"{len(given)}",
)
def test_whatever_is_wrong_with_a_token_the_answer_is_one(admin: Caller, given: str) -> None:
    put(admin, trust())
    for path in (f"{PATH}/pod-events", "/v1/clusters/cls-unknown/pod-events"):
        problem = problem_of(admin.having(given).post(path, {"events": []}), 401, "unauthorized")
        assert problem["detail"] == "the token is not valid"


def test_refused_tokens_are_counted_by_what_was_wrong(admin: Caller) -> None:
    def counted(reason: str) -> float:
        sample = f'clb_broker_tokens_refused_total{{reason="{reason}"}} '
        found = [line for line in admin.get("/metrics").text.splitlines() if line.startswith(sample)]
        return float(found[0].rpartition(" ")[2]) if found else 0.0

    put(admin, trust())
    for reason, given in (("expired", token(exp=1)), ("unknown-key", token(Key("x"))), ("not-issued", "t-1.x")):
        before = counted(reason)
        assert sent(admin, given) == 401
        assert counted(reason) == before + 1


def test_history_says_who_trusted_whom_and_once(admin: Caller) -> None:
    for stated in (trust(), trust(), trust(OTHER_KEY), None, None):
        put(admin, stated)
    found = admin.get("/v1/history", cluster_id=CLUSTER, order="asc").json["items"]
    told = [(item["action"], item["detail"]) for item in found if item["action"].startswith("trust")]
    assert [action for action, _ in told] == ["trust-given", "trust-given", "trust-taken-back"]
    assert SUBJECT in told[0][1]
    assert "key-2" in told[1][1]


def test_keys_that_left_are_believed_for_their_grace_and_free_afterwards(admin: Caller, ledger: Ledger) -> None:
    put(admin, trust(jwks=None, jwks_uri=URI))
    trust_id = trust_id_of_cluster(CLUSTER)
    old, new = (read_key_set(key_set(key), strict=True) for key in (KEY, OTHER_KEY))
    for keys, grace in ((old, timedelta(minutes=5)), (new, timedelta(minutes=5))):
        with ledger.begin() as connection:
            change = trusts.put_keys(connection, "default", trust_id, keys, grace)
    assert change is not None
    assert (change.came, change.left, change.replaced_all) == (("key-2",), ("key-1",), True)
    assert admin.get(PATH).json["trust_keys"]["key_ids"] == ["key-1", "key-2"]
    body = {"region": "ap-guangzhou", "trust": trust(KEY)}
    problem_of(admin.put(f"/v1/clusters/{OTHER_CLUSTER}", body), 409, "key-registered-elsewhere")
    with ledger.begin() as connection:
        connection.exec_driver_sql("UPDATE trusted_keys SET ends_at = now() WHERE ends_at IS NOT NULL")
    assert admin.get(PATH).json["trust_keys"]["key_ids"] == ["key-2"]
    put(admin, trust(KEY), OTHER_CLUSTER)
