"""The last moment before a request leaves: connected, signed and written out, it waits there for its turn.

Making a request takes Python a few milliseconds, and a tenth of a second and more in a process that has just started.
Whoever waited for a call's turn before that would not know when the call leaves. The way to that moment is the adapter
of requests, which the SDK sends by, and the connection of urllib3 under it.
"""

import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from requests.adapters import HTTPAdapter
from tencentcloud.common.common_client import CommonClient
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

MOST_CONNECTIONS: Final = 64
"""Connections that one client keeps open; more threads than that would open and close one for each call."""

ESTABLISHED: Final = 1
"""The state of a connection that neither side has closed; Linux, tcp_states.h."""

Wait = Callable[[], None]


class _Hold:
    def __init__(self, wait: Wait) -> None:
        self.wait = wait
        self.error: Exception | None = None


_HOLD: Final[ContextVar[_Hold | None]] = ContextVar("clb_broker_hold", default=None)


@contextmanager
def held_back(wait: Wait) -> Iterator[None]:
    """Each request that this thread sends here calls ``wait`` when it is ready to leave.

    What ``wait`` raises keeps the request back, and leaves here as it is, whatever the SDK has made of it on the way.
    """
    hold = _Hold(wait)
    token = _HOLD.set(hold)
    try:
        yield
    except Exception:
        if hold.error is None:
            raise
        raise hold.error from hold.error.__cause__
    finally:
        _HOLD.reset(token)


def wait_to_leave() -> None:
    """What a request does when it is ready to leave, and what stands for sending does too. Raises what waiting does."""
    hold = _HOLD.get()
    if hold is None:
        return
    try:
        hold.wait()
    except Exception as error:
        hold.error = error
        raise


def hold_back(client: CommonClient) -> None:
    """Let the requests of an SDK's client be held back by `held_back`."""
    session = client.request.conn._session  # noqa: SLF001 (the SDK offers no other way to it)
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(pool_maxsize=MOST_CONNECTIONS))


class _Connection(HTTPConnection):
    """Of urllib3, but what it writes of a request is gathered first, and leaves in its turn and in one piece."""

    _gathered: list[bytes] | None = None

    def request(self, *asked: Any, **options: Any) -> None:
        if self.sock is None:
            self.connect()
        gathered: list[bytes] = []
        self._gathered = gathered
        try:
            super().request(*asked, **options)
        finally:
            self._gathered = None
        self._send_in_turn(b"".join(gathered))

    def send(self, data: Any) -> None:
        if self._gathered is None:
            super().send(data)
        else:
            self._gathered.append(data)

    def _send_in_turn(self, request: bytes) -> None:
        # A socket with a time-out is asked whether it takes something before it is given anything. Each such question
        # lets other threads have the interpreter, which comes back in a busy process when the turn is over.
        self.sock.settimeout(0)
        wait_to_leave()
        if _is_dropped(self.sock):
            self._connect_again()
            self.sock.settimeout(0)
            wait_to_leave()
        sent = _send_at_once(self.sock, request)
        self.sock.settimeout(self.timeout)
        if sent < len(request):
            self.send(request[sent:])

    def _connect_again(self) -> None:
        # Connecting takes time, so the turn may be over after it; the caller takes another one. Who is dropped then as
        # well sends in vain, which is ambiguous and not endless. `close` would forget that there is a request.
        self.sock.close()
        self.sock = None
        self.connect()


def _is_dropped(sock: socket.socket) -> bool:
    """Whether the cloud has hung up, by the kernel's own state, where that can be had.

    Looking whether there is something to read would let go of the interpreter too; and under TLS 1.3 there is something
    to read right after connecting, namely tickets. Where it is not known, sending in vain is ambiguous, as ever.
    """
    if sys.platform != "linux" or not isinstance(sock, socket.socket):
        return False
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != ESTABLISHED


def _send_at_once(sock: socket.socket, request: bytes) -> int:
    """How many bytes the kernel took without being waited for."""
    try:
        return sock.send(request)
    except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
        return 0


class _SecureConnection(_Connection, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    """requests' own, with connections that wait, also those through a proxy."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
        return manager
