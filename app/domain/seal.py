"""The seal on history: each entry's SHA-256 is over its content and the one before it, account by account.

A content is a JSON object (RFC 8259) of the entry's columns that are not null, keys sorted at every depth, without
blanks, times in UTC with microseconds and ``Z``. A column that a later version adds is null in what was there before,
and so changes no seal.
"""

import hashlib
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

HASH_BYTES: Final = 32
FORMAT: Final = "clb-broker-checkpoint/1"
_ORIGIN: Final = b"clb-broker-journal/1\n"


class NotACheckpoint(ValueError):
    """A text that is no checkpoint; the message says why."""


@dataclass(frozen=True, slots=True)
class Link:
    """The chain as far as one entry: its number and hash. Number 0 is before the first."""

    sequence: int
    hash: bytes


def origin(account_id: str) -> Link:
    """Where the chain of an account begins."""
    return Link(0, hashlib.sha256(_ORIGIN + account_id.encode()).digest())


def canonical(entry: Mapping[str, Any]) -> bytes:
    """The content of an entry, by column. Raises `TypeError` for what JSON cannot say."""
    said = {name: value for name, value in entry.items() if value is not None}
    said["recorded_at"] = _said(entry["recorded_at"])
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)


def sealed(previous: bytes, content: bytes) -> bytes:
    """The hash of a content that follows the entry of hash ``previous``."""
    return hashlib.sha256(previous + content).digest()


def chain(previous: bytes, contents: Iterable[bytes]) -> list[bytes]:
    """The hashes of contents that follow one another."""
    hashes = []
    for content in contents:
        previous = sealed(previous, content)
        hashes.append(previous)
    return hashes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The chain of an account as far as one entry, as it was at a time; ``signature`` is Ed25519 over `statement`."""

    account_id: str
    sequence: int
    hash: bytes
    signed_at: datetime
    key_id: str
    signature: bytes = b""

    @property
    def statement(self) -> bytes:
        """What is signed."""
        return orjson.dumps(self._said(), option=orjson.OPT_SORT_KEYS)

    @property
    def text(self) -> str:
        """One line of JSON, as it is exported."""
        signed = {**self._said(), "signature": b64encode(self.signature).decode()}
        return orjson.dumps(signed, option=orjson.OPT_SORT_KEYS).decode()

    def _said(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "account_id": self.account_id,
            "sequence": self.sequence,
            "hash": self.hash.hex(),
            "signed_at": _said(self.signed_at),
            "key_id": self.key_id,
        }


def checkpoint_of(text: str) -> Checkpoint:
    """The checkpoint that `Checkpoint.text` says so. Raises `NotACheckpoint`."""
    try:
        said = orjson.loads(text)
        found = Checkpoint(
            account_id=said["account_id"],
            sequence=said["sequence"],
            hash=bytes.fromhex(said["hash"]),
            signed_at=datetime.fromisoformat(said["signed_at"]),
            key_id=said["key_id"],
            signature=b64decode(said["signature"], validate=True),
        )
        known = orjson.loads(found.text)
    except (ValueError, TypeError, KeyError, AttributeError, NotBase64) as error:
        raise NotACheckpoint(f"it is no checkpoint: {type(error).__name__}") from error
    if known != said or type(found.sequence) is not int:
        raise NotACheckpoint("it is no checkpoint of this format")
    return found


def _said(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
