"""The demo speaks to the broker as an agent or an operator would: over HTTP."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

T = TypeVar("T")
PATIENCE_SECONDS = 30


class DemoFailed(RuntimeError):
    """The story did not go as it is told."""


class HttpClient:
    """JSON over HTTP with one bearer token, never through a proxy."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self._url = url
        self._token = token
        self._opener = build_opener(ProxyHandler({}))

    def ask(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
        """The answer's JSON. Raises `DemoFailed` with the problem's text."""
        address = f"{self._url}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        content = None if body is None else json.dumps(body).encode()
        request = Request(address, content, headers, method=method)  # noqa: S310 (the demo's own loopback addresses)
        try:
            with self._opener.open(request, timeout=PATIENCE_SECONDS) as answer:
                text = answer.read()
        except HTTPError as error:
            raise DemoFailed(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from error
        return json.loads(text) if text else None


def wait_for(what: str, look: Callable[[], T | None]) -> T:
    """What ``look`` finds as soon as it finds something. Raises `DemoFailed` when it takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise DemoFailed(f"waited {PATIENCE_SECONDS} s in vain for: {what}")
