"""The control path: what a test or an operator of the simulator orders from outside, as JSON under `/_control/`."""

import dataclasses
import json
import urllib.parse
from collections.abc import Callable
from typing import Any

from app.simulator.kubernetes.faults import Faults
from app.simulator.kubernetes.front import Front, Reply, Request
from app.simulator.kubernetes.permissions import Permissions, Right
from app.simulator.kubernetes.store import Store
from app.simulator.kubernetes.watch import Pulse

PREFIX = "/_control/"


class Control:
    """What can be asked and ordered, for Python and for HTTP alike."""

    def __init__(self, store: Store, front: Front, faults: Faults, permissions: Permissions, pulse: Pulse) -> None:
        self._store = store
        self._front = front
        self._faults = faults
        self._permissions = permissions
        self._pulse = pulse

    def cut(self) -> None:
        """Cuts the connections of all watches that are open now."""
        with self._store.held():
            self._pulse.cuts += 1
            self._store.wake()

    def compact(self) -> None:
        """Forgets all changes up to now."""
        self._store.compact()

    def order(self, description: Any) -> dict[str, Any]:
        """Orders a fault. Raises ValueError."""
        return dict(vars(self._faults.place(description)))

    def give(self, description: Any) -> None:
        """Gives rights: `{"token", "rights": [{"group", "resource", "verb", "namespace", "name"}]}`. ValueError."""
        try:
            self._permissions.give(description["token"], [Right(**each) for each in description["rights"]])
        except (KeyError, TypeError) as error:
            raise ValueError(f"token and rights are needed: {error}") from None

    def answer(self, request: Request) -> Reply:
        """Serves one request whose path begins with PREFIX."""
        path = urllib.parse.urlsplit(request.target).path.removeprefix(PREFIX).rstrip("/")
        routes: dict[tuple[str, str], Callable[[Any], Any]] = {
            ("POST", "faults"): self.order,
            ("GET", "faults"): lambda _: {"faults": self._faults.rows()},
            ("DELETE", "faults"): lambda _: self._faults.clear(),
            ("POST", "cut"): lambda _: self.cut(),
            ("POST", "compact"): lambda _: self.compact(),
            ("POST", "rights"): self.give,
            ("GET", "calls"): lambda _: {"calls": [dataclasses.asdict(call) for call in self._front.calls]},
            ("DELETE", "calls"): lambda _: self._front.clear_calls(),
        }
        route = routes.get((request.method, path))
        if route is None:
            known = ", ".join(f"{method} {PREFIX}{name}" for method, name in routes)
            return Reply(404, {"error": f"no such control path; known are {known}"})
        try:
            return Reply(200, route(json.loads(request.body or b"{}")) or {})
        except ValueError as error:
            return Reply(400, {"error": str(error)})
