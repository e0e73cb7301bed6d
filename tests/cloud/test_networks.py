"""The evidence of ownership, read whole: every page, every VPC, exactly the addresses that were asked for."""

from collections.abc import Callable
from typing import Any

import pytest

from app.cloud.client import Client
from app.cloud.networks import read_account_type, read_ccn, read_ccn_ids, read_interfaces, read_policies
from app.domain.errors import CloudAmbiguous, CloudError, CloudResourceMissing
from app.ownership.evidence import Attachment, InterfaceAddress, Policy
from app.ownership.routes import Route
from app.simulator.server import Simulator
from tests.cloud.conftest import actions
from tests.cloud.scripted import Scripted

USUAL = InterfaceAddress("10.0.3.17", "eni-1", "vpc-1", "subnet-1", "ins-1", "AVAILABLE")


def nothing() -> None:
    """Between two pages."""


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
    for number in range(250):
        where = {"vpc_id": "vpc-1", "subnet_id": "subnet-1", "instance_id": f"ins-{number}"}
        interface = {"interface_id": f"eni-{1000 + number}", **where, "addresses": [f"10.0.20.{number + 1}"]}
        simulator.edit("add-interface", interface=interface)
    # One value that is within all of them: the fuzzy filter makes pages out of it.
    found = read_interfaces(client, ["10.0.20.1"])
    assert [address.interface_id for address in found["10.0.20.1"]] == ["eni-1000"]
    assert [call["parameters"]["Offset"] for call in simulator.calls] == [0, 100]


def interface(number: int, state: str = "AVAILABLE", **fields: Any) -> dict[str, Any]:
    addresses = [{"PrivateIpAddress": f"10.0.{number // 250}.{number % 250}", "State": state}]
    return {"NetworkInterfaceId": f"eni-{number}", "VpcId": "vpc-1", "PrivateIpAddressSet": addresses, **fields}


def interfaces_of(*pages: list[Any], total: int) -> dict[str, tuple[InterfaceAddress, ...]]:
    cloud: Any = Scripted(
        DescribeNetworkInterfaces=[{"TotalCount": total, "NetworkInterfaceSet": page} for page in pages]
    )
    return read_interfaces(cloud, ["10.0.0.0"])


def test_an_interface_that_one_page_lists_twice_counts_once() -> None:
    found = interfaces_of([interface(0), interface(0), interface(1)], total=3)
    assert [address.interface_id for address in found["10.0.0.0"]] == ["eni-0"]


def test_an_interface_that_two_pages_list_was_read_while_its_pages_shifted() -> None:
    """Another one is then missing, even where the interface itself has changed between the two."""
    for again in (interface(0), interface(0, "PENDING")):
        with pytest.raises(CloudAmbiguous) as raised:
            interfaces_of([interface(n) for n in range(100)], [again, *map(interface, range(101, 150))], total=150)
        assert raised.value.code == "IncompleteAnswer"


WRONG: tuple[Any, ...] = (5, {"a": 1}, [None], [["x"]], True)


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("field", ["NetworkInterfaceId", "VpcId", "SubnetId", "PrivateIpAddressSet", "GroupSet"])
def test_an_interface_of_a_wrong_type_is_no_answer(field: str, wrong: Any) -> None:
    with pytest.raises(CloudAmbiguous):
        interfaces_of([interface(0, **{field: wrong})], total=1)


def test_the_networks_of_a_vpc_are_found_in_whatever_state_it_is_attached(client: Client) -> None:
    assert read_ccn_ids(client, "vpc-1") == ["ccn-1"]
    assert read_ccn_ids(client, "vpc-2") == ["ccn-1"]
    assert read_ccn_ids(client, "vpc-none") == []


