"""Whether an address can be a target of a load balancer, and what stands behind it.

What the cloud checks, as far as it is published: an interface in the load balancer's VPC that is attached and has the
address AVAILABLE; or an address that an enabled CCN route leads to, when both networks are ACTIVE in that CCN, and
SnatPro when the network is not the load balancer's own.
"""

import ipaddress
from dataclasses import dataclass

from app.simulator.errors import CloudError
from app.simulator.nouns import Ccn, Interface, LoadBalancer, Route
from app.simulator.world import World


class Refusal(CloudError):
    """An error that, by its `form`, fails the whole call ("error") or one listener of a batch ("partial")."""

    def __init__(self, code: str, message: str, form: str) -> None:
        super().__init__(code, message)
        self.form = form


@dataclass(frozen=True)
class Backing:
    """What an address stands for: `kind` is ENI, CVM, CCN or GLOBALROUTE."""

    ip: str
    kind: str
    instance_id: str | None = None
    interface_id: str | None = None


def of_machine(world: World, instance_id: str) -> Backing:
    """The primary address of a machine. Raises Refusal when there is no such machine."""
    ip = world.machine_address(instance_id)
    if ip is None:
        raise _refusal(world, f"The instance {instance_id} does not exist")
    return Backing(ip, "CVM", instance_id)


def of_address(world: World, load_balancer: LoadBalancer, ip: str) -> Backing:
    """What stands behind an address, seen from the load balancer. Raises Refusal when it cannot be bound there."""
    interface = world.holder(load_balancer.vpc_id, ip)
    if not world.parameters.check_addresses:
        return _of_interface(interface, ip) if interface else Backing(ip, "ENI")
    if interface is None:
        return _routed(world, load_balancer, ip)
    if interface.instance_id is None:
        raise _refusal(world, f"The eni {interface.interface_id} of {ip} is not attached to any instance")
    if interface.addresses[ip].state != "AVAILABLE":
        raise _refusal(world, f"The address {ip} of {interface.interface_id} is {interface.addresses[ip].state}")
    return _of_interface(interface, ip)


def _of_interface(interface: Interface, ip: str) -> Backing:
    return Backing(ip, "ENI", interface.instance_id, interface.interface_id)


def _routed(world: World, load_balancer: LoadBalancer, ip: str) -> Backing:
    vpc_id = load_balancer.vpc_id
    if world.parameters.container_cidrs_by_ticket and _contains(world.vpcs[vpc_id].container_cidrs, ip):
        return Backing(ip, "GLOBALROUTE")
    for ccn in world.ccns.values():
        route = _route(ccn, vpc_id, ip)
        if route and route.vpc_id == vpc_id and _contains(world.vpcs[vpc_id].container_cidrs, ip):
            return Backing(ip, "GLOBALROUTE")
        if route and route.vpc_id != vpc_id and load_balancer.snat_pro:
            return Backing(ip, "CCN")
    raise _refusal(world, f"The target {ip} is not found in {vpc_id}, nor by any route that leads there")


def _route(ccn: Ccn, vpc_id: str, ip: str) -> Route | None:
    """The longest enabled route to the address, when both its network and the asking one are ACTIVE in the CCN."""
    active = {each.vpc_id for each in ccn.attachments if each.state == "ACTIVE"}
    best = next((route for route in ccn.routes_to(ip) if route.enabled), None)
    return best if best and {vpc_id, best.vpc_id} <= active else None


def _contains(cidrs: list[str], ip: str) -> bool:
    address = ipaddress.ip_address(ip)
    return any(address in ipaddress.ip_network(cidr) for cidr in cidrs)


def _refusal(world: World, message: str) -> Refusal:
    return Refusal(world.parameters.address_code, message, world.parameters.address_form)
