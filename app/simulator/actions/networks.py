"""VPCs, subnets, interfaces, security groups and the account's network type."""

from collections.abc import Iterable

from app.simulator.errors import CloudError
from app.simulator.nouns import Interface, Policy, Subnet, Vpc
from app.simulator.request import (
    FILTERS,
    VPC_READS_PER_SECOND,
    Action,
    Answer,
    Request,
    at_most,
    by,
    filtered,
    ids_or_filters,
    page,
)

CONTAINER_CIDR, ORDINARY_CIDR = 1, 0
MOST_ADDRESSES = 100


def describe_interfaces(request: Request) -> Answer:
    """DescribeNetworkInterfaces: ids xor filters.

    One address-ip matches fuzzily, several exactly, as does one with ip-exact-match.
    """
    ids = ids_or_filters(request, "NetworkInterfaceIds")
    with request.world.held():
        candidates = request.seen(_candidates(request, ids))
        found = filtered(
            request,
            candidates,
            {
                "vpc-id": by("vpc_id"),
                "subnet-id": by("subnet_id"),
                "attachment.instance-id": by("instance_id"),
                "network-interface-id": by("interface_id"),
                "address-ip": _has_whole_address if _exact(request) else _has_part_of_address,
                "ip-exact-match": lambda _, values: bool(values),
                "is-primary": lambda each, values: str(each.primary).lower() in values,
                "groups.security-group-id": lambda each, values: not values.isdisjoint(each.security_groups),
            },
        )
        shown = [_interface(each) for each in page(request, found)]
    return {"TotalCount": len(found), "NetworkInterfaceSet": shown}


def _candidates(request: Request, ids: set[str]) -> Iterable[Interface]:
    """The interfaces to look through: all, unless ids or addresses lead to them."""
    world = request.world
    if ids:
        return [world.interfaces[each] for each in sorted(ids) if each in world.interfaces]
    addresses = _values(request, "address-ip")
    if not addresses:
        return world.interfaces.values()
    if not _exact(request):
        return world.holders_like(addresses[0][0]) if addresses[0] else []
    holders = {holder.interface_id: holder for ip in addresses[0] for holder in world.holders(ip)}
    return [holders[interface_id] for interface_id in sorted(holders)]


def _exact(request: Request) -> bool:
    """Whether address-ip stands for whole addresses: when there are several, or with ip-exact-match."""
    several = any(len(each) > 1 for each in _values(request, "address-ip"))
    # Of several values of ip-exact-match the first counts, as documented.
    return several or any(each[:1] == ["true"] for each in _values(request, "ip-exact-match"))


def _values(request: Request, name: str) -> list[list[str]]:
    filters = request.asked.get("Filters") or []
    return [each.get("Values") or [] for each in filters if each.get("Name") == name]


def _has_whole_address(interface: Interface, values: frozenset[str]) -> bool:
    return any(value in interface.addresses for value in values)


def _has_part_of_address(interface: Interface, values: frozenset[str]) -> bool:
    return any(value in ip for value in values for ip in interface.addresses)


def _interface(interface: Interface) -> Answer:
    attachment = {
        "InstanceId": interface.instance_id,
        "DeviceIndex": 0 if interface.primary else 1,
        "InstanceAccountId": "100000000001",
        "AttachTime": "2026-01-01 00:00:00",
    }
    return {
        "NetworkInterfaceId": interface.interface_id,
        "NetworkInterfaceName": interface.name,
        "NetworkInterfaceDescription": "",
        "SubnetId": interface.subnet_id,
        "VpcId": interface.vpc_id,
        "GroupSet": interface.security_groups,
        "Primary": interface.primary,
        "MacAddress": "20:90:6F:00:00:00",
        "State": "AVAILABLE",
        "NetworkInterfaceState": "INUSE" if interface.instance_id else "AVAILABLE",
        "PrivateIpAddressSet": [
            {"PrivateIpAddress": each.ip, "Primary": each.primary, "State": each.state, "Description": ""}
            for each in interface.addresses.values()
        ],
        "Attachment": attachment if interface.instance_id else None,
        "Ipv6AddressSet": [],
        "TagSet": [],
        "EniType": 1 if interface.primary else 0,
        "AttachType": 0,
    }


def describe_vpcs(request: Request) -> Answer:
    """DescribeVpcs: Offset and Limit are texts."""
    ids = ids_or_filters(request, "VpcIds")
    with request.world.held():
        found = [each for each in request.seen(request.world.vpcs.values()) if not ids or each.vpc_id in ids]
        found = filtered(request, found, {"vpc-id": by("vpc_id"), "vpc-name": by("name"), "cidr-block": by("cidr")})
        return {"TotalCount": len(found), "VpcSet": [_vpc(each) for each in page(request, found)]}


def _vpc(vpc: Vpc) -> Answer:
    return {
        "VpcId": vpc.vpc_id,
        "VpcName": vpc.name,
        "CidrBlock": vpc.cidr,
        "IsDefault": False,
        "AssistantCidrSet": _assistant_cidrs(vpc),
    }


