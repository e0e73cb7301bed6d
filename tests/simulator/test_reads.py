"""The reads: shapes, filters, pages."""

import functools
import json
from typing import Any

import pytest
from tencentcloud.clb.v20180317 import models as clb_models
from tencentcloud.clb.v20180317.clb_client import ClbClient
from tencentcloud.tke.v20180525 import models as tke_models
from tencentcloud.tke.v20180525.tke_client import TkeClient
from tencentcloud.vpc.v20170312 import models as vpc_models
from tencentcloud.vpc.v20170312.vpc_client import VpcClient

from app.simulator.server import Simulator
from tests.simulator.conftest import Asker, refused, target


def where(**filters: list[str]) -> list[dict[str, Any]]:
    return [{"Name": name.replace("__", ".").replace("_", "-"), "Values": values} for name, values in filters.items()]


@pytest.fixture
def filled(ask: Asker) -> None:
    ask(
        "BatchRegisterTargets",
        LoadBalancerId="lb-1",
        Targets=[
            target("10.0.3.17"),
            target("10.0.3.1", Tag="blue"),
            target("10.0.3.1", listener_id="lbl-web", LocationId="loc-2"),
        ],
    )


@pytest.mark.usefixtures("filled")
def test_layer_4_has_no_rules_and_layer_7_no_targets_of_its_own(clb: ClbClient) -> None:
    request = clb_models.DescribeTargetsRequest()
    request.LoadBalancerId = "lb-1"
    found = clb.DescribeTargets(request).Listeners
    assert [each.ListenerId for each in found] == ["lbl-1", "lbl-2", "lbl-udp", "lbl-web"]
    assert (
        found[0].Rules,
        found[0].Targets[0].PrivateIpAddresses,
        found[0].Targets[0].Type,
        found[0].Targets[0].EniId,
    ) == (None, ["10.0.3.17"], "ENI", "eni-1")
    assert (
        found[3].Targets,
        [(rule.LocationId, len(rule.Targets)) for rule in found[3].Rules],
    ) == (None, [("loc-1", 0), ("loc-2", 1)])


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"ListenerIds": ["lbl-1"]}, ["lbl-1:10.0.3.17", "lbl-1:10.0.3.1"]),
        ({"Protocol": "HTTP"}, ["loc-2:10.0.3.1"]),
        ({"Port": 80, "Protocol": "UDP"}, []),
        ({"Filters": where(private_ip_address=["10.0.3.1"])}, ["lbl-1:10.0.3.1", "loc-2:10.0.3.1"]),
        ({"Filters": where(location_id=["loc-1"]), "ListenerIds": ["lbl-web"]}, []),
        ({"Filters": where(location_id=["loc-2"]), "ListenerIds": ["lbl-web"]}, ["loc-2:10.0.3.1"]),
        ({"Filters": where(tag=["blue"])}, ["lbl-1:10.0.3.1"]),
    ],
)
def test_targets_are_filtered(ask: Asker, asked: dict[str, Any], expected: list[str]) -> None:
    found = []
    for listener in ask("DescribeTargets", LoadBalancerId="lb-1", **asked)["Listeners"]:
        for place in listener["Rules"] or [listener]:
            name = place.get("LocationId", listener["ListenerId"])
            found += [f"{name}:{each['PrivateIpAddresses'][0]}" for each in place["Targets"] or []]
    assert expected == found


def test_twenty_listeners_are_the_most_and_filters_must_be_known(ask: Asker) -> None:
    many = [f"lbl-{index}" for index in range(21)]
    code, _ = refused(lambda: ask("DescribeTargets", LoadBalancerId="lb-1", ListenerIds=many))
    assert code == "InvalidParameterValue.Length"
    code, _ = refused(lambda: ask("DescribeTargets", LoadBalancerId="lb-1", Filters=where(colour=["red"])))
    assert code == "InvalidParameter.InvalidFilter"


@pytest.mark.usefixtures("filled")
def test_types_may_come_in_lower_case(ask: Asker, simulator: Simulator) -> None:
    simulator.set_parameters(type_case="lower")
    assert ask("DescribeTargets", LoadBalancerId="lb-1")["Listeners"][0]["Targets"][0]["Type"] == "eni"


