"""HTTP/1.1 for the simulator: keep-alive, one thread per connection, and each answer in one piece.

Status line, headers and body leave in a single send: in several, delayed acknowledgements cost about 40 ms a call.
"""

import http
import os
import socket
import socketserver
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any

from app.simulator.cloud import Cloud, Reply
from app.simulator.control import PREFIX, Control

LARGEST_BODY = 10 * 1024 * 1024
"""Bytes; the cloud's own limit for TC3."""
IDLE_SECONDS = 120.0


class Gate(socketserver.ThreadingTCPServer):
    """Accepts connections, and knows the open ones, so that closing leaves none behind."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], cloud: Cloud, control: Control) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.cloud = cloud
        self.control = control
        self._open: dict[threading.Thread, Any] = {}
        super().__init__(address, Exchange)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serves one connection to its end."""
        self._open[threading.current_thread()] = request
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.pop(threading.current_thread(), None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is no event; anything else is a mistake of the simulator, and shown."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def shutdown(self) -> None:
        """Stops accepting at once: the loop would notice at its next look only, so its socket is shut first."""
        _shut(self.socket)
        super().shutdown()

    def server_close(self) -> None:
        """Stops listening, ends the open connections and waits a moment for their threads."""
        super().server_close()
        remaining = dict(self._open)
        for connection in remaining.values():
            _shut(connection)
        for thread in remaining:
            thread.join(1.0)


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
                _reset(self.connection)
            return
        head = (
            f"HTTP/1.1 {reply.status} {http.HTTPStatus(reply.status).phrase}\r\n"
            f"Content-Type: {reply.content_type}\r\n"
            f"Content-Length: {len(reply.body)}\r\n"
            f"Connection: {'close' if self.close_connection else 'keep-alive'}\r\n\r\n"
        )
        self.wfile.write(head.encode() + reply.body)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # gone already


def _reset(connection: socket.socket) -> None:
    """Ends a connection with a reset instead of an orderly close.

    No lingering, and no shutdown by whoever closes it later.
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())
