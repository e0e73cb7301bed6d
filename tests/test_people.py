"""The file of people's issuers is read strictly: what is wrong in it stops the process with one line that names it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from app.domain.caller import Role
from app.domain.errors import SettingError
from app.people import read_people
from app.settings import read_settings
from tests.identity.issuing import KEY, OTHER_KEY, key_set

GOOD = {
    "name": "corp",
    "issuer": "https://login.example",
    "audience": "broker",
    "jwks": key_set(KEY),
    "claim": "groups",
    "roles": {"ops": "operator", "audit": "auditor"},
}


def read(place: Path, content: Any) -> Any:
    path = place / "people.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return read_settings({"CLB_BROKER_PEOPLE_FILE": str(path)}).people


def test_issuers_are_read_with_their_keys_and_roles(tmp_path: Path) -> None:
    away = {**GOOD, "name": "other", "jwks_uri": "https://other.example/keys"}
    del away["jwks"]
    corp, other = read(tmp_path, {"issuers": [GOOD, away]})
    assert (corp.name, corp.claim, [key.key_id for key in corp.keys]) == ("corp", "groups", ["key-1"])
    assert corp.roles == {"ops": Role.OPERATOR, "audit": Role.AUDITOR}
    assert (other.keys, other.jwks_uri) == ((), "https://other.example/keys")
    assert read_people(None) == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "no list `issuers`"),
        ({"issuers": {}}, "no list `issuers`"),
        ({"issuers": ["x"]}, "no list `issuers`"),
        ({"issuers": [], "more": 1}, "no list `issuers`"),
        ({"issuers": [{**GOOD, "more": 1}]}, "issuers[0]: unknown more"),
        ({"issuers": [{**GOOD, "name": "a:b"}]}, "name is no identifier"),
        ({"issuers": [{**GOOD, "name": 7}]}, "name is missing"),
        ({"issuers": [{**GOOD, "issuer": ""}]}, "issuer is missing"),
        ({"issuers": [{**GOOD, "audience": None}]}, "audience is missing"),
        ({"issuers": [{**GOOD, "claim": ["groups"]}]}, "claim is missing"),
        ({"issuers": [{**GOOD, "roles": {}}]}, "roles is no mapping"),
        ({"issuers": [{**GOOD, "roles": {"ops": "agent"}}]}, "its role none of admin"),
        ({"issuers": [{**GOOD, "roles": {"ops": ["admin"]}}]}, "its role none of admin"),
        ({"issuers": [{**GOOD, "roles": {7: "admin"}}]}, "7 is no text"),
        ({"issuers": [{**GOOD, "jwks": None}]}, "one of jwks and jwks_uri"),
        ({"issuers": [{**GOOD, "jwks_uri": "https://x.example"}]}, "one of jwks and jwks_uri"),
        ({"issuers": [{**GOOD, "jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}}]}, "private or shared"),
        ({"issuers": [{**GOOD, "jwks": None, "jwks_uri": "http://x.example"}]}, "Not https"),
        ({"issuers": [{**GOOD, "jwks": None, "jwks_uri": 7}]}, "Not a text"),
        ({"issuers": [GOOD, {**GOOD, "jwks": key_set(OTHER_KEY)}]}, "two issuers have one name"),
        ({"issuers": [GOOD, {**GOOD, "name": "other"}]}, "two issuers have one key"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_what_is_wrong_is_named_on_one_line(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises(SettingError) as raised:
        read(tmp_path, content)
    assert said in str(raised.value)
    assert str(raised.value).startswith("CLB_BROKER_PEOPLE_FILE: ")
    assert "\n" not in str(raised.value)
    assert "c2VjcmV0" not in str(raised.value)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingError, match=r"/nowhere/people\.yaml cannot be read"):
        read_people("/nowhere/people.yaml")
