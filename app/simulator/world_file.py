"""Builds a world from its description; the form is shown in `app.simulator.world`.

Also reads the single items of edits by hand.
"""

import ipaddress
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from app.simulator import nouns
from app.simulator.errors import WorldError
from app.simulator.parameters import Parameters, patched
from app.simulator.reading import Item
from app.simulator.world import World

ADDRESS_STATES = ("AVAILABLE", "PENDING", "MIGRATING", "DELETING")
# As documented for CcnAttachedInstance.State.
ATTACHMENT_STATES = (
    "PENDING", "ACTIVE", "EXPIRED", "REJECTED", "DELETED", "FAILED", "ATTACHING", "DETACHING", "DETACHFAILED",
)  # fmt: skip
NETWORK_TYPES = ("VPC-CNI", "GR", "CiliumOverlay")
ACCOUNT_TYPES = ("STANDARD", "LEGACY")
LARGEST_RANGE = 65_536

Noun = TypeVar("Noun")


def load(path: Path) -> Mapping[str, Any]:
    """Reads a world file. Raises WorldError when it cannot be read or is not YAML."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise WorldError(f"{path}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise WorldError(f"{path}: not YAML: {error}") from None
    if not isinstance(content, Mapping):
        raise WorldError(f"{path}: a mapping is needed at the top")
    return content


def build(description: Mapping[str, Any]) -> World:
    """Makes the world. Raises WorldError naming the place of the first thing that cannot be."""
    top = Item(description, "")
    region = top.text("region", "ap-guangzhou")
    account_type = top.choice("account_type", ACCOUNT_TYPES, "STANDARD")
    parameters = patched(Parameters(), description.get("parameters") or {})
    top.item("parameters")
    world = World(region, account_type, parameters)
    _fill(world, top)
    top.end()
    if not world.credentials:
        raise top.wrong("credentials", "at least one is needed")
    return world


def _fill(world: World, top: Item) -> None:
    for item in top.items("credentials"):
        secret_id, secret_key = credential(item)
        _new(item, "secret_id", secret_id, world.credentials)[secret_id] = secret_key
    # In an order in which each may refer to the ones before.
    _each(world, top, "vpcs", "vpc_id", world.vpcs, vpc)
    _each(world, top, "subnets", "subnet_id", world.subnets, subnet)
    for item in top.items("interfaces"):
        world.add_interface(interface(world, item))
    _each(world, top, "ccns", "ccn_id", world.ccns, ccn)
    _each(world, top, "security_groups", "security_group_id", world.security_groups, security_group)
    _each(world, top, "clusters", "cluster_id", world.clusters, cluster)
    _each(world, top, "load_balancers", "load_balancer_id", world.load_balancers, load_balancer)


def _each(
    world: World, top: Item, key: str, name: str, place: dict[str, Noun], read: Callable[[World, Item], Noun]
) -> None:
    for item in top.items(key):
        noun = read(world, item)
        place[getattr(noun, name)] = noun


def _new(item: Item, key: str, value: str, known: dict[str, Any]) -> dict[str, Any]:
    if value in known:
        raise item.wrong(key, f"{value!r} is there already")
    return known


def _id(item: Item, key: str, known: dict[str, Any]) -> str:
    value = item.text(key)
    _new(item, key, value, known)
    return value


def known_vpc(world: World, item: Item, key: str = "vpc_id") -> str:
    """A field that names a VPC of the world."""
    value = item.text(key)
    if value not in world.vpcs:
        raise item.wrong(key, f"there is no VPC {value!r}")
    return value


def credential(item: Item) -> tuple[str, str]:
    """A secret id and its key."""
    pair = item.text("secret_id"), item.text("secret_key")
    item.end()
    return pair


def vpc(world: World, item: Item) -> nouns.Vpc:
    """A VPC that is not there yet."""
    vpc_id = _id(item, "vpc_id", world.vpcs)
    region, name, cidr = item.text("region", world.region), item.text("name", vpc_id), item.cidr("cidr")
    found = nouns.Vpc(vpc_id, region, name, cidr, item.cidrs("container_cidrs"), item.cidrs("assistant_cidrs"))
    item.end()
    return found


def subnet(world: World, item: Item) -> nouns.Subnet:
    """A subnet that is not there yet, of a VPC that is."""
    subnet_id = _id(item, "subnet_id", world.subnets)
    vpc_id = known_vpc(world, item)
    region = item.text("region", world.vpcs[vpc_id].region)
    found = nouns.Subnet(subnet_id, region, vpc_id, item.text("name", subnet_id), item.cidr("cidr"))
    item.end()
    return found


def interface(world: World, item: Item) -> nouns.Interface:
    """An interface that is not there yet, with addresses that nobody else has in its VPC."""
    interface_id = _id(item, "interface_id", world.interfaces)
    vpc_id, subnet_id = known_vpc(world, item), item.text("subnet_id")
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
        if entry.has("first"):
            first, count = ipaddress.ip_address(entry.address("first")), entry.integer("count", 1, LARGEST_RANGE)
            ips = [str(first + offset) for offset in range(count)]
        else:
            ips = [entry.address("ip")]
        state = entry.choice("state", ADDRESS_STATES, "AVAILABLE")
        entry.end()
        found += [nouns.Address(ip, state) for ip in ips]
    return found


def ccn(world: World, item: Item) -> nouns.Ccn:
    """A CCN that is not there yet, between VPCs that are."""
    found = nouns.Ccn(_id(item, "ccn_id", world.ccns), item.text("region", world.region))
    found.attachments = [_attachment(world, each) for each in item.items("attachments")]
    for each in item.items("routes"):
        found.routes.append(route(world, found, each))
    item.end()
    return found


def _attachment(world: World, item: Item) -> nouns.Attachment:
    vpc_id = known_vpc(world, item)
    found = nouns.Attachment(vpc_id, item.choice("state", ATTACHMENT_STATES, "ACTIVE"), world.vpcs[vpc_id].region)
    item.end()
    return found


def route(world: World, owner: nouns.Ccn, item: Item) -> nouns.Route:
    """A route of a CCN. It is numbered within it."""
    route_id = f"ccnr-{owner.ccn_id.removeprefix('ccn-')}-{len(owner.routes) + 1}"
    found = nouns.Route(route_id, item.cidr("cidr"), known_vpc(world, item), item.flag("enabled", default=True))
    item.end()
    return found


def cluster(world: World, item: Item) -> nouns.Cluster:
    """A cluster that is not there yet, in a VPC that is."""
    cluster_id = _id(item, "cluster_id", world.clusters)
    vpc_id = known_vpc(world, item)
    found = nouns.Cluster(
        cluster_id=cluster_id,
        region=item.text("region", world.vpcs[vpc_id].region),
        name=item.text("name", cluster_id),
        version=item.text("version", "1.30.0"),
        vpc_id=vpc_id,
        network_type=item.choice("network_type", NETWORK_TYPES, "VPC-CNI"),
        cluster_cidr=item.cidr_or_empty("cluster_cidr"),
        service_cidr=item.cidr_or_empty("service_cidr"),
        eni_subnet_ids=item.texts("eni_subnet_ids"),
        nodes=[_node(each) for each in item.items("nodes")],
    )
    item.end()
    return found


def _node(item: Item) -> nouns.Node:
    found = nouns.Node(item.text("instance_id"), item.address("ip"), item.texts("security_groups"))
    item.end()
    return found


def security_group(world: World, item: Item) -> nouns.SecurityGroup:
    """A security group that is not there yet."""
    found = nouns.SecurityGroup(
        _id(item, "security_group_id", world.security_groups), item.text("region", world.region)
    )
    found.ingress = [_policy(each) for each in item.items("ingress")]
    found.egress = [_policy(each) for each in item.items("egress")]
    item.end()
    return found


def _policy(item: Item) -> nouns.Policy:
    action = item.choice("action", ("ACCEPT", "DROP"), "ACCEPT")
    found = nouns.Policy(item.text("protocol", "ALL"), item.text("port", "all"), item.text("cidr", "0.0.0.0/0"), action)
    item.end()
    return found


def load_balancer(world: World, item: Item) -> nouns.LoadBalancer:
    """A load balancer that is not there yet, in a VPC that is, with its listeners."""
    load_balancer_id = _id(item, "load_balancer_id", world.load_balancers)
    vpc_id = known_vpc(world, item)
    region, name = item.text("region", world.vpcs[vpc_id].region), item.text("name", load_balancer_id)
    kind = item.choice("type", ("OPEN", "INTERNAL"), "OPEN")
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
    listener_id = _id(item, "listener_id", owner.listeners)
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
