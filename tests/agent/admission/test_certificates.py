"""Certificates: made so that the strictest verifier takes them, and judged before they end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from app.agent.admission.certificates import BACKDATED, Certificate, dns_names, fault, issue

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMES = dns_names("webhook", "clb-broker")
DAYS = 300


class Numbered:
    """Keys made from small numbers, so that the same ones come again."""

    def __init__(self, first: int = 1000) -> None:
        self._next = first

    def key(self) -> ec.EllipticCurvePrivateKey:
        self._next += 1
        return ec.derive_private_key(self._next, ec.SECP256R1())

    def serial(self) -> int:
        self._next += 1
        return self._next


def _made(first: int = 1000, now: datetime = NOW, earlier: bytes = b"") -> Certificate:
    return issue(NAMES, now, DAYS, Numbered(first), earlier)


def _verified(certificate: Certificate, name: str, at: datetime, authorities: bytes) -> bool:
    store = Store(x509.load_pem_x509_certificates(authorities))
    verifier = PolicyBuilder().store(store).time(at).build_server_verifier(x509.DNSName(name))
    try:
        verifier.verify(x509.load_pem_x509_certificate(certificate.chain), [])
    except VerificationError:
        return False
    return True


@pytest.mark.parametrize(
    ("name", "at", "verified"),
    [
        ("webhook.clb-broker.svc", NOW, True),
        ("webhook.clb-broker.svc.cluster.local", NOW, True),
        ("webhook.clb-broker.svc", NOW - BACKDATED, True),
        ("webhook.clb-broker.svc", NOW + timedelta(days=DAYS), True),
        ("webhook.clb-broker.svc", NOW + timedelta(days=DAYS, seconds=1), False),
        ("webhook.clb-broker.svc", NOW - BACKDATED - timedelta(seconds=1), False),
        ("webhook.other.svc", NOW, False),
    ],
)
def test_a_certificate_is_good_for_its_service_and_its_time(name: str, at: datetime, *, verified: bool) -> None:
    made = _made()
    assert _verified(made, name, at, made.authorities) is verified


def test_nobody_elses_authority_makes_it_good() -> None:
    assert not _verified(_made(1000), NAMES[0], NOW, _made(2000).authorities)


def test_the_authority_signs_no_other_authority_and_the_certificate_signs_nothing() -> None:
    made = _made()
    authority, server = (x509.load_pem_x509_certificate(pem) for pem in (made.authorities, made.chain))
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 0)
    assert server.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(False, None)
    assert not server.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_the_authority_of_the_certificate_before_is_trusted_a_while_longer() -> None:
    first = _made(1000)
    second = _made(2000, NOW + timedelta(days=200), first.authorities)
    third = _made(3000, NOW + timedelta(days=250), second.authorities)
    assert [len(x509.load_pem_x509_certificates(each.authorities)) for each in (first, second, third)] == [1, 2, 2]
    for served in (first, second):
        assert _verified(served, NAMES[0], NOW + timedelta(days=200), second.authorities)
    assert not _verified(first, NAMES[0], NOW + timedelta(days=250), third.authorities)


@pytest.mark.parametrize("earlier", [b"", b"no PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_cannot_be_read_of_before_is_left_out(earlier: bytes) -> None:
    assert len(x509.load_pem_x509_certificates(_made(earlier=earlier).authorities)) == 1


def test_an_authority_that_ended_is_left_out() -> None:
    late = NOW + timedelta(days=DAYS + 1)
    assert len(x509.load_pem_x509_certificates(_made(2000, late, _made(1000).authorities).authorities)) == 1


def test_a_new_certificate_has_no_fault_until_a_third_of_its_time_is_left() -> None:
    made, whole = _made(), timedelta(days=DAYS) + BACKDATED
    late = NOW + timedelta(days=DAYS) - whole / 3
    assert fault(made, NAMES, NOW) is None
    assert fault(made, NAMES, late - timedelta(seconds=1)) is None
    assert "it ends at 2026-12-26" in str(fault(made, NAMES, late))


MADE, OTHER = _made(), _made(2000)
FAULTS = [
    (Certificate(b"", b"", b""), "there is none"),
    (replace(MADE, chain=b"x"), "cannot be read"),
    (replace(MADE, key=b"x"), "cannot be read"),
    (replace(MADE, key=b""), "cannot be read"),
    (replace(MADE, authorities=b"x"), "cannot be read"),
    (replace(MADE, key=OTHER.key), "its key is another's"),
    (replace(MADE, authorities=OTHER.authorities), "its authority is not among"),
    (replace(MADE, authorities=b""), "its authority is not among"),
    (replace(MADE, authorities=MADE.chain), "its authority is not among"),
]


@pytest.mark.parametrize(("certificate", "told"), FAULTS, ids=[told for _, told in FAULTS])
def test_what_is_wrong_with_a_certificate_is_said(certificate: Certificate, told: str) -> None:
    assert told in str(fault(certificate, NAMES, NOW))


def test_a_certificate_for_other_names_or_another_time_is_replaced() -> None:
    assert fault(MADE, dns_names("other", "clb-broker"), NOW) == (
        "it does not name other.clb-broker.svc, other.clb-broker.svc.cluster.local"
    )
    assert fault(MADE, NAMES, NOW - timedelta(days=1)) == "it does not hold yet"


def test_a_key_is_never_shown() -> None:
    assert "PRIVATE" not in repr(MADE)