@pytest.mark.usefixtures("filled")
def test_health_goes_from_unknown_to_alive_and_layer_4_is_a_pseudo_rule(ask: Asker, simulator: Simulator) -> None:
    def health(load_balancer_id: str = "lb-1", **asked: Any) -> list[tuple[str, str, bool]]:
        found = ask("DescribeTargetHealth", LoadBalancerIds=[load_balancer_id, "lb-none"], **asked)["LoadBalancers"]
        return [
            (rule["LocationId"], each["HealthStatusDetail"], each["HealthStatus"])
            for listener in found[0]["Listeners"]
            for rule in listener["Rules"]
            for each in rule["Targets"]
        ]

    assert health(ListenerIds=["lbl-1"]) == [("", "Unknown", False)] * 2
    simulator.set_parameters(health_seconds=0)
    assert health(ListenerIds=["lbl-web"], LocationIds=["loc-2"]) == [("loc-2", "Alive", True)]
    place = {"load_balancer_id": "lb-1", "listener_id": "lbl-1", "ip": "10.0.3.17", "port": 8080}
    simulator.edit("set-health", **place, health="Dead")
    assert health()[0] == ("", "Dead", True)
    assert health("lb-2") == [("", "Close", False)]
    assert "Dead" in [row["health"] for row in simulator.targets()]


def test_thirty_load_balancers_are_the_most_for_health(ask: Asker) -> None:
    code, _ = refused(lambda: ask("DescribeTargetHealth", LoadBalancerIds=["lb-1"] * 31))
    assert code == "InvalidParameterValue.Length"


@pytest.mark.usefixtures("filled")
def test_the_bulk_read_has_a_row_per_target_and_one_per_empty_place(ask: Asker) -> None:
    fields = ["ListenerId", "LocationId", "TargetAddress", "TargetWeight"]

    def rows(**asked: Any) -> list[tuple[Any, ...]]:
        answer = ask("DescribeLoadBalancersDetail", Fields=fields, Limit=100, **asked)
        assert answer["TotalCount"] == len(answer["LoadBalancerDetailSet"])
        return [tuple(row[name] for name in fields) for row in answer["LoadBalancerDetailSet"]]

    assert rows(Filters=where(loadbalancer_id=["lb-1"])) == [
        ("lbl-1", None, "10.0.3.17", 10),
        ("lbl-1", None, "10.0.3.1", 10),
        ("lbl-2", None, None, None),
        ("lbl-udp", None, None, None),
        ("lbl-web", "loc-1", None, None),
        ("lbl-web", "loc-2", "10.0.3.1", 10),
    ]
    assert rows(Filters=where(network=["Private"], vpcid=["vpc-1"])) == [("lbl-3", None, "10.0.3.17", 20)]
    assert len(rows(Filters=where(target_ip=["10.0.3.17"]))) == 2
    assert len(rows(Filters=where(vip=["1.2.3.4"]))) == 6


def test_a_load_balancer_without_listeners_is_one_row_and_fields_not_asked_for_are_null(ask: Asker) -> None:
    found = ask("DescribeLoadBalancersDetail", region="ap-shanghai")["LoadBalancerDetailSet"]
    assert [(row["LoadBalancerId"], row["ListenerId"], row["VpcId"]) for row in found] == [("lb-far", None, None)]


def test_load_balancers_are_found_by_what_is_known_of_them(ask: Asker) -> None:
    def ids(**asked: Any) -> list[str]:
        found = ask("DescribeLoadBalancers", **asked)
        assert len(found["LoadBalancerSet"]) <= found["TotalCount"]
        return [each["LoadBalancerId"] for each in found["LoadBalancerSet"]]

    assert ids(LoadBalancerIds=["lb-1", "lb-none"]) == ["lb-1"]
    assert ids(LoadBalancerType="INTERNAL") == ["lb-2"]
    assert ids(LoadBalancerVips=["1.2.3.4"]) == ["lb-1"]
    assert ids(VpcId="vpc-2") == []
    assert ids(Forward=0) == []
    assert ids(LoadBalancerName="sho") == ["lb-1"]
    assert ids(Offset=1, Limit=1) == ["lb-2"]
    assert ids(Filters=where(vpc_id=["vpc-1"])) == ["lb-1", "lb-2"]
    assert refused(lambda: ids(LoadBalancerIds=["lb-1"] * 21))[0] == "InvalidParameterValue.Length"
    assert refused(lambda: ids(Limit=101))[0] == "InvalidParameterValue.Range"


