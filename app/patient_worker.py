"""Gunicorn's threads, each of which gets a request when all of it has come.

Gunicorn's own hand a connection to a thread at its first byte, and one that sends a byte a second has that thread for
as long as it likes; sixteen of them stop an API of sixteen threads. Here the loop that accepts connections gathers
requests too, without waiting for any, and closes those that take too long. Likewise at the end: who does not read its
answer, or does not hang up, is not waited for by the loop.
"""

import errno
import io
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from selectors import EVENT_READ
from typing import Any, Final

import structlog
from gunicorn.workers.gthread import TConn, ThreadWorker

from app.arrivals import Arrival, NotWanted
from app.not_taken import answer, refusal_of
from app.patient_socket import PatientSocket

log = structlog.get_logger(__name__)

ARRIVAL_SECONDS: Final = 30.0
"""How long a request may take from its connection, or from the end of the one before it, until all of it is there."""

LINGER_SECONDS: Final = 2.0
"""How long a client may take to hang up after its last answer; its answer might be lost if nobody waited."""

STOP_SECONDS: Final = 2.0
"""How long what has begun to arrive is waited for when the process is to end."""

MOST_GATHERED: Final = 64 * 1024 * 1024
"""Bytes of requests that have not come as a whole, of all connections together."""

MOST_LINGERING: Final = 128
SPARE_CONNECTIONS: Final = 16

_GONE: Final = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED)


@dataclass(slots=True)
class _Waiting:
    arrival: Arrival
    ends_at: float
    registered: bool = False
    welcomed: bool = False


