"""What is wrong with a Service or a pod, for the people who wrote it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.agent.deciding.annotations import Wish
from app.agent.deciding.membership import IPV4, Membership, Obstacle, pods_in
from app.agent.deciding.network import Network, NetworkMode
from app.agent.deciding.objects import EXISTING_LOAD_BALANCER, GATE, MODE, ObjectKey, Pod, Service, Slice

CONTROLLER_CONFIG: Final = "kube-system/tke-service-controller-config"
"""Where the settings of TKE's own controller are (TKE documentation, direct access under GlobalRouter)."""


class Reason(StrEnum):
    """Reasons of Kubernetes Events. Stable: operators' alerts compare these strings."""

    BOUND = "Bound"
    UNBOUND = "Unbound"
    BIND_REFUSED = "BindRefused"
    BIND_HELD = "BindHeld"
    HOST_NETWORK_SKIPPED = "HostNetworkSkipped"
    INVALID_ANNOTATION = "InvalidAnnotation"
    LOAD_BALANCER_MISSING = "LoadBalancerMissing"
    UNKNOWN_LISTENER = "UnknownListener"
    NO_SELECTOR = "NoSelector"
    NO_IPV4_ADDRESS = "NoIPv4Address"
    NETWORK_MODE_UNKNOWN = "NetworkModeUnknown"
    DUPLICATE_TARGET = "DuplicateTarget"
    ENDPOINT_WITHOUT_POD = "EndpointWithoutPod"
    PLATFORM_CONTROLLER_ACTIVE = "PlatformControllerActive"
    GLOBAL_ROUTE_DIRECT_ACCESS_MISSING = "GlobalRouteDirectAccessMissing"
    BROKER_UNAVAILABLE = "BrokerUnavailable"


@dataclass(frozen=True, slots=True)
class Subject:
    """The object that an Event is about; ``kind`` is Service or Pod."""

    kind: str
    key: ObjectKey
    uid: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps an object from working, or may. ``message`` is a sentence for people."""

    about: Subject
    reason: Reason
    message: str


def about_service(service: Service) -> Subject:
    """The Service as the subject of an Event."""
    return Subject("Service", service.key, service.uid)


def about_pod(pod: Pod) -> Subject:
    """The pod as the subject of an Event."""
    return Subject("Pod", pod.key, pod.uid)


def invalid_annotation(service: Service, message: str) -> Problem:
    """An annotation of ``service`` cannot be read; ``message`` says which, where and why."""
    return Problem(
        about_service(service), Reason.INVALID_ANNOTATION, f"{message}; until this is mended, what is bound stays bound"
    )


def load_balancer_missing(service: Service) -> Problem:
    """``service`` names no load balancer."""
    message = f"no load balancer is named; annotate {EXISTING_LOAD_BALANCER}"
    return Problem(about_service(service), Reason.LOAD_BALANCER_MISSING, message)


def no_selector(service: Service) -> Problem:
    """``service`` has no selector."""
    message = "the Service has no selector, so its endpoints need not be pods; nothing is bound"
    return Problem(about_service(service), Reason.NO_SELECTOR, message)


def problems_of(
    service: Service,
    wish: Wish,
    slices: Sequence[Slice],
    pods: Mapping[ObjectKey, Pod],
    members: Mapping[str, Membership],
    network: Network,
) -> tuple[Problem, ...]:
    """What is wrong with ``service``, whose wish can be read, and with its pods."""
    return (
        *_of_service(service, wish, network, members.values()),
        *_of_endpoints(service, slices),
        *(problem for member in members.values() for problem in _of_member(member)),
        *_without_ipv4(slices, pods, members),
    )


def _of_service(service: Service, wish: Wish, network: Network, members: Iterable[Membership]) -> Iterator[Problem]:
    about = about_service(service)
    for port in service.ports:
        if not wish.listeners(port):
            message = f"port {port.port}: no listener can have protocol {port.protocol}; the port is not bound"
            yield Problem(about, Reason.UNKNOWN_LISTENER, message)
    if not wish.platform_stands_aside:
        message = f'annotate {MODE}: "skip", or the platform\'s own controller may change the same targets'
        yield Problem(about, Reason.PLATFORM_CONTROLLER_ACTIVE, message)
    routed = any(member.mode is NetworkMode.GLOBAL_ROUTER and not member.pod.host_network for member in members)
    if routed and network.direct_access is False:
        message = f'GlobalRouter pods need GlobalRouteDirectAccess: "true" in ConfigMap {CONTROLLER_CONFIG}'
        yield Problem(about, Reason.GLOBAL_ROUTE_DIRECT_ACCESS_MISSING, message)


def _of_endpoints(service: Service, slices: Sequence[Slice]) -> Iterator[Problem]:
    about = about_service(service)
    if service.ip_families == ("IPv6",) or (slices and all(each.address_type != IPV4 for each in slices)):
        message = "the Service has no IPv4 endpoints; pods are bound by their IPv4 addresses only"
        yield Problem(about, Reason.NO_IPV4_ADDRESS, message)
    podless = {
        endpoint.address
        for each in slices
        if each.address_type == IPV4
        for endpoint in each.endpoints
        if endpoint.pod is None
    }
    if podless:
        message = f"{len(podless)} of its endpoints name no pod and are not bound, e.g. {min(podless)}"
        yield Problem(about, Reason.ENDPOINT_WITHOUT_POD, message)


def _of_member(member: Membership) -> Iterator[Problem]:
    about = about_pod(member.pod)
    if member.obstacle is Obstacle.HOST_NETWORK:
        message = "the pod uses its node's network and cannot be bound by an address of its own"
        if member.pod.gated:
            message += f"; its gate {GATE} does not wait"
        yield Problem(about, Reason.HOST_NETWORK_SKIPPED, message)
    if member.obstacle is Obstacle.NO_ADDRESS:
        yield Problem(about, Reason.NO_IPV4_ADDRESS, "the pod runs without an IPv4 address and cannot be bound")
    if member.obstacle is Obstacle.MODE_UNKNOWN:
        message = "nothing says whether its address is of VPC-CNI or of GlobalRouter; see the agent's settings"
        yield Problem(about, Reason.NETWORK_MODE_UNKNOWN, message)


def _without_ipv4(
    slices: Sequence[Slice], pods: Mapping[ObjectKey, Pod], members: Mapping[str, Membership]
) -> Iterator[Problem]:
    others = [each for each in slices if each.address_type != IPV4]
    if len(others) == len(slices):
        return  # said of the Service already
    lonely = {pod.uid: pod for each in others for pod in pods_in(each, pods) if pod.uid not in members}
    for pod in lonely.values():
        if pod.ip is None and pod.phase == "Running" and not pod.terminating:
            yield Problem(about_pod(pod), Reason.NO_IPV4_ADDRESS, "the pod has no IPv4 address and cannot be bound")
