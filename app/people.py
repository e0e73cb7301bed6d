"""The file that says by whom people are known and what they may do: ``CLB_BROKER_PEOPLE_FILE``, in YAML."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from app.domain.caller import Role
from app.domain.errors import SettingError
from app.domain.trust import PeopleIssuer, PublicKey
from app.environment import PREFIX
from app.identity.key_set import read_key_set
from app.identity.refusal import KeySetRefused
from app.jwks_uri import refusal_of

NAME: Final = f"{PREFIX}PEOPLE_FILE"
ROLES: Final = {str(role): role for role in Role if role is not Role.AGENT}
FIELDS: Final = frozenset({"name", "issuer", "audience", "claim", "roles", "jwks", "jwks_uri"})
LONGEST: Final = 512

_ISSUER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def read_people(path: str | None) -> tuple[PeopleIssuer, ...]:
    """The issuers in the file at ``path``; none for None. Raises `SettingError`, which names what is wrong."""
    if path is None:
        return ()
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingError(f"{NAME}: {path} cannot be read: {type(error).__name__}") from error
    listed = content.get("issuers") if isinstance(content, dict) and content.keys() == {"issuers"} else None
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise SettingError(f"{NAME}: {path} has no list `issuers` of mappings, and nothing else")
    issuers = tuple(_issuer(entry, f"{NAME}: issuers[{number}]") for number, entry in enumerate(listed))
    _demand_one_of_each(issuers)
    return issuers


def _issuer(entry: Mapping[str, Any], where: str) -> PeopleIssuer:
    unknown = set(map(str, entry)) - FIELDS
    if unknown:
        raise SettingError(f"{where}: unknown {', '.join(sorted(unknown))}")
    name, issuer, audience, claim = (_text(entry, each, where) for each in ("name", "issuer", "audience", "claim"))
    if not _ISSUER_NAME.fullmatch(name):
        raise SettingError(f"{where}: name is no identifier of at most 64 characters")
    keys, jwks_uri = _keys(entry, where)
    return PeopleIssuer(name, issuer, audience, claim, _roles(entry.get("roles"), where), keys, jwks_uri)


def _text(entry: Mapping[str, Any], name: str, where: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST or not value.isprintable():
        raise SettingError(f"{where}: {name} is missing, or no text of at most {LONGEST} characters")
    return value


def _roles(listed: Any, where: str) -> Mapping[str, Role]:
    if not isinstance(listed, dict) or not listed:
        raise SettingError(f"{where}: roles is no mapping of the claim's values to roles")
    for value, role in listed.items():
        if not isinstance(value, str) or not isinstance(role, str) or role not in ROLES:
            raise SettingError(f"{where}: roles: {value!r} is no text, or its role none of {', '.join(ROLES)}")
    return {value: ROLES[role] for value, role in listed.items()}


def _keys(entry: Mapping[str, Any], where: str) -> tuple[tuple[PublicKey, ...], str | None]:
    jwks, url = entry.get("jwks"), entry.get("jwks_uri")
    if (jwks is None) == (url is None):
        raise SettingError(f"{where}: one of jwks and jwks_uri is needed")
    if jwks is not None:
        try:
            return read_key_set(jwks, strict=True), None
        except KeySetRefused as error:
            raise SettingError(f"{where}: jwks: {error}") from error
    refusal = refusal_of(url) if isinstance(url, str) else "Not a text."
    if refusal is not None:
        raise SettingError(f"{where}: jwks_uri: {refusal}")
    return (), url


def _demand_one_of_each(issuers: tuple[PeopleIssuer, ...]) -> None:
    names = [each.name for each in issuers]
    thumbprints = [key.thumbprint for each in issuers for key in each.keys]
    if len(set(names)) < len(names):
        raise SettingError(f"{NAME}: two issuers have one name")
    if len(set(thumbprints)) < len(thumbprints):
        raise SettingError(f"{NAME}: two issuers have one key")
