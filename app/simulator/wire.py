"""HTTP/1.1 for the simulator: keep-alive, one thread per connection, and each answer in one piece.

Status line, headers and body leave in a single send: in several, delayed acknowledgements cost about 40 ms a call.
"""

import http
from http.server import BaseHTTPRequestHandler
from typing import Any

from app.simulator.cloud import Cloud, Reply
from app.simulator.connections import Connections, reset
from app.simulator.control import PREFIX, Control

LARGEST_BODY = 10 * 1024 * 1024
"""Bytes; the cloud's own limit for TC3."""
IDLE_SECONDS = 120.0


class Gate(Connections):
    """The port, and what answers behind it."""

    def __init__(self, address: tuple[str, int], cloud: Cloud, control: Control) -> None:
        self.cloud = cloud
        self.control = control
        super().__init__(address, Exchange)


class Exchange(BaseHTTPRequestHandler):
    """The requests of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS
    server: Gate

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name is the base class's)
        """Silent: calls are recorded, not printed."""

    def answer(self) -> None:
        """Serves one request, on whichever of the two paths it comes."""
        size = self.headers.get("Content-Length", "0")
        if not size.isdigit() or int(size) > LARGEST_BODY:
            self.close_connection = True
            self._send(Reply(b'{"error": "a Content-Length of at most 10 MiB is needed"}', 413))
            return
        body = self.rfile.read(int(size))
        if len(body) < int(size):
            self.close_connection = True  # who called is gone, and the request never came whole: it was no call
            return
        if self.path.startswith(PREFIX):
            self._send(self.server.control.answer(self.command, self.path, body))
        elif (self.command, self.path) == ("POST", "/"):
            self._send(self.server.cloud.answer({name.lower(): each for name, each in self.headers.items()}, body))
        else:
            self._send(Reply(b'{"error": "signed calls are POST /, everything else is under /_control/"}', 404))

    # http.server looks the methods up by these names.
    do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815

    def _send(self, reply: Reply) -> None:
        if reply.ending != "answer":
            self.close_connection = True
            if reply.ending == "reset":
                reset(self.connection)
            return
        head = (
            f"HTTP/1.1 {reply.status} {http.HTTPStatus(reply.status).phrase}\r\n"
            f"Content-Type: {reply.content_type}\r\n"
            f"Content-Length: {len(reply.body)}\r\n"
            f"Connection: {'close' if self.close_connection else 'keep-alive'}\r\n\r\n"
        )
        self.wfile.write(head.encode() + reply.body)
