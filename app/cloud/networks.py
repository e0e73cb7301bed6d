"""Interfaces, Cloud Connect Networks and clusters: the evidence that ownership rests on."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from app.cloud import translate
from app.cloud.client import Client
from app.domain.cluster import Topology
from app.domain.errors import CloudAmbiguous
from app.ownership.evidence import Attachment, InterfaceAddress, Route

ADDRESSES_PER_READ: Final = 100
PAGE: Final = 100
"""Most items of one page (VPC and TKE API)."""

MOST_PAGES: Final = 1000
"""A read that would not end is broken off: it is an answer that cannot be trusted, and so is one that ends too soon."""


def read_interfaces(client: Client, ips: Sequence[str]) -> dict[str, tuple[InterfaceAddress, ...]]:
    """The interfaces that hold each of ``ips``, in any VPC of the account and region; () where none does.

    The filter matches a single value fuzzily, so what else it finds is left out here. Raises a `CloudError`.
    """
    found: dict[str, dict[tuple[str, str], InterfaceAddress]] = defaultdict(dict)
    for start in range(0, len(ips), ADDRESSES_PER_READ):
        part = list(ips[start : start + ADDRESSES_PER_READ])
        parameters = {"Filters": [{"Name": "address-ip", "Values": part}]}
        for page in _pages(client, "DescribeNetworkInterfaces", parameters, "NetworkInterfaceSet"):
            for address in translate.interface_addresses(page):
                # An interface may be listed twice when pages shift while being read.
                found[address.ip][address.interface_id, address.vpc_id] = address
    return {ip: tuple(found[ip].values()) if ip in found else () for ip in ips}


def read_attachments(client: Client, vpc_id: str) -> tuple[Attachment, ...]:
    """The Cloud Connect Networks that a VPC is attached to. Raises a `CloudError`."""
    parameters = {"Filters": [{"Name": "instance-id", "Values": [vpc_id]}]}
    pages = _pages(client, "DescribeCcnAttachedInstances", parameters, "InstanceSet")
    return translate.attachments([each for page in pages for each in page])


def read_routes(client: Client, ccn_id: str) -> tuple[Route, ...]:
    """All routes of a Cloud Connect Network. Raises a `CloudError`."""
    pages = _pages(client, "DescribeCcnRoutes", {"CcnId": ccn_id}, "RouteSet")
    return translate.routes(ccn_id, [each for page in pages for each in page])


def read_topology(client: Client, cluster_id: str) -> Topology | None:
    """A cluster's networks; None when the cloud does not know the cluster. Raises a `CloudError`."""
    answer = client.call("tke", "DescribeClusters", {"ClusterIds": [cluster_id], "Limit": PAGE})
    for cluster in answer.get("Clusters") or ():
        if cluster.get("ClusterId") == cluster_id:
            return translate.topology(cluster)
    return None


def _pages(
    client: Client, action: str, parameters: Mapping[str, Any], field: str
) -> Iterator[Sequence[Mapping[str, Any]]]:
    """All pages; the next begins where this one ended, since the cloud may give shorter ones than asked for."""
    offset = 0
    for _ in range(MOST_PAGES):
        answer = client.call("vpc", action, {**parameters, "Offset": offset, "Limit": PAGE})
        page, total = answer.get(field) or (), int(answer.get("TotalCount") or 0)
        yield page
        offset += len(page)
        if offset >= total and (total or len(page) < PAGE):
            return
        if not page:
            break
    raise CloudAmbiguous("IncompleteAnswer", f"{action}: {offset} items, which are not all there should be")
