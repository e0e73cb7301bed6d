"""Reads VPCs, subnets, interfaces, cloud connect networks and security groups."""

import ipaddress

from app.simulator import nouns
from app.simulator.reading import Item
from app.simulator.world import World

ADDRESS_STATES = ("AVAILABLE", "PENDING", "MIGRATING", "DELETING")
# As documented for CcnAttachedInstance.State.
ATTACHMENT_STATES = (
    "PENDING", "ACTIVE", "EXPIRED", "REJECTED", "DELETED", "FAILED", "ATTACHING", "DETACHING", "DETACHFAILED",
)  # fmt: skip
ACCOUNT_TYPES = ("STANDARD", "LEGACY")
LARGEST_RANGE = 65_536


def vpc(world: World, item: Item) -> nouns.Vpc:
    """A VPC that is not there yet."""
    vpc_id = item.new("vpc_id", world.vpcs)
    region, name, cidr = item.text("region", world.region), item.text("name", vpc_id), item.cidr("cidr")
    found = nouns.Vpc(vpc_id, region, name, cidr, item.cidrs("container_cidrs"), item.cidrs("assistant_cidrs"))
    item.end()
    return found


def subnet(world: World, item: Item) -> nouns.Subnet:
    """A subnet that is not there yet, of a VPC that is."""
    subnet_id = item.new("subnet_id", world.subnets)
    vpc_id = item.known("vpc_id", world.vpcs, "VPC").vpc_id
    region = item.text("region", world.vpcs[vpc_id].region)
    found = nouns.Subnet(subnet_id, region, vpc_id, item.text("name", subnet_id), item.cidr("cidr"))
    item.end()
    return found


def interface(world: World, item: Item) -> nouns.Interface:
    """An interface that is not there yet, with addresses that nobody else has in its VPC."""
    interface_id = item.new("interface_id", world.interfaces)
    vpc_id, subnet_id = item.known("vpc_id", world.vpcs, "VPC").vpc_id, item.text("subnet_id")
    if subnet_id not in world.subnets or world.subnets[subnet_id].vpc_id != vpc_id:
        raise item.wrong("subnet_id", f"there is no subnet {subnet_id!r} in {vpc_id}")
    region, instance_id = item.text("region", world.vpcs[vpc_id].region), item.text_or_none("instance_id")
    found = nouns.Interface(interface_id, region, vpc_id, subnet_id, instance_id)
    found.name, found.primary = item.text("name", interface_id), item.flag("primary", default=False)
    found.security_groups = item.texts("security_groups")
    for address in _addresses(item):
        if address.ip in found.addresses or world.holder(vpc_id, address.ip):
            raise item.wrong("addresses", f"{address.ip} is in {vpc_id} already")
        address.primary = not found.addresses
        found.addresses[address.ip] = address
    item.end()
    return found


def _addresses(item: Item) -> list[nouns.Address]:
    found: list[nouns.Address] = []
    for index, thing in enumerate(item.things("addresses")):
        entry = Item({"ip": thing} if isinstance(thing, str) else thing, item.at(f"addresses[{index}]"))
        given, state = ips(entry), entry.choice("state", ADDRESS_STATES, "AVAILABLE")
        entry.end()
        found += [nouns.Address(ip, state) for ip in given]
    return found


def ips(entry: Item) -> list[str]:
    """The addresses of an entry of a list: one, `ip`, or `count` of them from `first` on."""
    if not entry.has("first"):
        return [entry.address("ip")]
    first, count = ipaddress.ip_address(entry.address("first")), entry.integer("count", 1, LARGEST_RANGE)
    if int(first) + count > 1 << first.max_prefixlen:
        raise entry.wrong("count", f"there are no {count} addresses from {first} on")
    return [str(first + offset) for offset in range(count)]


def ccn(world: World, item: Item) -> nouns.Ccn:
    """A CCN that is not there yet, between VPCs that are."""
    found = nouns.Ccn(item.new("ccn_id", world.ccns), item.text("region", world.region))
    found.attachments = [_attachment(world, each) for each in item.items("attachments")]
    for each in item.items("routes"):
        found.add_route(route(world, found, each))
    item.end()
    return found


def _attachment(world: World, item: Item) -> nouns.Attachment:
    vpc_id = item.known("vpc_id", world.vpcs, "VPC").vpc_id
    found = nouns.Attachment(vpc_id, item.choice("state", ATTACHMENT_STATES, "ACTIVE"), world.vpcs[vpc_id].region)
    item.end()
    return found


def route(world: World, owner: nouns.Ccn, item: Item) -> nouns.Route:
    """A route of a CCN. It is numbered within it."""
    route_id = f"ccnr-{owner.ccn_id.removeprefix('ccn-')}-{owner.routes_numbered + 1}"
    found = nouns.Route(
        route_id, item.cidr("cidr"), item.known("vpc_id", world.vpcs, "VPC").vpc_id, item.flag("enabled", default=True)
    )
    item.end()
    return found


def security_group(world: World, item: Item) -> nouns.SecurityGroup:
    """A security group that is not there yet."""
    found = nouns.SecurityGroup(item.new("security_group_id", world.security_groups), item.text("region", world.region))
    found.ingress, found.egress = policies(item, "ingress"), policies(item, "egress")
    item.end()
    return found


def policies(item: Item, key: str) -> list[nouns.Policy]:
    """The rules of one direction."""
    return [_policy(each) for each in item.items(key)]


def _policy(item: Item) -> nouns.Policy:
    action = item.choice("action", ("ACCEPT", "DROP"), "ACCEPT")
    found = nouns.Policy(item.text("protocol", "ALL"), item.text("port", "all"), item.text("cidr", "0.0.0.0/0"), action)
    item.end()
    return found
