"""An API server's way to a webhook: HTTPS by the Service's name, with the authority verified, over kept connections."""

import http.client
import json
import socket
import ssl
from dataclasses import dataclass
from typing import Any

from app.agent.admission.certificates import Certificate
from app.agent.admission.exchange import INJECT_PATH
from app.agent.admission.server import HttpsServer

NAME = "webhook.clb-broker.svc"


class Caller(http.client.HTTPSConnection):
    """One connection to a port of this machine, by the webhook's own name."""

    def __init__(self, port: int, authorities: bytes, name: str = NAME) -> None:
        super().__init__(name, timeout=10, context=ssl.create_default_context(cadata=authorities.decode()))
        self._create_connection = lambda _, *rest, **more: socket.create_connection(("127.0.0.1", port), *rest, **more)

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
        """Status and body of an answer."""
        self.request(method, path, body)
        answer = self.getresponse()
        return answer.status, answer.read().decode()

    def review(self, body: bytes) -> dict[str, Any]:
        """The response within the answer to a review."""
        status, text = self.ask("POST", f"{INJECT_PATH}?timeout=10s", body)
        assert status == 200
        response: dict[str, Any] = json.loads(text)["response"]
        return response

    @property
    def serial(self) -> int:
        """The number of the certificate that was shown at the handshake."""
        shown: Any = self.sock
        return int(shown.getpeercert()["serialNumber"], 16)


@dataclass
class Served:
    """A server with the certificate that it began with."""

    server: HttpsServer
    certificate: Certificate

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def caller(self, certificate: Certificate | None = None) -> Caller:
        """A connection that trusts ``certificate`` (None: the first one)."""
        return Caller(self.port, (certificate or self.certificate).authorities)

    def plain(self) -> socket.socket:
        """A connection without TLS."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def secured(self) -> ssl.SSLSocket:
        """A connection with TLS and no HTTP yet."""
        context = ssl.create_default_context(cadata=self.certificate.authorities.decode())
        return context.wrap_socket(self.plain(), server_hostname=NAME)