def test_a_load_balancer_reads_as_the_sdk_expects(clb: ClbClient) -> None:
    request = clb_models.DescribeLoadBalancersRequest()
    request.LoadBalancerIds = ["lb-2"]
    found = clb.DescribeLoadBalancers(request).LoadBalancerSet[0]
    assert (
        found.VpcId,
        found.LoadBalancerVips,
        found.LoadBalancerType,
        found.SnatPro,
        found.Status,
        found.Forward,
        found.TargetCount,
    ) == ("vpc-1", ["10.0.0.2"], "INTERNAL", True, 1, 1, 1)


def test_listeners_come_with_their_rules(clb: ClbClient, ask: Asker) -> None:
    request = clb_models.DescribeListenersRequest()
    request.LoadBalancerId = "lb-1"
    found = clb.DescribeListeners(request).Listeners
    assert [each.Rules and [rule.Url for rule in each.Rules] for each in found] == [None, None, None, ["/", "/cart"]]
    one = ask("DescribeListeners", LoadBalancerId="lb-1", Protocol="TCP", Port=81, ListenerIds=["lbl-1", "lbl-2"])
    assert [each["ListenerId"] for each in one["Listeners"]] == ["lbl-2"]


def test_the_quota_is_told(ask: Asker, simulator: Simulator) -> None:
    simulator.edit("set-quota", quota=200)
    found = {each["QuotaId"]: each["QuotaLimit"] for each in ask("DescribeQuota")["QuotaSet"]}
    assert found == {"TOTAL_TARGET_BIND_QUOTA": 200, "TOTAL_LISTENER_QUOTA": 50}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (where(address_ip=["10.0.3.1"]), ["eni-1"]),
        (where(address_ip=["10.0.8"]), ["eni-loose"]),
        (where(address_ip=["10.0."]), ["eni-node", "eni-1", "eni-loose"]),
        (where(address_ip=["10.0.8", "10.0.1.5"]), ["eni-node"]),
        (where(address_ip=["10.0.8"], ip_exact_match=["true"]), []),
        (where(address_ip=["10.0.8.1"], ip_exact_match=["true"]), ["eni-loose"]),
        (where(address_ip=["10.0.8"], ip_exact_match=["false"]), ["eni-loose"]),
        (where(vpc_id=["vpc-2"]), ["eni-2"]),
        (where(subnet_id=["subnet-1"], attachment__instance_id=["ins-1"]), ["eni-node", "eni-1"]),
        (where(network_interface_id=["eni-1", "eni-2"]), ["eni-1", "eni-2"]),
        (where(is_primary=["true"]), ["eni-node"]),
        (where(groups__security_group_id=["sg-1"]), ["eni-node"]),
    ],
)
def test_interfaces_are_filtered(ask: Asker, filters: list[dict[str, Any]], expected: list[str]) -> None:
    found = ask("DescribeNetworkInterfaces", "vpc", Filters=filters)["NetworkInterfaceSet"]
    assert expected == [each["NetworkInterfaceId"] for each in found]


def test_one_address_matches_fuzzily_so_a_longer_one_is_found_with_it(ask: Asker, simulator: Simulator) -> None:
    simulator.edit("move-address", ip="10.0.8.11", to="eni-node")
    found = ask("DescribeNetworkInterfaces", "vpc", Filters=where(address_ip=["10.0.8.1"]))["NetworkInterfaceSet"]
    assert [each["NetworkInterfaceId"] for each in found] == ["eni-node", "eni-loose"]


def test_an_interface_reads_as_the_sdk_expects(vpc: VpcClient) -> None:
    request = vpc_models.DescribeNetworkInterfacesRequest()
    request.NetworkInterfaceIds = ["eni-1", "eni-loose", "eni-none"]
    found = vpc.DescribeNetworkInterfaces(request).NetworkInterfaceSet
    assert [each.Attachment and each.Attachment.InstanceId for each in found] == ["ins-1", None]
    assert [each.State for each in found] == ["AVAILABLE", "AVAILABLE"]
    first = found[0].PrivateIpAddressSet[:3]
    assert [(each.PrivateIpAddress, each.Primary, each.State) for each in first] == [
        ("10.0.3.1", True, "AVAILABLE"),
        ("10.0.3.17", False, "AVAILABLE"),
        ("10.0.3.18", False, "PENDING"),
    ]
    assert len(found[0].PrivateIpAddressSet) == 603