def test_networks_are_told_once_in_order_and_those_of_others_are_left_out() -> None:
    found = [
        {"CcnId": "ccn-2", "InstanceId": "vpc-1"},
        {"CcnId": "ccn-1", "InstanceId": "vpc-1", "State": "PENDING"},
        {"CcnId": "ccn-2", "InstanceId": "vpc-1", "State": "DELETING"},
        {"CcnId": "ccn-3", "InstanceId": "vpc-10"},
    ]
    cloud: Any = Scripted(DescribeCcnAttachedInstances=[{"TotalCount": 4, "InstanceSet": found}])
    assert read_ccn_ids(cloud, "vpc-1") == ["ccn-1", "ccn-2"]


@pytest.mark.parametrize("names", [{"CcnId": None, "InstanceId": "vpc-1"}, {"CcnId": "ccn-1"}, {}])
def test_an_attachment_without_names_is_no_answer(names: dict[str, Any]) -> None:
    cloud: Any = Scripted(DescribeCcnAttachedInstances=[{"TotalCount": 1, "InstanceSet": [names]}])
    with pytest.raises(CloudAmbiguous):
        read_ccn_ids(cloud, "vpc-1")


def test_a_network_is_read_with_all_that_is_attached_and_all_routes(client: Client) -> None:
    ccn, calls = read_ccn(client, "ccn-1", nothing)
    assert (ccn.ccn_id, calls) == ("ccn-1", 2)
    assert ccn.attachments == (
        Attachment("ccn-1", "vpc-1", "ACTIVE", ("10.0.0.0/16", "172.16.0.0/16")),
        Attachment("ccn-1", "vpc-2", "PENDING", ("10.1.0.0/16",)),
    )
    assert ccn.routes.routes == (
        Route("ccn-1", "172.16.0.0/16", "VPC", "vpc-1", True),
        Route("ccn-1", "10.1.0.0/16", "VPC", "vpc-2", False),
    )


def test_routes_are_read_over_all_pages_and_the_reader_is_asked_between_them(
    client: Client, simulator: Simulator
) -> None:
    for number in range(230):
        route = {"cidr": f"10.{number}.0.0/24", "vpc_id": "vpc-1", "enabled": number % 2 == 0}
        simulator.edit("add-route", ccn_id="ccn-1", route=route)
    asked: list[int] = []
    ccn, calls = read_ccn(client, "ccn-1", lambda: asked.append(len(simulator.calls)))
    assert (len(ccn.routes.routes), calls) == (232, 4)
    offsets = [call["parameters"]["Offset"] for call in simulator.calls if call["action"] == "DescribeCcnRoutes"]
    assert offsets == [0, 100, 200]
    assert asked == [2, 3]


def test_a_network_without_routes_has_none(client: Client, simulator: Simulator) -> None:
    simulator.edit("add-ccn", ccn={"ccn_id": "ccn-2", "attachments": [], "routes": []})
    ccn, _ = read_ccn(client, "ccn-2", nothing)
    assert (ccn.attachments, ccn.routes.routes) == ((), ())
    assert actions(simulator) == ["DescribeCcnAttachedInstances", "DescribeCcnRoutes"]


def test_a_network_that_the_cloud_does_not_know_is_an_error_and_not_an_empty_one(client: Client) -> None:
    with pytest.raises(CloudResourceMissing):
        read_ccn(client, "ccn-none", nothing)


