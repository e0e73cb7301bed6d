"""Reads load balancers with their listeners, rules and targets."""

import time

from app.simulator import nouns
from app.simulator.reading import Item
from app.simulator.world import World

TYPES = ("OPEN", "INTERNAL")


def load_balancer(world: World, item: Item) -> nouns.LoadBalancer:
    """A load balancer that is not there yet, in a VPC that is, with its listeners."""
    load_balancer_id = item.new("load_balancer_id", world.load_balancers)
    vpc_id = item.known("vpc_id", world.vpcs, "VPC").vpc_id
    region, name = item.text("region", world.vpcs[vpc_id].region), item.text("name", load_balancer_id)
    kind = item.choice("type", TYPES, "OPEN")
    found = nouns.LoadBalancer(load_balancer_id, region, name, vpc_id, kind, item.texts("vips"), created_at=time.time())
    found.snat_pro, found.forward = item.flag("snat_pro", default=False), item.integer("forward", 0, 1, 1)
    found.subnet_id = item.plain("subnet_id")
    found.security_groups = item.texts("security_groups")
    found.target_quota = item.integer_or_none("target_quota", 0, 1_000_000)
    for each in item.items("listeners"):
        added = listener(found, each)
        found.listeners[added.listener_id] = added
    item.end()
    return found


def listener(owner: nouns.LoadBalancer, item: Item) -> nouns.Listener:
    """A listener that its load balancer does not have yet, with its rules and targets.

    Targets are taken as they are, unchecked.
    """
    listener_id = item.new("listener_id", owner.listeners)
    protocol, port = item.choice("protocol", nouns.PROTOCOLS), item.integer("port", 1, 65_535)
    found = nouns.Listener(listener_id, item.text("name", listener_id), protocol, port)
    found.health_check = item.flag("health_check", default=True)
    if found.layer_7:
        found.rules = [_rule(each) for each in item.items("rules")]
    else:
        found.targets = _targets(item)
    item.end()
    return found


def _rule(item: Item) -> nouns.Rule:
    found = nouns.Rule(item.text("location_id"), item.plain("domain"), item.text("url", "/"), _targets(item))
    item.end()
    return found


def _targets(item: Item) -> nouns.Targets:
    found = [target(each) for each in item.items("targets")]
    return {(each.ip, each.port): each for each in found}


def target(item: Item) -> nouns.Target:
    """A target as it stands in a file or an edit, bound just now."""
    ip, port = item.address("ip"), item.integer("port", 1, 65_535)
    found = nouns.Target(ip, port, item.integer("weight", 0, 100, nouns.DEFAULT_WEIGHT), time.time())
    item.end()
    return found
