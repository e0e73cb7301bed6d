"""Which addresses may be bound at all, and the names of targets."""

from dataclasses import fields, replace
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.target import TargetName, bindable, is_address

GOOD = [
    "10.0.3.17",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "1.1.1.1",
    "223.255.255.255",
    "10.0.0.0",
    "10.255.0.255",
]
NOT_UNICAST = {
    "unspecified": "0.0.0.0",
    "this network": "0.1.2.3",
    "loopback": "127.0.0.1",
    "all of loopback": "127.255.255.254",
    "link-local": "169.254.0.23",
    "first of multicast": "224.0.0.1",
    "last of multicast": "239.255.255.255",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
}
NOT_CANONICAL = {
    "nothing": "",
    "a word": "web",
    "leading zeros": "010.0.3.17",
    "a leading zero at the end": "10.0.3.07",
    "three parts": "10.0.3",
    "five parts": "10.0.3.17.1",
    "too great": "10.0.3.256",
    "negative": "10.0.3.-1",
    "one number": "167772945",
    "hexadecimal": "0x0a.0.3.17",
    "CIDR": "10.0.3.17/32",
    "port": "10.0.3.17:80",
    "space before": " 10.0.3.17",
    "space behind": "10.0.3.17 ",
    "line break behind": "10.0.3.17\n",
    "null behind": "10.0.3.17\x00",
    "wide digits": "\uff11\uff10.0.3.17",
    "other digits": "\u0661\u0660.0.3.17",
    "empty part": "10..3.17",
}
SIX = ["::1", "fd00::17", "2001:db8::1", "::ffff:10.0.3.17", "::10.0.3.17"]


@pytest.mark.parametrize("ip", GOOD)
def test_a_unicast_address_is_bindable(ip: str) -> None:
    assert bindable(ip)
    assert is_address(ip)


@pytest.mark.parametrize("ip", NOT_UNICAST.values(), ids=NOT_UNICAST.keys())
def test_an_address_that_is_no_pods_is_an_address_but_not_bindable(ip: str) -> None:
    assert not bindable(ip)
    assert is_address(ip)


@pytest.mark.parametrize("ip", NOT_CANONICAL.values(), ids=NOT_CANONICAL.keys())
def test_what_is_not_written_canonically_is_no_address(ip: str) -> None:
    assert not bindable(ip)
    assert not is_address(ip)


@pytest.mark.parametrize("ip", SIX)
def test_an_ipv6_address_is_an_address_but_not_bindable_not_even_a_mapped_one(ip: str) -> None:
    assert not bindable(ip)
    assert is_address(ip)


@pytest.mark.parametrize("ip", ["fe80::1%eth0", "::1/128", " ::1", "::1\n", ":::1", "[::1]", "g::1"])
def test_an_ipv6_address_with_a_zone_or_anything_around_it_is_no_address(ip: str) -> None:
    assert not is_address(ip)
    assert not bindable(ip)


@settings(deadline=None, database=None, derandomize=True)
@given(st.ip_addresses(v=4))
def test_what_is_bindable_is_neither_reserved_nor_special(address: object) -> None:
    first, second = (int(part) for part in str(address).split(".")[:2])
    ordinary = 0 < first < 224 and first != 127 and (first, second) != (169, 254)
    assert bindable(str(address)) is ordinary


def as_the_standard_library_says(ip: str) -> tuple[bool, bool]:
    """Whether it is an IPv4 address, and whether it is one that a pod may have."""
    try:
        address = IPv4Address(ip)
    except ValueError:
        return False, False
    special = address.is_loopback or address.is_link_local or address.is_multicast or address.is_reserved
    return True, not special and not ip.startswith("0.")


@pytest.mark.parametrize("place", range(4))
def test_each_octet_is_read_as_the_standard_library_reads_it(place: int) -> None:
    octets = [*map(str, range(1000)), *(f"{number:03}" for number in range(100)), "00", "", "1000", "+1", "1_0"]
    for octet in octets:
        ip = ".".join(octet if each == place else "10" for each in range(4))
        assert (is_address(ip), bindable(ip)) == as_the_standard_library_says(ip), ip


@settings(deadline=None, database=None, derandomize=True)
@given(st.text("0123456789.", max_size=16) | st.from_regex(r"\A[0-9]{1,3}(\.[0-9]{1,3}){3}\s?\Z"))
def test_what_looks_like_an_address_is_read_as_the_standard_library_reads_it(ip: str) -> None:
    assert (is_address(ip), bindable(ip)) == as_the_standard_library_says(ip)


BY_ID = TargetName("lb-1", 8080, listener_id="lbl-1")
BY_PORT = TargetName("lb-1", 8080, protocol="TCP", listener_port=80)
BY_RULE = TargetName("lb-1", 8080, protocol="HTTPS", listener_port=443, domain="a.example", url="/")
BY_LOCATION = TargetName("lb-1", 8080, listener_id="lbl-1", location_id="loc-1")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        (BY_ID, "lb-1|lbl-1||8080"),
        (BY_PORT, "lb-1|TCP:80||8080"),
        (BY_RULE, "lb-1|HTTPS:443|a.example/|8080"),
        (BY_LOCATION, "lb-1|lbl-1|loc-1|8080"),
    ],
)
def test_the_key_is_the_name_as_one_string(name: TargetName, key: str) -> None:
    assert name.key == key
    assert replace(name).key == key


@pytest.mark.parametrize("name", [BY_ID, BY_PORT, BY_RULE, BY_LOCATION])
def test_another_name_has_another_key(name: TargetName) -> None:
    others: dict[str, Any] = {"load_balancer_id": "lb-2", "port": 9, "listener_port": 9, "url": "/other"}
    others |= {"listener_id": "lbl-9", "location_id": "loc-9", "protocol": "UDP", "domain": "b.example"}
    told = {each.name: replace(name, **{each.name: others[each.name]}) for each in fields(name)}
    spoken = {field: other for field, other in told.items() if getattr(name, field) is not None}
    assert all(other.key != name.key for other in spoken.values())
    assert len({other.key for other in spoken.values()}) == len(spoken)
