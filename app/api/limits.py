"""Requests of too many: how they are refused, by token, and by address where no token is known.

Counts are those of one process (`app.api.rates`): each process of the API has its own.
"""

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from typing import Final

from flask import Flask, request

from app.api.context import caller, context
from app.api.metrics import count_limited
from app.domain.caller import Caller
from app.domain.errors import RequestRefused, TooManyRequests

STREAM_SECONDS: Final = 5.0
"""When to ask again for a stream where there is no place for it now: nobody knows how long others read."""

PROBES: Final = frozenset({"/livez", "/readyz"})
"""Never refused: who asks decides whether the process lives, and must not be deceived by others' floods."""


def register_limits(app: Flask) -> None:
    """Refuse (429) who sends too many requests without a token, before anything is done for them."""

    @app.before_request
    def admit_stranger() -> None:
        if "Authorization" not in request.headers and request.path not in PROBES:
            _refuse("address", context().limits.strangers.take(_address()))


@contextmanager
def at_the_gate() -> Iterator[None]:
    """Around finding out whose a token is: who comes from an address that sent too many bad ones waits, unless it is
    known. Raises `TooManyRequests`."""
    limits, token = context().limits, request.headers.get("Authorization", "")
    if token not in limits.known:
        _refuse("address", limits.strangers.wait(_address()))
    try:
        yield
    except RequestRefused:
        limits.known.forget(token)
        if token:
            limits.strangers.take(_address())
        raise
    limits.known.greet(token)


def take_request(known: Caller) -> None:
    """Count a request of somebody known. Raises `TooManyRequests`."""
    _refuse("requests", context().limits.requests.take(known.actor))


def take_events(many: int) -> None:
    """Count events, or targets of a snapshot, of the caller's. Raises `TooManyRequests`."""
    _refuse("events", context().limits.events.take(caller().actor, many))


class Stream:
    """A stream that has one of the few places for streams until it is closed. Raises `TooManyRequests`."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._places = context().limits.streams
        if not self._places.acquire(blocking=False):
            _refuse("streams", STREAM_SECONDS)
        self._open = True

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def close(self) -> None:
        """Give the place back, once."""
        if self._open:
            self._open = False
            self._places.release()


def _refuse(what: str, wait: float) -> None:
    if wait > 0:
        count_limited(what)
        raise TooManyRequests(ceil(wait))


def _address() -> str:
    """Who asks; of IPv6 the network, since one has as many addresses there as it likes."""
    remote = request.remote_addr or ""
    try:
        address = ipaddress.ip_address(remote)
    except ValueError:
        return remote  # a unix socket has none
    return str(address) if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))
