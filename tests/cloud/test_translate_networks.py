"""Networks, clusters and machines as values: what may be null is empty, and what is of another type is no answer."""

from typing import Any

import pytest

from app.cloud import translate_networks as translate
from app.cloud.pages import MALFORMED
from app.domain.cluster import Topology
from app.ownership.evidence import Attachment, InterfaceAddress, Policy
from app.ownership.routes import Route

INTERFACE: dict[str, Any] = {
    "NetworkInterfaceId": "eni-1",
    "VpcId": "vpc-1",
    "SubnetId": "subnet-1",
    "Primary": True,
    "GroupSet": ["sg-1", "sg-2"],
    "Attachment": {"InstanceId": "ins-1"},
    "PrivateIpAddressSet": [
        {"PrivateIpAddress": "10.0.3.1", "State": "AVAILABLE", "Primary": True},
        {"PrivateIpAddress": "10.0.3.2", "State": "pending", "Primary": False},
    ],
}
WHERE = ("eni-1", "vpc-1", "subnet-1", "ins-1")
GROUPS = ("sg-1", "sg-2")


def test_every_address_of_an_interface_is_read() -> None:
    first = InterfaceAddress("10.0.3.1", *WHERE, "AVAILABLE", True, GROUPS)
    second = InterfaceAddress("10.0.3.2", *WHERE, "pending", False, GROUPS)
    assert translate.interface(INTERFACE) == ("eni-1", (first, second))


def test_the_first_address_of_a_machine_s_further_interface_is_not_the_machine_s_own() -> None:
    _, (address, _) = translate.interface({**INTERFACE, "Primary": False})
    assert not address.primary


@pytest.mark.parametrize("attachment", [None, {}, {"InstanceId": None}, {"InstanceId": ""}])
def test_an_interface_without_a_machine_is_attached_to_nothing(attachment: dict[str, Any] | None) -> None:
    bare: dict[str, Any] = {"NetworkInterfaceId": "eni-1", "Attachment": attachment, "PrivateIpAddressSet": [{}]}
    assert translate.interface(bare) == ("eni-1", (InterfaceAddress("", "eni-1", "", "", None, ""),))


def test_an_interface_of_nulls_has_no_addresses() -> None:
    assert translate.interface(dict.fromkeys(INTERFACE)) == ("", ())


def test_attachments_of_nulls_are_active_nowhere() -> None:
    found = {"CcnId": "ccn-1", "InstanceId": "vpc-1", "State": "active", "CidrBlock": ["10.0.0.0/16"]}
    active, unknown = translate.attachment(found), translate.attachment(dict.fromkeys(found))
    assert (active, active.active) == (Attachment("ccn-1", "vpc-1", "active", ("10.0.0.0/16",)), True)
    assert (unknown, unknown.active) == (Attachment("", "", ""), False)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            {"DestinationCidrBlock": "172.16.0.0/16", "InstanceType": "VPC", "InstanceId": "vpc-1", "Enabled": True},
            Route("ccn-1", "172.16.0.0/16", "VPC", "vpc-1", True),
        ),
        (
            {"DestinationCidrBlock": "172.17.0.0/16", "InstanceType": None, "InstanceId": None, "Enabled": None},
            Route("ccn-1", "172.17.0.0/16", "", "", False),
        ),
        ({"DestinationCidrBlock": "2001:db8::/32", "InstanceId": "vpc-1", "Enabled": True}, None),
        ({"DestinationCidrBlock": None, "DestinationIpv6CidrBlock": "2001:db8::/32", "Enabled": True}, None),
        ({"Enabled": True}, Route("ccn-1", "", "", "", True)),  # it may lead anywhere
    ],
)
def test_routes_are_enabled_only_when_the_cloud_says_so_and_ipv6_is_left_out(
    found: dict[str, Any], expected: Route | None
) -> None:
    assert translate.route("ccn-1", found) == expected


def test_rules_are_told_in_the_order_in_which_they_decide() -> None:
    rules: list[dict[str, Any]] = [
        {"PolicyIndex": 2, "Protocol": "ALL", "Port": "ALL", "CidrBlock": "0.0.0.0/0", "Action": "DROP"},
        {"PolicyIndex": 0, "Protocol": "TCP", "Port": "80", "CidrBlock": "10.0.0.0/8", "Action": "ACCEPT"},
        {"PolicyIndex": 1, "Protocol": None, "Port": None, "CidrBlock": None, "Action": None},
    ]
    assert translate.policies({"Ingress": rules, "Egress": [{"Protocol": "TCP"}]}) == (
        Policy("TCP", "80", "10.0.0.0/8", "ACCEPT"),
        Policy("", "", "", ""),
        Policy("ALL", "ALL", "0.0.0.0/0", "DROP"),
    )
    assert translate.policies({"Ingress": None}) == ()


@pytest.mark.parametrize(
    ("field", "value", "readable"),
    [
        ("ServiceTemplate", {"ServiceId": "ppm-1", "ServiceGroupId": ""}, False),
        ("AddressTemplate", {"AddressId": "ipm-1"}, False),
        ("SecurityGroupId", "sg-9", False),
        ("Ipv6CidrBlock", "::/0", False),
        ("ServiceTemplate", {"ServiceId": "", "ServiceGroupId": None}, True),
        ("AddressTemplate", {}, True),
        ("SecurityGroupId", "", True),
        ("Ipv6CidrBlock", None, True),
    ],
)
def test_a_rule_that_matches_by_something_else_than_a_block_says_so(field: str, value: Any, readable: bool) -> None:
    rule = {"Protocol": "TCP", "Port": "80", "Action": "ACCEPT", field: value}
    (policy,) = translate.policies({"Ingress": [rule]})
    assert policy.readable is readable


