"""A stand-in for the broker over HTTP: it takes every event, binds at once, and has a feed of changes."""

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
NAMES = ("load_balancer_id", "protocol", "listener_port", "domain", "url", "port")


@dataclass
class Request:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    token: str
    body: Any
    at: float


@dataclass
class Refusal:
    """An answer instead of the usual one. Without a status the connection is cut."""

    status: int | None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Broker:
    """Its answers follow the contract's shapes; what it is to refuse is put into `refusals`."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.refusals: list[Refusal] = []
        self.refuses: Refusal | None = None
        self.reject: dict[str, tuple[str, str]] = {}
        self.vips: dict[str, list[str]] = {}
        self.bindings: dict[tuple[Any, ...], Json] = {}
        self.health = "healthy"
        self._feed: list[tuple[int, tuple[Any, ...]]] = []
        self._condition = threading.Condition()
        self._closing = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def events(self, kind: str | None = None) -> list[Json]:
        """All pod events that came, in their order."""
        posts = [each for each in list(self.requests) if each.path.endswith("/pod-events")]
        return [event for each in posts for event in each.body["events"] if kind in {None, event["type"]}]

    def snapshots(self, name: str | None = None) -> list[Request]:
        """All snapshots that came, of one Service or of all."""
        found = [each for each in list(self.requests) if each.path.endswith("/targets")]
        return [each for each in found if name is None or each.path.endswith(f"/{name}/targets")]

    def bound(self) -> set[tuple[str, int, int]]:
        """Address, port and listener port of what is bound."""
        with self._condition:
            live = [each for each in self.bindings.values() if each["state"] == "bound"]
        return {(each["target"]["ip"], each["target"]["port"], each["target"]["listener_port"]) for each in live}

    def set_state(self, ip: str, state: str, reason: str | None = None, health: str = "unknown") -> None:
        """Have the broker say something else of an address."""
        with self._condition:
            for key, binding in self.bindings.items():
                if binding["target"]["ip"] == ip:
                    self._change(key, {**binding, "state": state, "reason": reason, "health": health})

    def answer(self, request: Request) -> Refusal:
        """What is answered, usually with a good status."""
        self.requests.append(request)
        if self.refusals:
            return self.refusals.pop(0)
        if self.refuses is not None:
            return self.refuses
        if request.path.endswith("/pod-events"):
            return Refusal(202, {"results": [self._take(each, each["type"]) for each in request.body["events"]]})
        if request.path.endswith("/targets"):
            return Refusal(200, self._replace(request))
        if request.path.endswith("/changes"):
            return Refusal(200, self._changes(request))
        return Refusal(404, {"code": "not-found", "detail": "no such path"})

    def _take(self, event: Json, kind: str, service: Json | None = None) -> Json:
        target, pod = event["target"], event["pod"]
        key = (pod["uid"], *(target.get(name) for name in NAMES))
        known = self.bindings.get(key)
        answer = {"event_id": event.get("event_id"), "binding_id": None, "code": None, "detail": None}
        if pod["ip"] in self.reject:
            code, detail = self.reject[pod["ip"]]
            return {**answer, "outcome": "rejected", "code": code, "detail": detail}
        if known is not None and event["revision"] < known["revision"]:
            return {**answer, "outcome": "stale"}
        with self._condition:
            if kind == "unbind":
                if known is not None:
                    self._change(
                        key, {**known, "state": "released", "health": "unknown", "revision": event["revision"]}
                    )
                return {**answer, "outcome": "accepted" if known else "unchanged"}
            self._change(key, self._binding(event, service or event["service"], len(self.bindings)))
        return {**answer, "outcome": "unchanged" if known and known["state"] == "bound" else "accepted"}

    def _binding(self, event: Json, service: Json, number: int) -> Json:
        named = {name: event["target"].get(name) for name in NAMES}
        return {
            "binding_id": f"b-{number}",
            "cluster_id": "cls-1",
            "pod": event["pod"],
            "workload": event["workload"],
            "service": service,
            "network_mode": event["network_mode"],
            "target": {**named, "listener_id": "lbl-1", "location_id": None, "ip": event["pod"]["ip"], "weight": 10},
            "state": "bound",
            "reason": None,
            "detail": None,
            "health": self.health,
            "verification": {"verdict": "proven", "method": None, "checked_at": None, "evidence": {}, "warnings": []},
            "revision": event["revision"],
            "created_at": "2026-11-23T08:00:00Z",
            "updated_at": "2026-11-23T08:00:00Z",
            "bound_at": "2026-11-23T08:00:00Z",
        }

    def _change(self, key: tuple[Any, ...], binding: Json) -> None:
        if self.bindings.get(key) == binding:
            return
        self.bindings[key] = binding
        number = self._feed[-1][0] + 1 if self._feed else 1
        self._feed = [each for each in self._feed if each[1] != key] + [(number, key)]
        self._condition.notify_all()

    def _replace(self, request: Request) -> Json:
        *_, namespace, name, _ = request.path.split("/")
        service, body = {"namespace": namespace, "name": name}, request.body
        entries = [{**entry, "revision": body["revision"]} for entry in body["targets"]]
        results = [self._take(entry, "bind", service) for entry in entries]
        there = {(entry["pod"]["uid"], *(entry["target"].get(each) for each in NAMES)) for entry in entries}
        unbound = []
        with self._condition:
            for key, known in list(self.bindings.items()):
                if known["service"] == service and key not in there and known["state"] == "bound":
                    self._change(key, {**known, "state": "released", "revision": body["revision"]})
                    unbound.append(known["binding_id"])
        named = [{"load_balancer_id": each, "vips": vips} for each, vips in self.vips.items()]
        return {
            "revision": body["revision"], "results": results, "unbound": unbound, "held": [], "load_balancers": named
        }  # fmt: skip

    def _changes(self, request: Request) -> Json:
        after, limit = int(request.query.get("after", "c0")[1:]), int(request.query["limit"])
        deadline = time.monotonic() + float(request.query["wait"])
        with self._condition:
            self._condition.wait_for(
                lambda: self._closing or any(number > after for number, _ in self._feed),
                max(0.0, deadline - time.monotonic()),
            )
            found = [each for each in self._feed if each[0] > after][:limit]
            items = [self.bindings[key] for _, key in found]
        return {"items": items, "next_cursor": f"c{found[-1][0] if found else after}"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        broker = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                content = self.rfile.read(length) if length else b""
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                body = json.loads(content) if content else None
                found = broker.answer(Request(self.command, parts.path, query, token, body, time.monotonic()))
                if found.status is None:
                    self.close_connection = True
                    return
                text = found.body if isinstance(found.body, bytes) else json.dumps(found.body).encode()
                self.send_response(found.status)
                for name, value in {**found.headers, "Content-Length": str(len(text))}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(text)
                except OSError:
                    self.close_connection = True  # the client did not wait for the answer

            do_POST = do_PUT = do_GET  # noqa: N815 (so they are called there)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Nothing."""

        return Handler
