"""Deployments become pods, and a new template replaces them step by step.

https://kubernetes.io/docs/concepts/workloads/controllers/deployment/. Replica sets are names in the pods alone; every
Deployment rolls with maxSurge and maxUnavailable as whole numbers (1 and 0 when it does not say).
"""

import copy
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from app.simulator.kubernetes.controllers.endpoint_slices import is_ready
from app.simulator.kubernetes.errors import Refusal
from app.simulator.kubernetes.resources import DEPLOYMENTS, PODS, Object, Place
from app.simulator.kubernetes.selectors import by_object, labels_of
from app.simulator.kubernetes.server import KubernetesSimulator

HASH = "pod-template-hash"


class Deployments:
    """Keeps the pods of all Deployments as many, and as new, as they should be."""

    def __init__(self, cluster: KubernetesSimulator) -> None:
        self._cluster = cluster
        self._seen = 0
        self.refusals: list[str] = []
        """What the API refused; it is tried again."""

    def run_once(self) -> bool:
        """Creates and deletes pods; whether there was anything to do."""
        store = self._cluster.store
        with store.held():
            if not any(store.since(each, self._seen, begun=True) for each in (DEPLOYMENTS, PODS)):
                return False
            self._seen = store.version
            deployments = [each for _, each in store.rows(DEPLOYMENTS)]
            pods = [each for _, each in store.rows(PODS)]
        try:
            did = [self._rolled(each, _own(each, pods)) for each in deployments]
        except Refusal as refusal:
            self.refusals.append(refusal.message)
            self._seen = 0
            return False
        return any(did)

    def _rolled(self, deployment: Object, pods: list[Object]) -> bool:
        mark = template_hash(deployment)
        replicas = int(deployment["spec"].get("replicas", 1))
        new = [each for each in pods if labels_of(each).get(HASH) == mark]
        old = [each for each in pods if labels_of(each).get(HASH) != mark]
        rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
        surge, unavailable = int(rolling.get("maxSurge", 1)), int(rolling.get("maxUnavailable", 0))
        missing = min(replicas - len(new), replicas + (surge if old else 0) - len(pods))
        for _ in range(missing):
            self._create(deployment, mark)
        surplus = sorted(new, key=is_ready)[: max(0, len(new) - replicas)]
        staying = [each for each in pods if each not in surplus]
        for pod in [*surplus, *_spared(old, staying, replicas - unavailable)]:
            self._delete(pod)
        return missing > 0 or bool(surplus)

    def _create(self, deployment: Object, mark: str) -> None:
        metadata, template = deployment["metadata"], copy.deepcopy(deployment["spec"]["template"])
        about = template.setdefault("metadata", {})
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{metadata['name']}-{mark}", "uid": mark}
        about |= {
            "generateName": f"{metadata['name']}-{mark}-",
            "namespace": metadata["namespace"],
            "labels": {**about.get("labels", {}), HASH: mark},
            "ownerReferences": [{**owner, "controller": True}],
        }
        self._cluster.verbs.create(Place(PODS, metadata["namespace"], None, None), template)

    def _delete(self, pod: Object) -> None:
        metadata = pod["metadata"]
        self._cluster.verbs.delete(Place(PODS, metadata["namespace"], metadata["name"], None))


def template_hash(deployment: Mapping[str, Any]) -> str:
    """What tells the pods of one template from those of another: the label `pod-template-hash`."""
    text = json.dumps(deployment["spec"]["template"], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _own(deployment: Object, pods: list[Object]) -> list[Object]:
    fits = by_object(deployment["spec"]["selector"])
    return [
        each
        for each in pods
        if each["metadata"]["namespace"] == deployment["metadata"]["namespace"]
        and fits(each)
        and not each["metadata"].get("deletionTimestamp")
    ]


def _spared(old: list[Object], pods: list[Object], wanted: int) -> list[Object]:
    """The old pods that can go: those that are not ready, and of the ready ones as many as are more than wanted."""
    ready = [each for each in old if is_ready(each)]
    more = sum(map(is_ready, pods)) - wanted
    return [*(each for each in old if not is_ready(each)), *ready[: max(0, more)]]
