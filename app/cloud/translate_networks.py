"""The cloud's answers about networks, clusters and machines as values of the domain. Pure.

Answers may hold null wherever the API's documentation says "may be null", and lists where it says nothing: every list
is read as empty when it is not there. What cannot be read at all raises, and `app.cloud.pages` tells it as no answer.
Field names are those of the VPC (2017-03-12), TKE (2018-05-25) and CVM (2017-03-12) models.
"""

import json
from collections.abc import Mapping
from typing import Any

from app.cloud.fields import flag, text, texts
from app.domain.cluster import Topology
from app.ownership.evidence import Attachment, InterfaceAddress, Policy
from app.ownership.routes import Route

Fields = Mapping[str, Any]

TEMPLATES = ("ServiceTemplate", "AddressTemplate", "SecurityGroupId", "Ipv6CidrBlock")
"""Fields of a rule that say by what else than ports and an IPv4 block it matches."""


def interface(found: Fields) -> tuple[str, tuple[InterfaceAddress, ...]]:
    """An interface's id, and each of its addresses (DescribeNetworkInterfaces)."""
    interface_id = text(found.get("NetworkInterfaceId"))
    addresses = tuple(
        InterfaceAddress(
            ip=text(address.get("PrivateIpAddress")),
            interface_id=interface_id,
            vpc_id=text(found.get("VpcId")),
            subnet_id=text(found.get("SubnetId")),
            instance_id=text((found.get("Attachment") or {}).get("InstanceId")) or None,
            state=text(address.get("State")),
            primary=flag(found.get("Primary")) and flag(address.get("Primary")),
            security_group_ids=texts(found.get("GroupSet")),
        )
        for address in found.get("PrivateIpAddressSet") or ()
    )
    return interface_id, addresses


def attachment(found: Fields) -> Attachment:
    """A VPC's attachment to a Cloud Connect Network (DescribeCcnAttachedInstances)."""
    ccn_id, vpc_id, state = (text(found.get(name)) for name in ("CcnId", "InstanceId", "State"))
    return Attachment(ccn_id, vpc_id, state, texts(found.get("CidrBlock")))


def route(ccn_id: str, found: Fields) -> Route | None:
    """A route of a Cloud Connect Network (DescribeCcnRoutes); one of IPv6 says nothing about IPv4 addresses."""
    destination = text(found.get("DestinationCidrBlock"))
    if ":" in destination or (not destination and found.get("DestinationIpv6CidrBlock")):
        return None
    instance_type, instance_id = text(found.get("InstanceType")), text(found.get("InstanceId"))
    return Route(ccn_id, destination, instance_type, instance_id, flag(found.get("Enabled")))


def policies(found: Fields) -> tuple[Policy, ...]:
    """The ingress rules of a security group in their order (DescribeSecurityGroupPolicies)."""
    return tuple(
        Policy(
            protocol=text(rule.get("Protocol")),
            port=text(rule.get("Port")),
            cidr=text(rule.get("CidrBlock")),
            action=text(rule.get("Action")),
            readable=not any(_filled(rule.get(name)) for name in TEMPLATES),
        )
        for rule in sorted(found.get("Ingress") or (), key=lambda rule: rule.get("PolicyIndex") or 0)
    )


def topology(cluster: Fields) -> Topology | None:
    """A cluster's networks (DescribeClusters); None while the cloud does not know its VPC."""
    networks: Fields = cluster.get("ClusterNetworkSettings") or {}
    vpc_id = text(networks.get("VpcId"))
    if not vpc_id:
        return None
    cidr = text(networks.get("ClusterCIDR"))
    return Topology(
        vpc_id=vpc_id,
        cluster_cidrs=(cidr,) if cidr else (),
        service_cidr=text(networks.get("ServiceCIDR")) or None,
        eni_subnet_ids=texts(networks.get("Subnets")),
    )


def network_type(cluster: Fields) -> str:
    """GR, VPC-CNI or CiliumOverlay, as the JSON text in ``Property`` says; "" when it does not."""
    try:
        found = json.loads(cluster.get("Property") or "{}")
    except (ValueError, RecursionError):
        return ""
    return str(found.get("NetworkType") or "") if isinstance(found, dict) else ""


def _filled(value: Any) -> bool:
    return bool(any(value.values()) if isinstance(value, dict) else value)
