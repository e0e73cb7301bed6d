"""What a process without an API of its own says of itself over HTTP: ``/livez``, ``/readyz`` and ``/metrics``."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from app.domain.errors import SettingError

Answer = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[dict[str, Any], Answer], Iterable[bytes]]

_TEXT: Final = (("Content-Type", "text/plain; charset=utf-8"),)


class _Server(ThreadingWSGIServer):
    """A thread for each request, none of which keeps the process from ending."""


class _ServerOnIPv6(_Server):
    address_family = socket.AF_INET6


class _Silent(WSGIRequestHandler):
    """A handler without a line in the log for each request, and that no slow client keeps for ever."""

    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (so it is called there)
        """Nothing."""


@contextmanager
def serving(
    listen: str | None, variable: str, registry: CollectorRegistry, ready: Callable[[], bool] | None = None
) -> Iterator[str | None]:
    """Answer at ``listen`` (``HOST:PORT``, port 0: a free one) for as long as this lasts; the URL.

    None answers nowhere. ``/readyz`` is there where ``ready`` says it. ``variable`` is the setting's name, without the
    prefix. Raises `SettingError` where it cannot listen.
    """
    if listen is None:
        yield None
        return
    host, _, port = listen.rpartition(":")
    try:
        kind = _ServerOnIPv6 if ":" in host else _Server
        server = make_server(host.strip("[]"), int(port), _application(registry, ready), kind, _Silent)
    except OSError as error:
        raise SettingError(f"CLB_BROKER_{variable}: cannot listen on {listen}: {error.strerror}") from error
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _application(registry: CollectorRegistry, ready: Callable[[], bool] | None) -> Application:
    metrics = make_wsgi_app(registry)
    known = ["/livez", *(["/readyz"] if ready is not None else []), "/metrics"]

    def answer(environ: dict[str, Any], start_response: Answer) -> Iterable[bytes]:
        path = environ.get("PATH_INFO")
        if path == "/metrics":
            found: Iterable[bytes] = metrics(environ, start_response)
            return found
        status, text = _said(str(path), ready, known)
        start_response(status, list(_TEXT))  # the server adds to it
        return [f"{text}\n".encode()]

    return answer


def _said(path: str, ready: Callable[[], bool] | None, known: list[str]) -> tuple[str, str]:
    if path == "/livez":
        return "200 OK", "alive"
    if path == "/readyz" and ready is not None:
        return ("200 OK", "ready") if ready() else ("503 Service Unavailable", "not ready")
    return "404 Not Found", f"there is {', '.join(known[:-1])} and {known[-1]}"
