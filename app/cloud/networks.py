"""Interfaces, Cloud Connect Networks and security groups: the evidence that ownership rests on."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

from app.cloud import translate_networks as translate
from app.cloud.client import Client
from app.cloud.fields import text
from app.cloud.pages import Listing, read_pages, readable
from app.domain.errors import CloudAmbiguous
from app.ownership.evidence import Attachment, Ccn, InterfaceAddress, Policy
from app.ownership.routes import RouteTable

ADDRESSES_PER_READ: Final = 100
"""Most values of one filter of DescribeNetworkInterfaces (VPC API)."""


def read_interfaces(client: Client, ips: Sequence[str]) -> dict[str, tuple[InterfaceAddress, ...]]:
    """The interfaces that hold each of ``ips``, in any VPC of the account and region; () where none does.

    The filter matches a single value fuzzily, so what else it finds is left out here. Raises a `CloudError`.
    """
    found: dict[str, dict[tuple[str, str], InterfaceAddress]] = defaultdict(dict)
    for start in range(0, len(ips), ADDRESSES_PER_READ):
        part = list(ips[start : start + ADDRESSES_PER_READ])
        parameters = {"Filters": [{"Name": "address-ip", "Values": part}]}
        listing = Listing("vpc", "DescribeNetworkInterfaces", "NetworkInterfaceSet", parameters)
        seen: set[str] = set()
        paged = read_pages(client, listing, translate.interface)
        for interface_id, addresses in paged.items:
            if interface_id in seen and paged.calls > 1:
                # Pages that shift while they are read show one interface twice and another not at all.
                raise CloudAmbiguous("IncompleteAnswer", "DescribeNetworkInterfaces: its pages shifted")
            seen.add(interface_id)
            if not interface_id or not addresses:
                raise CloudAmbiguous("UnreadableAnswer", "DescribeNetworkInterfaces: no name or no address")
            for address in addresses:
                known = found[address.ip].setdefault((address.interface_id, address.vpc_id), address)
                if known != address:
                    detail = f"DescribeNetworkInterfaces: {interface_id} is there twice, and not the same"
                    raise CloudAmbiguous("UnreadableAnswer", detail)
    return {ip: tuple(found[ip].values()) if ip in found else () for ip in ips}


def read_ccn_ids(client: Client, vpc_id: str) -> list[str]:
    """The Cloud Connect Networks that a VPC is attached to, in whatever state. Raises a `CloudError`."""
    parameters = {"Filters": [{"Name": "instance-id", "Values": [vpc_id]}]}
    listing = Listing("vpc", "DescribeCcnAttachedInstances", "InstanceSet", parameters)
    found = read_pages(client, listing, translate.attachment).items
    if not all(each.ccn_id and each.vpc_id for each in found):
        raise CloudAmbiguous("UnreadableAnswer", "DescribeCcnAttachedInstances: an attachment without names")
    return sorted({each.ccn_id for each in found if each.vpc_id == vpc_id})


def read_ccn(client: Client, ccn_id: str, between: Callable[[], None]) -> tuple[Ccn, int]:
    """A Cloud Connect Network with all that is attached to it and all of its routes, and how many calls that took.

    ``between`` is called after each page: a network may have ten thousand routes. Raises a `CloudError`.
    """
    of_ccn = {"CcnId": ccn_id}
    members = read_pages(
        client,
        Listing("vpc", "DescribeCcnAttachedInstances", "InstanceSet", of_ccn, between=between),
        translate.attachment,
    )
    routes = read_pages(
        client,
        Listing("vpc", "DescribeCcnRoutes", "RouteSet", of_ccn, between=between),
        lambda found: translate.route(ccn_id, found),
    )
    attached: tuple[Attachment, ...] = tuple(each for each in members.items if each.ccn_id == ccn_id)
    table = RouteTable(route for route in routes.items if route is not None)
    return Ccn(ccn_id, attached, table), members.calls + routes.calls


def read_policies(client: Client, security_group_id: str) -> tuple[Policy, ...]:
    """The ingress rules of a security group, in their order. Raises a `CloudError`."""
    action = "DescribeSecurityGroupPolicies"
    answer = client.call("vpc", action, {"SecurityGroupId": security_group_id})
    found = answer.get("SecurityGroupPolicySet")
    if not found:
        raise CloudAmbiguous("IncompleteAnswer", f"{action}: no rules, and no word that there are none")
    return readable(action, lambda: translate.policies(found))


def read_account_type(client: Client) -> str:
    """STANDARD (bill-by-IP) or LEGACY, or whatever else the cloud says. Raises a `CloudError`."""
    action = "DescribeNetworkAccountType"
    answer = client.call("vpc", action, {})
    account_type = readable(action, lambda: text(answer.get("NetworkAccountType")))
    if not account_type:
        raise CloudAmbiguous("UnreadableAnswer", f"{action}: no type")
    return account_type
