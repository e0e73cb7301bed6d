"""What a Service's annotations wish for.

An annotation that cannot be read makes the whole wish unreadable: nobody knows then what its author wants, and what is
bound stays bound until it is known. That no load balancer is named, or no direct access, is a wish: for nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from app.agent.deciding.documents import PROTOCOLS, Listener, Unreadable, Weights, rules_of, shown, weights_of
from app.agent.deciding.objects import (
    DRAIN_SECONDS,
    EXISTING_LOAD_BALANCER,
    GRACE_SHUTDOWN,
    LOAD_BALANCER,
    MODE,
    RULES,
    WEIGHTS,
    Pod,
    Service,
    ServicePort,
)

LONGEST_DRAIN_SECONDS: Final = 3600
"""What the broker takes as a drain time."""

IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
"""What the broker takes as a load balancer's id."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a direct-access Service asks for.

    ``rules`` has the listeners of Service ports by name or number; a port that is not in it is bound to the listener of
    its own protocol and number. ``drain_seconds`` is the Service's own; else ``graceful`` says what
    ``enable-grace-shutdown`` does: None when it is not annotated.
    """

    load_balancer_id: str
    platform_stands_aside: bool
    rules: Mapping[str, tuple[Listener, ...]] = field(default_factory=dict)
    weights: Weights = field(default_factory=Weights)
    drain_seconds: int | None = None
    graceful: bool | None = None

    def listeners(self, port: ServicePort) -> tuple[Listener, ...]:
        """The listeners of a Service port, empty when its protocol is none of the cloud's."""
        named = self.rules.get(port.name) if port.name else None
        if named is None:
            named = self.rules.get(str(port.port))
        if named is not None:
            return tuple(dict.fromkeys(named))
        return (Listener(port.protocol, port.port),) if port.protocol in PROTOCOLS else ()

    def drain(self, pod: Pod) -> int | None:
        """For how many seconds the pod's target drains; None: as the broker has it.

        TKE's ``enable-grace-shutdown`` keeps the weight at 0 for as long as the pod terminates (TKE documentation,
        graceful Service shutdown); "false" takes the target off at once.
        """
        if self.drain_seconds is not None:
            return self.drain_seconds
        if self.graceful is None:
            return None
        return min(max(pod.grace_seconds, 0), LONGEST_DRAIN_SECONDS) if self.graceful else 0

    def weight(self, port: ServicePort, pod: Pod) -> int | None:
        """The weight of the pod's targets at a Service port, 0 to 100; None: the cloud's default."""
        stateful_set, ordinal = _place_in_stateful_set(pod)
        return self.weights.of(port.protocol, port.port, stateful_set, ordinal)


def wish_of(service: Service) -> Wish | None:
    """The wish of a direct-access Service; None when no load balancer is named. Raises `Unreadable`."""
    load_balancer_id = _load_balancer(service)
    wish = Wish(
        load_balancer_id=load_balancer_id or "",
        platform_stands_aside=service.annotation(MODE) == "skip",
        rules=_rules(service),
        weights=_weights(service),
        drain_seconds=_drain_seconds(service),
        graceful=_graceful(service),
    )
    return wish if load_balancer_id else None


def _load_balancer(service: Service) -> str | None:
    # The first is its author's word, the second what TKE's controller wrote of what it did.
    for name in (EXISTING_LOAD_BALANCER, LOAD_BALANCER):
        text = service.annotation(name)
        if text:
            if not IDENTIFIER.fullmatch(text):
                raise Unreadable(f"{name}: {shown(text)} is not the id of a load balancer")
            return text
    return None


def _rules(service: Service) -> Mapping[str, tuple[Listener, ...]]:
    text = service.annotation(RULES)
    if text is None:
        return {}
    try:
        rules = rules_of(text)
    except Unreadable as error:
        raise Unreadable(f"{RULES}: {error}") from error
    ports = {port.name for port in service.ports if port.name} | {str(port.port) for port in service.ports}
    unknown = sorted(set(rules) - ports)
    if unknown:
        raise Unreadable(f"{RULES}: {shown(unknown[0])} is neither the name nor the number of a port of the Service")
    return rules


def _weights(service: Service, name: str = WEIGHTS) -> Weights:
    text = service.annotation(name)
    if text is None:
        return Weights()
    try:
        return weights_of(text)
    except Unreadable as error:
        raise Unreadable(f"{name}: {error}") from error


def _drain_seconds(service: Service) -> int | None:
    text = service.annotation(DRAIN_SECONDS)
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,4}", text, re.ASCII) or int(text) > LONGEST_DRAIN_SECONDS:
        raise Unreadable(f"{DRAIN_SECONDS}: {shown(text)} is not a whole number from 0 to {LONGEST_DRAIN_SECONDS}")
    return int(text)


def _graceful(service: Service) -> bool | None:
    text = service.annotation(GRACE_SHUTDOWN)
    if text is None:
        return None
    if text not in {"true", "false"}:
        raise Unreadable(f'{GRACE_SHUTDOWN}: {shown(text)} is neither "true" nor "false"')
    return text == "true"


def _place_in_stateful_set(pod: Pod) -> tuple[str | None, int | None]:
    if pod.workload is None or pod.workload.kind != "StatefulSet":
        return None, None
    # A StatefulSet names its pods by itself and their ordinal (Kubernetes, StatefulSets, Pod Identity).
    ordinal = pod.key.name.removeprefix(f"{pod.workload.name}-")
    return pod.workload.name, int(ordinal) if ordinal.isascii() and ordinal.isdigit() else None