def _assistant_cidrs(vpc: Vpc) -> list[Answer]:
    kinds = ((CONTAINER_CIDR, vpc.container_cidrs), (ORDINARY_CIDR, vpc.assistant_cidrs))
    return [
        {"VpcId": vpc.vpc_id, "CidrBlock": cidr, "AssistantType": kind, "SubnetSet": []}
        for kind, cidrs in kinds
        for cidr in cidrs
    ]


def describe_subnets(request: Request) -> Answer:
    """DescribeSubnets: Offset and Limit are texts."""
    ids = ids_or_filters(request, "SubnetIds")
    with request.world.held():
        found = [each for each in request.seen(request.world.subnets.values()) if not ids or each.subnet_id in ids]
        known = {"subnet-id": by("subnet_id"), "vpc-id": by("vpc_id"), "cidr-block": by("cidr")}
        found = filtered(request, found, known)
        return {"TotalCount": len(found), "SubnetSet": [_subnet(each) for each in page(request, found)]}


def _subnet(subnet: Subnet) -> Answer:
    return {
        "VpcId": subnet.vpc_id,
        "SubnetId": subnet.subnet_id,
        "SubnetName": subnet.name,
        "CidrBlock": subnet.cidr,
        "IsDefault": False,
        "Zone": f"{subnet.region}-1",
    }


def describe_assistant_cidr(request: Request) -> Answer:
    """DescribeAssistantCidr: AssistantType 1 is a container CIDR, 0 an ordinary one."""
    ids = ids_or_filters(request, "VpcIds")
    with request.world.held():
        vpcs = [each for each in request.seen(request.world.vpcs.values()) if not ids or each.vpc_id in ids]
        vpcs = filtered(request, vpcs, {"vpc-id": by("vpc_id")})
        found = [row for each in vpcs for row in _assistant_cidrs(each)]
    return {"TotalCount": len(found), "AssistantCidrSet": page(request, found)}


def describe_account_type(request: Request) -> Answer:
    """DescribeNetworkAccountType: STANDARD is bill-by-IP, LEGACY traditional."""
    return {"NetworkAccountType": request.world.account_type}


def describe_policies(request: Request) -> Answer:
    """DescribeSecurityGroupPolicies: all rules of one group."""
    security_group_id = request.asked["SecurityGroupId"]
    with request.world.held():
        found = request.world.security_groups.get(security_group_id)
        if found is None or found.region != request.region:
            raise CloudError("ResourceNotFound", f"The security group {security_group_id} does not exist.")
        both = {"Ingress": _policies(found.ingress), "Egress": _policies(found.egress)}
    return {"SecurityGroupPolicySet": {"Version": "1", **both}}


def _policies(policies: list[Policy]) -> list[Answer]:
    return [
        {
            "PolicyIndex": index,
            "Protocol": each.protocol,
            "Port": each.port,
            "CidrBlock": each.cidr,
            "Action": each.action,
            "PolicyDescription": "",
        }
        for index, each in enumerate(policies)
    ]


def describe_used_addresses(request: Request) -> Answer:
    """DescribeUsedIpAddress: which of up to 100 addresses of a VPC are on an interface, and whose."""
    vpc_id, subnet_id = request.asked["VpcId"], request.asked.get("SubnetId")
    found: list[Answer] = []
    with request.world.held():
        for ip in at_most(request, "IpAddresses", MOST_ADDRESSES):
            holder = request.world.holder(vpc_id, ip)
            if holder and holder.region == request.region and subnet_id in (None, holder.subnet_id):
                place = {"VpcId": vpc_id, "SubnetId": holder.subnet_id, "IpAddress": ip}
                found.append({**place, "ResourceType": "ENI", "ResourceId": holder.interface_id})
    return {"TotalCount": len(found), "IpAddressStates": page(request, found)}


_NUMBERED = {"Filters": FILTERS, "Offset": int, "Limit": int}
_TEXTED = {"Filters": FILTERS, "Offset": str, "Limit": str}

ACTIONS = (
    Action(
        "DescribeNetworkInterfaces",
        "vpc",
        {"NetworkInterfaceIds": [str], **_NUMBERED},
        describe_interfaces,
        rate=VPC_READS_PER_SECOND,
    ),
    Action("DescribeVpcs", "vpc", {"VpcIds": [str], **_TEXTED}, describe_vpcs, rate=VPC_READS_PER_SECOND),
    Action("DescribeSubnets", "vpc", {"SubnetIds": [str], **_TEXTED}, describe_subnets, rate=VPC_READS_PER_SECOND),
    Action(
        "DescribeAssistantCidr",
        "vpc",
        {"VpcIds": [str], **_NUMBERED},
        describe_assistant_cidr,
        rate=VPC_READS_PER_SECOND,
    ),
    Action("DescribeNetworkAccountType", "vpc", {}, describe_account_type),
    Action("DescribeSecurityGroupPolicies", "vpc", {"SecurityGroupId": str}, describe_policies, ("SecurityGroupId",)),
    Action(
        "DescribeUsedIpAddress",
        "vpc",
        {"VpcId": str, "SubnetId": str, "IpAddresses": [str], "Offset": int, "Limit": int},
        describe_used_addresses,
        ("VpcId", "IpAddresses"),
    ),
)
