"""Reading what is bound: DescribeTargets, DescribeTargetHealth, DescribeLoadBalancersDetail.

Reads are never blocked by a busy load balancer.
"""

import time
from collections.abc import Iterator
from typing import Any

from app.simulator.actions.target_writes import find_load_balancer
from app.simulator.nouns import Listener, LoadBalancer, Rule, Target, Targets
from app.simulator.request import FILTERS, Action, Answer, Request, at_most, by, filtered, moment, page

MOST_LISTENERS, MOST_LOAD_BALANCERS = 20, 30


def describe_targets(request: Request) -> Answer:
    """DescribeTargets: one load balancer, no paging. Layer 4 has `Rules` null, layer 7 has `Targets` null."""
    wanted = at_most(request, "ListenerIds", MOST_LISTENERS)
    with request.world.held():
        listeners = [each for each in find_load_balancer(request).listeners.values() if _wanted(request, each, wanted)]
        return {"Listeners": [_listener_backend(request, each) for each in listeners]}


def _wanted(request: Request, listener: Listener, ids: list[str]) -> bool:
    protocol, port = request.asked.get("Protocol"), request.asked.get("Port")
    if ids and listener.listener_id not in ids:
        return False
    return (not protocol or protocol == listener.protocol) and (not port or port == listener.port)


def _listener_backend(request: Request, listener: Listener) -> Answer:
    found: Answer = {
        "ListenerId": listener.listener_id,
        "Protocol": listener.protocol,
        "Port": listener.port,
        "EndPort": 0,
        "Rules": None,
        "Targets": None,
    }
    if not listener.layer_7:
        found["Targets"] = _backends(request, None, listener.targets)
        return found
    found["Rules"] = [
        {
            "LocationId": rule.location_id,
            "Domain": rule.domain,
            "Url": rule.url,
            "Targets": backends,
            "FunctionTargets": None,
        }
        for rule in listener.rules
        if (backends := _backends(request, rule, rule.targets)) is not None
    ]
    return found


def _backends(request: Request, rule: Rule | None, targets: Targets) -> list[Answer] | None:
    """The targets of one place that pass the filters; None for a rule that a filter leaves out."""
    located: list[Any] = filtered(
        request,
        targets.values(),
        {
            "private-ip-address": by("ip"),
            "tag": by("tag"),
            "location-id": lambda _, values: rule is None or rule.location_id in values,
        },
    )
    filters = request.asked.get("Filters") or []
    asked = [value for each in filters if each.get("Name") == "location-id" for value in each.get("Values") or []]
    if rule is not None and asked and rule.location_id not in asked:
        return None
    return [_backend(request, each) for each in located]


def _backend(request: Request, target: Target) -> Answer:
    lower = request.world.parameters.type_case == "lower"
    return {
        "Type": target.kind.lower() if lower else target.kind,
        "InstanceId": target.instance_id or "",
        "Port": target.port,
        "Weight": target.weight,
        "PublicIpAddresses": None,
        "PrivateIpAddresses": [target.ip],
        "InstanceName": None,
        "RegisteredTime": moment(target.registered_at),
        "EniId": target.interface_id,
        "Tag": target.tag,
        "Zone": None,
    }


def describe_target_health(request: Request) -> Answer:
    """DescribeTargetHealth: up to 30 load balancers; layer 4 appears as one pseudo-rule. Unknown ids are left out."""
    ids = at_most(request, "LoadBalancerIds", MOST_LOAD_BALANCERS)
    with request.world.held():
        found = [each for each in request.seen(request.world.load_balancers.values()) if each.load_balancer_id in ids]
        return {"LoadBalancers": [_load_balancer_health(request, each) for each in found]}


def _load_balancer_health(request: Request, load_balancer: LoadBalancer) -> Answer:
    wanted = request.texts("ListenerIds")
    return {
        "LoadBalancerId": load_balancer.load_balancer_id,
        "LoadBalancerName": load_balancer.name,
        "Listeners": [
            _listener_health(request, each)
            for each in load_balancer.listeners.values()
            if not wanted or each.listener_id in wanted
        ],
    }


