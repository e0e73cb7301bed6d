"""Clusters and their machines, read whole; what one answer lacks, another may tell."""

from typing import Any

import pytest

from app.cloud.client import Client
from app.cloud.clusters import read_cluster, read_membership, read_nodes, read_security_groups
from app.domain.cluster import Node, Platform, Topology
from app.domain.errors import CloudAmbiguous, CloudError, CloudResourceMissing, CloudTemporary
from app.simulator.server import Simulator
from tests.cloud.conftest import actions
from tests.cloud.scripted import Scripted

VPC_CNI = Platform(known=True, kubernetes_version="1.30.0", network_type="VPC-CNI", vpc_cni=True)
GR = Platform(known=True, kubernetes_version="1.30.0", network_type="GR", vpc_cni=False)


def nothing() -> None:
    """Between two pages."""


@pytest.fixture
def world(world: dict[str, Any]) -> dict[str, Any]:
    """The small world, with machines in its clusters."""
    world["clusters"][0]["nodes"] = [{"first": "10.0.1.1", "count": 230, "instance_prefix": "ins-"}]
    world["clusters"][1]["nodes"] = [{"instance_id": "ins-gr", "ip": "10.0.2.1", "security_groups": ["sg-1", "sg-2"]}]
    world["security_groups"] = [{"security_group_id": name} for name in ("sg-1", "sg-2")]
    return world


def test_a_cluster_s_networks_are_read_with_what_it_is_made_of(client: Client, simulator: Simulator) -> None:
    topology = Topology("vpc-1", (), "192.168.0.0/17", ("subnet-1",))
    assert read_cluster(client, "cls-1") == (topology, VPC_CNI)
    assert actions(simulator) == ["DescribeClusters"]


def test_whether_a_globalrouter_cluster_has_interface_pods_too_is_asked_for_besides(
    client: Client, simulator: Simulator
) -> None:
    assert read_cluster(client, "cls-gr") == (Topology("vpc-1", ("172.16.0.0/16",), None, ()), GR)
    assert actions(simulator) == ["DescribeClusters", "DescribeIPAMD"]


def test_a_globalrouter_cluster_with_container_subnets_has_interface_pods_too(
    client: Client, simulator: Simulator
) -> None:
    simulator.edit("set-cluster", cluster_id="cls-gr", eni_subnet_ids=["subnet-1"])
    topology, platform = read_cluster(client, "cls-gr")
    assert topology is not None
    assert (topology.eni_subnet_ids, platform.vpc_cni) == (("subnet-1",), True)
    assert actions(simulator) == ["DescribeClusters"]


def test_an_unknown_cluster_has_no_topology_and_is_said_to_be_unknown(client: Client) -> None:
    assert read_cluster(client, "cls-none") == (None, Platform(known=False))


def clusters(**fields: Any) -> dict[str, Any]:
    settings = {"VpcId": "vpc-1", "ClusterCIDR": "172.16.0.0/16"}
    usual = {
        "ClusterId": "cls-1",
        "ClusterVersion": "1.30.0",
        "Property": '{"NetworkType": "GR"}',
        "ClusterNetworkSettings": settings,
    }
    return {"TotalCount": 1, "Clusters": [{**usual, **fields}]}


def read(cluster: dict[str, Any], ipamd: Any = None) -> tuple[Topology | None, Platform]:
    cloud: Any = Scripted(DescribeClusters=[cluster], DescribeIPAMD=[ipamd or {}])
    return read_cluster(cloud, "cls-1")


