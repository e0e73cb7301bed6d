"""The table of routes: the longest prefix, ties, what is off, and what cannot be read."""

from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ownership.routes import Route, RouteTable, covers, network_of, overlap
from tests.ownership.builders import IP, route
from tests.planning.histories import law

LONGEST: dict[str, tuple[tuple[Route, ...], list[str]]] = {
    "none": ((), []),
    "one that covers it": ((route("172.16.0.0/16"),), ["172.16.0.0/16"]),
    "one next to it": ((route("172.17.0.0/16"),), []),
    "the longer": ((route("172.16.0.0/16"), route("172.16.3.0/24")), ["172.16.3.0/24"]),
    "the one of all addresses": ((route("0.0.0.0/0"), route("172.17.0.0/16")), ["0.0.0.0/0"]),
    "its own": ((route("172.16.3.17/32"), route("172.16.3.0/24")), ["172.16.3.17/32"]),
    "a longer one next to it": ((route("172.16.3.16/32"), route("172.16.0.0/16")), ["172.16.0.0/16"]),
    "one with bits behind its prefix": ((route("172.16.3.99/24"),), ["172.16.3.99/24"]),
    "one by its mask": ((route("172.16.0.0/255.255.0.0"),), ["172.16.0.0/255.255.0.0"]),
    "one without a prefix": ((route("172.16.3.17"),), ["172.16.3.17"]),
    "two alike, written otherwise": (
        (route("172.16.3.0/24", "vpc-a"), route("172.16.3.1/24", "vpc-b")),
        ["172.16.3.0/24", "172.16.3.1/24"],
    ),
    "one of IPv6 is none": ((route("::/0"), route("fd00::/8")), []),
    "an unreadable one is none": ((route("172.16"), route(""), route("172.16.0.0/33")), []),
}


@pytest.mark.parametrize(("routes", "expected"), LONGEST.values(), ids=LONGEST.keys())
def test_the_longest_prefix_that_covers_the_address_is_found(routes: tuple[Route, ...], expected: list[str]) -> None:
    for given_routes in (routes, routes[::-1]):
        found = RouteTable(given_routes).longest(IP, enabled=True)
        assert sorted(each.destination for each in found) == expected


def test_what_is_on_and_what_is_off_are_asked_for_apart() -> None:
    on, off = route("172.16.0.0/16"), route("172.16.3.0/24", enabled=False)
    table = RouteTable([on, off])
    assert (table.longest(IP, enabled=True), table.longest(IP, enabled=False)) == ([on], [off])
    same = RouteTable([on, route("172.16.0.0/16", "vpc-other", enabled=False)])
    assert same.longest(IP, enabled=True) == [on]


def test_what_cannot_be_read_is_kept_aside_and_what_is_of_ipv6_is_not() -> None:
    wrong, six = route("172.16.0.0/99"), route("fd00::/8")
    table = RouteTable([wrong, six, route("172.16.0.0/16")])
    assert table.unreadable == [wrong]
    assert len(table.routes) == 3


def test_tables_are_equal_when_they_say_the_same_in_whatever_order() -> None:
    one, other = route("172.16.0.0/16"), route("10.0.0.0/8", enabled=False)
    assert RouteTable([one, other]) == RouteTable([other, one])
    assert hash(RouteTable([one, other])) == hash(RouteTable([other, one, one]))
    assert RouteTable([one]) != RouteTable([one, other])
    assert RouteTable([other]) != RouteTable([route("10.0.0.0/8", enabled=True)])
    assert RouteTable([one]) != (one,)


destinations = st.one_of(
    st.builds(
        lambda address, length: f"{IPv4Address(address)}/{length}",
        st.one_of(st.integers(0, 2**32 - 1), st.sampled_from([int(IPv4Address(IP)) ^ (1 << bit) for bit in range(24)])),
        st.integers(0, 32),
    ),
    st.sampled_from([IP, "0.0.0.0/0", "172.16.0.0/16", "172.16.3.0/24", "fd00::/8", "", "172.16", "::/999"]),
    st.text(max_size=5),
)
routes_drawn = st.lists(
    st.builds(route, destinations, st.sampled_from(["vpc-mine", "vpc-other"]), enabled=st.booleans()), max_size=12
)


def longest_by_hand(routes: list[Route], ip: str, enabled: bool) -> list[Route]:
    """The same, by asking each route."""
    lengths: list[tuple[int, Route]] = []
    for each in routes:
        try:
            network = ip_network(each.destination, strict=False)
        except ValueError:
            continue
        if each.enabled is enabled and ip_address(ip) in network:
            lengths.append((network.prefixlen, each))
    most = max((length for length, _ in lengths), default=0)
    return [each for length, each in lengths if length == most]


@law
@given(
    routes_drawn, st.one_of(st.just(IP), st.integers(0, 2**32 - 1).map(lambda n: str(IPv4Address(n)))), st.booleans()
)
def test_the_table_finds_what_asking_each_route_finds(routes: list[Route], ip: str, enabled: bool) -> None:
    assert RouteTable(routes).longest(ip, enabled=enabled) == longest_by_hand(routes, ip, enabled)


def test_ten_thousand_routes_cost_a_question_no_more_than_a_few() -> None:
    many = [route(str(IPv4Network((number << 12, 20)))) for number in range(10_000)]
    lengths = [route(f"172.16.0.0/{length}") for length in range(8, 25)]
    table = RouteTable([*many, *lengths])
    begun = perf_counter()
    for _ in range(2000):
        assert table.longest(IP, enabled=True)
    # Asking each of the routes in turn would take half a minute.
    assert perf_counter() - begun < 10


@pytest.mark.parametrize(
    ("cidr", "covered"),
    [
        ("172.16.3.17", True),
        ("172.16.0.0/16", True),
        ("172.17.0.0/16", False),
        ("::/0", False),
        ("172.16", False),
        ("", False),
        (None, False),
    ],
)
def test_a_network_covers_an_address_or_cannot_be_read(cidr: str | None, covered: bool) -> None:
    assert covers(cidr, IP) is covered


@pytest.mark.parametrize(
    ("one", "other", "overlaps"),
    [
        ("10.0.0.0/8", "10.1.0.0/16", True),
        ("10.1.0.0/16", "10.1.0.0/16", True),
        ("10.0.0.0/16", "10.1.0.0/16", False),
        ("10.0.0.0/8", "10", False),
        ("10.0.0.0/8", "::/0", False),
        ("::/0", "::/0", False),
        ("", "", False),
    ],
)
def test_networks_overlap_in_whichever_order(one: str, other: str, overlaps: bool) -> None:
    assert overlap(one, other) is overlap(other, one) is overlaps


@law
@given(st.text(max_size=20))
def test_whatever_is_written_where_a_network_belongs_is_read_or_not(text: str) -> None:
    network = network_of(text)
    assert network is None or str(network) == str(network_of(str(network)))
