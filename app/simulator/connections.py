"""The connections of a simulator's port: one thread each, none left behind when it closes, or ended with a reset."""

import os
import socket
import socketserver
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any


class Connections(socketserver.ThreadingTCPServer):
    """Accepts connections, and knows the open ones, so that closing leaves none behind."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], exchange: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._open: dict[threading.Thread, Any] = {}
        super().__init__(address, exchange)

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


def reset(connection: socket.socket) -> None:
    """Ends a connection with a reset instead of an orderly close.

    No lingering, and no shutdown by whoever closes it later.
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # gone already