@pytest.mark.parametrize(
    ("ipamd", "vpc_cni", "subnet_ids"),
    [
        ({"EnableIPAMD": True, "SubnetIds": ["subnet-1"]}, True, ("subnet-1",)),
        ({"EnableIPAMD": True, "SubnetIds": None}, True, ()),
        ({"EnableIPAMD": True, "DisableVpcCniMode": True, "SubnetIds": ["subnet-1"]}, False, ("subnet-1",)),
        ({"EnableIPAMD": False}, False, ()),
        ({"EnableIPAMD": None}, False, ()),
        ({}, False, ()),
        ({"EnableIPAMD": "false"}, None, ()),
        ({"EnableIPAMD": 1}, None, ()),
        ({"EnableIPAMD": True, "SubnetIds": "subnet-1"}, None, ()),
        ({"EnableIPAMD": True, "SubnetIds": [None]}, None, ()),
        ({"EnableIPAMD": True, "SubnetIds": 5}, None, ()),
        (CloudTemporary("ResourceUnavailable", ""), None, ()),
        (CloudAmbiguous("InternalError", ""), None, ()),
        (CloudResourceMissing("ResourceNotFound", ""), None, ()),
    ],
)
def test_without_a_word_on_interface_pods_the_rest_of_the_cluster_is_known_all_the_same(
    ipamd: Any, vpc_cni: bool | None, subnet_ids: tuple[str, ...]
) -> None:
    topology, platform = read(clusters(), ipamd)
    assert topology == Topology("vpc-1", ("172.16.0.0/16",), None, subnet_ids)
    assert platform == Platform(True, "1.30.0", "GR", vpc_cni)


@pytest.mark.parametrize("text", [None, "", "{", "[]", "null", '{"NetworkType": null}', "GR"])
def test_a_cluster_whose_property_cannot_be_read_has_a_network_type_that_is_not_known(text: str | None) -> None:
    topology, platform = read(clusters(Property=text))
    assert topology is not None
    assert platform == Platform(True, "1.30.0", "", False)


@pytest.mark.parametrize(
    "found",
    [
        {"Clusters": [None]},
        {"Clusters": "cls-1"},
        {"Clusters": 5},
        clusters(Property={"NetworkType": "GR"}),
        clusters(Property=5),
        clusters(ClusterVersion=1.3),
        clusters(ClusterVersion=["1.30.0"]),
        clusters(ClusterNetworkSettings="vpc-1"),
        clusters(ClusterNetworkSettings={"VpcId": ["vpc-1"]}),
        clusters(ClusterNetworkSettings={"VpcId": "vpc-1", "ClusterCIDR": 5}),
        clusters(ClusterNetworkSettings={"VpcId": "vpc-1", "Subnets": "subnet-1"}),
    ],
)
def test_a_cluster_of_wrong_types_is_no_answer(found: dict[str, Any]) -> None:
    with pytest.raises(CloudAmbiguous):
        read(found)


@pytest.mark.parametrize("none", [None, []])
def test_a_cloud_that_says_that_there_is_none_is_believed(none: Any) -> None:
    assert read({"TotalCount": 0, "Clusters": none}) == (None, Platform(known=False))


@pytest.mark.parametrize("other", [{"ClusterId": "cls-10"}, {"ClusterId": None}, {}])
def test_another_cluster_s_answer_is_none_about_this_one(other: dict[str, Any]) -> None:
    with pytest.raises(CloudAmbiguous):
        read({"TotalCount": 1, "Clusters": [other]})


@pytest.mark.parametrize(
    "answer", [{}, {"Clusters": None}, {"TotalCount": 1, "Clusters": []}, {"TotalCount": 1, "Clusters": None}]
)
def test_nothing_without_the_word_that_there_is_nothing_is_no_answer(answer: dict[str, Any]) -> None:
    with pytest.raises(CloudAmbiguous):
        read(answer)


def test_a_cluster_of_nulls_is_known_and_nothing_else_is() -> None:
    bare = clusters(ClusterVersion=None, Property=None, ClusterNetworkSettings=None)
    assert read(bare) == (None, Platform(True, "", "", False))


def test_no_answer_about_a_cluster_is_an_error(client: Client, simulator: Simulator) -> None:
    simulator.order("reset", action="DescribeClusters")
    with pytest.raises(CloudError):
        read_cluster(client, "cls-1")


def test_all_machines_are_read_over_all_pages(client: Client, simulator: Simulator) -> None:
    asked: list[int] = []
    found = read_nodes(client, "cls-1", lambda: asked.append(len(simulator.calls)))
    assert found == [Node("cls-1", f"ins-{n + 1}", f"10.0.1.{n + 1}") for n in range(230)]
    assert asked == [1, 2]


