"""The health of targets at the cloud."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from app.cloud.client import Client
from app.cloud.fields import text
from app.cloud.pages import readable
from app.domain.binding import Health
from app.domain.load_balancer import LAYER_7
from app.domain.target import Place
from app.planning.health import health_of

LOAD_BALANCERS_PER_READ: Final = 30
"""Most LoadBalancerIds of one DescribeTargetHealth (CLB API)."""

ACTION: Final = "DescribeTargetHealth"

Fields = Mapping[str, Any]


def read_health(client: Client, load_balancer_ids: Sequence[str]) -> dict[Place, Health]:
    """The health of every target of up to 30 load balancers that the answer tells of. Raises a `CloudError`.

    What the answer leaves out, be it a load balancer, a listener or a target, it says nothing about.
    """
    if not 0 < len(load_balancer_ids) <= LOAD_BALANCERS_PER_READ:
        raise ValueError(f"{len(load_balancer_ids)} load balancers, not 1 to {LOAD_BALANCERS_PER_READ}")
    answer = client.call("clb", ACTION, {"LoadBalancerIds": list(load_balancer_ids)})
    asked = frozenset(load_balancer_ids)
    return readable(ACTION, lambda: dict(_targets(client.account_id, asked, answer)))


def _targets(account_id: str, asked: frozenset[str], answer: Fields) -> Iterator[tuple[Place, Health]]:
    for load_balancer in answer.get("LoadBalancers") or ():
        load_balancer_id = text(load_balancer.get("LoadBalancerId"))
        if load_balancer_id in asked:
            for listener in load_balancer.get("Listeners") or ():
                for location_id, target in _of_listener(listener):
                    yield from _target(account_id, load_balancer_id, listener, location_id, target)


def _of_listener(listener: Fields) -> Iterator[tuple[str, Fields]]:
    """Targets with their rule. A layer-4 listener's hang on one pseudo-rule, whatever that calls itself."""
    layer_7 = text(listener.get("Protocol")).upper() in LAYER_7
    for rule in listener.get("Rules") or ():
        location_id = text(rule.get("LocationId")) if layer_7 else ""
        for target in rule.get("Targets") or ():
            yield location_id, target


def _target(
    account_id: str, load_balancer_id: str, listener: Fields, location_id: str, target: Fields
) -> Iterator[tuple[Place, Health]]:
    """One target with its health, or nothing where one of them is not told.

    HealthStatus is not looked at: the API's own example has true for a target that is Dead.
    """
    ip, port = text(target.get("IP")), target.get("Port")
    health = health_of(text(target.get("HealthStatusDetail")))
    if ip and port is not None and health is not None:
        listener_id = text(listener["ListenerId"])
        yield Place(account_id, load_balancer_id, listener_id, location_id, ip, int(port)), health
