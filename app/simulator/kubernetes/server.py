"""The Kubernetes API as a thing to start within a test or the demo.

with KubernetesSimulator() as cluster:
    path = cluster.write_kubeconfig(tmp_path / "kubeconfig")
    cluster.apply({"apiVersion": "v1", "kind": "Service", ...})
    cluster.order("gone", resource="pods", verb="watch")
    cluster.cut_watches()
    pods = cluster.objects("Pod", "shop")
"""

import copy
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.simulator.kubernetes import kubeconfig
from app.simulator.kubernetes.admission import Admission
from app.simulator.kubernetes.control import PREFIX, Control
from app.simulator.kubernetes.faults import Faults
from app.simulator.kubernetes.front import Call, Front, Reply, Request, Stream
from app.simulator.kubernetes.permissions import Permissions, rights_of
from app.simulator.kubernetes.resources import RESOURCES, Object, Place, Resource
from app.simulator.kubernetes.store import Store
from app.simulator.kubernetes.verbs import Verbs
from app.simulator.kubernetes.watch import Pulse
from app.simulator.kubernetes.wire import Gate

POLL_SECONDS = 0.1
LOOPBACK = "127.0.0.1"


class KubernetesSimulator:
    """One simulated cluster's API and its port, on loopback; port 0 takes a free one.

    `bookmark_seconds` is how often a watch that takes bookmarks gets one. Also usable as a context manager.
    """

    def __init__(self, port: int = 0, *, bookmark_seconds: float = 60.0) -> None:
        self._routes: dict[tuple[str, str], tuple[str, int]] = {}
        self.admission = Admission(self._routes)
        self.store = Store()
        self.verbs = Verbs(self.store, self.admission)
        self.admission.store = self.store
        self.permissions = Permissions()
        self._faults, self._pulse = Faults(), Pulse(bookmark_seconds)
        self._front = Front(self.verbs, self._faults, self.permissions, self._pulse)
        self._control = Control(self.store, self._front, self._faults, self.permissions, self._pulse)
        self._gate = Gate((LOOPBACK, port), self._answer)
        self._thread: threading.Thread | None = None

    @property
    def endpoint(self) -> str:
        """Where it listens, as `http://127.0.0.1:PORT`."""
        return f"http://{LOOPBACK}:{self._gate.server_address[1]}"

    @property
    def calls(self) -> list[Call]:
        """The requests that came by the wire, oldest first."""
        return self._front.calls

    @property
    def watches(self) -> int:
        """How many watches are open."""
        return self._gate.watches

    def clear_calls(self) -> None:
        """Forgets the recorded requests."""
        self._front.clear_calls()

    def start(self) -> Self:
        """Serves in a daemon thread, from now on."""
        self._thread = threading.Thread(
            target=self._gate.serve_forever, args=(POLL_SECONDS,), name="kubernetes", daemon=True
        )
        self._thread.start()
        return self

    def close(self) -> None:
        """Ends every watch and connection, and stops listening. May be called twice."""
        self._pulse.closing = True
        self.store.wake()
        if self._thread:
            self._gate.shutdown()
            self._thread.join()
            self._thread = None
        self._gate.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write_kubeconfig(self, path: Path, *, token: str | None = None, namespace: str = "default") -> Path:
        """Writes a kubeconfig file that points a client here, and returns its path."""
        return kubeconfig.write(path, self.endpoint, token=token, namespace=namespace)

    def apply(self, *manifests: Mapping[str, Any]) -> None:
        """Creates objects or merges into them, like `kubectl apply`; makes namespaces. Raises Refusal."""
        for manifest in manifests:
            self.verbs.apply(manifest)

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """A copy of an object, or None. `namespace` is empty for what has none."""
        return copy.deepcopy(self.store.get(resource_named(kind), (namespace, name)))

    def objects(self, kind: str, namespace: str | None = None) -> list[Object]:
        """Copies of all objects of a kind, in all namespaces or one, by namespace and name."""
        rows = self.store.rows(resource_named(kind))
        return [copy.deepcopy(each) for key, each in rows if namespace in (None, key[0])]

    def patch(self, kind: str, namespace: str, name: str, patch: Mapping[str, Any], subresource: str = "") -> None:
        """Merges (RFC 7386) into an object, or its status. Raises Refusal."""
        place = Place(resource_named(kind), namespace or None, name, subresource or None)
        self.verbs.patch(place, dict(patch), "application/merge-patch+json")

    def delete(self, kind: str, namespace: str, name: str, grace_seconds: int | None = None) -> None:
        """Deletes an object; pods on a node gracefully, unless `grace_seconds` is 0. Raises Refusal."""
        options = None if grace_seconds is None else {"gracePeriodSeconds": grace_seconds}
        self.verbs.delete(Place(resource_named(kind), namespace or None, name, None), options)

    def order(self, kind: str, **fields: Any) -> None:
        """Orders a fault; the fields are those of `app.simulator.kubernetes.faults.Order`. Raises ValueError."""
        self._control.order({"kind": kind, **fields})

    def clear_faults(self) -> None:
        """Takes all fault orders back."""
        self._faults.clear()

    def cut_watches(self) -> None:
        """Cuts the connections of all watches that are open now."""
        self._control.cut()

    def compact(self) -> None:
        """Forgets all changes up to now: older versions are Gone."""
        self._control.compact()

    def give_roles(self, token: str, *roles: Mapping[str, Any]) -> None:
        """Turns RBAC on and gives a bearer token what these Role and ClusterRole manifests say."""
        for role in roles:
            self.permissions.give(token, rights_of(role))

    def route(self, namespace: str, service: str, host: str, port: int) -> None:
        """Says where a webhook's Service is reached."""
        self._routes[namespace, service] = (host, port)

    def _answer(self, request: Request) -> Reply | Stream:
        return self._control.answer(request) if request.target.startswith(PREFIX) else self._front.answer(request)


def resource_named(kind: str) -> Resource:
    """The resource of that kind; of Events, those of the core group. Raises KeyError."""
    for each in RESOURCES:
        if each.kind == kind:
            return each
    raise KeyError(kind)
