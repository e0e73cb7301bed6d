"""The evidence of ownership, read whole: every page, every VPC, exactly the addresses that were asked for."""

from collections.abc import Mapping
from typing import Any

import pytest

from app.cloud import networks
from app.cloud.client import Client
from app.cloud.networks import read_attachments, read_interfaces, read_routes, read_topology
from app.domain.cluster import Topology
from app.domain.errors import CloudAmbiguous, CloudError
from app.ownership.evidence import Attachment, InterfaceAddress, Route
from app.simulator.server import Simulator
from tests.cloud.conftest import actions

USUAL = InterfaceAddress("10.0.3.17", "eni-1", "vpc-1", "subnet-1", "ins-1", "AVAILABLE")


def test_an_address_is_found_on_its_interface(client: Client) -> None:
    assert read_interfaces(client, ["10.0.3.17"]) == {"10.0.3.17": (USUAL,)}


def test_an_address_that_no_interface_holds_is_answered_with_none_of_them(client: Client) -> None:
    assert read_interfaces(client, ["10.0.99.99", "10.0.3.17"]) == {"10.0.99.99": (), "10.0.3.17": (USUAL,)}


def test_no_addresses_are_no_call(client: Client, simulator: Simulator) -> None:
    assert read_interfaces(client, []) == {}
    assert simulator.calls == []


def test_what_a_single_value_matches_fuzzily_is_left_out(client: Client, simulator: Simulator) -> None:
    # "10.0.3.1" is also within "10.0.3.17", and the filter matches a single value fuzzily.
    found = read_interfaces(client, ["10.0.3.1"])
    assert list(found) == ["10.0.3.1"]
    assert [address.ip for address in found["10.0.3.1"]] == ["10.0.3.1"]
    simulator.edit("move-address", ip="10.0.3.1", **{"from": "eni-1"})
    assert read_interfaces(client, ["10.0.3.1"]) == {"10.0.3.1": ()}


def test_detached_interfaces_and_states_are_told_as_they_are(client: Client) -> None:
    found = read_interfaces(client, ["10.0.8.1", "10.0.3.18"])
    assert [address.instance_id for address in found["10.0.8.1"]] == [None]
    assert [address.state for address in found["10.0.3.18"]] == ["PENDING"]


def test_the_same_address_in_several_vpcs_is_found_in_each(client: Client, simulator: Simulator) -> None:
    twin = {"interface_id": "eni-3", "vpc_id": "vpc-2", "subnet_id": "subnet-2", "instance_id": "ins-2"}
    simulator.edit("add-interface", interface={**twin, "addresses": ["10.1.3.17"]})
    simulator.edit("add-vpc", vpc={"vpc_id": "vpc-3", "cidr": "10.0.0.0/16"})
    simulator.edit("add-subnet", subnet={"subnet_id": "subnet-3", "vpc_id": "vpc-3", "cidr": "10.0.0.0/16"})
    other = {"interface_id": "eni-4", "vpc_id": "vpc-3", "subnet_id": "subnet-3", "instance_id": "ins-3"}
    simulator.edit("add-interface", interface={**other, "addresses": ["10.0.3.17"]})
    found = read_interfaces(client, ["10.0.3.17", "10.1.3.17"])
    assert {address.vpc_id for address in found["10.0.3.17"]} == {"vpc-1", "vpc-3"}
    assert {address.vpc_id for address in found["10.1.3.17"]} == {"vpc-2"}


def test_addresses_are_asked_for_a_hundred_at_a_time(client: Client, simulator: Simulator) -> None:
    ips = [f"10.0.4.{number}" for number in range(1, 251)]
    found = read_interfaces(client, ips)
    assert all(len(found[ip]) == 1 for ip in ips)
    sizes = [len(call["parameters"]["Filters"][0]["Values"]) for call in simulator.calls]
    assert sizes == [100, 100, 50]


def test_more_interfaces_than_a_page_holds_are_all_read(client: Client, simulator: Simulator) -> None:
    interfaces = range(250)
    for number in interfaces:
        where = {"vpc_id": "vpc-1", "subnet_id": "subnet-1", "instance_id": f"ins-{number}"}
        interface = {"interface_id": f"eni-{1000 + number}", **where, "addresses": [f"10.0.20.{number + 1}"]}
        simulator.edit("add-interface", interface=interface)
    # One value that is within all of them: the fuzzy filter makes pages out of it.
    found = read_interfaces(client, ["10.0.20.1"])
    assert [address.interface_id for address in found["10.0.20.1"]] == ["eni-1000"]
    assert [call["parameters"]["Offset"] for call in simulator.calls] == [0, 100]
    pages = list(networks._pages(client, "DescribeNetworkInterfaces", {}, "NetworkInterfaceSet"))
    assert sum(map(len, pages)) == 250 + 3


