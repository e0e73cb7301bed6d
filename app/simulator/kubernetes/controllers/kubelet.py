"""Pods get a node and an address, run, become ready, and go: scheduler, network and kubelet in one.

https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/. A pod is Ready when its containers are and all its
readiness gates are True.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from app.simulator.kubernetes.controllers.endpoint_slices import is_ready
from app.simulator.kubernetes.errors import Refusal
from app.simulator.kubernetes.resources import PODS, Object, Place
from app.simulator.kubernetes.server import KubernetesSimulator
from app.simulator.kubernetes.store import Key
from app.simulator.kubernetes.verbs import now

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


class Kubelet:
    """Runs the pods of all nodes. `addresses` are given in turn, a returned one to the very next pod.

    `nodes` are names with addresses; `stop_seconds` is how long a pod takes to end, its own grace period at most.
    """

    def __init__(
        self,
        cluster: KubernetesSimulator,
        addresses: Sequence[str],
        nodes: Mapping[str, str],
        *,
        stop_seconds: float = 0.0,
    ) -> None:
        self._cluster = cluster
        self._free = list(reversed(addresses))
        self._nodes = dict(nodes)
        self._stop_seconds = stop_seconds
        self._held: dict[str, str] = {}
        self._ends: dict[str, float] = {}
        self._unready: set[Key] = set()
        self._settled: dict[str, str] = {}
        """Versions of pods that nothing is to be done about."""
        self._placed = 0
        self._seen = 0
        self._lock = threading.Lock()

    def set_ready(self, namespace: str, name: str, *, ready: bool) -> None:
        """Makes the containers of a pod ready or not, from now on, even before the pod exists."""
        with self._lock:
            (self._unready.discard if ready else self._unready.add)((namespace, name))
            self._seen = 0
            self._settled.clear()
        self._cluster.store.wake()

    def run_once(self) -> bool:
        """Looks at every pod; whether there was anything to do."""
        store = self._cluster.store
        with self._lock, store.held():
            due = any(end <= time.monotonic() for end in self._ends.values())
            if not due and not store.since(PODS, self._seen, begun=True):
                return False
            self._seen = store.version
            pods = store.rows(PODS)
        self._collect({each["metadata"]["uid"] for _, each in pods})
        did = [self._looked_at(key, pod) for key, pod in pods if not self._is_settled(pod)]
        return any(did)

    def _collect(self, present: set[str]) -> None:
        """Takes back the addresses of pods that are gone, whoever removed them."""
        for uid in [each for each in self._held if each not in present]:
            self._free.append(self._held.pop(uid))
            self._ends.pop(uid, None)
            self._settled.pop(uid, None)

    def _looked_at(self, key: Key, pod: Object) -> bool:
        try:
            if pod["metadata"].get("deletionTimestamp"):
                return self._ended(key, pod)
            if not pod["spec"].get("nodeName"):
                self._schedule(key)
                return True
            return self._running(key, pod)
        except Refusal:
            return True  # it has gone or changed meanwhile: the next look sees it

    def _schedule(self, key: Key) -> None:
        name = list(self._nodes)[self._placed % len(self._nodes)]
        self._placed += 1
        self._cluster.verbs.patch(Place(PODS, *key, None), {"spec": {"nodeName": name}}, MERGE)

    def _running(self, key: Key, pod: Object) -> bool:
        if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            return False
        address = self._address(pod)
        if address is None:
            return False
        with self._lock:
            ready = key not in self._unready
        gates = {each["conditionType"] for each in pod["spec"].get("readinessGates") or ()}
        opened = {each["type"] for each in _conditions(pod) if each["status"] == "True"}
        wanted = {
            "PodScheduled": True,
            "Initialized": True,
            "ContainersReady": ready,
            "Ready": ready and gates <= opened,
        }
        patch = self._status(pod, address, wanted, ready=ready)
        after = self._cluster.verbs.patch(Place(PODS, *key, "status"), patch, STRATEGIC)
        self._settled[pod["metadata"]["uid"]] = after["metadata"]["resourceVersion"]
        return after is not pod

    def _is_settled(self, pod: Object) -> bool:
        version: str = pod["metadata"]["resourceVersion"]
        return self._settled.get(pod["metadata"]["uid"]) == version

    def _address(self, pod: Object) -> str | None:
        uid, node = pod["metadata"]["uid"], pod["spec"]["nodeName"]
        if pod["spec"].get("hostNetwork"):
            return self._nodes[node]
        if uid not in self._held and (known := (pod.get("status") or {}).get("podIP")):
            return str(known)
        if uid not in self._held and self._free:
            self._held[uid] = self._free.pop()
        return self._held.get(uid)

    def _status(self, pod: Object, address: str, wanted: Mapping[str, bool], *, ready: bool) -> Object:
        before = {each["type"]: each for each in _conditions(pod)}
        conditions = []
        for kind, holds in wanted.items():
            status = "True" if holds else "False"
            same = kind in before and before[kind]["status"] == status
            moment = before[kind].get("lastTransitionTime") if same else now()
            conditions.append({"type": kind, "status": status, "lastTransitionTime": moment})
        containers = [
            {"name": each["name"], "ready": ready, "started": True, "restartCount": 0}
            for each in pod["spec"]["containers"]
        ]
        return {
            "status": {
                "phase": "Running",
                "hostIP": self._nodes.get(pod["spec"]["nodeName"]),
                "podIP": address,
                "podIPs": [{"ip": address}],
                "conditions": conditions,
                "containerStatuses": containers,
            }
        }

    def _ended(self, key: Key, pod: Object) -> bool:
        uid, grace = pod["metadata"]["uid"], float(pod["metadata"].get("deletionGracePeriodSeconds") or 0)
        end = self._ends.setdefault(uid, time.monotonic() + min(self._stop_seconds, grace))
        if time.monotonic() < end:
            return False
        if is_ready(pod):
            self._cluster.verbs.patch(Place(PODS, *key, "status"), _stopped(), STRATEGIC)
        self._cluster.verbs.delete(Place(PODS, *key, None), {"gracePeriodSeconds": 0})
        return True


def _stopped() -> dict[str, Any]:
    return {"status": {"conditions": [{"type": kind, "status": "False"} for kind in ("ContainersReady", "Ready")]}}


def _conditions(pod: Object) -> list[dict[str, Any]]:
    return (pod.get("status") or {}).get("conditions") or []
