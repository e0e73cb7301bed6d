"""What a worker says of itself over HTTP: ``/livez`` and ``/metrics``, for the machine that watches it."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from app.domain.errors import SettingError
from app.metrics import WORKER

Answer = Callable[[str, list[tuple[str, str]]], Any]

_METRICS: Final = make_wsgi_app(WORKER)
_TEXT: Final = [("Content-Type", "text/plain; charset=utf-8")]


class _Server(ThreadingWSGIServer):
    """A thread for each request, none of which keeps the worker from ending."""


class _ServerOnIPv6(_Server):
    address_family = socket.AF_INET6


class _Silent(WSGIRequestHandler):
    """A handler without a line in the log for each request, and that no slow client keeps for ever."""

    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (so it is called there)
        """Nothing."""


@contextmanager
def serving_metrics(listen: str | None) -> Iterator[str | None]:
    """Answer at ``listen`` (``HOST:PORT``, port 0: a free one) for as long as this lasts; the URL.

    None answers nowhere. Needs no ledger: a worker that cannot reach it is alive, and its metrics say so. Raises
    `SettingError` where it cannot listen.
    """
    if listen is None:
        yield None
        return
    host, _, port = listen.rpartition(":")
    try:
        kind = _ServerOnIPv6 if ":" in host else _Server
        server = make_server(host.strip("[]"), int(port), _answer, kind, _Silent)
    except OSError as error:
        raise SettingError(f"CLB_BROKER_WORKER_LISTEN: cannot listen on {listen}: {error.strerror}") from error
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(environ: dict[str, Any], start_response: Answer) -> Iterable[bytes]:
    path = environ.get("PATH_INFO")
    if path == "/metrics":
        found: Iterable[bytes] = _METRICS(environ, start_response)
        return found
    start_response("200 OK" if path == "/livez" else "404 Not Found", _TEXT)
    return [b"alive\n" if path == "/livez" else b"there is /livez and /metrics\n"]
