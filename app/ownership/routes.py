"""The routes of a Cloud Connect Network, ready to be asked which of them cover an address.

A table may have ten thousand routes and be asked for thousands of addresses, so it is sorted by prefix once: a question
costs one look-up per length of prefix that occurs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network
from typing import Any


@dataclass(frozen=True, slots=True)
class Route:
    """A route of a Cloud Connect Network (VPC API, DescribeCcnRoutes)."""

    ccn_id: str
    destination: str
    instance_type: str
    instance_id: str
    enabled: bool

    def facts(self) -> dict[str, Any]:
        """What an auditor needs to look it up again."""
        return {
            "ccn_id": self.ccn_id,
            "destination": self.destination,
            "leads_to": self.instance_id,
            "enabled": self.enabled,
        }


class RouteTable:
    """Routes by length of prefix. ``unreadable`` are those whose destination is no network: they may cover anything."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes: tuple[Route, ...] = tuple(routes)
        self.unreadable: list[Route] = []
        self._by_length: dict[int, dict[int, list[Route]]] = {}
        for route in self.routes:
            network = network_of(route.destination)
            if network is None:
                self.unreadable.append(route)
            elif isinstance(network, IPv4Network):
                starts = self._by_length.setdefault(network.prefixlen, {})
                starts.setdefault(int(network.network_address), []).append(route)
        self._lengths: Sequence[int] = sorted(self._by_length, reverse=True)

    def __eq__(self, other: object) -> bool:
        """Tables are equal when they say the same, in whatever order."""
        return isinstance(other, RouteTable) and frozenset(self.routes) == frozenset(other.routes)

    def __hash__(self) -> int:
        return hash(frozenset(self.routes))

    def longest(self, ip: str, *, enabled: bool) -> list[Route]:
        """The routes of the longest prefix that covers ``ip``, among those enabled or those not; several are a tie."""
        address = int(IPv4Address(ip))
        for length in self._lengths:
            start = address >> (32 - length) << (32 - length)
            found = [route for route in self._by_length[length].get(start, ()) if route.enabled is enabled]
            if found:
                return found
        return []


def network_of(cidr: str) -> IPv4Network | IPv6Network | None:
    """The network that the cloud wrote as ``cidr``; None when it cannot be read, which proves and refuses nothing."""
    try:
        return ip_network(cidr, strict=False)
    except ValueError:
        return None


def covers(cidr: str | None, ip: str) -> bool:
    """Whether ``ip`` is in ``cidr``; not when there is none or it cannot be read."""
    network = network_of(cidr) if cidr else None
    return network is not None and IPv4Address(ip) in network


def overlap(one: str, other: str) -> bool:
    """Whether two networks have an address in common; not when one of them cannot be read."""
    first, second = network_of(one), network_of(other)
    return isinstance(first, IPv4Network) and isinstance(second, IPv4Network) and first.overlaps(second)
