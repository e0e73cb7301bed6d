"""All keys that tokens are checked with, by the names that tokens call them: a value, made anew when one changes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.domain.trust import Believed, PublicKey
from app.identity.key_set import usable


@dataclass(frozen=True, slots=True)
class Candidate:
    """A key that may have signed a token, and whose word it would be."""

    key: PublicKey
    usable: Any = field(repr=False)
    believed: Believed


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by issuer and key id. ``refused``: thumbprints that several are said to have; nobody is believed by them."""

    by_name: Mapping[tuple[str, str | None], tuple[Candidate, ...]] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()

    def candidates(self, issuer: str, key_id: str | None) -> tuple[Candidate, ...]:
        """The keys that an issuer of that name calls so; the signature says which of them it was. Mostly one.

        Clusters may have issuers of one name, and these may name their keys alike. The issuer that a token claims only
        spares trying the others: nothing is believed before a signature is checked.
        """
        return self.by_name.get((issuer, key_id), ())


def make_ring(trusts: Iterable[Believed], before: KeyRing | None = None) -> KeyRing:
    """The ring of ``trusts``. Keys that were in the one ``before`` are not parsed again."""
    listed = [(believed, key) for believed in trusts for key in believed.keys]
    owners = Counter(key.thumbprint for _, key in listed)
    refused = frozenset(thumbprint for thumbprint, many in owners.items() if many > 1)
    known = {} if before is None else before.by_name
    parsed = {each.key.thumbprint: each.usable for found in known.values() for each in found}
    ring: dict[tuple[str, str | None], tuple[Candidate, ...]] = {}
    for believed, key in listed:
        if key.thumbprint not in refused:
            name = (believed.issuer, key.key_id)
            candidate = Candidate(key, parsed.get(key.thumbprint) or usable(key), believed)
            ring[name] = (*ring.get(name, ()), candidate)
    return KeyRing(ring, refused)
