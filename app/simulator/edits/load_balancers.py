"""Edits of load balancers, listeners and targets."""

import time

from app.simulator import nouns
from app.simulator.edits.forms import Edit, adding, setting
from app.simulator.reading import Item
from app.simulator.world import BY_HAND, World
from app.simulator.world_file import load_balancers as read


def _load_balancer(world: World, item: Item) -> nouns.LoadBalancer:
    return item.known("load_balancer_id", world.load_balancers, "load balancer")


def _place(world: World, item: Item) -> tuple[nouns.LoadBalancer, nouns.Listener, nouns.Rule | None, nouns.Targets]:
    load_balancer = _load_balancer(world, item)
    listener = item.known("listener_id", load_balancer.listeners, "listener")
    location_id = item.text_or_none("location_id")
    for rule, targets in listener.places():
        if (rule.location_id if rule else None) == location_id:
            return load_balancer, listener, rule, targets
    raise item.wrong("location_id", f"{listener.listener_id} has no place {location_id!r}")


def _target(item: Item, targets: nouns.Targets) -> nouns.Target:
    key = (item.address("ip"), item.integer("port", 1, 65_535))
    if key not in targets:
        raise item.wrong("ip", f"{key[0]}:{key[1]} is not bound there")
    return targets[key]


def _add_target(world: World, item: Item) -> None:
    load_balancer, listener, rule, targets = _place(world, item)
    target = nouns.Target(
        item.address("ip"),
        item.integer("port", 1, 65_535),
        item.integer("weight", 0, 100, nouns.DEFAULT_WEIGHT),
        time.time(),
    )
    item.end()
    holder = world.holder(load_balancer.vpc_id, target.ip)
    if holder:
        target.instance_id, target.interface_id = holder.instance_id, holder.interface_id
    kind = "weight" if (target.ip, target.port) in targets else "added"
    targets[target.ip, target.port] = target
    world.note(kind, load_balancer, listener, rule, target, cause=BY_HAND)


def _remove_target(world: World, item: Item) -> None:
    load_balancer, listener, rule, targets = _place(world, item)
    target = _target(item, targets)
    item.end()
    del targets[target.ip, target.port]
    world.note("removed", load_balancer, listener, rule, target, cause=BY_HAND)


def _set_weight(world: World, item: Item) -> None:
    load_balancer, listener, rule, targets = _place(world, item)
    target, weight = _target(item, targets), item.integer("weight", 0, 100)
    item.end()
    target.weight = weight
    world.note("weight", load_balancer, listener, rule, target, cause=BY_HAND)


def _set_health(world: World, item: Item) -> None:
    _, _, _, targets = _place(world, item)
    target, health = _target(item, targets), item.choice("health", nouns.HEALTH)
    item.end()
    target.health = health


def _add_listener(world: World, item: Item) -> None:
    load_balancer = _load_balancer(world, item)
    listener = read.listener(load_balancer, item.item("listener"))
    item.end()
    load_balancer.listeners[listener.listener_id] = listener


def _delete_listener(world: World, item: Item) -> None:
    load_balancer = _load_balancer(world, item)
    listener = item.known("listener_id", load_balancer.listeners, "listener")
    item.end()
    _note_all_removed(world, load_balancer, listener)
    del load_balancer.listeners[listener.listener_id]


def _delete_load_balancer(world: World, item: Item) -> None:
    load_balancer = _load_balancer(world, item)
    item.end()
    for listener in load_balancer.listeners.values():
        _note_all_removed(world, load_balancer, listener)
    del world.load_balancers[load_balancer.load_balancer_id]


def _note_all_removed(world: World, load_balancer: nouns.LoadBalancer, listener: nouns.Listener) -> None:
    for rule, targets in listener.places():
        for target in targets.values():
            world.note("removed", load_balancer, listener, rule, target, cause=BY_HAND)


def _occupy(world: World, item: Item) -> None:
    load_balancer, seconds = _load_balancer(world, item), item.number("seconds")
    item.end()
    load_balancer.busy_until = time.monotonic() + seconds


EDITS: dict[str, Edit] = {
    "add-target": _add_target,
    "remove-target": _remove_target,
    "set-weight": _set_weight,
    "set-health": _set_health,
    "add-listener": _add_listener,
    "delete-listener": _delete_listener,
    "add-load-balancer": adding("load_balancer", "load_balancer_id", "load_balancers", read.load_balancer),
    "set-load-balancer": setting(
        "load_balancer_id",
        "load_balancers",
        "load balancer",
        {
            "snat_pro": ("snat_pro", lambda _, item, key: item.flag(key)),
            "type": ("kind", lambda _, item, key: item.choice(key, read.TYPES)),
            "vips": ("vips", lambda _, item, key: item.texts(key)),
            "vpc_id": ("vpc_id", lambda world, item, key: item.known(key, world.vpcs, "VPC").vpc_id),
        },
    ),
    "delete-load-balancer": _delete_load_balancer,
    "occupy-load-balancer": _occupy,
}
