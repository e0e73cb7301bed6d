"""The requests of one connection over HTTP/1.1: reviews by POST, and what the kubelet and Prometheus ask by GET."""

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from app.agent.admission.metrics import WEBHOOK

if TYPE_CHECKING:
    from app.agent.admission.server import HttpsServer

INJECT_PATH: Final = "/inject-readiness-gate"
"""Where reviews are sent, `clientConfig.service.path` of the webhook's configuration."""

LARGEST_REVIEW: Final = 3 * 1024 * 1024
"""Bytes. An object may have 1.5 MiB in etcd and 3 MiB in a request (API server, `MaxRequestBodyBytes`)."""

_LARGEST_SKIPPED: Final = 64 * 1024 * 1024
_LARGE: Final = 256 * 1024
_LARGE_AT_ONCE = threading.BoundedSemaphore(4)
"""Pods have some kilobytes. Few large reviews may be in memory at once, whoever sends them."""

_CHUNK: Final = 64 * 1024
_JSON: Final = "application/json"
_TEXT: Final = "text/plain; charset=utf-8"


class Exchange(BaseHTTPRequestHandler):
    """One connection. What is wrong with a review is told in its answer, which lets the pod pass, never by status."""

    protocol_version = "HTTP/1.1"
    server_version = "clb-broker"
    sys_version = ""
    disable_nagle_algorithm = True
    # In one piece: in several, delayed acknowledgements cost about 40 ms an answer.
    wbufsize = -1
    server: "HttpsServer"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (so it is called there)
        """Nothing: reviews are counted, not told."""

    def parse_request(self) -> bool:
        self.server.busy(self.connection)
        return super().parse_request()

    def handle_one_request(self) -> None:
        super().handle_one_request()
        if not self.close_connection:
            self.server.idle(self.connection)

    def do_POST(self) -> None:
        """A review."""
        if self._path() != INJECT_PATH:
            self.close_connection = True
            self._answer(HTTPStatus.NOT_FOUND, _TEXT, f"reviews are sent to {INJECT_PATH}\n".encode())
            return
        size = self._size()
        if size is None or size > _LARGEST_SKIPPED:
            self.close_connection = True
            self._answer(HTTPStatus.OK, _JSON, self.server.desk.unread("the review does not say a size that is taken"))
            return
        answer = self._review(size)
        if answer is not None:
            self._answer(HTTPStatus.OK, _JSON, answer)

    def do_GET(self) -> None:
        """Whether it is alive, whether it is ready, and what it has counted."""
        path = self._path()
        if path == "/livez":
            self._answer(HTTPStatus.OK, _TEXT, b"alive\n")
        elif path == "/readyz":
            why = "it is ending" if self.server.draining else self.server.desk.unready()
            status = HTTPStatus.SERVICE_UNAVAILABLE if why else HTTPStatus.OK
            self._answer(status, _TEXT, f"{why or 'ready'}\n".encode())
        elif path == "/metrics":
            self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(WEBHOOK))
        else:
            self._answer(HTTPStatus.NOT_FOUND, _TEXT, b"there is /livez, /readyz and /metrics\n")

    def _path(self) -> str:
        # The API server adds its `?timeout=10s`.
        return self.path.partition("?")[0]

    def _size(self) -> int | None:
        text = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not (text.isascii() and text.isdigit() and len(text) < 12):
            return None
        return int(text)

    def _review(self, size: int) -> bytes | None:
        """The answer; None when the client went away before it had said everything."""
        if size > LARGEST_REVIEW:
            return self._skip(size, f"the review is larger than {LARGEST_REVIEW} bytes")
        if size <= _LARGE:
            return self._read_and_review(size)
        if not _LARGE_AT_ONCE.acquire(blocking=False):
            return self._skip(size, "too many large reviews at once")
        try:
            return self._read_and_review(size)
        finally:
            _LARGE_AT_ONCE.release()

    def _read_and_review(self, size: int) -> bytes | None:
        body = self.rfile.read(size)
        if len(body) < size:
            self.close_connection = True
            return None
        return self.server.desk.review(body)

    def _skip(self, size: int, why: str) -> bytes | None:
        """Read on without keeping it: a client that is still writing would not see an answer."""
        while size:
            read = self.rfile.read(min(size, _CHUNK))
            if not read:
                self.close_connection = True
                return None
            size -= len(read)
        return self.server.desk.unread(why)

    def _answer(self, status: HTTPStatus, media: str, body: bytes) -> None:
        if self.server.draining:
            self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
