"""Faults that are ordered: what goes wrong, with which requests, how often. The first order that fits strikes."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KINDS = ("gone", "gone-event", "error", "delay", "reset")
"""410 as HTTP status, 410 as an ERROR event of a watch, an error of `status`, a delay, a cut connection."""

_PHRASES = {429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout"}


@dataclass
class Order:
    """One order. `times` is how often it strikes, 0 meaning until it is taken back."""

    kind: str
    resource: str = "*"
    """Plural, with `/status` for the subresource."""
    verb: str = "*"
    times: int = 1
    status: int = 500
    retry_after: int | None = None
    """Seconds, for `error`."""
    seconds: float = 0.0
    """For `delay`."""
    struck: int = 0

    def fits(self, resource: str, verb: str) -> bool:
        """Whether the order is about such a request, and not used up."""
        if self.times and self.struck >= self.times:
            return False
        if self.kind == "gone-event" and verb != "watch":
            return False
        return self.resource in ("*", resource) and self.verb in ("*", verb)

    @property
    def reason(self) -> str:
        """Of an `error`, as in a Status."""
        return _PHRASES.get(self.status, "InternalError")


class Faults:
    """All orders, oldest first. Safe between threads."""

    def __init__(self) -> None:
        self._orders: list[Order] = []
        self._lock = threading.Lock()

    def place(self, description: Mapping[str, Any]) -> Order:
        """Takes an order, by the fields of `Order`. Raises ValueError naming what is wrong."""
        try:
            order = Order(**dict(description))
        except TypeError as error:
            raise ValueError(f"no such fault: {error}") from None
        if order.kind not in KINDS:
            raise ValueError(f"kind: one of {', '.join(KINDS)} is needed, not {order.kind!r}")
        with self._lock:
            self._orders.append(order)
        return order

    def strike(self, resource: str, verb: str) -> Order | None:
        """The order that strikes this request, if one does; it is counted as struck."""
        with self._lock:
            for order in self._orders:
                if order.fits(resource, verb):
                    order.struck += 1
                    return order
        return None

    def rows(self) -> list[dict[str, Any]]:
        """All orders, the used up ones too."""
        with self._lock:
            return [dict(vars(order)) for order in self._orders]

    def clear(self) -> None:
        """Takes all orders back."""
        with self._lock:
            self._orders.clear()