FULL = {"VpcId": "vpc-1", "ClusterCIDR": "172.16.0.0/16", "ServiceCIDR": "192.168.0.0/17", "Subnets": ["subnet-1"]}


def test_a_topology_is_read_with_what_there_is_of_it() -> None:
    expected = Topology("vpc-1", ("172.16.0.0/16",), "192.168.0.0/17", ("subnet-1",))
    assert translate.topology({"ClusterNetworkSettings": FULL}) == expected
    bare = {"VpcId": "vpc-1", "ClusterCIDR": "", "ServiceCIDR": None, "Subnets": None}
    assert translate.topology({"ClusterNetworkSettings": bare}) == Topology("vpc-1", (), None, ())


@pytest.mark.parametrize("settings", [None, {}, {"VpcId": None}, {"VpcId": ""}])
def test_a_cluster_whose_vpc_is_not_known_has_no_topology_yet(settings: dict[str, Any] | None) -> None:
    assert translate.topology({"ClusterNetworkSettings": settings}) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"NetworkType": "GR"}', "GR"),
        ('{"NetworkType": "VPC-CNI", "Other": [1]}', "VPC-CNI"),
        ('{"NetworkType": null}', ""),
        ('{"NetworkType": ""}', ""),
        ("{}", ""),
        ("", ""),
        (None, ""),
        ("null", ""),
        ("[]", ""),
        ('"GR"', ""),
        ("5", ""),
        ("{", ""),
        ("GR", ""),
        ("[" * 100_000, ""),
    ],
)
def test_a_network_type_is_what_the_text_within_the_answer_says_if_it_says_anything(
    text: str | None, expected: str
) -> None:
    assert translate.network_type({"Property": text}) == expected


WRONG: tuple[Any, ...] = (5, 1.5, True, {"a": 1}, [None], [5], [["x"]])


@pytest.mark.parametrize("wrong", [*WRONG, "text"])
@pytest.mark.parametrize("field", ["NetworkInterfaceId", "VpcId", "SubnetId", "GroupSet", "Attachment", "Primary"])
def test_an_interface_with_a_field_of_a_wrong_type_is_not_read(field: str, wrong: Any) -> None:
    fits = {"NetworkInterfaceId": str, "VpcId": str, "SubnetId": str, "Attachment": dict, "Primary": bool}
    if isinstance(wrong, fits.get(field, bytes)):
        assert translate.interface({**INTERFACE, field: wrong})
        return
    with pytest.raises(MALFORMED):
        translate.interface({**INTERFACE, field: wrong})


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("field", ["PrivateIpAddress", "State"])
def test_an_address_with_a_field_of_a_wrong_type_is_not_read(field: str, wrong: Any) -> None:
    with pytest.raises(MALFORMED):
        translate.interface({**INTERFACE, "PrivateIpAddressSet": [{field: wrong}]})


@pytest.mark.parametrize("wrong", [*WRONG, "text"])
def test_addresses_or_groups_that_are_no_list_of_them_are_not_read(wrong: Any) -> None:
    with pytest.raises(MALFORMED):
        translate.interface({**INTERFACE, "PrivateIpAddressSet": wrong})
    with pytest.raises(MALFORMED):
        translate.interface({**INTERFACE, "GroupSet": wrong})


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("field", ["CcnId", "InstanceId", "State"])
def test_an_attachment_with_a_field_of_a_wrong_type_is_not_read(field: str, wrong: Any) -> None:
    with pytest.raises(MALFORMED):
        translate.attachment({field: wrong})


@pytest.mark.parametrize("wrong", [5, {"a": 1}, [1], "10.0.0.0/16", [None], True])
def test_blocks_that_are_no_list_of_texts_are_not_read(wrong: Any) -> None:
    with pytest.raises(MALFORMED):
        translate.attachment({"CcnId": "ccn-1", "CidrBlock": wrong})
    with pytest.raises(MALFORMED):
        translate.topology({"ClusterNetworkSettings": {**FULL, "Subnets": wrong}})


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        *(("Enabled", wrong) for wrong in (*WRONG[:2], *WRONG[3:], "false", "true", 1, 0)),
        *(("DestinationCidrBlock", wrong) for wrong in WRONG),
        *(("InstanceId", wrong) for wrong in WRONG),
        *(("InstanceType", wrong) for wrong in WRONG),
    ],
)
def test_a_route_with_a_field_of_a_wrong_type_is_not_read(field: str, wrong: Any) -> None:
    usual = {"DestinationCidrBlock": "172.16.0.0/16", "InstanceType": "VPC", "InstanceId": "vpc-1", "Enabled": True}
    with pytest.raises(MALFORMED):
        translate.route("ccn-1", {**usual, field: wrong})


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("field", ["VpcId", "ClusterCIDR", "ServiceCIDR"])
def test_a_cluster_with_a_network_of_a_wrong_type_is_not_read(field: str, wrong: Any) -> None:
    with pytest.raises(MALFORMED):
        translate.topology({"ClusterNetworkSettings": {**FULL, field: wrong}})


@pytest.mark.parametrize(
    "wrong", [5, "text", [5], [None], [{"Protocol": 6}], [{"PolicyIndex": 1}, {"PolicyIndex": "2"}]]
)
def test_rules_of_a_wrong_type_are_not_read(wrong: Any) -> None:
    with pytest.raises(MALFORMED):
        translate.policies({"Ingress": wrong})
