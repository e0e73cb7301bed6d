"""Services become EndpointSlices, as by kube-controller-manager.

https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/. IPv4 only; named target ports are looked up in
each pod, and pods with other numbers are in other slices.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from app.simulator.kubernetes.resources import PODS, SERVICES, SLICES, Object, Place
from app.simulator.kubernetes.selectors import labels_of
from app.simulator.kubernetes.server import KubernetesSimulator

LARGEST = 100
"""Endpoints in one slice."""
NAME, KEEPER = "kubernetes.io/service-name", "endpointslice.kubernetes.io/managed-by"
OURS = "endpointslice-controller.k8s.io"

Ports = tuple[tuple[str, str, int], ...]
"""Name, protocol and number."""


class EndpointSlices:
    """Keeps the slices of all Services with a selector as their pods are."""

    def __init__(self, cluster: KubernetesSimulator) -> None:
        self._cluster = cluster
        self._seen = 0

    def run_once(self) -> bool:
        """Makes, changes and deletes slices; whether there was anything to do."""
        store = self._cluster.store
        with store.held():
            if not any(store.since(each, self._seen, begun=True) for each in (SERVICES, PODS, SLICES)):
                return False
            self._seen = store.version
            pods, services = [each for _, each in store.rows(PODS)], [each for _, each in store.rows(SERVICES)]
            return self._made({_key(each): each for service in services for each in _slices(service, pods)})

    def _made(self, wanted: Mapping[tuple[str, str], Object]) -> bool:
        did = False
        verbs = self._cluster.verbs
        for key, found in self._cluster.store.rows(SLICES):
            if labels_of(found).get(KEEPER) != OURS:
                continue
            if key not in wanted:
                verbs.delete(Place(SLICES, *key, None))
                did = True
            elif _content(found) != _content(wanted[key]):
                verbs.update(Place(SLICES, *key, None), wanted[key])
                did = True
        for key, content in wanted.items():
            if self._cluster.store.get(SLICES, key) is None:
                verbs.create(Place(SLICES, key[0], None, None), content)
                did = True
        return did


def _slices(service: Object, pods: list[Object]) -> Iterator[Object]:
    selector = (service.get("spec") or {}).get("selector")
    if not selector or service["spec"].get("type") == "ExternalName" or service["metadata"].get("deletionTimestamp"):
        return
    groups: dict[Ports, list[Object]] = defaultdict(list)
    for pod in pods:
        if _belongs(pod, service, selector):
            groups[_ports(service, pod)].append(_endpoint(pod, service))
    for ports, endpoints in groups.items():
        for number, start in enumerate(range(0, len(endpoints), LARGEST)):
            yield _slice(service, ports, endpoints[start : start + LARGEST], number)


def _belongs(pod: Object, service: Object, selector: Mapping[str, str]) -> bool:
    status = pod.get("status") or {}
    return (
        pod["metadata"]["namespace"] == service["metadata"]["namespace"]
        and selector.items() <= dict(labels_of(pod)).items()
        and bool(status.get("podIP"))
        and status.get("phase") not in ("Succeeded", "Failed")
    )


def _ports(service: Object, pod: Object) -> Ports:
    found = []
    for port in service["spec"]["ports"]:
        protocol = port.get("protocol", "TCP")
        number = _number(port.get("targetPort", port["port"]), protocol, pod)
        if number is not None:
            found.append((port.get("name", ""), protocol, number))
    return tuple(found)


def _number(target: Any, protocol: str, pod: Object) -> int | None:
    if isinstance(target, int):
        return target
    for container in pod["spec"]["containers"]:
        for port in container.get("ports") or ():
            if port.get("name") == target and port.get("protocol", "TCP") == protocol:
                return int(port["containerPort"])
    return None


def _endpoint(pod: Object, service: Object) -> Object:
    metadata = pod["metadata"]
    terminating = bool(metadata.get("deletionTimestamp"))
    serving = bool(service["spec"].get("publishNotReadyAddresses")) or is_ready(pod)
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": serving and not terminating, "serving": serving, "terminating": terminating},
        "nodeName": pod["spec"].get("nodeName"),
        "targetRef": {
            "kind": "Pod",
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        },
    }


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether the pod's condition Ready is True."""
    return any(
        each["type"] == "Ready" and each["status"] == "True"
        for each in (pod.get("status") or {}).get("conditions") or ()
    )


def _slice(service: Object, ports: Ports, endpoints: list[Object], number: int) -> Object:
    metadata = service["metadata"]
    mark = hashlib.sha256(json.dumps([metadata["uid"], ports, number]).encode()).hexdigest()[:5]
    return {
        "metadata": {
            "name": f"{metadata['name']}-{mark}",
            "namespace": metadata["namespace"],
            "labels": {**labels_of(service), NAME: metadata["name"], KEEPER: OURS},
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "Service", "name": metadata["name"], "uid": metadata["uid"]}
            ],
        },
        "addressType": "IPv4",
        "ports": [{"name": name, "protocol": protocol, "port": port} for name, protocol, port in ports],
        "endpoints": endpoints,
    }


def _key(content: Object) -> tuple[str, str]:
    return content["metadata"]["namespace"], content["metadata"]["name"]


def _content(content: Object) -> tuple[Any, ...]:
    return content["ports"], content["endpoints"], dict(labels_of(content))
