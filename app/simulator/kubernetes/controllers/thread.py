"""The controllers together: by hand until nothing is left to do, or in a thread."""

import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from app.simulator.kubernetes.controllers.deployments import Deployments
from app.simulator.kubernetes.controllers.endpoint_slices import EndpointSlices
from app.simulator.kubernetes.controllers.kubelet import Kubelet
from app.simulator.kubernetes.server import KubernetesSimulator

LOOK_SECONDS = 0.05
"""How often time alone is looked at; changes are seen at once."""
ROUNDS = 10_000


class Controller(Protocol):
    """Anything with `run_once`."""

    def run_once(self) -> bool:
        """Does what is to be done; whether there was anything."""
        ...


class Controllers:
    """Deployments, a kubelet and endpoint slices of one cluster. As a context manager, in a daemon thread."""

    def __init__(
        self,
        cluster: KubernetesSimulator,
        addresses: Sequence[str],
        nodes: Mapping[str, str],
        *,
        stop_seconds: float = 0.0,
    ) -> None:
        self._cluster = cluster
        self.kubelet = Kubelet(cluster, addresses, nodes, stop_seconds=stop_seconds)
        self._all: tuple[Controller, ...] = (Deployments(cluster), self.kubelet, EndpointSlices(cluster))
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kubernetes-controllers", daemon=True)

    def settle(self) -> None:
        """Goes round until nobody has anything to do. Raises RuntimeError when that never comes."""
        for _ in range(ROUNDS):
            did = [each.run_once() for each in self._all]
            if not any(did):
                return
        raise RuntimeError("the controllers never come to rest")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._cluster.store.wake()
        self._thread.join()

    def _run(self) -> None:
        store = self._cluster.store
        while not self._ending.is_set():
            version = store.version
            self.settle()
            store.wait_for(lambda seen=version: self._ending.is_set() or store.version != seen, LOOK_SECONDS)  # type: ignore[misc]
