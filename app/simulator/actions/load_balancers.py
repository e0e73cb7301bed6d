"""Load balancers and their listeners, and the account's quotas."""

from typing import Any

from app.simulator.actions.target_writes import find_load_balancer
from app.simulator.nouns import Listener, LoadBalancer, Rule
from app.simulator.request import FILTERS, Action, Answer, Request, at_most, by, filtered, moment, page

MOST_IDS, MOST_LISTENERS = 20, 100


def describe_load_balancers(request: Request) -> Answer:
    """DescribeLoadBalancers: an unknown id is left out, not refused."""
    ids = at_most(request, "LoadBalancerIds", MOST_IDS)
    with request.world.held():
        found = [each for each in request.seen(request.world.load_balancers.values()) if _matches(request, each, ids)]
        found = filtered(request, found, {"loadbalancer-id": by("load_balancer_id"), "vpc-id": by("vpc_id")})
        return {"TotalCount": len(found), "LoadBalancerSet": [_load_balancer(each) for each in page(request, found)]}


def _matches(request: Request, load_balancer: LoadBalancer, ids: list[str]) -> bool:
    asked, vips = request.asked, request.texts("LoadBalancerVips")
    return (
        (not ids or load_balancer.load_balancer_id in ids)
        and asked.get("VpcId") in (None, load_balancer.vpc_id)
        and asked.get("LoadBalancerType") in (None, load_balancer.kind)
        and asked.get("Forward") in (None, load_balancer.forward)
        and asked.get("LoadBalancerName", "") in load_balancer.name
        and (not vips or bool(set(vips) & set(load_balancer.vips)))
    )


def _load_balancer(load_balancer: LoadBalancer) -> Answer:
    return {
        "LoadBalancerId": load_balancer.load_balancer_id,
        "LoadBalancerName": load_balancer.name,
        "LoadBalancerType": load_balancer.kind,
        "Forward": load_balancer.forward,
        "Domain": "",
        "LoadBalancerVips": load_balancer.vips,
        "Status": 1,
        "CreateTime": moment(load_balancer.created_at),
        "StatusTime": moment(load_balancer.created_at),
        "ProjectId": 0,
        "VpcId": load_balancer.vpc_id,
        "SubnetId": load_balancer.subnet_id,
        "OpenBgp": 0,
        "Snat": False,
        "Isolation": 0,
        "Tags": [],
        "SecureGroups": load_balancer.security_groups,
        "TargetRegionInfo": {"Region": load_balancer.region, "VpcId": load_balancer.vpc_id},
        "AddressIPVersion": "ipv4",
        "ChargeType": "POSTPAID_BY_HOUR",
        "LoadBalancerPassToTarget": False,
        "SnatPro": load_balancer.snat_pro,
        "SnatIps": [],
        "TargetCount": sum(len(targets) for each in load_balancer.listeners.values() for _, targets in each.places()),
    }


def describe_listeners(request: Request) -> Answer:
    """DescribeListeners: one load balancer, no paging; `Rules` null at layer 4."""
    ids = at_most(request, "ListenerIds", MOST_LISTENERS)
    protocol, port = request.asked.get("Protocol"), request.asked.get("Port")
    with request.world.held():
        found = [
            each
            for each in find_load_balancer(request).listeners.values()
            if (not ids or each.listener_id in ids) and protocol in (None, each.protocol) and port in (None, each.port)
        ]
        return {"TotalCount": len(found), "Listeners": [_listener(each) for each in found]}


def _listener(listener: Listener) -> Answer:
    rules = [_rule(listener, each) for each in listener.rules] if listener.layer_7 else None
    return {
        "ListenerId": listener.listener_id,
        "ListenerName": listener.name,
        "Protocol": listener.protocol,
        "Port": listener.port,
        "EndPort": 0,
        "Certificate": None,
        "HealthCheck": None if listener.layer_7 else _health_check(listener),
        "Scheduler": None if listener.layer_7 else "WRR",
        "SessionExpireTime": 0,
        "SniSwitch": 0,
        "Rules": rules,
        "CreateTime": None,
        "TargetType": "NODE",
        "TargetGroup": None,
    }


def _rule(listener: Listener, rule: Rule) -> Answer:
    return {
        "LocationId": rule.location_id,
        "Domain": rule.domain,
        "Domains": [rule.domain],
        "Url": rule.url,
        "ListenerId": listener.listener_id,
        "SessionExpireTime": 0,
        "HealthCheck": _health_check(listener),
        "Scheduler": "WRR",
        "TargetType": "NODE",
    }


def _health_check(listener: Listener) -> dict[str, Any]:
    switch = 1 if listener.health_check else 0
    return {"HealthSwitch": switch, "TimeOut": 2, "IntervalTime": 5, "HealthNum": 3, "UnHealthNum": 3}


def describe_quota(request: Request) -> Answer:
    """DescribeQuota: the account's quotas; QuotaCurrent is null where it belongs to no single thing."""
    parameters = request.world.parameters
    quotas = {
        "TOTAL_TARGET_BIND_QUOTA": parameters.target_quota,
        "TOTAL_LISTENER_QUOTA": parameters.listener_quota,
    }
    return {"QuotaSet": [{"QuotaId": name, "QuotaCurrent": None, "QuotaLimit": each} for name, each in quotas.items()]}


ACTIONS = (
    Action(
        "DescribeLoadBalancers",
        "clb",
        {
            "LoadBalancerIds": [str],
            "LoadBalancerType": str,
            "Forward": int,
            "LoadBalancerName": str,
            "LoadBalancerVips": [str],
            "VpcId": str,
            "Offset": int,
            "Limit": int,
            "Filters": FILTERS,
        },
        describe_load_balancers,
    ),
    Action(
        "DescribeListeners",
        "clb",
        {"LoadBalancerId": str, "ListenerIds": [str], "Protocol": str, "Port": int},
        describe_listeners,
        ("LoadBalancerId",),
    ),
    Action("DescribeQuota", "clb", {}, describe_quota),
)
