"""The certificate that the webhook serves, read again when its files change (cert-manager renews them in place)."""

import ssl
import threading
from datetime import UTC, datetime
from pathlib import Path

import structlog
from cryptography import x509

from app.agent.admission.metrics import CERTIFICATE_ENDS
from app.domain.errors import SettingError
from app.environment import PREFIX, file_stamp

_LOG = structlog.get_logger(__name__)


class CertificateFiles:
    """Certificate and key as a context for TLS.

    A new context is made when the files change, so that connections that are open keep theirs. A pair that cannot be
    used (one file is swapped already, the other not yet) changes nothing: the last good one serves on.
    """

    def __init__(self, certificate_file: str, key_file: str) -> None:
        """Raises `SettingError` where the files cannot be used."""
        self._certificate_file = certificate_file
        self._key_file = key_file
        self._turn = threading.Lock()
        self._stamp = self._stamps()
        try:
            self._context = self._read()
        except (OSError, ValueError) as error:
            name = f"{PREFIX}WEBHOOK_CERTIFICATE_FILE and {PREFIX}WEBHOOK_KEY_FILE"
            told = f"{certificate_file} and {key_file} cannot be used: {_what(error)}"
            raise SettingError(f"{name}: {told}") from error

    def context(self) -> ssl.SSLContext:
        """The context of the newest files that could be used."""
        with self._turn:
            stamp = self._stamps()
            if stamp != self._stamp:
                self._stamp = stamp
                self._renew()
            return self._context

    def _renew(self) -> None:
        try:
            self._context = self._read()
        except (OSError, ValueError) as error:
            _LOG.warning("certificate not read", file=self._certificate_file, error=_what(error))
        else:
            _LOG.info("certificate read", file=self._certificate_file)

    def _stamps(self) -> object:
        return file_stamp(self._certificate_file), file_stamp(self._key_file)

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        # The API server speaks HTTP/2 to whoever offers it.
        context.set_alpn_protocols(["http/1.1"])
        # A key behind a passphrase would make OpenSSL ask for it on the terminal.
        context.load_cert_chain(self._certificate_file, self._key_file, password=b"")
        ends = x509.load_pem_x509_certificate(Path(self._certificate_file).read_bytes()).not_valid_after_utc
        CERTIFICATE_ENDS.set(ends.timestamp())
        if ends <= datetime.now(UTC):
            _LOG.warning("certificate expired", file=self._certificate_file, ended=ends.isoformat())
        return context


def _what(error: Exception) -> str:
    """An error without paths or content: OpenSSL's reason, or the system's."""
    if isinstance(error, ssl.SSLError):
        return error.reason or "it is no PEM"
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
