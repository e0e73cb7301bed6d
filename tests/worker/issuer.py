"""An issuer on loopback that publishes whatever a test wants it to, and counts who asks."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class PublishingIssuer:
    """``content`` is what is answered: a document, or bytes as they are; with ``status`` and ``headers``."""

    def __init__(self) -> None:
        self.content: Any = {"keys": []}
        self.status = 200
        self.headers: dict[str, str] = {}
        self.asked: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._view())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """Where the key set is."""
        return f"http://127.0.0.1:{self._server.server_port}/keys"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _view(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class View(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append({"path": self.path, **dict(self.headers.items())})
                body = issuer.content if isinstance(issuer.content, bytes) else json.dumps(issuer.content).encode()
                self.send_response(issuer.status)
                for name, value in {"Content-Length": str(len(body)), **issuer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(body)
                except ConnectionError:
                    return

            def log_message(self, *_: Any) -> None:
                """Nothing is printed."""

        return View
