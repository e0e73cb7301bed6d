"""The cloud's answers as values of the domain, and changes as requests. Pure.

Answers may hold null wherever the API's documentation says "may be null", and lists where it says nothing: every list
is read as empty when it is not there. Field names are those of the CLB (2018-03-17), VPC (2017-03-12) and TKE
(2018-05-25) models.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from app.domain.cluster import Topology
from app.domain.load_balancer import Inventory, Listener, Rule
from app.domain.target import Place
from app.ownership.evidence import Attachment, InterfaceAddress, Route
from app.planning.batches import MAX_TARGETS_PER_RULE
from app.planning.plan import Change

Fields = Mapping[str, Any]


def inventory(load_balancer: Fields, listeners: Sequence[Fields]) -> Inventory:
    """A load balancer with its listeners and rules (DescribeLoadBalancers, DescribeListeners)."""
    return Inventory(
        vpc_id=load_balancer.get("VpcId") or "",
        vips=tuple(load_balancer.get("LoadBalancerVips") or ()),
        listeners=tuple(
            sorted((_listener(listener) for listener in listeners), key=lambda listener: listener.listener_id)
        ),
    )


def weights(account_id: str, load_balancer_id: str, listeners: Iterable[Fields]) -> dict[Place, int]:
    """Every target with its weight (DescribeTargets). One without a private address or port is none of the broker's."""
    found: dict[Place, int] = {}
    for listener in listeners:
        groups = [("", listener.get("Targets") or ())]
        groups += [(rule.get("LocationId") or "", rule.get("Targets") or ()) for rule in listener.get("Rules") or ()]
        for location_id, targets in groups:
            for target in targets:
                ips, port = target.get("PrivateIpAddresses") or (), target.get("Port")
                if ips and port is not None:
                    listener_id = listener["ListenerId"]
                    place = Place(account_id, load_balancer_id, listener_id, location_id, ips[0], int(port))
                    found[place] = int(target.get("Weight") or 0)
    return found


def batch_targets(changes: Sequence[Change], *, weighed: bool) -> list[dict[str, Any]]:
    """The ``Targets`` of BatchRegisterTargets (``weighed``) or BatchDeregisterTargets. Pods are bound by ``EniIp``."""
    targets = []
    for change in changes:
        target: dict[str, Any] = {
            "ListenerId": change.place.listener_id,
            "Port": change.place.port,
            "EniIp": change.place.ip,
        }
        if change.place.location_id:
            target["LocationId"] = change.place.location_id
        if weighed:
            target["Weight"] = change.weight
        targets.append(target)
    return targets


def weight_rules(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """The ``ModifyList`` of BatchModifyTargetWeight: entries of one listener or rule and one weight each."""

    def entry(change: Change) -> tuple[str, str, int]:
        return change.place.listener_id, change.place.location_id, change.weight

    rules = []
    for (listener_id, location_id, weight), group in groupby(sorted(changes, key=entry), key=entry):
        targets = [{"EniIp": change.place.ip, "Port": change.place.port} for change in group]
        for start in range(0, len(targets), MAX_TARGETS_PER_RULE):
            rule: dict[str, Any] = {"ListenerId": listener_id, "Weight": weight}
            if location_id:
                rule["LocationId"] = location_id
            rules.append(rule | {"Targets": targets[start : start + MAX_TARGETS_PER_RULE]})
    return rules


def interface_addresses(interfaces: Iterable[Fields]) -> list[InterfaceAddress]:
    """Every address of every interface (DescribeNetworkInterfaces)."""
    return [
        InterfaceAddress(
            ip=address.get("PrivateIpAddress") or "",
            interface_id=interface.get("NetworkInterfaceId") or "",
            vpc_id=interface.get("VpcId") or "",
            subnet_id=interface.get("SubnetId") or "",
            instance_id=(interface.get("Attachment") or {}).get("InstanceId") or None,
            state=address.get("State") or "",
        )
        for interface in interfaces
        for address in interface.get("PrivateIpAddressSet") or ()
    ]


def attachments(found: Iterable[Fields]) -> tuple[Attachment, ...]:
    """The VPCs attached to Cloud Connect Networks (DescribeCcnAttachedInstances)."""
    return tuple(
        Attachment(each.get("CcnId") or "", each.get("InstanceId") or "", each.get("State") or "") for each in found
    )


def routes(ccn_id: str, found: Iterable[Fields]) -> tuple[Route, ...]:
    """The routes of a Cloud Connect Network (DescribeCcnRoutes); IPv6 routes prove nothing about IPv4 addresses."""
    return tuple(
        Route(
            ccn_id,
            each["DestinationCidrBlock"],
            each.get("InstanceType") or "",
            each.get("InstanceId") or "",
            bool(each.get("Enabled")),
        )
        for each in found
        if each.get("DestinationCidrBlock") and ":" not in each["DestinationCidrBlock"]
    )


def topology(cluster: Fields) -> Topology | None:
    """A cluster's networks (DescribeClusters); None while the cloud does not know its VPC."""
    networks: Fields = cluster.get("ClusterNetworkSettings") or {}
    vpc_id = networks.get("VpcId")
    if not vpc_id:
        return None
    cidr = networks.get("ClusterCIDR")
    return Topology(
        vpc_id=vpc_id,
        cluster_cidrs=(cidr,) if cidr else (),
        service_cidr=networks.get("ServiceCIDR") or None,
        eni_subnet_ids=tuple(networks.get("Subnets") or ()),
    )


def _listener(listener: Fields) -> Listener:
    rules = tuple(
        sorted(
            (
                Rule(rule.get("LocationId") or "", rule.get("Domain") or "", rule.get("Url") or "")
                for rule in listener.get("Rules") or ()
            ),
            key=lambda rule: rule.location_id,
        )
    )
    return Listener(listener["ListenerId"], listener.get("Protocol") or "", int(listener.get("Port") or 0), rules)
