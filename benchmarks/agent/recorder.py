"""A broker that takes everything, binds at once, and notes when each request came.

`python -m benchmarks.agent.recorder`; a process of its own, so that nothing but the request is waited for. It answers
what agents ask, in the contract's shapes, and `GET /_control/seen?after=N&until=M` with the requests of events after
the first N as soon as M events have come; snapshots are answered, not noted.
"""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]

PATIENCE_SECONDS: Final = 5.0
TARGET: Final = ("load_balancer_id", "protocol", "listener_port", "port", "domain", "url")
MOMENT: Final = "2026-11-23T08:00:00Z"


class Recorder:
    """What came, and what is bound by it. Moments are those of the machine's monotonic clock. For any thread."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._requests: list[Json] = []
        self._words = 0
        self._bindings: dict[tuple[Any, ...], Json] = {}
        self._feed: dict[tuple[Any, ...], int] = {}
        self._change = 0

    def answer(self, path: str, query: dict[str, str], body: Any, size: int, at: float) -> Json:
        """Take a request that came then, with a body of ``size`` bytes; the answer."""
        if path == "/_control/seen":
            return {"requests": self._seen(int(query["after"]), int(query["until"]))}
        if path.endswith("/changes"):
            return self._changes(int(query.get("after", "0")), int(query["limit"]), float(query["wait"]))
        with self._condition:
            if path.endswith("/targets"):
                *_, namespace, name, _ = path.split("/")
                service = {"namespace": namespace, "name": name}
                given = [{"type": "bind", "service": service, **each} for each in body["targets"]]
                shared = {"revision": body["revision"], "unbound": [], "held": [], "load_balancers": []}
                return {"results": [self._take(each) for each in given], **shared}
            self._note(body["events"], size, at)
            return {"results": [self._take(each) for each in body["events"]]}

    def _note(self, events: list[Json], size: int, at: float) -> None:
        self._requests.append(
            {"at": at, "bytes": size, "words": [[each["type"], each["pod"]["ip"]] for each in events]}
        )
        self._words += len(events)

    def _seen(self, after: int, until: int) -> list[Json]:
        with self._condition:
            self._condition.wait_for(lambda: self._words >= until, PATIENCE_SECONDS)
            return self._requests[after:]

    def _take(self, word: Json) -> Json:
        key = (word["pod"]["uid"], *(word["target"].get(each) for each in TARGET))
        state = "bound" if word["type"] == "bind" else "released"
        known = self._bindings.get(key)
        changed = known is None or known["state"] != state
        if changed:
            self._bindings[key] = _binding(f"b-{len(self._bindings)}" if known is None else known["binding_id"], word)
            self._change += 1
            self._feed.pop(key, None)
            self._feed[key] = self._change
        self._condition.notify_all()
        outcome = "accepted" if changed else "unchanged"
        return {"event_id": word.get("event_id"), "binding_id": None, "outcome": outcome, "code": None, "detail": None}

    def _changes(self, after: int, limit: int, wait: float) -> Json:
        with self._condition:
            self._condition.wait_for(lambda: self._change > after, wait)
            found = [(number, key) for key, number in self._feed.items() if number > after][:limit]
            items = [self._bindings[key] for _, key in found]
        return {"items": items, "next_cursor": str(found[-1][0] if found else after)}


def _binding(binding_id: str, word: Json) -> Json:
    bound = word["type"] == "bind"
    return {
        "binding_id": binding_id,
        "pod": word["pod"],
        "service": word["service"],
        "network_mode": word["network_mode"],
        "target": {**dict.fromkeys(TARGET), **word["target"], "ip": word["pod"]["ip"]},
        "state": "bound" if bound else "released",
        "reason": None,
        "detail": None,
        "health": "healthy" if bound else "unknown",
        "revision": word.get("revision", 0),
        "created_at": MOMENT,
        "bound_at": MOMENT,
    }


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    recorder: Recorder

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name is the base class's)
        """Silent."""

    def answer(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        at = time.monotonic()
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        found = self.recorder.answer(url.path, query, json.loads(content) if content else None, len(content), at)
        text = json.dumps(found).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
        self.wfile.write(head.encode() + text)

    do_GET = do_POST = do_PUT = answer  # noqa: N815 (http.server looks them up by these names)


def main() -> None:
    """Serve on a free port of loopback until the process is ended; the first line says where."""
    _Exchange.recorder = Recorder()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Exchange)
    server.daemon_threads = True
    print(f"recorder: listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
