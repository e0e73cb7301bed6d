"""The cloud's answers as values of the domain, and changes as requests. Pure.

Answers may hold null wherever the API's documentation says "may be null", and lists where it says nothing: every list
is read as empty when it is not there. Field names are those of the CLB model (2018-03-17).
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from app.cloud.fields import flag, text, texts
from app.domain.load_balancer import Inventory, Listener, Rule
from app.domain.target import Place
from app.ownership.evidence import Vip
from app.planning.batches import MAX_TARGETS_PER_RULE
from app.planning.plan import Change

Fields = Mapping[str, Any]


def inventory(load_balancer: Fields, listeners: Sequence[Fields]) -> Inventory:
    """A load balancer with its listeners and rules (DescribeLoadBalancers, DescribeListeners)."""
    return Inventory(
        vpc_id=text(load_balancer.get("VpcId")),
        vips=texts(load_balancer.get("LoadBalancerVips")),
        listeners=tuple(
            sorted((_listener(listener) for listener in listeners), key=lambda listener: listener.listener_id)
        ),
        internal=text(load_balancer.get("LoadBalancerType")).upper() == "INTERNAL",
        snat_pro=flag(load_balancer.get("SnatPro")),
    )


def vips(load_balancer: Fields) -> tuple[tuple[str, ...], Vip]:
    """The addresses of a load balancer, and whose they are (DescribeLoadBalancers)."""
    vip = Vip(text(load_balancer.get("LoadBalancerId")), text(load_balancer.get("VpcId")))
    return texts(load_balancer.get("LoadBalancerVips")), vip


def weights(account_id: str, load_balancer_id: str, listeners: Iterable[Fields]) -> dict[Place, int]:
    """Every target with its weight (DescribeTargets). One without a private address or port is none of the broker's."""
    found: dict[Place, int] = {}
    for listener in listeners:
        groups = [("", listener.get("Targets") or ())]
        groups += [(text(rule.get("LocationId")), rule.get("Targets") or ()) for rule in listener.get("Rules") or ()]
        for location_id, targets in groups:
            for target in targets:
                ips, port = texts(target.get("PrivateIpAddresses")), target.get("Port")
                if ips and port is not None:
                    listener_id = listener["ListenerId"]
                    place = Place(account_id, load_balancer_id, listener_id, location_id, ips[0], int(port))
                    found[place] = int(target.get("Weight") or 0)
    return found


def batch_targets(changes: Sequence[Change], *, weighed: bool) -> list[dict[str, Any]]:
    """The ``Targets`` of BatchRegisterTargets (``weighed``) or BatchDeregisterTargets. Pods are bound by ``EniIp``."""
    targets = []
    for change in changes:
        target: dict[str, Any] = {
            "ListenerId": change.place.listener_id,
            "Port": change.place.port,
            "EniIp": change.place.ip,
        }
        if change.place.location_id:
            target["LocationId"] = change.place.location_id
        if weighed:
            target["Weight"] = change.weight
        targets.append(target)
    return targets


def weight_rules(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """The ``ModifyList`` of BatchModifyTargetWeight: entries of one listener or rule and one weight each."""

    def entry(change: Change) -> tuple[str, str, int]:
        return change.place.listener_id, change.place.location_id, change.weight

    rules = []
    for (listener_id, location_id, weight), group in groupby(sorted(changes, key=entry), key=entry):
        targets = [{"EniIp": change.place.ip, "Port": change.place.port} for change in group]
        for start in range(0, len(targets), MAX_TARGETS_PER_RULE):
            rule: dict[str, Any] = {"ListenerId": listener_id, "Weight": weight}
            if location_id:
                rule["LocationId"] = location_id
            rules.append(rule | {"Targets": targets[start : start + MAX_TARGETS_PER_RULE]})
    return rules


def _listener(listener: Fields) -> Listener:
    rules = tuple(
        sorted(
            (
                Rule(text(rule.get("LocationId")), text(rule.get("Domain")), text(rule.get("Url")))
                for rule in listener.get("Rules") or ()
            ),
            key=lambda rule: rule.location_id,
        )
    )
    listener_id, protocol = text(listener["ListenerId"]), text(listener.get("Protocol"))
    return Listener(listener_id, protocol, int(listener.get("Port") or 0), rules)
