"""Edits of VPCs, subnets, interfaces, cloud connect networks and security groups."""

from app.simulator import nouns
from app.simulator.edits.forms import Edit, adding, setting
from app.simulator.reading import Item
from app.simulator.world import World
from app.simulator.world_file import networks as read


def _add_interface(world: World, item: Item) -> None:
    interface = read.interface(world, item.item("interface"))
    item.end()
    world.add_interface(interface)


def _remove_interface(world: World, item: Item) -> None:
    interface = item.known("interface_id", world.interfaces, "interface")
    item.end()
    world.remove_interface(interface)


def _attach_interface(world: World, item: Item) -> None:
    interface = item.known("interface_id", world.interfaces, "interface")
    instance_id = item.text_or_none("instance_id")
    item.end()
    interface.instance_id = instance_id


def _move_address(world: World, item: Item) -> None:
    """From one interface to another; without `from` it is a new address, without `to` it goes away."""
    ip = item.address("ip")
    source = item.known("from", world.interfaces, "interface") if item.text_or_none("from") else None
    goal = item.known("to", world.interfaces, "interface") if item.text_or_none("to") else None
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
    interface = item.known("interface_id", world.interfaces, "interface")
    ip, state = item.address("ip"), item.choice("state", read.ADDRESS_STATES)
    item.end()
    if ip not in interface.addresses:
        raise item.wrong("ip", f"{ip} is not on {interface.interface_id}")
    interface.addresses[ip].state = state


def _add_route(world: World, item: Item) -> None:
    ccn = item.known("ccn_id", world.ccns, "CCN")
    route = read.route(world, ccn, item.item("route"))
    item.end()
    ccn.add_route(route)


def _routes(world: World, item: Item) -> tuple[nouns.Ccn, list[nouns.Route]]:
    """The routes of a CCN to a block: to all its networks, or to the one that is named."""
    ccn = item.known("ccn_id", world.ccns, "CCN")
    cidr, vpc_id = item.cidr("cidr"), item.text_or_none("vpc_id")
    routes = [each for each in ccn.routes.values() if each.cidr == cidr and vpc_id in (None, each.vpc_id)]
    if not routes:
        raise item.wrong("cidr", f"{ccn.ccn_id} has no such route to {cidr}")
    return ccn, routes


def _set_route_enabled(world: World, item: Item) -> None:
    (_, routes), enabled = _routes(world, item), item.flag("enabled")
    item.end()
    for route in routes:
        route.enabled = enabled


def _remove_route(world: World, item: Item) -> None:
    ccn, routes = _routes(world, item)
    item.end()
    for route in routes:
        ccn.remove_route(route)


def _set_attachment_state(world: World, item: Item) -> None:
    ccn = item.known("ccn_id", world.ccns, "CCN")
    vpc_id, state = item.text("vpc_id"), item.choice("state", read.ATTACHMENT_STATES)
    item.end()
    attached = [each for each in ccn.attachments if each.vpc_id == vpc_id]
    if not attached:
        raise item.wrong("vpc_id", f"{vpc_id} is not attached to {ccn.ccn_id}")
    attached[0].state = state


EDITS: dict[str, Edit] = {
    "add-vpc": adding("vpc", "vpc_id", "vpcs", read.vpc),
    "add-subnet": adding("subnet", "subnet_id", "subnets", read.subnet),
    "add-interface": _add_interface,
    "remove-interface": _remove_interface,
    "attach-interface": _attach_interface,
    "move-address": _move_address,
    "set-address-state": _set_address_state,
    "add-ccn": adding("ccn", "ccn_id", "ccns", read.ccn),
    "add-route": _add_route,
    "remove-route": _remove_route,
    "set-route-enabled": _set_route_enabled,
    "set-attachment-state": _set_attachment_state,
    "add-security-group": adding("security_group", "security_group_id", "security_groups", read.security_group),
    "set-security-group": setting(
        "security_group_id",
        "security_groups",
        "security group",
        {
            "ingress": ("ingress", lambda _, item, key: read.policies(item, key)),
            "egress": ("egress", lambda _, item, key: read.policies(item, key)),
        },
    ),
}
