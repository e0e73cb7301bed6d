"""Self-signed certificates for the webhook: an authority that signs once and is forgotten, and what it signed.

Pure but for the source of keys, which is given, as is the time. ECDSA over P-256 throughout.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BACKDATED: Final = timedelta(hours=1)
"""How long before its making a certificate begins to hold: clocks of nodes differ."""

_AUTHORITY: Final = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "clb-broker webhook authority")])
_SERVER: Final = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "clb-broker webhook")])


class KeySource(Protocol):
    """Where keys and serial numbers come from: chance in a cluster, what a test likes in a test."""

    def key(self) -> ec.EllipticCurvePrivateKey:
        """A private key that nobody else has."""

    def serial(self) -> int:
        """A serial number, positive and below 2^159 (RFC 5280, 4.1.2.2)."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server's certificate with its key and the authorities that clients shall trust, newest first; all PEM."""

    authorities: bytes
    chain: bytes
    key: bytes = field(repr=False)


def dns_names(service: str, namespace: str) -> tuple[str, ...]:
    """The names under which a cluster reaches a Service; the API server verifies the first (Kubernetes,
    WebhookClientConfig)."""
    return (f"{service}.{namespace}.svc", f"{service}.{namespace}.svc.cluster.local")


def issue(names: Sequence[str], now: datetime, days: int, source: KeySource, earlier: bytes = b"") -> Certificate:
    """A certificate for ``names`` that holds for ``days`` from ``now``, with an authority of its own.

    ``earlier`` are authorities (PEM) to be trusted a while longer: until every replica has read the new certificate,
    some serve the old one. Only those that still hold are kept, and of them the newest.
    """
    signer, own = source.key(), source.key()
    until = now + timedelta(days=days)
    authority = (
        _begin(_AUTHORITY, _AUTHORITY, signer.public_key(), now, until, source.serial())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(signer, hashes.SHA256())
    )
    server = (
        _begin(_SERVER, _AUTHORITY, own.public_key(), now, until, source.serial())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    kept = [each for each in _read_any(earlier) if each.not_valid_after_utc > now][:1]
    return Certificate(
        authorities=b"".join(each.public_bytes(Encoding.PEM) for each in (authority, *kept)),
        chain=server.public_bytes(Encoding.PEM),
        key=own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def fault(certificate: Certificate, names: Iterable[str], now: datetime) -> str | None:
    """Why ``certificate`` has to be replaced, for people; None while it is good.

    Good is one that its key and one of its authorities fit, that names all ``names``, and of whose time more than a
    third is left.
    """
    try:
        chain = _read(certificate.chain)
        authorities = _read(certificate.authorities)
        key = load_pem_private_key(certificate.key, None) if chain else None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "it cannot be read"
    if key is None:
        return "there is none"
    server = chain[0]
    if server.public_key() != key.public_key():
        return "its key is another's"
    if not any(_signed(server, authority, now) for authority in authorities):
        return "its authority is not among those to be trusted"
    missing = set(names) - set(_names(server))
    if missing:
        return f"it does not name {', '.join(sorted(missing))}"
    return _age(server, now)


def _age(server: x509.Certificate, now: datetime) -> str | None:
    begin, end = server.not_valid_before_utc, server.not_valid_after_utc
    if now < begin:
        return "it does not hold yet"
    return f"it ends at {end.isoformat()}" if (end - now) * 3 <= end - begin else None


def _begin(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    until: datetime,
    serial: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(now - BACKDATED)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _read(pem: bytes) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem) if pem.strip() else []


def _read_any(pem: bytes) -> list[x509.Certificate]:
    try:
        return _read(pem)
    except ValueError:
        return []


def _signed(server: x509.Certificate, authority: x509.Certificate, now: datetime) -> bool:
    try:
        server.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return authority.not_valid_after_utc > now


def _names(server: x509.Certificate) -> list[str]:
    try:
        extension = server.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return []
    return extension.value.get_values_for_type(x509.DNSName)