@pytest.mark.parametrize("kind", ["reset", "throttle", "http-500", "internal-error-after"])
@pytest.mark.parametrize("offset", [0, 100])
def test_a_page_that_fails_fails_the_reading_and_nothing_is_taken_for_the_whole(
    client: Client, simulator: Simulator, kind: str, offset: int
) -> None:
    for number in range(120):
        simulator.edit("add-route", ccn_id="ccn-1", route={"cidr": f"10.{number}.0.0/24", "vpc_id": "vpc-1"})
    simulator.order(kind, action="DescribeCcnRoutes", offset=offset)
    with pytest.raises(CloudError):
        read_ccn(client, "ccn-1", nothing)


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("DescribeCcnAttachedInstances", {"InstanceSet": None}),
        ("DescribeCcnAttachedInstances", {"InstanceSet": [None]}),
        ("DescribeCcnAttachedInstances", {"InstanceSet": "none"}),
        ("DescribeCcnAttachedInstances", {"TotalCount": 7}),
        ("DescribeCcnRoutes", {"RouteSet": None}),
        ("DescribeCcnRoutes", {"RouteSet": []}),
        ("DescribeCcnRoutes", {"RouteSet": {"a": 1}}),
        ("DescribeCcnRoutes", {"TotalCount": "many"}),
        ("DescribeCcnRoutes", {"TotalCount": -1}),
    ],
)
def test_a_network_that_is_answered_in_part_is_no_answer(
    client: Client, simulator: Simulator, action: str, fields: dict[str, Any]
) -> None:
    simulator.order("answer", action=action, fields=fields)
    with pytest.raises(CloudAmbiguous):
        read_ccn(client, "ccn-1", nothing)
    assert read_ccn(client, "ccn-1", nothing)[0].active("vpc-1") is not None


RULES = [{"protocol": "TCP", "port": "8080", "cidr": "10.0.0.0/8", "action": "ACCEPT"}]


def test_the_rules_of_a_security_group_are_read(client: Client, simulator: Simulator) -> None:
    simulator.edit("add-security-group", security_group={"security_group_id": "sg-1", "ingress": RULES})
    assert read_policies(client, "sg-1") == (Policy("TCP", "8080", "10.0.0.0/8", "ACCEPT"),)
    with pytest.raises(CloudError):
        read_policies(client, "sg-none")


def test_how_the_account_is_billed_is_read(client: Client, simulator: Simulator) -> None:
    assert read_account_type(client) == "STANDARD"
    simulator.edit("set-account-type", account_type="LEGACY")
    assert read_account_type(client) == "LEGACY"


@pytest.mark.parametrize("wrong", [None, "", 5, ["STANDARD"], {"a": 1}, True])
def test_a_kind_of_account_that_cannot_be_read_is_no_answer(wrong: Any) -> None:
    cloud: Any = Scripted(DescribeNetworkAccountType=[{"NetworkAccountType": wrong}])
    with pytest.raises(CloudAmbiguous):
        read_account_type(cloud)


def test_rules_that_cannot_be_read_are_no_answer() -> None:
    for wrong in (5, "text", [None], {"Ingress": 5}, {"Ingress": [None]}):
        cloud: Any = Scripted(DescribeSecurityGroupPolicies=[{"SecurityGroupPolicySet": wrong}])
        with pytest.raises(CloudAmbiguous):
            read_policies(cloud, "sg-1")


@pytest.mark.parametrize("answer", [{}, {"SecurityGroupPolicySet": None}])
def test_a_security_group_of_nulls_is_no_answer(answer: dict[str, Any]) -> None:
    cloud: Any = Scripted(DescribeSecurityGroupPolicies=[answer])
    with pytest.raises(CloudAmbiguous):
        read_policies(cloud, "sg-1")


@pytest.mark.parametrize(
    "read",
    [
        lambda cloud: read_ccn_ids(cloud, "vpc-1"),
        lambda cloud: read_ccn(cloud, "ccn-1", nothing),
        lambda cloud: read_interfaces(cloud, ["10.0.3.17"]),
    ],
)
@pytest.mark.parametrize("wrong", [[None], ["text"], [[]], "text", 5, True, {"a": 1}])
def test_a_list_of_a_wrong_type_is_no_answer(read: Callable[[Any], object], wrong: Any) -> None:
    names = ("InstanceSet", "RouteSet", "NetworkInterfaceSet")
    answer = {"TotalCount": 1, **dict.fromkeys(names, wrong)}
    actions_asked = ("DescribeCcnAttachedInstances", "DescribeCcnRoutes", "DescribeNetworkInterfaces")
    cloud = Scripted(**{action: [answer] for action in actions_asked})
    with pytest.raises(CloudAmbiguous):
        read(cloud)
