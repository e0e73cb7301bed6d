"""A token is somebody's when a trusted key signed exactly that, for us, for somebody listed, and for now."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.caller import Caller, Role
from app.domain.trust import Believed, PeopleIssuer
from app.identity.key_ring import KeyRing, make_ring
from app.identity.key_set import read_key_set
from app.identity.refusal import Reason, TokenRefused
from app.identity.verify import MOST_CHARACTERS, caller_of, looks_like_one
from tests.identity.issuing import (
    AUDIENCE,
    ISSUER,
    KEY,
    OTHER_KEY,
    SUBJECT,
    Key,
    by_hand,
    claims,
    encoded,
    key_set,
    token,
)

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
THEN = NOW.timestamp()
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


def believed(*keys: Key, cluster_id: str = "cls-a", issuer: str = ISSUER) -> Believed:
    return Believed(
        issuer, AUDIENCE, read_key_set(key_set(*keys), strict=True), cluster_id, frozenset({SUBJECT, "second"})
    )


RING = make_ring([believed(KEY)])
AGENT = Caller(Role.AGENT, SUBJECT, "cls-a")


def whose(given: str, ring: KeyRing = RING, now: datetime = NOW) -> Caller:
    return caller_of(given, lambda: ring, now)


def refusal(given: str, ring: KeyRing = RING, now: datetime = NOW) -> Reason:
    with pytest.raises(TokenRefused) as raised:
        whose(given, ring, now)
    return raised.value.reason


def made(**changes: Any) -> str:
    return token(KEY, now=THEN, **changes)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_good_token_is_its_cluster_s_agent_s(algorithm: str) -> None:
    key = Key(f"key-{algorithm[:2]}", algorithm)
    assert whose(token(key, now=THEN), make_ring([believed(key)])) == AGENT


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": AUDIENCE},
        {"aud": ["another", AUDIENCE]},
        {"sub": "second"},
        {"nbf": None},
        {"exp": THEN + 0.5},
        {"kubernetes.io": {"namespace": "kube-system", "pod": {"name": "x"}}},
        {"header": {"typ": "JWT"}},
        {"header": {"typ": "jwt"}},
        {"header": {"typ": None}},
    ],
    ids=str,
)
def test_what_good_tokens_may_say_besides(changes: dict[str, Any]) -> None:
    assert whose(made(**changes)).cluster_id == "cls-a"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": "another"}, Reason.AUDIENCE),
        ({"aud": ["another"]}, Reason.AUDIENCE),
        ({"aud": None}, Reason.AUDIENCE),
        ({"aud": f"{AUDIENCE}x"}, Reason.AUDIENCE),
        ({"aud": {AUDIENCE: True}}, Reason.AUDIENCE),
        ({"sub": "system:serviceaccount:kube-system:another"}, Reason.SUBJECT),
        ({"sub": SUBJECT.upper()}, Reason.SUBJECT),
        ({"sub": f"{SUBJECT} "}, Reason.SUBJECT),
        ({"sub": "*"}, Reason.SUBJECT),
        ({"sub": None}, Reason.SUBJECT),
        ({"sub": "a\nb"}, Reason.SUBJECT),
        ({"sub": "x" * 257}, Reason.SUBJECT),
        ({"iss": "https://another"}, Reason.UNKNOWN_KEY),
        ({"iss": None}, Reason.MALFORMED),
        ({"exp": None}, Reason.CLAIMS),
        ({"iat": None}, Reason.CLAIMS),
        ({"exp": float("inf")}, Reason.CLAIMS),
        ({"exp": 10**400}, Reason.CLAIMS),
        ({"exp": "tomorrow"}, Reason.CLAIMS),
        ({"exp": True}, Reason.CLAIMS),
        ({"nbf": "x"}, Reason.CLAIMS),
        ({"header": {"typ": "logout+jwt"}}, Reason.TYPE),
        ({"header": {"typ": "at+jwt"}}, Reason.TYPE),
        ({"header": {"typ": "dpop+jwt"}}, Reason.TYPE),
        ({"header": {"cty": "JWT"}}, Reason.TYPE),
        ({"header": {"crit": ["exp"]}}, Reason.CRITICAL),
        ({"header": {"crit": ["https://unknown.example"], "https://unknown.example": 1}}, Reason.CRITICAL),
        ({"header": {"crit": []}}, Reason.CRITICAL),
        ({"header": {"kid": "key-9"}}, Reason.UNKNOWN_KEY),
        ({"header": {"kid": None}}, Reason.UNKNOWN_KEY),
        ({"header": {"kid": "../../etc/passwd"}}, Reason.UNKNOWN_KEY),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_token_whose_signature_is_right(changes: dict[str, Any], reason: Reason) -> None:
    if (changes.get("header") or {}).get("kid", "") is None:
        given = token(Key("key-1", key_id=None), now=THEN)
    elif isinstance(changes.get("exp"), (bool, str)) or isinstance(changes.get("nbf"), str):
        given = signed_by_hand(json.dumps(claims(THEN, **changes)).encode())
    else:
        given = made(**changes)
    assert refusal(given) is reason


def signed_by_hand(payload: bytes, key: Key = KEY) -> str:
    from jwt.api_jws import PyJWS

    return PyJWS().encode(payload, key.private, key.algorithm, headers={"kid": key.id})


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        ({"exp": -59}, None),
        ({"exp": -60}, Reason.EXPIRED),
        ({"exp": -600}, Reason.EXPIRED),
        ({"iat": 60}, None),
        ({"iat": 61}, Reason.NOT_YET_VALID),
        ({"iat": 600}, Reason.NOT_YET_VALID),
        ({"nbf": 60}, None),
        ({"nbf": 61}, Reason.NOT_YET_VALID),
        ({"nbf": 600}, Reason.NOT_YET_VALID),
    ],
    ids=str,
)
def test_clocks_may_differ_by_a_minute_and_not_by_ten(stated: dict[str, int], reason: Reason | None) -> None:
    given = made(**{name: THEN + seconds for name, seconds in stated.items()})
    assert reason is refusal(given) if reason else whose(given) == AGENT


@pytest.mark.parametrize("stated", ["none", "None", "NONE", "", "HS256", "HS384", "HS512", "ES384", "RS256", "EdDSA"])
def test_an_algorithm_that_is_not_the_key_s_is_refused_whatever_was_signed(stated: str) -> None:
    header = {"alg": stated, "kid": KEY.id}
    unsigned = by_hand(header, claims(THEN))
    assert refusal(unsigned) is Reason.ALGORITHM
    assert refusal(by_hand(header, claims(THEN), b"x" * 64)) is Reason.ALGORITHM


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("secret", ["pem", "jwk", "empty"])
def test_an_hmac_with_the_public_key_is_refused(digest: str, secret: str) -> None:
    key = Key("key-RS", "RS256")
    secrets = {"pem": key.pem(), "jwk": json.dumps(key.jwk()).encode(), "empty": b""}
    content = by_hand({"alg": f"HS{digest[3:]}", "kid": key.id}, claims(THEN)).rpartition(".")[0]
    mac = hmac.new(secrets[secret], content.encode(), getattr(hashlib, digest)).digest()
    assert refusal(f"{content}.{encoded(mac)}", make_ring([believed(key)])) is Reason.ALGORITHM


def test_a_key_that_states_its_algorithm_serves_for_no_other() -> None:
    key = Key("key-RS", "RS256")
    document = {"keys": [key.jwk(alg="PS256")]}
    ring = make_ring([Believed(ISSUER, AUDIENCE, read_key_set(document, strict=True), "cls-a", frozenset({SUBJECT}))])
    assert refusal(token(key, now=THEN), ring) is Reason.ALGORITHM
    assert whose(token(Key("key-RS", "PS256"), now=THEN), ring) == AGENT


def test_a_signature_by_another_key_or_over_another_content_is_refused() -> None:
    assert refusal(token(Key("key-2", key_id="key-1"), now=THEN)) is Reason.SIGNATURE
    header, payload, signature = made().split(".")
    other = encoded(json.dumps(claims(THEN, sub="second")).encode())
    assert refusal(f"{header}.{other}.{signature}") is Reason.SIGNATURE
    assert refusal(f"{header}.{payload}.{signature[:-8]}") is Reason.SIGNATURE
    assert refusal(f"{header}.{payload}.") is Reason.SIGNATURE


def test_the_key_in_a_token_s_own_header_is_not_looked_at() -> None:
    stranger = Key("stranger", key_id="key-1")
    given = token(stranger, now=THEN, header={"jwk": stranger.jwk(), "jku": "https://evil.example/keys", "x5u": "x"})
    assert refusal(given) is Reason.SIGNATURE


@pytest.mark.parametrize(
    "given",
    [
        "",
        "..",
        "a.b.c",
        f"{encoded(b'[]')}.{encoded(b'{}')}.x",
        f"{encoded(b'{}')}.{encoded(b'{}')}.",
        by_hand({"alg": "ES256"}, b"no json"),
        by_hand({"alg": "ES256"}, []),
        by_hand({"alg": "ES256", "kid": 7}, {}),
        by_hand({"alg": "ES256", "kid": ["key-1"]}, {}),
        by_hand({"alg": ["ES256"], "kid": "key-1"}, {"iss": ISSUER}),
        by_hand({"alg": None, "kid": "key-1"}, {"iss": ISSUER}),
        by_hand({"alg": "ES256", "kid": "key-1"}, {"iss": [ISSUER]}),
        by_hand({"alg": "ES256", "kid": "key-1"}, b"[" * 3000),
        "é.ü.ö",
        "a.b.c\udc80",
        ".".join("abcd"),
    ],
    ids=lambda given: ascii(given[:30]),
)
def test_what_is_no_token_is_malformed(given: str) -> None:
    assert refusal(given) is Reason.MALFORMED


def test_a_huge_token_is_refused_unread() -> None:
    def nobody_asks() -> KeyRing:
        raise AssertionError

    with pytest.raises(TokenRefused) as raised:
        caller_of("a" * MOST_CHARACTERS + ".b.c", nobody_asks, NOW)
    assert raised.value.reason is Reason.TOO_LARGE


def test_a_payload_outside_of_the_signature_is_refused() -> None:
    assert (
        refusal(by_hand({"alg": "ES256", "kid": "key-1", "b64": False, "crit": ["b64"]}, claims(THEN)))
        is Reason.CRITICAL
    )
    assert refusal(by_hand({"alg": "ES256", "kid": "key-1", "b64": False}, claims(THEN))) is Reason.CRITICAL


def test_of_clusters_whose_issuers_and_key_ids_are_alike_the_key_that_verifies_says_which() -> None:
    mine, other = Key("mine", key_id="same"), Key("other", key_id="same")
    ring = make_ring([believed(mine, cluster_id="cls-a"), believed(other, cluster_id="cls-b")])
    assert whose(token(mine, now=THEN), ring).cluster_id == "cls-a"
    assert whose(token(other, now=THEN), ring).cluster_id == "cls-b"
    assert refusal(token(Key("third", key_id="same"), now=THEN), ring) is Reason.SIGNATURE


def test_a_key_that_is_said_to_be_two_clusters_makes_nobody() -> None:
    ring = make_ring([believed(KEY, OTHER_KEY, cluster_id="cls-a"), believed(KEY, cluster_id="cls-b", issuer="x")])
    assert refusal(made(), ring) is Reason.UNKNOWN_KEY
    assert whose(token(OTHER_KEY, now=THEN), ring) == AGENT
    assert len(ring.refused) == 1


def test_a_key_without_a_name_serves_tokens_without_one() -> None:
    nameless = Key("nameless", key_id=None)
    ring = make_ring([believed(nameless, KEY)])
    assert whose(token(nameless, now=THEN), ring) == AGENT
    assert refusal(token(Key("nameless", key_id="key-1"), now=THEN), ring) is Reason.SIGNATURE


def test_a_ring_made_anew_goes_on_with_the_keys_it_has_parsed() -> None:
    again = make_ring([believed(KEY, OTHER_KEY)], RING)
    (before,), (after,) = RING.candidates(ISSUER, "key-1"), again.candidates(ISSUER, "key-1")
    assert after.usable is before.usable
    assert len(again.candidates(ISSUER, "key-2")) == 1


PEOPLE = PeopleIssuer(
    "corp",
    "https://login.example",
    "broker-ui",
    "groups",
    {"ops": Role.OPERATOR, "all": Role.VIEWER, "root": Role.ADMIN},
)
STAFF = make_ring([Believed(PEOPLE.issuer, PEOPLE.audience, read_key_set(key_set(KEY), strict=True), people=PEOPLE)])


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        ("ops", Role.OPERATOR),
        (["all", "ops"], Role.OPERATOR),
        (["all", "root", "ops"], Role.ADMIN),
        (["ALL"], None),
        ([], None),
        (None, None),
        ([7, {"a": 1}, "all"], Role.VIEWER),
        ({"ops": True}, None),
    ],
)
def test_a_person_has_the_role_that_lets_them_do_most(groups: Any, role: Role | None) -> None:
    given = made(iss=PEOPLE.issuer, aud=PEOPLE.audience, sub="ann", groups=groups)
    caller = whose(given, STAFF)
    assert caller == Caller(role, "ann", issuer="corp")
    assert caller.actor == "person:corp:ann"


def test_people_may_come_with_access_tokens_and_not_with_others() -> None:
    good = {"iss": PEOPLE.issuer, "aud": PEOPLE.audience, "sub": "ann"}
    assert whose(made(**good, header={"typ": "at+jwt"}), STAFF).name == "ann"
    assert refusal(made(**good, header={"typ": "secevent+jwt"}), STAFF) is Reason.TYPE


@pytest.mark.parametrize(
    ("given", "expected"), [("a.b.c", True), ("t-1.secret", False), ("plain", False), ("a.b.c.d", False)]
)
def test_a_signed_token_is_told_from_an_issued_one_by_its_parts(given: str, expected: bool) -> None:
    assert looks_like_one(given) is expected
