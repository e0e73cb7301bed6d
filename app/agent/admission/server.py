"""HTTPS for the webhook: a thread per connection, few connections, and none of them for ever.

It stands in the cluster's network without a proxy before it, so whoever comes may be slow, silent or rude. A request
has `REQUEST_SECONDS` from its first line to its answer, a handshake `HANDSHAKE_SECONDS`, a quiet connection
`IDLE_SECONDS`, by a clock that single bytes do not wind up again; who exceeds them is cut off. At most
`MOST_CONNECTIONS` are open: a new one takes the place of one without a request, that whose time is over soonest.
"""

import contextlib
import socket
import socketserver
import ssl
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

from app.agent.admission.certificate_files import CertificateFiles
from app.agent.admission.exchange import Exchange
from app.agent.admission.metrics import CONNECTIONS_REFUSED
from app.domain.errors import SettingError
from app.environment import PREFIX

MOST_CONNECTIONS: Final = 128
"""Of API servers there are few, and each keeps at most 25 quiet connections to one webhook (client-go's transport)."""

HANDSHAKE_SECONDS: Final = 10.0
REQUEST_SECONDS: Final = 10.0
"""The API server waits 10 s by default and 30 s at most (`timeoutSeconds`); what comes later helps nobody."""

IDLE_SECONDS: Final = 120.0
"""Longer than the 90 s after which the API server (Go's `IdleConnTimeout`) closes a quiet connection itself: were it
the other way round, a review could be sent into a connection that is just being closed."""

_LOOK_SECONDS: Final = 0.5
_END_SECONDS: Final = 5.0
_LOG = structlog.get_logger(__name__)


@dataclass(slots=True)
class _State:
    """What a connection is at: ``until`` when on the monotonic clock, and whether there is a request to be answered."""

    until: float
    busy: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the server puts up with; seconds, and a number of connections."""

    connections: int = MOST_CONNECTIONS
    handshake_seconds: float = HANDSHAKE_SECONDS
    request_seconds: float = REQUEST_SECONDS
    idle_seconds: float = IDLE_SECONDS


class Desk(Protocol):
    """Who answers what the server reads."""

    def review(self, body: bytes) -> bytes:
        """The answer to an AdmissionReview; never raises."""

    def unread(self, why: str) -> bytes:
        """The answer to a review that was not read, which lets the pod pass."""

    def unready(self) -> str | None:
        """Why nothing can be decided yet, for people; None when it can."""


class HttpsServer(socketserver.ThreadingTCPServer):
    """The webhook's server. `serve_forever` runs it, `end` ends it."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, listen: str, certificate: CertificateFiles, desk: Desk, limits: Limits | None = None) -> None:
        """``listen`` is HOST:PORT, port 0 a free one. Raises `SettingError` where it cannot listen."""
        host, _, port = listen.rpartition(":")
        self.desk = desk
        self.draining = False
        """Whether the end is near: every answer closes its connection, so that clients go to another replica."""
        self._host = host
        self._limits = limits or Limits()
        self._certificate = certificate
        self._connections: dict[socket.socket, _State] = {}
        self._changed = threading.Condition()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host.strip("[]"), int(port)), Exchange)
        except OSError as error:
            raise SettingError(f"{PREFIX}WEBHOOK_LISTEN: cannot listen on {listen}: {error.strerror}") from error

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://{self._host}:{self.server_address[1]}"

    def busy(self, connection: socket.socket) -> None:
        """The first line of a request has come."""
        self._note(connection, _State(time.monotonic() + self._limits.request_seconds, busy=True))

    def idle(self, connection: socket.socket) -> None:
        """The request is answered."""
        self._note(connection, _State(time.monotonic() + self._limits.idle_seconds, busy=False))

    def end(self) -> None:
        """Accept nothing more, let the requests that are here get their answers, and close. From another thread than
        `serve_forever`'s."""
        self.draining = True
        self.shutdown()
        self.server_close()
        with self._changed:
            for connection, state in self._connections.items():
                if not state.busy:
                    _cut(connection)
            self._changed.wait_for(lambda: not self._connections, _END_SECONDS)
            for connection in self._connections:
                _cut(connection)

    def get_request(self) -> tuple[socket.socket, Any]:
        accepted, address = self.socket.accept()
        try:
            accepted.getpeername()  # of one that is gone already, `ssl` would leave half a socket behind
            context = self._certificate.context()
            return context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False), address
        except OSError:
            accepted.close()
            raise

    def verify_request(self, request: Any, client_address: Any) -> bool:
        with self._changed:
            if len(self._connections) >= self._limits.connections and not self._give_up_a_quiet_one():
                CONNECTIONS_REFUSED.labels("full").inc()
                return False
            # Not busy yet: who does not shake hands gives way as the quiet ones do, and before them.
            self._connections[request] = _State(time.monotonic() + self._limits.handshake_seconds, busy=False)
        return True

    def finish_request(self, request: Any, client_address: Any) -> None:
        # Here, in the connection's own thread: a client that does not shake hands keeps nobody waiting.
        try:
            request.settimeout(self._limits.handshake_seconds)
            request.do_handshake()
        except OSError as error:
            reason = "handshake" if isinstance(error, ssl.SSLError) else "gone"
            CONNECTIONS_REFUSED.labels(reason).inc()
            return
        request.settimeout(self._limits.idle_seconds)
        self.idle(request)
        super().finish_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._changed:
            self._connections.pop(request, None)
            self._changed.notify_all()
            super().shutdown_request(request)

    def service_actions(self) -> None:
        now = time.monotonic()
        with self._changed:
            for connection, state in self._connections.items():
                if state.until < now:
                    _cut(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            _LOG.error("connection broke off", exc_info=True)

    def _note(self, connection: socket.socket, state: _State) -> None:
        with self._changed:
            if connection in self._connections:
                self._connections[connection] = state

    def _give_up_a_quiet_one(self) -> bool:
        quiet = [(state.until, connection) for connection, state in self._connections.items() if not state.busy]
        if not quiet:
            return False
        _, oldest = min(quiet, key=lambda each: each[0])
        # It is forgotten at once, its thread ends a moment later: the number of threads may be one above for so long.
        self._connections.pop(oldest)
        _cut(oldest)
        return True


def _cut(connection: socket.socket) -> None:
    """End both directions under whoever reads or writes. Of the plain socket: `ssl` would take the session away from
    under the thread that is using it."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
