"""The certificate that is served, while its files change."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from app.agent.admission.certificate_files import CertificateFiles
from app.agent.admission.certificates import Certificate
from app.domain.errors import SettingError
from tests.agent.admission.calling import Served
from tests.agent.admission.reviews import pod, review_of

Serve = Callable[..., Served]
Write = Callable[[], Certificate]


def _serial(certificate: Certificate) -> int:
    return x509.load_pem_x509_certificate(certificate.chain).serial_number


def test_a_renewed_certificate_is_served_to_new_connections_and_no_open_one_is_dropped(
    serve: Serve, write_certificate: Write
) -> None:
    served = serve()
    with contextlib.closing(served.caller()) as old:
        old.review(review_of(pod()))
        before = old.sock
        renewed = write_certificate()
        with contextlib.closing(served.caller(renewed)) as new:
            assert "patch" in new.review(review_of(pod()))
            assert new.serial == _serial(renewed)
        assert "patch" in old.review(review_of(pod()))
        assert (old.sock is before, old.serial) == (True, _serial(served.certificate))


@pytest.mark.parametrize("name", ["tls.crt", "tls.key"])
@pytest.mark.parametrize("broken", [b"", b"no PEM", None])
def test_files_that_cannot_be_used_change_nothing_until_they_can(
    serve: Serve, write_certificate: Write, tmp_path: Path, name: str, broken: bytes | None
) -> None:
    served = serve()
    if broken is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(broken)
    with contextlib.closing(served.caller()) as caller:
        assert "patch" in caller.review(review_of(pod()))
    renewed = write_certificate()
    with contextlib.closing(served.caller(renewed)) as caller:
        assert "patch" in caller.review(review_of(pod()))


def test_a_new_certificate_with_the_old_key_is_not_served_until_the_new_key_is_there(
    serve: Serve, write_certificate: Write, tmp_path: Path
) -> None:
    served = serve()
    old_key = (tmp_path / "tls.key").read_bytes()
    renewed = write_certificate()
    (tmp_path / "tls.key").write_bytes(old_key)
    with contextlib.closing(served.caller()) as caller:
        assert "patch" in caller.review(review_of(pod()))
    (tmp_path / "tls.key").write_bytes(renewed.key)
    with contextlib.closing(served.caller(renewed)) as caller:
        assert "patch" in caller.review(review_of(pod()))


def test_files_behind_a_link_that_is_swapped_are_read_again(write_certificate: Write, tmp_path: Path) -> None:
    """So the kubelet changes a mounted Secret."""
    made = write_certificate()
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "tls.crt").write_bytes(made.chain)
        (tmp_path / version / "tls.key").write_bytes(made.key)
    (tmp_path / "..data").symlink_to("one")
    files = CertificateFiles(str(tmp_path / "..data/tls.crt"), str(tmp_path / "..data/tls.key"))
    before = files.context()
    assert files.context() is before
    (tmp_path / "..new").symlink_to("two")
    (tmp_path / "..new").replace(tmp_path / "..data")
    assert files.context() is not before


def _encrypted(key: bytes) -> bytes:
    return load_pem_private_key(key, None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("tls.crt", lambda _: b""),
        ("tls.key", lambda _: b"no PEM"),
        ("tls.key", _encrypted),
        ("tls.crt", None),
    ],
)
def test_without_a_certificate_it_does_not_begin(
    write_certificate: Write, tmp_path: Path, name: str, change: Callable[[bytes], bytes] | None
) -> None:
    write_certificate()
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).unlink()
    if change is not None:
        (tmp_path / name).write_bytes(change(content))
    with pytest.raises(SettingError, match=r"^CLB_BROKER_WEBHOOK_CERTIFICATE_FILE and CLB_BROKER_WEBHOOK_KEY_FILE: "):
        CertificateFiles(str(tmp_path / "tls.crt"), str(tmp_path / "tls.key"))
