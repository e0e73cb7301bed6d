"""What should be bound for one Service."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from app.agent.deciding.annotations import Wish, wish_of
from app.agent.deciding.documents import Unreadable
from app.agent.deciding.membership import Membership, Obstacle, members_of
from app.agent.deciding.network import Network, NetworkMode
from app.agent.deciding.objects import ObjectKey, Pod, Service, ServicePort, Slice, Workload
from app.agent.deciding.problems import Problem, invalid_annotation, load_balancer_missing, no_selector, problems_of


@dataclass(frozen=True, slots=True)
class TargetName:
    """A target as the agent names it: a listener by protocol and port, at layer 7 a rule of it, and the pod's port."""

    load_balancer_id: str
    protocol: str
    listener_port: int
    port: int
    domain: str | None = None
    url: str | None = None

    def __str__(self) -> str:
        rule = f" {self.domain or ''}{self.url or ''}" if self.domain or self.url else ""
        return f"{self.load_balancer_id} {self.protocol}:{self.listener_port}{rule}, port {self.port}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A pod wanted at a target, with all that the broker is told of it.

    ``revision`` is the greatest resource version that this rests on. ``service_born`` and ``pod_born`` are when Service
    and pod were created: they settle who keeps a target that several ask for.
    """

    target: TargetName
    pod: ObjectKey
    pod_uid: str
    ip: str
    node: str | None
    service: ObjectKey
    workload: Workload | None
    network_mode: NetworkMode
    weight: int | None = None
    drain_seconds: int | None = None
    revision: int = field(default=0, compare=False)
    service_born: str = field(default="", compare=False)
    pod_born: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Member:
    """A pod among a Service's endpoints: the targets that it has or would have, and what stands against them now."""

    targets: tuple[TargetName, ...]
    obstacle: Obstacle | None = None


@dataclass(frozen=True, slots=True)
class ServiceDecision:
    """What should be bound for one Service.

    ``revision`` is the greatest resource version of all that this rests on. ``readable`` is False when an annotation
    cannot be read: then nobody knows what is wanted, ``wanted`` is empty, and what was told before stays, except of
    pods that have an obstacle or are gone. ``members`` are the pods among its endpoints that exist, by uid.
    """

    service: ObjectKey
    uid: str
    revision: int
    wanted: tuple[Wanted, ...] = ()
    members: Mapping[str, Member] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    readable: bool = True


def decide(
    service: Service, slices: Sequence[Slice], pods: Mapping[ObjectKey, Pod], network: Network, revision: int = 0
) -> ServiceDecision:
    """What should be bound for ``service``.

    ``slices`` are its EndpointSlices, ``pods`` holds at least those that they name (a pod that is not in it does not
    exist), ``revision`` is the greatest resource version that the Service's view rests on besides: of a slice or a pod
    that is gone, that of its DELETED event. A Service without direct access wants nothing.

    A pod is wanted at its targets while it has no `Obstacle`: it runs, all its containers and its other readiness gates
    are ready (the gate of direct access itself waits for the target), and it has an IPv4 address of its own. Where the
    Service publishes addresses that are not ready, readiness is not asked for; a pod that terminates leaves even so.
    """
    revision = max(revision, service.revision, *(each.revision for each in slices))
    if not service.direct_access:
        return ServiceDecision(service.key, service.uid, revision)
    try:
        wish = wish_of(service)
    except Unreadable as error:
        members = members_of(service, slices, pods, network)
        problems = (invalid_annotation(service, str(error)),)
        return _decision(service, revision, members, None, problems, readable=False)
    if wish is None:
        return _decision(service, revision, {}, None, (load_balancer_missing(service),))
    if not service.selector:
        return _decision(service, revision, {}, None, (no_selector(service),))
    members = members_of(service, slices, pods, network)
    return _decision(service, revision, members, wish, problems_of(service, wish, slices, pods, members, network))


def gone(service: ObjectKey, revision: int) -> ServiceDecision:
    """The decision for a Service that is no more; ``revision`` is that of its DELETED event, or of the list."""
    return ServiceDecision(service, "", revision)


def _decision(
    service: Service,
    revision: int,
    found: Mapping[str, Membership],
    wish: Wish | None,
    problems: tuple[Problem, ...],
    *,
    readable: bool = True,
) -> ServiceDecision:
    wanted: list[Wanted] = []
    members: dict[str, Member] = {}
    names = _Names(wish)
    for uid, member in found.items():
        targets = names.of(member)
        members[uid] = Member(tuple(targets), member.obstacle)
        if wish is not None and member.obstacle is None and member.mode is not None:
            wanted += [_wanted(service, member, member.mode, wish, name, port) for name, port in targets.items()]
        revision = max(revision, member.revision)
    return ServiceDecision(service.key, service.uid, revision, tuple(wanted), members, problems, readable)


class _Names:
    """The names of targets by ports: nearly all pods of a Service have the same, which are made and kept once."""

    def __init__(self, wish: Wish | None) -> None:
        self._wish = wish
        self._known: dict[tuple[tuple[ServicePort, int], ...], dict[TargetName, ServicePort]] = {}

    def of(self, member: Membership) -> Mapping[TargetName, ServicePort]:
        """The targets that the pod has or would have; of two Service ports with one target the first counts."""
        if self._wish is None:
            return {}
        ports = tuple(member.ports)
        if ports not in self._known:
            found: dict[TargetName, ServicePort] = {}
            for port, number in ports:
                for name in _targets(self._wish, port, number):
                    found.setdefault(name, port)
            self._known[ports] = found
        return self._known[ports]


def _targets(wish: Wish, port: ServicePort, number: int) -> Iterator[TargetName]:
    for listener in wish.listeners(port):
        yield TargetName(wish.load_balancer_id, listener.protocol, listener.port, number, listener.domain, listener.url)


def _wanted(
    service: Service, member: Membership, mode: NetworkMode, wish: Wish, target: TargetName, port: ServicePort
) -> Wanted:
    pod = member.pod
    return Wanted(
        target=target,
        pod=pod.key,
        pod_uid=pod.uid,
        ip=pod.ip or "",
        node=pod.node,
        service=service.key,
        workload=pod.workload,
        network_mode=mode,
        weight=wish.weight(port, pod),
        drain_seconds=wish.drain(pod),
        revision=member.revision,
        service_born=service.created_at,
        pod_born=pod.created_at,
    )
