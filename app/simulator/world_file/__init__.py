"""Builds a world from its description; the form is shown in `app.simulator.world`.

One module per subject reads single things, for the file and for edits by hand alike.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from app.simulator.errors import WorldError
from app.simulator.parameters import Parameters, patched
from app.simulator.reading import Item
from app.simulator.world import World
from app.simulator.world_file.clusters import cluster
from app.simulator.world_file.load_balancers import load_balancer
from app.simulator.world_file.networks import ACCOUNT_TYPES, ccn, interface, security_group, subnet, vpc

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
        world.credentials[item.new("secret_id", world.credentials)] = item.text("secret_key")
        item.end()
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
