"""The control path: looking at the simulated cloud from outside, changing it by hand, ordering faults.

Not signed, not part of the cloud; JSON with proper HTTP statuses, under `/_control/` on the same port. The routes
stand in `ROUTES`.
"""

import dataclasses
import json
import time
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

from app.simulator import edits
from app.simulator.cloud import Cloud, Reply
from app.simulator.parameters import patched
from app.simulator.records import Row

PREFIX = "/_control/"
Query = Mapping[str, str]


class Control:
    """What can be asked and ordered, for Python and for HTTP alike. Raises WorldError for what cannot be."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._world = cloud.world

    def calls(self, after: int = 0, limit: int | None = None) -> list[Row]:
        """The recorded calls numbered above `after`, oldest first."""
        with self._world.held():  # so that due tasks have noted what they changed
            return self._cloud.calls.rows(after, limit)

    def clear_calls(self) -> None:
        """Forgets the recorded calls; their numbers go on."""
        self._cloud.calls.clear()

    def changes(self, after: int = 0, limit: int | None = None) -> list[Row]:
        """The recorded changes of targets numbered above `after`, oldest first."""
        with self._world.held():
            return self._world.changes.rows(after, limit)

    def targets(self, load_balancer_id: str | None = None) -> list[Row]:
        """What is bound now: on one load balancer, or on all; nothing for an unknown one."""
        with self._world.held():
            return [
                {
                    "load_balancer_id": load_balancer.load_balancer_id,
                    "listener_id": listener.listener_id,
                    "location_id": rule.location_id if rule else None,
                    "ip": target.ip,
                    "port": target.port,
                    "weight": target.weight,
                    "health": self._world.health(listener, target, time.time()),
                }
                for load_balancer in self._world.load_balancers.values()
                if load_balancer_id in (None, load_balancer.load_balancer_id)
                for listener in load_balancer.listeners.values()
                for rule, targets in listener.places()
                for target in targets.values()
            ]

    def parameters(self) -> Row:
        """All parameters as they are."""
        return dataclasses.asdict(self._world.parameters)

    def set_parameters(self, changes: Mapping[str, Any]) -> Row:
        """Changes some parameters, for calls that come from now on."""
        with self._world.held():
            self._world.parameters = patched(self._world.parameters, changes)
        return self.parameters()

    def faults(self) -> list[Row]:
        """All fault orders, with how often each has struck."""
        return self._cloud.faults.rows()

    def order(self, description: Mapping[str, Any]) -> Row:
        """Orders a fault."""
        return self._cloud.faults.place(description)

    def clear_faults(self) -> None:
        """Takes all fault orders back."""
        self._cloud.faults.clear()

    def edit(self, description: Mapping[str, Any]) -> None:
        """Changes the world by hand."""
        edits.edit(self._world, description)

    def answer(self, method: str, target: str, body: bytes) -> Reply:
        """Serves one HTTP request whose path begins with PREFIX."""
        url = urllib.parse.urlsplit(target)
        path = url.path.removeprefix(PREFIX).rstrip("/")
        route = ROUTES.get((method, path))
        if route is None:
            known = ", ".join(f"{each} {PREFIX}{name}" for each, name in ROUTES)
            return _reply(404, {"error": f"no such control path: {method} {url.path}; known are {known}"})
        try:
            query = dict(urllib.parse.parse_qsl(url.query))
            return _reply(200, route(self, query, json.loads(body or b"{}")))
        except ValueError as error:  # WorldError, a body that is not JSON, a number that is none
            return _reply(400, {"error": str(error)})


def _calls(control: Control, query: Query, _: Any) -> Row:
    return {"calls": control.calls(*_window(query))}


def _changes(control: Control, query: Query, _: Any) -> Row:
    return {"changes": control.changes(*_window(query))}


def _window(query: Query) -> tuple[int, int | None]:
    return int(query.get("after", "0")), int(query["limit"]) if "limit" in query else None


def _targets(control: Control, query: Query, _: Any) -> Row:
    return {"targets": control.targets(query.get("load_balancer_id"))}


def _emptied(clear: Callable[[Control], None]) -> Callable[[Control, Query, Any], Row]:
    def route(control: Control, _: Query, __: Any) -> Row:
        clear(control)
        return {}

    return route


def _edit(control: Control, _: Query, description: Any) -> Row:
    control.edit(description)
    return {}


ROUTES: dict[tuple[str, str], Callable[[Control, Query, Any], Row]] = {
    ("GET", "calls"): _calls,
    ("DELETE", "calls"): _emptied(Control.clear_calls),
    ("GET", "changes"): _changes,
    ("GET", "targets"): _targets,
    ("GET", "parameters"): lambda control, _, __: control.parameters(),
    ("PATCH", "parameters"): lambda control, _, changes: control.set_parameters(changes),
    ("GET", "faults"): lambda control, _, __: {"faults": control.faults()},
    ("POST", "faults"): lambda control, _, description: control.order(description),
    ("DELETE", "faults"): _emptied(Control.clear_faults),
    ("POST", "edits"): _edit,
}


def _reply(status: int, content: Row) -> Reply:
    return Reply(json.dumps(content).encode(), status)