def test_ids_and_filters_do_not_go_together(ask: Asker) -> None:
    asked = {"NetworkInterfaceIds": ["eni-1"], "Filters": where(vpc_id=["vpc-1"])}
    assert refused(lambda: ask("DescribeNetworkInterfaces", "vpc", **asked))[0] == "InvalidParameter.Coexist"
    code, _ = refused(lambda: ask("DescribeNetworkInterfaces", "vpc", NetworkInterfaceIds=["eni-1"] * 101))
    assert code == "InvalidParameterValue.Length"


def test_pages_follow_each_other_and_hold_a_hundred_at_most(ask: Asker, simulator: Simulator) -> None:
    for index in range(120):
        place = {"vpc_id": "vpc-2", "subnet_id": "subnet-2"}
        simulator.edit("add-interface", interface={"interface_id": f"eni-x{index}", **place})
    filters = where(vpc_id=["vpc-2"])

    def sizes(**page: int) -> tuple[int, int]:
        found = ask("DescribeNetworkInterfaces", "vpc", Filters=filters, **page)
        return found["TotalCount"], len(found["NetworkInterfaceSet"])

    assert [
        sizes(),
        sizes(Limit=100),
        sizes(Offset=100, Limit=100),
        sizes(Offset=200, Limit=100),
    ] == [(121, 20), (121, 100), (121, 21), (121, 0)]
    for page in ({"Limit": 101}, {"Limit": 0}, {"Offset": -1}):
        assert refused(functools.partial(sizes, **page))[0] == "InvalidParameterValue.Range"


def test_vpcs_and_subnets_take_their_pages_as_texts(vpc: VpcClient, ask: Asker) -> None:
    request = vpc_models.DescribeVpcsRequest()
    request.Limit, request.Offset = "1", "1"
    assert [each.VpcId for each in vpc.DescribeVpcs(request).VpcSet] == ["vpc-2"]
    assert refused(lambda: ask("DescribeVpcs", "vpc", Limit=100))[0] == "InvalidParameter"
    assert refused(lambda: ask("DescribeSubnets", "vpc", Limit="many"))[0] == "InvalidParameter"
    subnets = ask("DescribeSubnets", "vpc", Filters=where(vpc_id=["vpc-2"]), Limit="100")
    assert [(each["SubnetId"], each["CidrBlock"]) for each in subnets["SubnetSet"]] == [("subnet-2", "10.1.0.0/20")]
    assert [each["SubnetId"] for each in ask("DescribeSubnets", "vpc", SubnetIds=["subnet-1"])["SubnetSet"]] == [
        "subnet-1"
    ]


def test_container_cidrs_are_assistant_type_one(vpc: VpcClient) -> None:
    request = vpc_models.DescribeAssistantCidrRequest()
    request.VpcIds = ["vpc-1"]
    found = vpc.DescribeAssistantCidr(request).AssistantCidrSet
    assert [(each.CidrBlock, each.AssistantType) for each in found] == [("172.16.0.0/16", 1), ("10.9.0.0/16", 0)]


def test_a_ccn_tells_its_attachments_and_routes_disabled_ones_too(
    vpc: VpcClient, ask: Asker, simulator: Simulator
) -> None:
    simulator.edit("set-route-enabled", ccn_id="ccn-1", cidr="10.1.0.0/16", vpc_id="vpc-2", enabled=False)
    request = vpc_models.DescribeCcnRoutesRequest()
    request.CcnId = "ccn-1"
    assert [
        (each.DestinationCidrBlock, each.InstanceType, each.InstanceId, each.Enabled)
        for each in vpc.DescribeCcnRoutes(request).RouteSet
    ] == [("172.16.0.0/16", "VPC", "vpc-1", True), ("10.1.0.0/16", "VPC", "vpc-2", False)]
    filtered = ask(
        "DescribeCcnRoutes", "vpc", CcnId="ccn-1", Filters=where(instance_type=["VPC"], cidr_block=["10.1.0.0/16"])
    )
    assert filtered["TotalCount"] == 1
    one = ask("DescribeCcnRoutes", "vpc", CcnId="ccn-1", RouteIds=[filtered["RouteSet"][0]["RouteId"]])
    assert filtered["RouteSet"] == one["RouteSet"]
    assert refused(lambda: ask("DescribeCcnRoutes", "vpc", CcnId="ccn-none"))[0] == "ResourceNotFound"
    by_vpc = ask("DescribeCcnAttachedInstances", "vpc", Filters=where(instance_id=["vpc-2"], instance_type=["VPC"]))
    assert [
        (each["CcnId"], each["InstanceId"], each["State"], each["CidrBlock"]) for each in by_vpc["InstanceSet"]
    ] == [("ccn-1", "vpc-2", "ACTIVE", ["10.1.0.0/16"])]
    regional = where(ccn_id=["ccn-1"], instance_region=["ap-guangzhou"])
    assert ask("DescribeCcnAttachedInstances", "vpc", CcnId="ccn-1", Filters=regional)["TotalCount"] == 2


