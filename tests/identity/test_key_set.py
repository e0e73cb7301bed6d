"""Key sets are read strictly: public keys for signatures, of known strength, and a key is one however it is spelled."""

from typing import Any

import pytest

from app.identity.key_set import MOST_KEYS, key_of, read_key_set
from app.identity.refusal import KeySetRefused
from tests.identity.issuing import KEY, OTHER_KEY, Key, encoded, key_set

RSA = Key("key-RS", "RS256")


def changed(key: Key = KEY, **members: Any) -> dict[str, Any]:
    return {"keys": [{name: value for name, value in key.jwk(**members).items() if value is not None}]}


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        (RSA, ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        (Key("key-ES", "ES384"), ("ES384",)),
        (Key("key-Ed", "EdDSA"), ("EdDSA",)),
    ],
)
def test_a_key_may_be_used_with_the_algorithms_of_its_type(key: Key, algorithms: tuple[str, ...]) -> None:
    (found,) = read_key_set(key_set(key), strict=True)
    assert (found.algorithms, found.key_id) == (algorithms, key.name)
    assert key_of(found.jwk) == found


def test_what_verifying_needs_not_is_not_kept() -> None:
    document = changed(use="sig", key_ops=["verify"], x5c=["MII"], x5u="https://evil.example", note="x")
    (found,) = read_key_set(document, strict=True)
    assert found.jwk.keys() == {"kty", "crv", "x", "y", "kid"}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (None, "no key set"),
        ([], "no key set"),
        ({}, "no key set"),
        ({"keys": {}}, "no key set"),
        ({"keys": ["x"]}, "no key set"),
        ({"keys": []}, "no public key"),
        ({"keys": [{}] * (MOST_KEYS + 1)}, "at most"),
        ({"keys": [{}]}, "kty"),
        ({"keys": [{"kty": ["RSA"]}]}, "kty"),
        ({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}, "private or shared"),
        ({"keys": [KEY.jwk(), OTHER_KEY.jwk(d="AQAB")]}, "private or shared"),
        (changed(RSA, p="AQAB"), "private or shared"),
        (changed(crv="secp256k1"), "curve"),
        (changed(crv="P-384"), "cannot be read"),
        (changed(x="AQAB"), "cannot be read"),
        (changed(x=7), "base64url"),
        (changed(x="+/=="), "base64url"),
        (changed(y=None), "base64url"),
        (changed(kid=""), "kid"),
        (changed(kid="a\nb"), "kid"),
        (changed(kid="x" * 257), "kid"),
        (changed(kid=7), "kid"),
        (changed(alg="HS256"), "alg"),
        (changed(alg="none"), "alg"),
        (changed(alg=["ES256"]), "alg"),
        (changed(RSA, alg="ES256"), "alg"),
        (changed(RSA, e="AQ"), "cannot be read"),
        (changed(RSA, n=encoded(b"\xc1" * 128)), "RSA key has 2048"),
        (changed(use="enc"), "no public key"),
        (changed(key_ops=["sign"]), "no public key"),
        (changed(key_ops="verify"), "no public key"),
        (changed(Key("key-Ed", "EdDSA"), crv="X25519"), "Ed25519"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_set_that_cannot_be_trusted_is_refused_and_says_why(document: Any, said: str) -> None:
    with pytest.raises(KeySetRefused, match=said):
        read_key_set(document, strict=True)


def test_in_what_an_issuer_publishes_unknown_types_are_passed_over_and_secrets_are_not() -> None:
    document = {"keys": [{"kty": "AKP", "kid": "new"}, KEY.jwk()]}
    assert [key.key_id for key in read_key_set(document, strict=False)] == ["key-1"]
    with pytest.raises(KeySetRefused):
        read_key_set({"keys": [KEY.jwk(), {"kty": "oct", "k": "x"}]}, strict=False)


def test_two_spellings_of_a_key_are_one_key() -> None:
    plain, padded = read_key_set(changed(RSA), strict=True)[0], changed(RSA, kid="another", alg="RS256")
    padded["keys"][0]["e"] = "AAEAAQ"
    (found,) = read_key_set(padded, strict=True)
    assert found.thumbprint == plain.thumbprint
    assert len(read_key_set({"keys": [RSA.jwk(), *padded["keys"]]}, strict=True)) == 1