class _Connection(TConn):  # type: ignore[misc]  # gunicorn comes without types
    def __init__(self, linger: Callable[["_Connection"], None], *given: Any) -> None:
        super().__init__(*given)
        self.arrival: Arrival | None = None
        self.data_ready = True  # a thread gets it when it is, and has nothing to wait for
        self._linger = linger

    def close(self, graceful: bool = False) -> None:  # noqa: FBT001, FBT002 (as gunicorn has it)
        if graceful:
            self._linger(self)
        else:
            super().close()


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """A gunicorn worker as the module describes it. All but `handle` and what it calls runs in the loop's thread."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._waiting: dict[_Connection, _Waiting] = {}
        self._lingering: dict[_Connection, float] = {}
        self._gathered = 0

    def accept(self, listener: socket.socket) -> None:
        """Take a new connection, and make room for the next one."""
        try:
            accepted, address = listener.accept()
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE}:
                self._make_room()
            elif error.errno not in _GONE:
                raise
            return
        self.nr_conns += 1
        self.enqueue_req(
            _Connection(self._linger, self.cfg, PatientSocket.of(accepted), address, listener.getsockname())
        )
        if self.nr_conns > self.worker_connections - SPARE_CONNECTIONS:
            self._make_room()

    def enqueue_req(self, conn: _Connection) -> None:
        """Gather the next request of a connection, from what of it has come with the one before."""
        conn.sock.settimeout(0)
        waiting = self._waiting[conn] = _Waiting(Arrival(), time.monotonic() + ARRIVAL_SECONDS)
        begun = conn.parser.unreader.take_buffered() if conn.parser is not None else b""
        if begun:
            self._add(conn, waiting, begun)
        if conn in self._waiting:
            self._gather(conn, waiting)

    def _gather(self, conn: _Connection, waiting: _Waiting) -> None:
        try:
            data = conn.sock.gather()
        except BlockingIOError:
            self._watch(conn, waiting)
            return
        except OSError:
            data = b""
        if data:
            self._add(conn, waiting, data)
        else:
            self._drop(conn)

    def _add(self, conn: _Connection, waiting: _Waiting, data: bytes) -> None:
        self._gathered += len(data)
        try:
            waiting.arrival.add(data)
        except NotWanted as error:
            self._refuse(conn, error.status, error.code, str(error))
            return
        if waiting.arrival.whole:
            self._forget(conn)
            conn.arrival, conn.sock.ahead = waiting.arrival, io.BytesIO(waiting.arrival.received)
            super().enqueue_req(conn)
            return
        if waiting.arrival.waits and not waiting.welcomed:
            waiting.welcomed = True
            _send(conn, b"HTTP/1.1 100 Continue\r\n\r\n")
        self._watch(conn, waiting)
        while self._gathered > MOST_GATHERED:
            self._refuse(next(iter(self._waiting)), 503, "too-much-at-once", "too many slow requests; ask again")

    def _watch(self, conn: _Connection, waiting: _Waiting) -> None:
        if not waiting.registered:
            waiting.registered = True
            self.poller.register(conn.sock, EVENT_READ, lambda _: self._gather(conn, waiting))

    def _forget(self, conn: _Connection) -> None:
        waiting = self._waiting.pop(conn)
        self._gathered -= len(waiting.arrival.received)
        if waiting.registered:
            self.poller.unregister(conn.sock)

    def _drop(self, conn: _Connection) -> None:
        self._forget(conn)
        self.nr_conns -= 1
        conn.close()

    def _refuse(self, conn: _Connection, status: int, code: str, detail: str) -> None:
        self._forget(conn)
        self.nr_conns -= 1
        log.warning("request not taken", status=status, code=code, remote=_host(conn.client))
        _send(conn, answer(status, code, detail))
        conn.close(graceful=True)

    def _make_room(self) -> None:
        """Let go who has been here longest without a whole request: it is slow, or it is idle."""
        if self._waiting:
            self._drop(next(iter(self._waiting)))
        elif self.keepalived_conns:
            conn = self.keepalived_conns.popleft()
            self.poller.unregister(conn.sock)
            self.nr_conns -= 1
            conn.close()

    def murder_pending(self) -> None:
        """Let go who took too long; called with every turn of the loop."""
        now = time.monotonic()
        if not self.alive:
            for waiting in self._waiting.values():
                waiting.ends_at = min(waiting.ends_at, now + STOP_SECONDS)
        for conn, waiting in list(self._waiting.items()):
            if waiting.ends_at > now:
                break  # they stand in the order in which their time ends
            if waiting.arrival.received:
                self._refuse(conn, 408, "request-timeout", "the request took too long to arrive")
            else:
                self._drop(conn)
        for conn, ends_at in list(self._lingering.items()):
            if ends_at > now and len(self._lingering) <= MOST_LINGERING:
                break
            self._hang_up(conn)

    def _linger(self, conn: _Connection) -> None:
        try:
            conn.sock.settimeout(0)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            conn.close()
            return
        self._lingering[conn] = time.monotonic() + LINGER_SECONDS
        self.poller.register(conn.sock, EVENT_READ, lambda _: self._read_off(conn))

    def _read_off(self, conn: _Connection) -> None:
        try:
            data = conn.sock.gather()
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hang_up(conn)

    def _hang_up(self, conn: _Connection) -> None:
        del self._lingering[conn]
        self.poller.unregister(conn.sock)
        conn.close()

    def finish_request(self, conn: _Connection, fs: "Future[Any]") -> None:
        """What came behind the request is the next one's beginning."""
        rest = conn.sock.ahead.read()
        if rest and conn.parser is not None:
            conn.parser.unreader.buf.seek(0, io.SEEK_END)
            conn.parser.unreader.buf.write(rest)
        super().finish_request(conn, fs)

    def handle_request(self, req: Any, conn: _Connection) -> Any:
        """A connection on which something is left that is not waited for ends with this answer, and says so."""
        if conn.arrival is not None and conn.arrival.unread:
            req.force_close()
        return super().handle_request(req, conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """A request that is none; neither log nor answer repeats what it said."""
        status, code = refusal_of(exc)
        if status == 500:
            log.error("request failed outside of the application", exc_info=exc)
        else:
            log.warning("request not taken", status=status, code=code, error=type(exc).__name__, remote=_host(addr))
        try:
            client.sendall(answer(status, code, "the request cannot be read as HTTP"))
        except OSError as error:
            log.debug("refusal not sent", error=type(error).__name__)


def _send(conn: _Connection, data: bytes) -> None:
    """As far as there is room for it: nobody waits for a client that is refused."""
    try:
        conn.sock.send(data)
    except OSError as error:
        log.debug("refusal not sent", error=type(error).__name__)


def _host(address: Any) -> str:
    return str(address[0]) if isinstance(address, tuple) and address else "unix"
