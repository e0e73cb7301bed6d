"""The key that checkpoints of history are signed with (Ed25519, RFC 8032). Beside the rooms, as credentials are.

A worker has the private key, from a file; whoever verifies needs the public one alone.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from app.domain.errors import SettingError


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key."""

    public: Ed25519PublicKey

    @property
    def key_id(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the raw key."""
        return hashlib.sha256(self.public.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]

    @property
    def pem(self) -> str:
        """The key as a PEM file has it."""
        return self.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def signed(self, statement: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is the key's own under ``statement``."""
        try:
            self.public.verify(signature, statement)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key."""

    private: Ed25519PrivateKey

    @property
    def verifying(self) -> VerifyingKey:
        """The public key that belongs to it."""
        return VerifyingKey(self.private.public_key())

    def sign(self, statement: bytes) -> bytes:
        """The signature under ``statement``."""
        return self.private.sign(statement)


def read_signing_key(path: str, name: str) -> SigningKey:
    """The private key in a PEM file. Raises `SettingError` with ``name`` in it, and nothing of the content."""
    try:
        key = load_pem_private_key(_content(path, name), None)
    except (ValueError, TypeError) as error:
        raise SettingError(f"{name}: {path} has no unencrypted private key in PEM") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingError(f"{name}: {path} has a key that is not Ed25519")
    return SigningKey(key)


def read_verifying_key(path: str, name: str) -> VerifyingKey:
    """The public key in a PEM file. Raises `SettingError` with ``name`` in it."""
    try:
        key = load_pem_public_key(_content(path, name))
    except ValueError as error:
        raise SettingError(f"{name}: {path} has no public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise SettingError(f"{name}: {path} has a key that is not Ed25519")
    return VerifyingKey(key)


def _content(path: str, name: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise SettingError(f"{name}: {path} cannot be read: {type(error).__name__}") from error
