"""The agent's process: everything built, each loop in a thread of its own, and all of it ended together."""

import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog

from app.agent.broker_api import BrokerApi
from app.agent.deciding.network import Network, NetworkMode, cidrs_of
from app.agent.deciding.reading import pod_of, service_of, slice_of
from app.agent.follow import Follower
from app.agent.ingress import Ingress
from app.agent.kubernetes_api import CONNECTIONS, PODS, SERVICES, SLICES, KubernetesApi, connect
from app.agent.leadership import Leadership
from app.agent.list_watch import ListWatch
from app.agent.mark import Gates
from app.agent.note import Notes
from app.agent.platform_config import PlatformConfig
from app.agent.settings import AgentSettings
from app.agent.tell import Around, Teller
from app.agent.view import View
from app.agent.writes import Writes
from app.domain.errors import BrokerError

log = structlog.get_logger(__name__)

ENDING_SECONDS = 10.0
"""How long all loops together have to finish what they are at; who waits for an answer then, is left to the end."""


class LoopBroke(BrokerError):
    """A loop ended by a mistake in it: the process ends, so that another one takes its place."""


class Agent:
    """One agent, until it is ended."""

    def __init__(self, settings: AgentSettings) -> None:
        """Raises `SettingError` where there is no way to Kubernetes."""
        namespaces: tuple[str | None, ...] = settings.namespaces or (None,)
        api_client = connect(CONNECTIONS + 3 * len(namespaces))
        self.leadership = Leadership(
            api_client, settings.lease_name, settings.lease_namespace, settings.identity, settings.lease_seconds
        )
        api = KubernetesApi(api_client, self.leadership.leads)
        broker = BrokerApi(settings, self.leadership.leads)
        marks, writes = Writes("gates"), Writes("events")
        gates, notes = Gates(api, marks), Notes(api, writes, settings.identity)
        self.view = View(gates.look_at)
        gates.attach(self.view)
        self._watches = _watches(api, self.view, namespaces)
        platform = PlatformConfig(api, _network(settings), lambda: self.view.touch(gap=False))
        ingress = Ingress(api, self.view, writes)
        teller = Teller(
            Around(broker, self.leadership, self.view, gates, notes, ingress, platform),
            snapshot_seconds=settings.snapshot_seconds,
            gather_seconds=settings.gather_milliseconds / 1000,
            incarnation=secrets.token_hex(8),
        )
        follower = Follower(broker, self.leadership, self.view, gates, notes, settings.namespaces, on_known=teller.know)
        self._loops: dict[str, Callable[[threading.Event], None]] = {
            **{f"watch {watch.name}": watch.run for watch in self._watches},
            "platform": platform.run,
            "tell": teller.run,
            "follow": follower.run,
            "mark": marks.run,
            "note": writes.run,
        }
        self._broken: str | None = None

    def ready(self) -> bool:
        """Whether it could speak if it led: everything was listed once."""
        return self.view.whole

    def run(self, stopped: threading.Event) -> None:
        """Work until ``stopped``, then give the lease up. Raises `LoopBroke`."""
        ending = threading.Event()
        threads = [self._thread(name, loop, ending, stopped) for name, loop in self._loops.items()]
        lease = self._thread("lease", self.leadership.run, released := threading.Event(), stopped)
        for thread in (*threads, lease):
            thread.start()
        stopped.wait()
        ending.set()
        for watch in self._watches:
            watch.stop()
        self.view.wake()
        until = time.monotonic() + ENDING_SECONDS
        for thread in threads:
            if thread.name != "follow":  # it only reads, and its answer may be half a minute away
                thread.join(max(0.0, until - time.monotonic()))
        released.set()  # only now: what another agent says must come after what this one said
        lease.join(ENDING_SECONDS)
        if self._broken is not None:
            raise LoopBroke(f"the loop {self._broken!r} broke off; its log line says why")

    def _thread(
        self, name: str, loop: Callable[[threading.Event], None], ending: threading.Event, stopped: threading.Event
    ) -> threading.Thread:
        def work() -> None:
            try:
                loop(ending)
            except Exception as error:
                self._broken = name
                log.error("loop broke off", loop=name, exc_info=error)  # noqa: TRY400 (structlog, as everywhere)
                stopped.set()

        return threading.Thread(target=work, name=name, daemon=True)


def _watches(api: KubernetesApi, view: View, namespaces: tuple[str | None, ...]) -> list[ListWatch[Any]]:
    watches: list[ListWatch[Any]] = []
    for namespace in namespaces:
        services, slices, pods = view.sinks(namespace)
        watches += [
            ListWatch(api, SERVICES, namespace, service_of, services),
            ListWatch(api, SLICES, namespace, slice_of, slices),
            ListWatch(api, PODS, namespace, pod_of, pods),
        ]
    return watches


def _network(settings: AgentSettings) -> Network:
    mode = settings.default_network_mode
    return Network(cidrs_of(settings.cluster_cidrs), NetworkMode(mode) if mode else None)
