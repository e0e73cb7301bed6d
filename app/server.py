"""The API under gunicorn."""

import os
import socket
from typing import Any

import click
from gunicorn.app.base import BaseApplication
from prometheus_client.multiprocess import mark_process_dead

from app.composition import build_api
from app.settings import Settings


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
            "worker_class": "gthread",
            "threads": settings.api_threads,
            "timeout": 60,
            "graceful_timeout": 10,
            "keepalive": 75,
            "accesslog": None,
            "loglevel": "warning",
            "limit_request_line": 8190,
            "when_ready": _announce,
            "child_exit": _forget_metrics,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        # In the worker process, after the fork: a connection pool must not be shared by processes.
        return build_api(self._settings, self._url)


def run_server(settings: Settings, url: str) -> None:
    """Serve until SIGTERM."""
    _Server(settings, url).run()


def _announce(arbiter: Any) -> None:
    for listener in arbiter.LISTENERS:
        host, port = listener.sock.getsockname()[:2] if listener.sock.family != socket.AF_UNIX else ("unix", 0)
        click.echo(f"serve: listening on http://{host}:{port}")


def _forget_metrics(_: Any, process: Any) -> None:
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        mark_process_dead(process.pid)  # type: ignore[no-untyped-call]