def test_the_account_type_and_security_groups_are_told(ask: Asker, simulator: Simulator) -> None:
    assert ask("DescribeNetworkAccountType", "vpc")["NetworkAccountType"] == "STANDARD"
    simulator.edit("set-account-type", account_type="LEGACY")
    assert ask("DescribeNetworkAccountType", "vpc")["NetworkAccountType"] == "LEGACY"
    found = ask("DescribeSecurityGroupPolicies", "vpc", SecurityGroupId="sg-1")["SecurityGroupPolicySet"]
    assert [(each["Protocol"], each["Port"], each["CidrBlock"], each["Action"]) for each in found["Ingress"]] == [
        ("TCP", "8080", "10.0.0.0/8", "ACCEPT")
    ]
    none = refused(lambda: ask("DescribeSecurityGroupPolicies", "vpc", SecurityGroupId="sg-none"))
    assert none[0] == "ResourceNotFound"


def test_used_addresses_are_told_with_their_interface(ask: Asker) -> None:
    asked = {"VpcId": "vpc-1", "IpAddresses": ["10.0.3.17", "10.0.99.1", "10.0.8.1"]}
    found = ask("DescribeUsedIpAddress", "vpc", **asked)["IpAddressStates"]
    assert [(each["IpAddress"], each["ResourceId"]) for each in found] == [
        ("10.0.3.17", "eni-1"),
        ("10.0.8.1", "eni-loose"),
    ]
    assert ask("DescribeUsedIpAddress", "vpc", **asked, SubnetId="subnet-2")["TotalCount"] == 0


def test_clusters_tell_their_network_in_a_text_that_holds_json(tke: TkeClient, ask: Asker) -> None:
    request = tke_models.DescribeClustersRequest()
    found = tke.DescribeClusters(request).Clusters
    assert [
        (
            each.ClusterId,
            json.loads(each.Property)["NetworkType"],
            each.ClusterNetworkSettings.Subnets,
            each.ClusterNetworkSettings.ClusterCIDR,
        )
        for each in found
    ] == [("cls-1", "VPC-CNI", ["subnet-1"], ""), ("cls-gr", "GR", None, "172.16.0.0/16")]
    assert [each["ClusterId"] for each in ask("DescribeClusters", "tke", ClusterIds=["cls-gr"])["Clusters"]] == [
        "cls-gr"
    ]
    assert ask("DescribeClusters", "tke", Filters=[{"Name": "ClusterName", "Values": ["old"]}])["TotalCount"] == 1


def test_the_machines_of_a_cluster_are_told_by_two_services(ask: Asker) -> None:
    nodes = ask("DescribeClusterInstances", "tke", ClusterId="cls-1", InstanceIds=["ins-1", "ins-9"])["InstanceSet"]
    assert [(each["InstanceId"], each["LanIP"]) for each in nodes] == [("ins-1", "10.0.1.5"), ("ins-9", "10.0.1.9")]
    code, _ = refused(lambda: ask("DescribeClusterInstances", "tke", ClusterId="cls-none"))
    assert code == "ResourceNotFound.ClusterNotFound"
    filters = where(private_ip_address=["10.0.1.5"], vpc_id=["vpc-1"], instance_id=["ins-1"])
    machines = ask("DescribeInstances", "cvm", Filters=filters)["InstanceSet"]
    assert [
        (
            each["InstanceId"],
            each["PrivateIpAddresses"],
            each["VirtualPrivateCloud"]["SubnetId"],
            each["SecurityGroupIds"],
        )
        for each in machines
    ] == [("ins-1", ["10.0.1.5"], "subnet-1", ["sg-1"])]
    assert ask("DescribeInstances", "cvm", InstanceIds=["ins-9"])["TotalCount"] == 1
