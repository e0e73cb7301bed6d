"""The simulator as a thing to start: within a test, or as a process of its own.

with Simulator(yaml.safe_load(text)) as simulator:
    ...  # point the SDK at simulator.endpoint
    simulator.order("answer-lost", action="BatchRegisterTargets")
    simulator.edit("remove-target", load_balancer_id="lb-1", listener_id="lbl-1", ip="10.0.3.17", port=8080)
    rows = simulator.targets("lb-1")
"""

import ipaddress
import queue
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.simulator import world_file
from app.simulator.cloud import Cloud
from app.simulator.control import Control
from app.simulator.errors import WorldError
from app.simulator.records import Row
from app.simulator.wire import Gate

POLL_SECONDS = 0.1


class Simulator:
    """A simulated cloud and its port. Port 0 takes a free one.

    Raises WorldError for a bad world, ValueError for an address that is not a loopback one: its control path lets
    anyone in. Also usable as a context manager that starts and closes it.
    """

    def __init__(self, world: Mapping[str, Any], host: str = "127.0.0.1", port: int = 0) -> None:
        self._closing = threading.Event()
        cloud = Cloud(world_file.build(world), self._closing)
        self._control = Control(cloud)
        self._gate = Gate((_loopback(host), port), cloud, self._control)
        self._thread: threading.Thread | None = None

    @property
    def endpoint(self) -> str:
        """Where it listens, as `http://127.0.0.1:PORT`."""
        host, port = self._gate.server_address[:2]
        return f"http://[{host!s}]:{port}" if ":" in str(host) else f"http://{host!s}:{port}"

    @property
    def calls(self) -> list[Row]:
        """All recorded calls, oldest first, in the form of `GET /_control/calls`."""
        return self._control.calls()

    @property
    def changes(self) -> list[Row]:
        """All recorded changes of targets, oldest first, in the form of `GET /_control/changes`."""
        return self._control.changes()

    @property
    def faults(self) -> list[Row]:
        """All fault orders, in the form of `GET /_control/faults`."""
        return self._control.faults()

    @property
    def parameters(self) -> Row:
        """All parameters as they are."""
        return self._control.parameters()

    def start(self) -> Self:
        """Serves in a daemon thread, from now on."""
        self._thread = threading.Thread(
            target=self._gate.serve_forever, args=(POLL_SECONDS,), name="simulator", daemon=True
        )
        self._thread.start()
        return self

    def close(self) -> None:
        """Ends every wait and connection, and stops listening. May be called twice."""
        self._closing.set()
        if self._thread:
            self._gate.shutdown()
            self._thread.join()
            self._thread = None
        self._gate.server_close()

    def targets(self, load_balancer_id: str | None = None) -> list[Row]:
        """What is bound now, on one load balancer or on all."""
        return self._control.targets(load_balancer_id)

    def order(self, kind: str, **fields: Any) -> Row:
        """Orders a fault; the fields are those of `app.simulator.faults.Order`. Raises WorldError."""
        return self._control.order({"kind": kind, **fields})

    def clear_faults(self) -> None:
        """Takes all fault orders back."""
        self._control.clear_faults()

    def clear_calls(self) -> None:
        """Forgets the recorded calls."""
        self._control.clear_calls()

    def edit(self, kind: str, **fields: Any) -> None:
        """Changes the world by hand; the kinds are in `app.simulator.edits.EDITS`. Raises WorldError."""
        self._control.edit({"kind": kind, **fields})

    def set_parameters(self, **changes: Any) -> Row:
        """Changes parameters, see `app.simulator.parameters`. Raises WorldError."""
        return self._control.set_parameters(changes)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def run(world_path: Path, host: str, port: int) -> None:
    """Serves until SIGTERM or SIGINT. Prints one line when it listens.

    Raises WorldError, with the file's name, for a bad world file.
    """
    try:
        simulator = Simulator(world_file.load(world_path), host, port)
    except WorldError as error:
        text = str(error)
        raise WorldError(text if text.startswith(str(world_path)) else f"{world_path}: {text}") from None
    # A queue, not an event: a handler runs in the middle of the wait, and an event's lock may be held there already.
    asked: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: asked.put(number))
    with simulator:
        sys.stdout.write(f"simulator: listening on {simulator.endpoint} (world {world_path})\n")
        sys.stdout.flush()
        asked.get()


def _loopback(host: str) -> str:
    address = "127.0.0.1" if host == "localhost" else host
    try:
        if ipaddress.ip_address(address).is_loopback:
            return address
    except ValueError:
        pass
    raise ValueError(f"the simulator listens on loopback addresses only, not on {host!r}")
