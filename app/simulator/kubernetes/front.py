"""One request: who asks, whether they may, what was ordered to go wrong, and which verb it is."""

import json
import threading
import time
import urllib.parse
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.simulator.kubernetes.errors import Refusal, bad_request, gone
from app.simulator.kubernetes.faults import Faults, Order
from app.simulator.kubernetes.permissions import Permissions, Right
from app.simulator.kubernetes.resources import Object, Place, place_of
from app.simulator.kubernetes.verbs import Verbs
from app.simulator.kubernetes.watch import Cut, Pulse, asked_of, events

REQUESTS_KEPT = 100_000
VERSION = {"major": "1", "minor": "30", "gitVersion": "v1.30.0", "platform": "linux/amd64"}


@dataclass(frozen=True, slots=True)
class Call:
    """One request as recorded."""

    received_at: float
    """Seconds since the epoch."""
    verb: str
    resource: str
    """Plural, with `/status` for the subresource."""
    namespace: str
    name: str
    status: int
    query: Mapping[str, str]
    user_agent: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer in one piece."""

    status: int
    content: Object
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stream:
    """A watch that has begun; None is no event."""

    events: Iterator[Object | None]


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request, its headers' names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Front:
    """Answers requests. Safe between threads."""

    def __init__(self, verbs: Verbs, faults: Faults, permissions: Permissions, pulse: Pulse) -> None:
        self._verbs = verbs
        self._faults = faults
        self._permissions = permissions
        self._pulse = pulse
        self._lock = threading.Lock()
        self._calls: deque[Call] = deque(maxlen=REQUESTS_KEPT)

    @property
    def calls(self) -> list[Call]:
        """The recorded requests, oldest first; a watch is noted when it begins."""
        with self._lock:
            return list(self._calls)

    def clear_calls(self) -> None:
        """Forgets the recorded requests."""
        with self._lock:
            self._calls.clear()

    def answer(self, request: Request) -> Reply | Stream:
        """Answers one request. Raises Cut when the connection is to be cut instead."""
        url = urllib.parse.urlsplit(request.target)
        if url.path == "/version":
            return Reply(200, dict(VERSION))
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        try:
            place = place_of(urllib.parse.unquote(url.path))
        except Refusal as refusal:
            return _refused(refusal)
        verb = _verb(request.method, place, query)
        reply = self._served(request, place, verb, query)
        self._note(request, place, verb, query, reply.status if isinstance(reply, Reply) else 200)
        return reply

    def _served(self, request: Request, place: Place, verb: str, query: Mapping[str, str]) -> Reply | Stream:
        resource = _resource(place)
        try:
            asked = Right(place.resource.group, resource, verb, place.namespace or "", place.name or "")
            self._permissions.check(_token(request.headers), asked)
            order = self._faults.strike(resource, verb)
            if order is not None:
                _strike(order)
            if verb == "watch":
                return self._watch(place, query, order)
            return self._done(request, place, verb, query)
        except Refusal as refusal:
            return _refused(refusal)

    def _watch(self, place: Place, query: Mapping[str, str], order: Order | None) -> Stream:
        if order is not None and order.kind == "gone-event":
            return Stream(iter([{"type": "ERROR", "object": gone("too old resource version").content()}]))
        return Stream(events(self._verbs.store, asked_of(place, query), self._pulse))

    def _done(self, request: Request, place: Place, verb: str, query: Mapping[str, str]) -> Reply:
        body = _body(request)
        media_type = request.headers.get("content-type", "").partition(";")[0].strip()
        works: dict[str, Callable[[], Object]] = {
            "get": lambda: self._verbs.get(place),
            "list": lambda: self._verbs.list(place, query),
            "create": lambda: self._verbs.create(place, body),
            "update": lambda: self._verbs.update(place, body),
            "patch": lambda: self._verbs.patch(place, body, media_type),
            "delete": lambda: self._verbs.delete(place, body, query),
        }
        if verb not in works:
            raise Refusal(405, "MethodNotAllowed", f"the server does not allow {verb} on the requested resource")
        return Reply(201 if verb == "create" else 200, works[verb]())

    def _note(self, request: Request, place: Place, verb: str, query: Mapping[str, str], status: int) -> None:
        call = Call(
            time.time(),
            verb,
            _resource(place),
            place.namespace or "",
            place.name or "",
            status,
            query,
            request.headers.get("user-agent", ""),
        )
        with self._lock:
            self._calls.append(call)


def _resource(place: Place) -> str:
    return f"{place.resource.plural}/{place.subresource}" if place.subresource else place.resource.plural


def _verb(method: str, place: Place, query: Mapping[str, str]) -> str:
    if method == "GET" and query.get("watch") in ("1", "true", "True"):
        return "watch"
    one = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
    many = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
    return (one if place.name else many).get(method, method.lower())


def _token(headers: Mapping[str, str]) -> str | None:
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _body(request: Request) -> Any:
    try:
        return json.loads(request.body) if request.body else None
    except ValueError as error:
        raise bad_request(f"the body is not JSON: {error}") from None


def _strike(order: Order) -> None:
    if order.kind == "delay":
        time.sleep(order.seconds)
    elif order.kind == "reset":
        raise Cut
    elif order.kind == "gone":
        raise gone()
    elif order.kind == "error":
        raise Refusal(order.status, order.reason, "ordered to go wrong", retry_after=order.retry_after)


def _refused(refusal: Refusal) -> Reply:
    headers = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after is not None else {}
    return Reply(refusal.status, refusal.content(), headers)
