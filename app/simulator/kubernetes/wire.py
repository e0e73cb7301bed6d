"""HTTP/1.1: one thread per connection, every answer and every chunk of a watch in a single send."""

import http
import json
import select
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from app.simulator.connections import Connections, reset
from app.simulator.kubernetes.front import Reply, Request, Stream
from app.simulator.kubernetes.watch import Cut

LARGEST_BODY = 3 * 1024 * 1024
"""Bytes; the API server's own limit."""
IDLE_SECONDS = 120.0


class Gate(Connections):
    """The port, and what answers behind it."""

    def __init__(self, address: tuple[str, int], answer: Callable[[Request], Reply | Stream]) -> None:
        self.answer = answer
        self.streaming: set[threading.Thread] = set()
        super().__init__(address, Exchange)

    @property
    def watches(self) -> int:
        """How many watches are open."""
        return len(self.streaming)


class Exchange(BaseHTTPRequestHandler):
    """The requests of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS
    server: Gate

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name is the base class's)
        """Silent: requests are recorded, not printed."""

    def answer(self) -> None:
        """Serves one request."""
        size = self.headers.get("Content-Length", "0")
        if not size.isdigit() or int(size) > LARGEST_BODY:
            self.close_connection = True
            self._send(Reply(413, {"kind": "Status", "status": "Failure", "reason": "RequestEntityTooLarge"}))
            return
        body = self.rfile.read(int(size))
        if len(body) < int(size):
            self.close_connection = True  # who called is gone, and the request never came whole
            return
        headers = {name.lower(): each for name, each in self.headers.items()}
        try:
            reply = self.server.answer(Request(self.command, self.path, headers, body))
            if isinstance(reply, Stream):
                self._watched(reply)
            else:
                self._send(reply)
        except Cut:
            self.close_connection = True
            reset(self.connection)

    # http.server looks the methods up by these names.
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

    def _send(self, reply: Reply) -> None:
        body = json.dumps(reply.content).encode()
        lines = [
            f"HTTP/1.1 {reply.status} {http.HTTPStatus(reply.status).phrase}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            f"Connection: {'close' if self.close_connection else 'keep-alive'}",
            *(f"{name}: {value}" for name, value in reply.headers.items()),
        ]
        self.wfile.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def _watched(self, stream: Stream) -> None:
        self.server.streaming.add(threading.current_thread())
        try:
            self._stream(stream)
        finally:
            self.server.streaming.discard(threading.current_thread())

    def _stream(self, stream: Stream) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        for event in stream.events:
            if event is not None:
                line = json.dumps(event).encode() + b"\n"
                self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            elif self._has_gone():
                self.close_connection = True
                return
        self.wfile.write(b"0\r\n\r\n")

    def _has_gone(self) -> bool:
        """Whether the client of a watch has closed: while it watches it has nothing else to send."""
        return bool(select.select([self.connection], [], [], 0)[0])
