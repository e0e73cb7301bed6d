"""Changes of the world by hand.

What an operator at the console, another tool or a machine's end does behind the caller's back.

Edits ask no permission: they ignore busy load balancers, quotas and the four-tuple rule.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from app.simulator import nouns, world_file
from app.simulator.parameters import patched
from app.simulator.reading import Item
from app.simulator.world import BY_HAND, World

Edit = Callable[[World, Item], None]


def edit(world: World, description: Mapping[str, Any]) -> None:
    """Makes one edit, given by its `kind` and the fields that kind needs.

    Raises WorldError, and changes nothing, when it cannot be.
    """
    item = Item(description, "edit")
    kind = item.choice("kind", EDITS)
    with world.held():
        EDITS[kind](world, item)


def _load_balancer(world: World, item: Item) -> nouns.LoadBalancer:
    found: nouns.LoadBalancer = _known(item, "load_balancer_id", world.load_balancers, "load balancer")
    return found


def _known(item: Item, key: str, nouns_by_id: Mapping[str, Any], word: str) -> Any:
    value = item.text(key)
    if value not in nouns_by_id:
        raise item.wrong(key, f"there is no {word} {value!r}")
    return nouns_by_id[value]


def _place(world: World, item: Item) -> tuple[nouns.LoadBalancer, nouns.Listener, nouns.Rule | None, nouns.Targets]:
    load_balancer = _load_balancer(world, item)
    listener: nouns.Listener = _known(item, "listener_id", load_balancer.listeners, "listener")
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
    listener = world_file.listener(load_balancer, item.item("listener"))
    item.end()
    load_balancer.listeners[listener.listener_id] = listener


def _delete_listener(world: World, item: Item) -> None:
    load_balancer = _load_balancer(world, item)
    listener: nouns.Listener = _known(item, "listener_id", load_balancer.listeners, "listener")
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


def _add(key: str, name: str, place: str, read: Callable[[World, Item], Any]) -> Edit:
    """The edit that adds what stands under `key`, in the form of the world file."""

    def add(world: World, item: Item) -> None:
        noun = read(world, item.item(key))
        item.end()
        getattr(world, place)[getattr(noun, name)] = noun

    return add


def _add_interface(world: World, item: Item) -> None:
    interface = world_file.interface(world, item.item("interface"))
    item.end()
    world.add_interface(interface)


def _remove_interface(world: World, item: Item) -> None:
    interface: nouns.Interface = _known(item, "interface_id", world.interfaces, "interface")
    item.end()
    world.remove_interface(interface)


def _attach_interface(world: World, item: Item) -> None:
    interface: nouns.Interface = _known(item, "interface_id", world.interfaces, "interface")
    instance_id = item.text_or_none("instance_id")
    item.end()
    interface.instance_id = instance_id


def _move_address(world: World, item: Item) -> None:
    """From one interface to another; without `from` it is a new address, without `to` it goes away."""
    ip = item.address("ip")
    source = _known(item, "from", world.interfaces, "interface") if item.text_or_none("from") else None
    goal = _known(item, "to", world.interfaces, "interface") if item.text_or_none("to") else None
    item.end()
    if source and ip not in source.addresses:
        raise item.wrong("ip", f"{ip} is not on {source.interface_id}")
    if goal and goal is not source:
        other = world.holder(goal.vpc_id, ip)
        if other and other is not source:
            raise item.wrong("to", f"{ip} is on {other.interface_id} already")
    if source:
        world.take_address(source, ip)
    if goal:
        world.give_address(goal, nouns.Address(ip, primary=not goal.addresses))


def _set_address_state(world: World, item: Item) -> None:
    interface: nouns.Interface = _known(item, "interface_id", world.interfaces, "interface")
    ip, state = item.address("ip"), item.choice("state", world_file.ADDRESS_STATES)
    item.end()
    if ip not in interface.addresses:
        raise item.wrong("ip", f"{ip} is not on {interface.interface_id}")
    interface.addresses[ip].state = state


def _set_route_enabled(world: World, item: Item) -> None:
    ccn: nouns.Ccn = _known(item, "ccn_id", world.ccns, "CCN")
    cidr, vpc_id, enabled = item.cidr("cidr"), item.text_or_none("vpc_id"), item.flag("enabled")
    item.end()
    routes = [each for each in ccn.routes if each.cidr == cidr and vpc_id in (None, each.vpc_id)]
    if not routes:
        raise item.wrong("cidr", f"{ccn.ccn_id} has no such route to {cidr}")
    for route in routes:
        route.enabled = enabled


def _add_route(world: World, item: Item) -> None:
    ccn: nouns.Ccn = _known(item, "ccn_id", world.ccns, "CCN")
    route = world_file.route(world, ccn, item.item("route"))
    item.end()
    ccn.routes.append(route)


def _set_attachment_state(world: World, item: Item) -> None:
    ccn: nouns.Ccn = _known(item, "ccn_id", world.ccns, "CCN")
    vpc_id, state = item.text("vpc_id"), item.choice("state", world_file.ATTACHMENT_STATES)
    item.end()
    attached = [each for each in ccn.attachments if each.vpc_id == vpc_id]
    if not attached:
        raise item.wrong("vpc_id", f"{vpc_id} is not attached to {ccn.ccn_id}")
    attached[0].state = state


def _set_quota(world: World, item: Item) -> None:
    """Of one load balancer, or of the account when none is named."""
    quota = item.integer("quota", 0, 1_000_000)
    load_balancer = _load_balancer(world, item) if item.text_or_none("load_balancer_id") else None
    item.end()
    if load_balancer:
        load_balancer.target_quota = quota
    else:
        world.parameters = patched(world.parameters, {"target_quota": quota})


def _add_credential(world: World, item: Item) -> None:
    secret_id, secret_key = item.text("secret_id"), item.text("secret_key")
    item.end()
    world.credentials[secret_id] = secret_key


def _revoke_credential(world: World, item: Item) -> None:
    _known(item, "secret_id", world.credentials, "credential")
    item.end()
    del world.credentials[item.text("secret_id")]


def _set_account_type(world: World, item: Item) -> None:
    account_type = item.choice("account_type", world_file.ACCOUNT_TYPES)
    item.end()
    world.account_type = account_type


EDITS: dict[str, Edit] = {
    "add-target": _add_target,
    "remove-target": _remove_target,
    "set-weight": _set_weight,
    "set-health": _set_health,
    "add-listener": _add_listener,
    "delete-listener": _delete_listener,
    "add-load-balancer": _add("load_balancer", "load_balancer_id", "load_balancers", world_file.load_balancer),
    "delete-load-balancer": _delete_load_balancer,
    "occupy-load-balancer": _occupy,
    "add-vpc": _add("vpc", "vpc_id", "vpcs", world_file.vpc),
    "add-subnet": _add("subnet", "subnet_id", "subnets", world_file.subnet),
    "add-interface": _add_interface,
    "remove-interface": _remove_interface,
    "attach-interface": _attach_interface,
    "move-address": _move_address,
    "set-address-state": _set_address_state,
    "add-ccn": _add("ccn", "ccn_id", "ccns", world_file.ccn),
    "add-route": _add_route,
    "set-route-enabled": _set_route_enabled,
    "set-attachment-state": _set_attachment_state,
    "add-cluster": _add("cluster", "cluster_id", "clusters", world_file.cluster),
    "set-quota": _set_quota,
    "add-credential": _add_credential,
    "revoke-credential": _revoke_credential,
    "set-account-type": _set_account_type,
}
