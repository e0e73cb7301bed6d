"""What the platform's own controller is configured for: whether pods under GlobalRouter may be bound directly."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import structlog

from app.agent.deciding.network import Network
from app.agent.errors import CallFailed, CallTemporary, ObjectMissing
from app.agent.kubernetes_api import KubernetesApi
from app.agent.pauses import Pauses

log = structlog.get_logger(__name__)

NAMESPACE: Final = "kube-system"
CONFIG_MAP: Final = "tke-service-controller-config"
KEY: Final = "GlobalRouteDirectAccess"
"""TKE documentation, "Using Services with CLB-to-Pod direct access" (prerequisites under GlobalRouter)."""

READ_SECONDS: Final = 240.0


class PlatformConfig:
    """The network settings with what the ConfigMap says, read at start and every few minutes."""

    def __init__(self, api: KubernetesApi, network: Network, on_change: Callable[[], None]) -> None:
        self._api = api
        self._network = network
        self._on_change = on_change
        self._pauses = Pauses()
        self._told: str | None = None

    def network(self) -> Network:
        """As it is known now."""
        return self._network

    def run(self, stopped: threading.Event) -> None:
        """Read until ``stopped``."""
        while not stopped.is_set():
            stopped.wait(self.run_once())

    def run_once(self) -> float:
        """Read once; how many seconds to wait before the next time."""
        try:
            found: bool | None = self._read()
        except CallTemporary as error:
            return self._pauses.next(error.retry_after)
        except CallFailed as error:
            found = None
            self._tell(f"cannot be read: {error}")
        self._pauses.reset()
        if found is not self._network.direct_access:
            self._network = replace(self._network, direct_access=found)
            self._on_change()
        return READ_SECONDS

    def _read(self) -> bool:
        try:
            entries = self._api.config_map(NAMESPACE, CONFIG_MAP)
        except ObjectMissing:
            self._tell("is not there")
            return False
        allowed = str(entries.get(KEY, "")).strip().lower() == "true"
        self._tell(f"{KEY} is {'true' if allowed else 'not true'}")
        return allowed

    def _tell(self, what: str) -> None:
        if what != self._told:
            self._told = what
            log.info("platform configuration", config_map=f"{NAMESPACE}/{CONFIG_MAP}", found=what)
