"""Whose word on an identity is believed: an issuer, its public keys, and for whom it speaks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.caller import Role


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key as its issuer publishes it (RFC 7517), without anything that verifying needs not.

    ``thumbprint`` (RFC 7638) is the same for all spellings of a key. ``key_id`` is the issuer's name for it.
    ``algorithms`` are those that a token signed with it may use.
    """

    thumbprint: str
    key_id: str | None
    algorithms: tuple[str, ...]
    jwk: Mapping[str, str]

    @property
    def name(self) -> str:
        """The key as people are told of it: by its issuer's name for it, where there is one."""
        return self.key_id or self.thumbprint[:16]


@dataclass(frozen=True, slots=True)
class Trust:
    """A cluster's own identity: tokens of ``issuer`` for ``audience`` are its agent's where they name a subject listed.

    ``jwks_uri`` None: the keys were given themselves.
    """

    issuer: str
    audience: str
    subjects: tuple[str, ...]
    jwks_uri: str | None = None


@dataclass(frozen=True, slots=True)
class KeptTrust:
    """A cluster's trust with the keys that stand for it now, and how reading them went."""

    trust: Trust
    keys: tuple[PublicKey, ...]
    read_at: datetime | None = None
    error: str | None = None
    failing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class PeopleIssuer:
    """Whom people are known by, as the settings name it.

    ``roles`` maps values of ``claim`` to roles; a person with several has the one who may most. ``keys`` is empty where
    ``jwks_uri`` says where they are read.
    """

    name: str
    issuer: str
    audience: str
    claim: str
    roles: Mapping[str, Role]
    keys: tuple[PublicKey, ...] = ()
    jwks_uri: str | None = None


@dataclass(frozen=True, slots=True)
class Believed:
    """One trust as tokens are held against it: a cluster's (``cluster_id``) or people's (``people``), never both."""

    issuer: str
    audience: str
    keys: tuple[PublicKey, ...]
    cluster_id: str | None = None
    subjects: frozenset[str] = field(default_factory=frozenset)
    people: PeopleIssuer | None = None


def trust_id_of_cluster(cluster_id: str) -> str:
    """The id of a cluster's trust. No id of a cluster has a colon, so people's are never the same."""
    return f"cluster:{cluster_id}"


def trust_id_of_people(name: str) -> str:
    """The id of the trust in an issuer of people."""
    return f"people:{name}"
