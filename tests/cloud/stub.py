"""A server that answers every request with the same bytes, for answers that no well-meant cloud gives."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class Stub:
    """Listens on a loopback port; counts the requests that it has read whole."""

    def __init__(self, answer: bytes, *, lingers: bool) -> None:
        self._answer = answer
        self._lingers = lingers
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.requests = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        """Stop listening, and wait for the thread."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(60)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                self._serve_one(connection)

    def _serve_one(self, connection: socket.socket) -> None:
        self._read(connection)
        connection.sendall(self._answer)
        if self._lingers:
            self._closing.wait(10)

    def _read(self, connection: socket.socket) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65536)
        head, _, body = received.partition(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
        while len(body) < int(lengths[0]):
            body += connection.recv(65536)
        self.requests += 1


@contextlib.contextmanager
def answering(
    body: bytes,
    *,
    status: int = 200,
    content_type: str = "application/json",
    missing: int = 0,
    lingers: bool = False,
) -> Iterator[Stub]:
    """A server whose answer to everything is ``body``, with the last ``missing`` bytes of it never sent.

    One that ``lingers`` leaves the connection open after that.
    """
    head = f"HTTP/1.1 {status} So\r\nContent-Type: {content_type}\r\nContent-Length: {len(body) + missing}\r\n"
    stub = Stub(f"{head}Connection: close\r\n\r\n".encode() + body, lingers=lingers)
    try:
        yield stub
    finally:
        stub.close()
