"""The API under gunicorn."""

import os
import resource
import signal
import socket
from threading import Event
from typing import Any, Final

import click
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from prometheus_client.multiprocess import mark_process_dead

from app.api.context import EXTENSION, ApiContext
from app.composition import build_api, export_spans
from app.settings import Settings
from app.spans import end_spans

MOST_CONNECTIONS: Final = 1000
"""Of clients with one process. When there are more, those go that have been slowest to send a request."""


class _Logger(Logger):  # type: ignore[misc]  # gunicorn comes without types
    """Gunicorn's lines go where those of other libraries go, and in their form."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn comes without types
    def __init__(self, settings: Settings, url: str) -> None:
        self._settings = settings
        self._url = url
        super().__init__()

    def load_config(self) -> None:
        settings = self._settings
        for name, value in {
            "bind": settings.listen,
            "workers": settings.api_processes,
            "worker_class": "app.patient_worker.PatientWorker",
            "worker_connections": _most_connections(),
            "threads": settings.api_threads,
            "timeout": 60,
            "graceful_timeout": 10,
            "keepalive": 75,
            "accesslog": None,
            "loglevel": "warning",
            "logger_class": _Logger,
            "limit_request_line": 8190,
            # A token that is too long is refused by the API, in its own words.
            "limit_request_field_size": 65520,
            # Gunicorn's own way to be managed: a socket in the home directory, which a container has none of.
            "control_socket_disable": True,
            "when_ready": _announce,
            "child_exit": _forget_metrics,
            "worker_exit": _end_spans,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        # In the worker process, after the fork: neither a connection pool nor a thread can be shared by processes.
        export_spans("clb-broker-api")
        application = build_api(self._settings, self._url)
        context: ApiContext = application.extensions[EXTENSION]
        context.trusted_keys.start(context.ledger)  # before the first token comes
        _tell_of_the_end(context.ending)
        return application


def run_server(settings: Settings, url: str) -> None:
    """Serve until SIGTERM."""
    _Server(settings, url).run()


def _tell_of_the_end(ending: Event) -> None:
    """Set ``ending`` at SIGTERM, besides what gunicorn does: it would wait for requests that wait for changes."""
    before = signal.getsignal(signal.SIGTERM)

    def end(number: int, frame: Any) -> None:
        # Only threads of requests wait for it: this one, which may be interrupted anywhere, never holds its lock.
        ending.set()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, end)


def _most_connections() -> int:
    """Of one process at once; files, and connections to the ledger, have to have room besides."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if files == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, files // 2)


def _announce(arbiter: Any) -> None:
    for listener in arbiter.LISTENERS:
        host, port = listener.sock.getsockname()[:2] if listener.sock.family != socket.AF_UNIX else ("unix", 0)
        click.echo(f"serve: listening on http://{host}:{port}")


def _end_spans(_: Any, __: Any) -> None:
    end_spans()


def _forget_metrics(_: Any, process: Any) -> None:
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        mark_process_dead(process.pid)  # type: ignore[no-untyped-call]