def test_an_attachment_is_told_with_its_state(client: Client) -> None:
    assert read_attachments(client, "vpc-1") == (Attachment("ccn-1", "vpc-1", "ACTIVE"),)
    assert read_attachments(client, "vpc-2") == (Attachment("ccn-1", "vpc-2", "PENDING"),)
    assert read_attachments(client, "vpc-none") == ()


def test_routes_are_read_over_all_pages(client: Client, simulator: Simulator) -> None:
    for number in range(230):
        route = {"cidr": f"10.{number}.0.0/24", "vpc_id": "vpc-1", "enabled": number % 2 == 0}
        simulator.edit("add-route", ccn_id="ccn-1", route=route)
    routes = read_routes(client, "ccn-1")
    assert len(routes) == 232
    assert routes[0] == Route("ccn-1", "172.16.0.0/16", "VPC", "vpc-1", True)
    assert [call["parameters"]["Offset"] for call in simulator.calls] == [0, 100, 200]


def test_a_ccn_without_routes_has_none(client: Client, simulator: Simulator) -> None:
    simulator.edit("add-ccn", ccn={"ccn_id": "ccn-2", "attachments": [], "routes": []})
    assert read_routes(client, "ccn-2") == ()
    assert actions(simulator) == ["DescribeCcnRoutes"]


def test_a_cluster_s_networks_are_read(client: Client) -> None:
    assert read_topology(client, "cls-1") == Topology("vpc-1", (), "192.168.0.0/17", ("subnet-1",))
    found = read_topology(client, "cls-gr")
    assert found is not None
    assert found.cluster_cidrs == ("172.16.0.0/16",)


def test_an_unknown_cluster_has_no_topology(client: Client) -> None:
    assert read_topology(client, "cls-none") is None


@pytest.mark.parametrize("kind", ["reset", "throttle", "http-500", "internal-error-after"])
def test_a_page_that_fails_fails_the_reading_and_nothing_is_taken_for_the_whole(
    client: Client, simulator: Simulator, kind: str
) -> None:
    for number in range(120):
        simulator.edit("add-route", ccn_id="ccn-1", route={"cidr": f"10.{number}.0.0/24", "vpc_id": "vpc-1"})
    pages = networks._pages(client, "DescribeCcnRoutes", {"CcnId": "ccn-1"}, "RouteSet")
    assert len(next(pages)) == 100
    simulator.order(kind, action="DescribeCcnRoutes")
    with pytest.raises(CloudError):
        next(pages)


class Paged:
    """A cloud that gives its items in pages of its own size, whatever was asked for."""

    def __init__(self, total: int, size: int, *, claimed: int | None = None) -> None:
        self._items = [{"DestinationCidrBlock": f"10.{n // 250}.{n % 250}.0/24"} for n in range(total)]
        self._size = size
        self._claimed = total if claimed is None else claimed
        self.calls = 0

    def call(self, _service: str, _action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        self.calls += 1
        offset = parameters["Offset"]
        page = self._items[offset : offset + min(self._size, parameters["Limit"])]
        return {"TotalCount": self._claimed, "RouteSet": page or None, "RequestId": "r-1"}


def routes_of(paged: Paged) -> list[str]:
    client: Any = paged
    return [route.destination for route in read_routes(client, "ccn-1")]


def test_a_cloud_that_gives_shorter_pages_than_asked_for_is_read_without_a_gap() -> None:
    assert len(set(routes_of(Paged(230, 40)))) == 230


def test_a_cloud_that_tells_no_total_is_read_until_a_page_is_short() -> None:
    assert len(routes_of(Paged(230, 100, claimed=0))) == 230


def test_a_page_that_is_exactly_full_is_not_followed_by_an_empty_one() -> None:
    paged = Paged(200, 100)
    assert len(routes_of(paged)) == 200
    assert paged.calls == 2


def test_a_reading_that_would_not_end_is_no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "MOST_PAGES", 3)
    with pytest.raises(CloudAmbiguous):
        routes_of(Paged(1000, 100))


def test_a_reading_that_ends_before_its_own_total_is_no_reading() -> None:
    with pytest.raises(CloudAmbiguous):
        routes_of(Paged(150, 100, claimed=400))


def test_an_interface_that_two_pages_list_counts_once() -> None:
    class Shifting:
        """Pages that shift while they are read: the first interface shows up again on the second page."""

        def call(self, _service: str, _action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
            number = parameters["Offset"] // 100
            page = [
                _interface(0 if number and index == 0 else number * 100 + index) for index in range(100 - 50 * number)
            ]
            return {"TotalCount": 150, "NetworkInterfaceSet": page}

    client: Any = Shifting()
    found = read_interfaces(client, ["10.0.0.0"])
    assert [address.interface_id for address in found["10.0.0.0"]] == ["eni-0"]


def _interface(number: int) -> dict[str, Any]:
    addresses = [{"PrivateIpAddress": f"10.0.{number // 250}.{number % 250}", "State": "AVAILABLE"}]
    return {"NetworkInterfaceId": f"eni-{number}", "VpcId": "vpc-1", "PrivateIpAddressSet": addresses}
