"""The webhook's process: a list and watch of Services, and a server."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from app.agent.admission.certificate_files import CertificateFiles
from app.agent.admission.known_services import KnownServices
from app.agent.admission.review import Reviewer
from app.agent.admission.server import HttpsServer
from app.agent.deciding.gate_injection import GatingService, gating_service_of
from app.agent.kubernetes_api import SERVICES, KubernetesApi, connect
from app.agent.list_watch import ListWatch
from app.agent.settings import WebhookSettings
from app.domain.errors import BrokerError

_LOG = structlog.get_logger(__name__)
_LOOK_SECONDS = 0.5


class WatchEnded(BrokerError):
    """The watch of Services ended by a mistake in it: the process ends, so that another one takes its place."""


class Webhook:
    """A webhook that serves until it is ended."""

    def __init__(self, settings: WebhookSettings) -> None:
        """Raises `SettingError`."""
        namespaces: tuple[str | None, ...] = settings.namespaces or (None,)
        known = KnownServices(namespaces)
        certificate = CertificateFiles(settings.certificate_file, settings.key_file)
        api = KubernetesApi(connect(connections=len(namespaces) + 1), may_write=lambda: False)
        self._watches = [ListWatch(api, SERVICES, each, gating_service_of, known.sink(each)) for each in namespaces]
        self._drain_seconds = settings.drain_seconds
        self._ending = threading.Event()
        self._broken = threading.Event()
        self._server = HttpsServer(settings.listen, certificate, Reviewer(known.of, known.unready))

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._server.url

    def run(self, stopped: threading.Event) -> None:
        """Serve until ``stopped``, and a little longer. Raises `WatchEnded`."""
        with self._watching(stopped), self._serving():
            stopped.wait()
            if not self._broken.is_set():
                # The API servers learn a moment later that this replica goes; until then they are answered.
                self._server.draining = True
                time.sleep(self._drain_seconds)
        if self._broken.is_set():
            raise WatchEnded("the watch of Services broke off; its log line says why")

    @contextmanager
    def _serving(self) -> Iterator[None]:
        thread = threading.Thread(target=self._server.serve_forever, args=(_LOOK_SECONDS,), name="server", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.end()
            thread.join()

    @contextmanager
    def _watching(self, stopped: threading.Event) -> Iterator[None]:
        threads = [
            threading.Thread(target=self._watch, args=(watch, stopped), name=watch.name, daemon=True)
            for watch in self._watches
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ending.set()
            for watch in self._watches:
                watch.stop()
            for thread in threads:
                thread.join(5.0)

    def _watch(self, watch: ListWatch[GatingService], stopped: threading.Event) -> None:
        try:
            watch.run(self._ending)
        except Exception:  # noqa: BLE001 (whatever it is: an end that nobody sees would leave pods without gates)
            _LOG.exception("watch ended", resource=watch.name)
            self._broken.set()
            stopped.set()