def test_a_machine_of_nulls_is_none_and_one_that_is_listed_twice_is_one() -> None:
    found = [
        {"InstanceId": "ins-1", "LanIP": None},
        {"InstanceId": None, "LanIP": "10.0.1.9"},
        {"InstanceId": "ins-1", "LanIP": "10.0.1.1"},
    ]
    cloud: Any = Scripted(DescribeClusterInstances=[{"TotalCount": 3, "InstanceSet": found}])
    assert read_nodes(cloud, "cls-1", nothing) == [Node("cls-1", "ins-1", "10.0.1.1")]


def test_machines_are_asked_about_a_hundred_at_a_time(client: Client, simulator: Simulator) -> None:
    ids = [f"ins-{number}" for number in range(1, 251)]
    found = read_membership(client, "cls-1", ids)
    assert found == {instance_id: number <= 230 for number, instance_id in enumerate(ids, 1)}
    assert [len(call["parameters"]["InstanceIds"]) for call in simulator.calls] == [100, 100, 50]


def test_a_machine_of_another_cluster_is_none_of_this_one(client: Client, simulator: Simulator) -> None:
    assert read_membership(client, "cls-gr", ["ins-1", "ins-gr"]) == {"ins-1": False, "ins-gr": True}
    simulator.edit("remove-node", cluster_id="cls-gr", instance_id="ins-gr")
    assert read_membership(client, "cls-gr", ["ins-gr"]) == {"ins-gr": False}


def test_about_no_machines_nothing_is_asked(client: Client, simulator: Simulator) -> None:
    assert read_membership(client, "cls-1", []) == {}
    assert read_security_groups(client, []) == {}
    assert simulator.calls == []  # no ids would mean all machines


def test_the_machines_of_a_cluster_that_is_not_there_are_not_known(client: Client) -> None:
    assert read_membership(client, "cls-none", ["ins-1"]) is None


def test_a_cloud_that_tells_of_more_machines_than_it_was_asked_about_is_not_believed_about_them() -> None:
    found = [{"InstanceId": "ins-1"}, {"InstanceId": "ins-2"}, {"InstanceId": None}]
    cloud: Any = Scripted(DescribeClusterInstances=[{"TotalCount": 3, "InstanceSet": found}])
    assert read_membership(cloud, "cls-1", ["ins-1", "ins-3"]) == {"ins-1": True, "ins-3": False}


@pytest.mark.parametrize(
    "answer",
    [
        {"TotalCount": 1, "InstanceSet": None},
        {"TotalCount": 1, "InstanceSet": [None]},
        {"TotalCount": 1, "InstanceSet": [{"InstanceId": 5}]},
        {"TotalCount": 1, "InstanceSet": [{"InstanceId": ["ins-1"]}]},
        {"TotalCount": 1, "InstanceSet": [{"InstanceId": "ins-1", "LanIP": {"a": 1}}]},
        {"TotalCount": "many", "InstanceSet": []},
        {"TotalCount": 2, "InstanceSet": [{"InstanceId": "ins-1"}]},
    ],
)
def test_machines_of_wrong_types_or_in_part_are_no_answer(answer: dict[str, Any]) -> None:
    cloud: Any = Scripted(DescribeClusterInstances=[answer], DescribeInstances=[answer])
    with pytest.raises(CloudAmbiguous):
        read_membership(cloud, "cls-1", ["ins-1"])
    with pytest.raises(CloudAmbiguous):
        read_nodes(cloud, "cls-1", nothing)


def test_the_security_groups_of_machines_are_read(client: Client) -> None:
    assert read_security_groups(client, ["ins-gr", "ins-1", "ins-none"]) == {"ins-gr": ("sg-1", "sg-2"), "ins-1": ()}


@pytest.mark.parametrize("wrong", ["sg-1", 5, [None], {"a": 1}])
def test_security_groups_of_a_wrong_type_are_no_answer(wrong: Any) -> None:
    found = [{"InstanceId": "ins-1", "SecurityGroupIds": wrong}]
    cloud: Any = Scripted(DescribeInstances=[{"TotalCount": 1, "InstanceSet": found}])
    with pytest.raises(CloudAmbiguous):
        read_security_groups(cloud, ["ins-1"])
