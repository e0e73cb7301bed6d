"""Where a pod is bound: the name an agent gives to it, and the place at the cloud that the name means."""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from typing import Final

MIN_WEIGHT: Final = 0
MAX_WEIGHT: Final = 100
DEFAULT_WEIGHT: Final = 10
"""Range and default of a target's weight at the cloud (CLB API, RegisterTargets)."""

_OCTET: Final = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4: Final = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
"""Every address that `ipaddress.IPv4Address` reads, and no other text: its objects are too slow for each pod of a
burst."""

_LOOPBACK: Final = 127
_LAST_UNICAST: Final = 223
"""First octets: multicast begins after it, reserved addresses after that."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One backend slot at the cloud. ``location_id`` is empty on a layer-4 listener, ``port`` is the pod's port."""

    account_id: str
    load_balancer_id: str
    listener_id: str
    location_id: str
    ip: str
    port: int


@dataclass(frozen=True, slots=True)
class TargetName:
    """A target as an agent names it: by ``listener_id``, or by protocol and listener port.

    ``location_id``, or ``domain`` and ``url``, name the rule of a layer-7 listener. ``port`` is the pod's port.
    """

    load_balancer_id: str
    port: int
    listener_id: str | None = None
    location_id: str | None = None
    protocol: str | None = None
    listener_port: int | None = None
    domain: str | None = None
    url: str | None = None

    @property
    def key(self) -> str:
        """The name as one string; two equal names have equal keys, whatever the cloud says they mean."""
        listener = self.listener_id or f"{self.protocol}:{self.listener_port}"
        rule = self.location_id or (f"{self.domain or ''}{self.url or ''}")
        return f"{self.load_balancer_id}|{listener}|{rule}|{self.port}"


def bindable(ip: str) -> bool:
    """Whether ``ip`` is a unicast IPv4 address in canonical form that may be a backend at all.

    Loopback, link-local, multicast, broadcast, unspecified and reserved addresses are not. Direct binding is IPv4 only.
    """
    address = _IPV4.fullmatch(ip)
    if address is None:
        return False
    first = int(address[1])
    return 0 < first <= _LAST_UNICAST and first != _LOOPBACK and not ip.startswith("169.254.")


def is_address(ip: str) -> bool:
    """Whether ``ip`` is an IPv4 or IPv6 address in a form without leading zeros, white space or zone."""
    if _IPV4.fullmatch(ip):
        return True
    try:
        IPv6Address(ip)
    except AddressValueError:
        return False
    return "%" not in ip
