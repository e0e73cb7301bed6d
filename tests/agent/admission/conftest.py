"""A certificate in files, and a server that serves it."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.agent.admission.certificate_files import CertificateFiles
from app.agent.admission.certificate_secret import SystemKeys
from app.agent.admission.certificates import Certificate, dns_names, issue
from app.agent.admission.review import Reviewer
from app.agent.admission.server import HttpsServer, Limits
from app.agent.deciding.gate_injection import GatingService
from app.agent.deciding.objects import ObjectKey
from tests.agent.admission.calling import Served

WEB = GatingService(ObjectKey("shop", "web"), direct_access=True, selector=(("app", "web"),), opted_out=False)

Serve = Callable[..., Served]


@pytest.fixture
def write_certificate(tmp_path: Path) -> Callable[[], Certificate]:
    """Makes a new certificate and puts it into the files, at the name of the moment."""

    def write() -> Certificate:
        made = issue(dns_names("webhook", "clb-broker"), datetime.now(UTC), 30, SystemKeys())
        for name, content in (("tls.crt", made.chain), ("tls.key", made.key)):
            (tmp_path / f"{name}.new").write_bytes(content)
        for name in ("tls.crt", "tls.key"):
            (tmp_path / f"{name}.new").rename(tmp_path / name)
        return made

    return write


@pytest.fixture
def serve(tmp_path: Path, write_certificate: Callable[[], Certificate]) -> Iterator[Serve]:
    """Starts servers that end with the test."""
    servers: list[tuple[HttpsServer, threading.Thread]] = []

    def start(unready: Callable[[], str | None] = lambda: None, **limits: float) -> Served:
        made = write_certificate()
        files = CertificateFiles(str(tmp_path / "tls.crt"), str(tmp_path / "tls.key"))
        reviewer = Reviewer(lambda namespace: [WEB] if namespace == "shop" else [], unready)
        server = HttpsServer("127.0.0.1:0", files, reviewer, Limits(**limits))  # type: ignore[arg-type]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        servers.append((server, thread))
        return Served(server, made)

    yield start
    for server, thread in servers:
        server.end()
        thread.join()
