"""Faults that are ordered: what goes wrong, with which calls, how often.

The first order that fits a call strikes; each call is struck by one order at most. What an order does is in
`app.simulator.cloud` (what happens around the work) and `app.simulator.actions.writes` (what happens within it).
"""

import random
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.simulator.reading import Item

EVERY = frozenset({"read", "batch", "task"})
WRITES = frozenset({"batch", "task"})

KINDS: dict[str, frozenset[str]] = {
    "answer-lost": EVERY,
    "request-lost": EVERY,
    "reset": EVERY,
    "internal-error-before": EVERY,
    "internal-error-after": EVERY,
    "http-500": EVERY,
    "throttle": EVERY,
    "error": EVERY,
    "hang": EVERY,
    "charset": EVERY,
    "not-json": EVERY,
    "answer": EVERY,
    "busy": WRITES,
    "no-effect": WRITES,
    "partial": frozenset({"batch"}),
    "task-fails": frozenset({"task"}),
    "task-hangs": frozenset({"task"}),
}
"""Each kind of fault with the modes of action that it can strike; a call of another mode passes it by."""


@dataclass
class Order:
    """One order. `times` is how often it strikes, 0 meaning until it is taken back."""

    order_id: int
    kind: str
    action: str = "*"
    times: int = 1
    load_balancer_id: str | None = None
    listener_ids: list[str] = field(default_factory=list)
    """For `partial`: which listeners fail; none means all."""
    seconds: float = 0.0
    """For `hang`: how long."""
    when: str = "before"
    """For `hang`: `before` the work, `after` it, or `instead` of it (the connection is closed at last)."""
    done: bool = False
    """For `reset` and `http-500`: whether the work is done all the same."""
    code: str = "InternalError"
    """For `error`."""
    message: str = "An internal error has occurred. Retry your request, but if the problem persists, contact us."
    """For `error`."""
    fields: dict[str, Any] = field(default_factory=dict)
    """For `answer`: what fields of the answer become, whatever the work has made them."""
    without: list[str] = field(default_factory=list)
    """For `answer`: which fields it loses."""
    offset: int | None = None
    """Strikes only the page that begins there: a call without Offset begins at 0. None means every page."""
    probability: float = 1.0
    """How likely it strikes a call that fits."""
    seed: int | None = None
    """Makes the dice fall the same way each time."""
    struck: int = 0

    def fits(self, action: str, mode: str, load_balancer_id: str | None, offset: int | None) -> bool:
        """Whether the order is about such a call, and not used up."""
        if self.times and self.struck >= self.times:
            return False
        if self.action not in ("*", action) or mode not in KINDS[self.kind]:
            return False
        return self.load_balancer_id in (None, load_balancer_id) and self.offset in (None, offset)


class Faults:
    """All orders, oldest first; `actions` are the names that an order may give. Safe between threads."""

    def __init__(self, actions: Iterable[str]) -> None:
        self._actions = ("*", *actions)
        self._orders: list[Order] = []
        self._dice: dict[int, random.Random] = {}
        self._last = 0
        self._lock = threading.Lock()

    def place(self, description: Mapping[str, Any]) -> dict[str, Any]:
        """Takes an order. Raises WorldError naming what is unknown or wrong in it."""
        with self._lock:
            order = _order(Item(description, "fault"), self._last + 1, self._actions)
            self._last = order.order_id
            self._orders.append(order)
            self._dice[order.order_id] = random.Random(order.seed)  # noqa: S311 (faults, not secrets)
        return row(order)

    def strike(self, action: str, mode: str, load_balancer_id: str | None, offset: int | None = 0) -> Order | None:
        """The order that strikes this call, if one does; it is counted as struck.

        `offset` is where the call's page begins, None for an Offset that is no number.
        """
        with self._lock:
            for order in self._orders:
                if order.fits(action, mode, load_balancer_id, offset) and self._falls(order):
                    order.struck += 1
                    return order
        return None

    def rows(self) -> list[dict[str, Any]]:
        """All orders, the used up ones too, with how often each has struck."""
        with self._lock:
            return [row(order) for order in self._orders]

    def clear(self) -> None:
        """Takes all orders back."""
        with self._lock:
            self._orders.clear()
            self._dice.clear()

    def _falls(self, order: Order) -> bool:
        return order.probability >= 1 or self._dice[order.order_id].random() < order.probability


def row(order: Order) -> dict[str, Any]:
    """An order as the control path shows it."""
    return dict(vars(order))


def _order(item: Item, order_id: int, actions: Iterable[str]) -> Order:
    order = Order(
        order_id=order_id,
        kind=item.choice("kind", KINDS),
        action=item.choice("action", actions, "*"),
        times=item.integer("times", 0, 1_000_000_000, 1),
        load_balancer_id=item.text_or_none("load_balancer_id"),
        listener_ids=item.texts("listener_ids"),
        seconds=item.number("seconds", 0.0),
        when=item.choice("when", ("before", "after", "instead"), "before"),
        done=item.flag("done", default=False),
        code=item.text("code", Order.code),
        message=item.text("message", Order.message),
        fields=item.json("fields"),
        without=item.texts("without"),
        offset=item.integer_or_none("offset", 0, 2**63),
        probability=item.number("probability", 1.0),
        seed=item.integer_or_none("seed", 0, 2**63),
    )
    item.end()
    if order.kind == "answer" and not (order.fields or order.without):
        raise item.wrong("fields", "this kind needs `fields` or `without`")
    return order
