"""Which pods a Service has, at which of their ports, and what stands against binding each of them now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from app.agent.deciding.network import Network, NetworkMode, network_mode
from app.agent.deciding.objects import ObjectKey, Pod, Service, ServicePort, Slice

IPV4: Final = "IPv4"
"""The address type of the slices that are used: the cloud binds pods by IPv4 addresses only."""


class Obstacle(StrEnum):
    """Why a pod of a Service is not wanted at its targets now; the first that holds."""

    TERMINATING = "terminating"
    HOST_NETWORK = "host-network"
    NOT_RUNNING = "not-running"
    NO_ADDRESS = "no-address"
    NOT_READY = "not-ready"
    MODE_UNKNOWN = "mode-unknown"


@dataclass(slots=True)
class Membership:
    """A pod among a Service's endpoints.

    ``ports`` pairs the Service's ports with the pod's own, ``revision`` is the greatest resource version of Service,
    pod, and the slices that name the pod.
    """

    pod: Pod
    obstacle: Obstacle | None
    mode: NetworkMode | None
    revision: int
    ports: dict[tuple[ServicePort, int], None] = field(default_factory=dict)


def members_of(
    service: Service, slices: Sequence[Slice], pods: Mapping[ObjectKey, Pod], network: Network
) -> dict[str, Membership]:
    """The pods in the IPv4 slices of ``service`` that exist, by uid, in the order of the slices."""
    found: dict[str, Membership] = {}
    for each in sorted(slices, key=lambda one: one.key):
        if each.address_type != IPV4:
            continue
        pairs = dict.fromkeys(_ports(service, each))
        for pod in pods_in(each, pods):
            member = found.get(pod.uid)
            if member is None:
                mode = network_mode(pod, network)
                revision = max(pod.revision, service.revision)
                member = found[pod.uid] = Membership(pod, _obstacle(service, pod, mode), mode, revision)
            member.revision = max(member.revision, each.revision)
            member.ports |= pairs
    return found


def pods_in(slice_: Slice, pods: Mapping[ObjectKey, Pod]) -> Iterator[Pod]:
    """The pods that the slice means and that exist: one of the same name that came later is another pod."""
    for endpoint in slice_.endpoints:
        pod = pods.get(endpoint.pod) if endpoint.pod is not None else None
        if pod is not None and endpoint.pod_uid in {"", pod.uid}:
            yield pod


def _ports(service: Service, slice_: Slice) -> Iterator[tuple[ServicePort, int]]:
    # Named target ports are resolved already: pods that call different numbers by one name stand in different slices.
    for port in service.ports:
        for offered in slice_.ports:
            if (offered.name, offered.protocol) == (port.name, port.protocol) and offered.port is not None:
                yield port, offered.port


def _obstacle(service: Service, pod: Pod, mode: NetworkMode | None) -> Obstacle | None:
    # An endpoint that terminates may still serve those whom it serves; new ones it must not get.
    unready = not service.publish_not_ready and (not pod.ready or bool(pod.waits_for))
    table = (
        (pod.terminating, Obstacle.TERMINATING),
        (pod.host_network, Obstacle.HOST_NETWORK),
        (pod.phase != "Running", Obstacle.NOT_RUNNING),
        (pod.ip is None, Obstacle.NO_ADDRESS),
        (unready, Obstacle.NOT_READY),
        (mode is None, Obstacle.MODE_UNKNOWN),
    )
    return next((obstacle for holds, obstacle in table if holds), None)
