"""Clusters, their nodes and the component of VPC-CNI."""

import copy
import json
from typing import Any

import pytest
from tencentcloud.common.credential import Credential
from tencentcloud.tke.v20180525 import models
from tencentcloud.tke.v20180525.tke_client import TkeClient

from app.simulator.errors import WorldError
from app.simulator.server import Simulator
from tests.simulator.conftest import REGION, SECRET, Asker, profile, refused

MANY = {"first": "10.0.5.1", "count": 250, "instance_prefix": "ins-many-", "security_groups": ["sg-1"]}


def ipamd(tke: TkeClient, cluster_id: str) -> models.DescribeIPAMDResponse:
    request = models.DescribeIPAMDRequest()
    request.ClusterId = cluster_id
    return tke.DescribeIPAMD(request)


def instances(ask: Asker, cluster_id: str = "cls-1", **asked: Any) -> tuple[int, list[tuple[str, str]]]:
    answer = ask("DescribeClusterInstances", "tke", ClusterId=cluster_id, **asked)
    return answer["TotalCount"], [(each["InstanceId"], each["LanIP"]) for each in answer["InstanceSet"]]


def test_a_vpc_cni_cluster_has_its_component_with_the_subnets_of_its_pods(tke: TkeClient) -> None:
    found = ipamd(tke, "cls-1")
    assert (found.EnableIPAMD, found.Phase, found.Reason, found.SubnetIds) == (True, "running", "", ["subnet-1"])
    assert (found.EnableCustomizedPodCidr, found.DisableVpcCniMode, found.EnableTrunkingENI) == (False, False, False)
    assert found.ClaimExpiredDuration == "0s"


@pytest.mark.parametrize(("vpc_cni", "installed"), [(None, False), (False, False), (True, True)])
def test_a_globalrouter_cluster_has_the_component_when_the_world_says_so(
    world: dict[str, Any], *, vpc_cni: bool | None, installed: bool
) -> None:
    world["clusters"][1] |= {"vpc_cni": vpc_cni, "eni_subnet_ids": ["subnet-1"]}
    with Simulator(world) as simulator:
        found = ipamd(TkeClient(Credential(*SECRET), REGION, profile(simulator)), "cls-gr")
    expected = (True, "running", ["subnet-1"]) if installed else (False, "", None)
    assert expected == (found.EnableIPAMD, found.Phase, found.SubnetIds)


@pytest.mark.parametrize("action", ["DescribeIPAMD", "DescribeClusterInstances"])
def test_a_cluster_that_is_unknown_or_elsewhere_is_not_found(ask: Asker, action: str) -> None:
    for where in ({"ClusterId": "cls-none"}, {"ClusterId": "cls-1", "region": "ap-shanghai"}):
        assert refused(lambda where=where: ask(action, "tke", **where))[0] == "ResourceNotFound.ClusterNotFound"
    assert refused(lambda: ask(action, "tke"))[0] == "MissingParameter"


def test_the_component_comes_and_goes_with_the_network_type(tke: TkeClient, simulator: Simulator) -> None:
    def installed(**changes: Any) -> bool:
        simulator.edit("set-cluster", cluster_id="cls-gr", **changes)
        return bool(ipamd(tke, "cls-gr").EnableIPAMD)

    assert [
        installed(vpc_cni=True),
        installed(network_type="CiliumOverlay"),
        installed(network_type="GR"),
        installed(vpc_cni=False),
        installed(network_type="VPC-CNI"),
    ] == [True, False, True, False, True]


def test_a_cluster_changes_by_hand_and_keeps_what_is_not_named(ask: Asker, simulator: Simulator) -> None:
    def settings() -> list[Any]:
        found = ask("DescribeClusters", "tke", ClusterIds=["cls-1"])["Clusters"][0]
        network = found["ClusterNetworkSettings"]
        values = [network[name] for name in ("ClusterCIDR", "ServiceCIDR", "Subnets")]
        return [found["ClusterVersion"], json.loads(found["Property"])["NetworkType"], *values]

    assert settings() == ["1.30.0", "VPC-CNI", "", "192.168.0.0/17", ["subnet-1"]]
    simulator.edit("set-cluster", cluster_id="cls-1", version="1.32.2", network_type="GR")
    assert settings() == ["1.32.2", "GR", "", "192.168.0.0/17", ["subnet-1"]]
    changes = {"cluster_cidr": "172.17.0.0/16", "service_cidr": "", "eni_subnet_ids": [], "version": None}
    simulator.edit("set-cluster", cluster_id="cls-1", **changes)
    assert settings() == ["1.32.2", "GR", "172.17.0.0/16", "", None]


def test_nodes_and_clusters_come_and_go_by_hand(ask: Asker, simulator: Simulator) -> None:
    node = {"instance_id": "ins-7", "ip": "10.0.1.7", "security_groups": ["sg-1"]}
    simulator.edit("add-node", cluster_id="cls-gr", node=node)
    assert instances(ask, "cls-gr") == (1, [("ins-7", "10.0.1.7")])
    machine = ask("DescribeInstances", "cvm", InstanceIds=["ins-7"])["InstanceSet"][0]
    assert (machine["PrivateIpAddresses"], machine["SecurityGroupIds"]) == (["10.0.1.7"], ["sg-1"])
    simulator.edit("remove-node", cluster_id="cls-gr", instance_id="ins-7")
    assert (instances(ask, "cls-gr"), ask("DescribeInstances", "cvm", InstanceIds=["ins-7"])["TotalCount"]) == (
        (0, []),
        0,
    )
    simulator.edit("remove-cluster", cluster_id="cls-gr")
    assert ask("DescribeClusters", "tke", ClusterIds=["cls-gr"])["TotalCount"] == 0
    assert refused(lambda: instances(ask, "cls-gr"))[0] == "ResourceNotFound.ClusterNotFound"