def _listener_health(request: Request, listener: Listener) -> Answer:
    wanted = request.texts("LocationIds")
    rules = [
        {
            "LocationId": rule.location_id if rule else "",
            "Domain": rule.domain if rule else "",
            "Url": rule.url if rule else "",
            "RuleId": "",
            "Targets": [_health(request, listener, each) for each in targets.values()],
        }
        for rule, targets in listener.places()
        if rule is None or not wanted or rule.location_id in wanted
    ]
    return {
        "ListenerId": listener.listener_id,
        "ListenerName": listener.name,
        "Protocol": listener.protocol,
        "Port": listener.port,
        "Rules": rules,
    }


def _health(request: Request, listener: Listener, target: Target) -> Answer:
    detail = request.world.health(listener, target, time.time())
    return {
        "IP": target.ip,
        "Port": target.port,
        # The official example shows true with Dead: only the detail can be relied on.
        "HealthStatus": detail in ("Alive", "Dead"),
        "TargetId": target.instance_id or "",
        "HealthStatusDetail": detail,
        "HealthStatusDetial": detail,
        "TargetGroupId": None,
        "Weight": target.weight,
    }


def describe_detail(request: Request) -> Answer:
    """DescribeLoadBalancersDetail: flat rows, load balancer x listener x rule x target.

    A place without targets has one row.

    Fields that are not asked for by `Fields` are null, LoadBalancerId and LoadBalancerName excepted.
    """
    with request.world.held():
        rows = [row for each in request.seen(request.world.load_balancers.values()) for row in _rows(request, each)]
    rows = filtered(
        request,
        rows,
        {
            "loadbalancer-id": lambda row, values: row["LoadBalancerId"] in values,
            "vpcid": lambda row, values: row["VpcId"] in values,
            "vip": lambda row, values: row["Address"] in values,
            "target-ip": lambda row, values: row["TargetAddress"] in values,
            "network": lambda row, values: row["LoadBalancerType"] in values,
        },
    )
    kept = {*request.texts("Fields"), "LoadBalancerId", "LoadBalancerName"}
    shown = [{name: value if name in kept else None for name, value in row.items()} for row in page(request, rows)]
    return {"TotalCount": len(rows), "LoadBalancerDetailSet": shown}


def _rows(request: Request, load_balancer: LoadBalancer) -> Iterator[Answer]:
    common = {
        "LoadBalancerId": load_balancer.load_balancer_id,
        "LoadBalancerName": load_balancer.name,
        "LoadBalancerType": "Public" if load_balancer.kind == "OPEN" else "Private",
        "Status": 1,
        "Address": next(iter(load_balancer.vips), None),
        "VpcId": load_balancer.vpc_id,
        "CreateTime": moment(load_balancer.created_at),
    }
    if not load_balancer.listeners:
        yield {**common, **dict.fromkeys(_LISTENER_FIELDS + _TARGET_FIELDS)}
    for listener in load_balancer.listeners.values():
        for rule, targets in listener.places():
            place = (listener.listener_id, listener.protocol, listener.port)
            location = (rule.location_id, rule.domain, rule.url) if rule else (None, None, None)
            here = {**common, **dict(zip(_LISTENER_FIELDS, place + location, strict=True))}
            if not targets:
                yield {**here, **dict.fromkeys(_TARGET_FIELDS)}
            for each in targets.values():
                health = request.world.health(listener, each, time.time())
                backend = (each.instance_id, each.ip, each.port, each.weight, health)
                yield {**here, **dict(zip(_TARGET_FIELDS, backend, strict=True))}


_LISTENER_FIELDS = ("ListenerId", "Protocol", "Port", "LocationId", "Domain", "Url")
_TARGET_FIELDS = ("TargetId", "TargetAddress", "TargetPort", "TargetWeight", "TargetHealth")

ACTIONS = (
    Action(
        "DescribeTargets",
        "clb",
        {"LoadBalancerId": str, "ListenerIds": [str], "Protocol": str, "Port": int, "Filters": FILTERS},
        describe_targets,
        ("LoadBalancerId",),
    ),
    Action(
        "DescribeTargetHealth",
        "clb",
        {"LoadBalancerIds": [str], "ListenerIds": [str], "LocationIds": [str]},
        describe_target_health,
        ("LoadBalancerIds",),
    ),
    Action(
        "DescribeLoadBalancersDetail",
        "clb",
        {"Limit": int, "Offset": int, "Fields": [str], "TargetType": str, "Filters": FILTERS},
        describe_detail,
    ),
)