def test_a_range_of_nodes_needs_new_ids_and_addresses_that_exist(world: dict[str, Any]) -> None:
    for entry, message in (
        ({**MANY, "instance_prefix": "ins-", "count": 9}, "clusters[0].nodes[2].instance_prefix: 'ins-1' is there"),
        ({**MANY, "first": "255.255.255.250"}, "clusters[0].nodes[2].count: there are no 250 addresses from 255"),
        ({"first": "10.0.5.1", "count": 2}, "clusters[0].nodes[2].instance_prefix: is missing"),
        ({**MANY, "instance_id": "ins-2"}, "clusters[0].nodes[2].instance_id: unknown field; known here are count"),
        ({"instance_id": "ins-9", "ip": "10.0.5.1"}, "clusters[0].nodes[2].instance_id: 'ins-9' is there already"),
    ):
        wrong = copy.deepcopy(world)
        wrong["clusters"][0]["nodes"].append(entry)
        with pytest.raises(WorldError) as raised:
            Simulator(wrong)
        assert message in str(raised.value)


@pytest.fixture
def crowd(simulator: Simulator) -> Simulator:
    """The world with 252 nodes in its first cluster."""
    simulator.edit("add-node", cluster_id="cls-1", node=MANY)
    return simulator


@pytest.mark.usefixtures("crowd")
def test_a_cluster_of_many_nodes_is_read_page_by_page(ask: Asker) -> None:
    pages = [instances(ask, Offset=offset, Limit=100) for offset in (0, 100, 200, 300)]
    assert [(total, len(rows)) for total, rows in pages] == [(252, 100), (252, 100), (252, 52), (252, 0)]
    assert len({row for _, rows in pages for row in rows}) == 252
    assert (pages[0][1][2], pages[2][1][-1]) == (("ins-many-1", "10.0.5.1"), ("ins-many-250", "10.0.5.250"))
    assert [len(instances(ask)[1]), instances(ask, Offset=1, Limit=1)[1]] == [20, [("ins-9", "10.0.1.9")]]
    for page in ({"Limit": 101}, {"Limit": 0}, {"Offset": -1}):
        assert refused(lambda page=page: instances(ask, **page))[0] == "InvalidParameterValue.Range"


@pytest.mark.usefixtures("crowd")
def test_named_instances_are_answered_exactly_and_unknown_ones_left_out(ask: Asker) -> None:
    ids = [f"ins-many-{number}" for number in range(151, 251)]
    total, rows = instances(ask, InstanceIds=ids, Limit=100)
    assert (total, [each[0] for each in rows]) == (100, ids)
    total, rows = instances(ask, InstanceIds=ids, Limit=30, Offset=80)
    assert (total, [each[0] for each in rows]) == (100, ids[80:])
    assert instances(ask, InstanceIds=["ins-none", "ins-9", "ins-9"]) == (1, [("ins-9", "10.0.1.9")])
    assert instances(ask, "cls-gr", InstanceIds=["ins-9"]) == (0, [])
    assert refused(lambda: instances(ask, InstanceIds=[*ids, "ins-1"]))[0] == "InvalidParameterValue.Length"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"kind": "set-cluster", "cluster_id": "cls-none"}, "edit.cluster_id: there is no cluster 'cls-none'"),
        ({"kind": "set-cluster", "cluster_id": "cls-1"}, "edit.cluster_id: nothing to set; there are version, "),
        ({"kind": "set-cluster", "cluster_id": "cls-1", "version": 1}, "edit.version: a text is needed, not 1"),
        ({"kind": "set-cluster", "cluster_id": "cls-1", "network_type": "X"}, "edit.network_type: 'X' is none of"),
        ({"kind": "set-cluster", "cluster_id": "cls-1", "vpc_cni": "no"}, "edit.vpc_cni: true or false is needed"),
        ({"kind": "set-cluster", "cluster_id": "cls-1", "version": "2", "nmae": "x"}, "edit.nmae: unknown field"),
        ({"kind": "set-cluster", "cluster_id": "cls-1", "version": "2", "cluster_cidr": "x"}, "edit.cluster_cidr: "),
        ({"kind": "remove-cluster", "cluster_id": "cls-none"}, "edit.cluster_id: there is no cluster 'cls-none'"),
        ({"kind": "add-node", "cluster_id": "cls-none"}, "edit.cluster_id: there is no cluster 'cls-none'"),
        ({"kind": "add-node", "cluster_id": "cls-1"}, "edit.node.instance_id: is missing"),
        (
            {"kind": "add-node", "cluster_id": "cls-1", "node": {"instance_id": "ins-1", "ip": "10.0.1.8"}},
            "edit.node.instance_id: 'ins-1' is there already",
        ),
        ({"kind": "remove-node", "cluster_id": "cls-1", "instance_id": "ins-7"}, "there is no node 'ins-7'"),
    ],
)
def test_an_edit_of_a_cluster_that_cannot_be_is_refused_and_changes_nothing(
    ask: Asker, simulator: Simulator, edit: dict[str, Any], message: str
) -> None:
    before = (ask("DescribeClusters", "tke")["Clusters"], instances(ask))
    with pytest.raises(WorldError) as raised:
        simulator.edit(**edit)
    assert message in str(raised.value)
    assert before == (ask("DescribeClusters", "tke")["Clusters"], instances(ask))
