"""Answers of the cloud that are not as they should be prove nothing and refuse nothing: they are asked for again."""

from collections.abc import Callable
from typing import Any

import pytest

from app.domain.binding import State
from app.ledger.connection import Ledger
from tests.acceptance.world import world
from tests.worker.judgement import judge
from tests.worker.yard import INSTANT, Yard, address, name_of, pod_event

SETS = {
    ("DescribeNetworkInterfaces", "cls-a"): "NetworkInterfaceSet",
    ("DescribeClusterInstances", "cls-a"): "InstanceSet",
    ("DescribeClusters", "cls-a"): "Clusters",
    ("DescribeLoadBalancers", "cls-a"): "LoadBalancerSet",
    ("DescribeListeners", "cls-a"): "Listeners",
    ("DescribeCcnAttachedInstances", "cls-b"): "InstanceSet",
    ("DescribeCcnRoutes", "cls-b"): "RouteSet",
}
"""Reads that a verdict rests on, with the field that holds what is asked for."""

READS = [(*read, field) for read, field in SETS.items()]


def waits(yard: Yard, cluster_id: str, go_on: Callable[[Yard], object] = Yard.settle) -> None:
    """A new pod gets no verdict while the fault lasts, and is bound when the cloud answers well again."""
    yard.work(2)
    waiting = yard.only()
    assert (waiting.state, waiting.reason) == (State.VERIFYING, None), waiting.detail
    assert yard.writes() == []
    yard.simulator.clear_faults()
    go_on(yard)
    assert yard.targets() == {name_of(0, cluster_id): 10}
    judge(yard)


def ask(yard: Yard, action: str, cluster_id: str, **mangled: Any) -> None:
    yard.simulator.order("answer", action=action, times=0, **mangled)
    yard.set_the_table(cluster_id)
    yard.say(cluster_id, pod_event(0, cluster_id=cluster_id))


@pytest.mark.parametrize(("action", "cluster_id", "field"), READS)
@pytest.mark.parametrize("value", [None, "text", [None], [{}], {}], ids=repr)
def test_what_is_not_a_list_of_things_is_no_answer(
    yard: Yard, action: str, cluster_id: str, field: str, value: Any
) -> None:
    ask(yard, action, cluster_id, fields={field: value})
    waits(yard, cluster_id)


@pytest.mark.parametrize(("action", "cluster_id", "field"), READS)
def test_an_answer_that_lacks_the_list_is_no_answer(yard: Yard, action: str, cluster_id: str, field: str) -> None:
    ask(yard, action, cluster_id, without=[field, "TotalCount"])
    waits(yard, cluster_id)


@pytest.mark.parametrize(("action", "cluster_id", "field"), READS)
@pytest.mark.parametrize("count", ["many", -1], ids=repr)
def test_a_number_of_things_that_is_none_is_no_answer_or_does_not_matter(
    yard: Yard, action: str, cluster_id: str, field: str, count: Any
) -> None:
    """Where there are no pages the number is not needed."""
    ask(yard, action, cluster_id, fields={"TotalCount": count})
    yard.work(2)
    assert yard.only().state in {State.VERIFYING, State.BOUND}
    yard.simulator.clear_faults()
    yard.settle()
    assert yard.targets() == {name_of(0, cluster_id): 10}


def interface(number: int = 1, machine: str | None = "ins-1", **more: Any) -> dict[str, Any]:
    """The interface of the first pod, as the cloud tells it."""
    return {
        "NetworkInterfaceId": f"eni-{number}",
        "VpcId": "vpc-a",
        "SubnetId": "subnet-a",
        "Primary": False,
        "Attachment": {"InstanceId": machine},
        "PrivateIpAddressSet": [{"PrivateIpAddress": "10.0.1.1", "Primary": False, "State": "AVAILABLE"}],
        **more,
    }


def told(*found: Any) -> dict[str, Any]:
    return {"NetworkInterfaceSet": list(found), "TotalCount": len(found)}


def described(**more: Any) -> dict[str, Any]:
    cluster = {"ClusterId": "cls-a", "ClusterVersion": "1.30.0", "Property": '{"NetworkType": "VPC-CNI"}'}
    networks = {"VpcId": "vpc-a", "ClusterCIDR": "", "ServiceCIDR": None, "Subnets": None}
    return {"Clusters": [{**cluster, "ClusterNetworkSettings": networks, **more}], "TotalCount": 1}


ATTACHED = {"CcnId": "ccn-1", "InstanceId": "vpc-b", "InstanceType": "VPC", "State": "ACTIVE", "CidrBlock": None}


def attachments(**more: Any) -> dict[str, Any]:
    return {"InstanceSet": [{**ATTACHED, **more}], "TotalCount": 1}


def routes(**more: Any) -> dict[str, Any]:
    route = {"DestinationCidrBlock": "172.20.0.0/16", "InstanceId": "vpc-b", "InstanceType": "VPC", "Enabled": True}
    return {"RouteSet": [{**route, **more}], "TotalCount": 1}


@pytest.mark.parametrize(
    ("action", "cluster_id", "fields"),
    [
        ("DescribeNetworkInterfaces", "cls-a", told(interface(), interface(machine="ins-9"))),
        ("DescribeNetworkInterfaces", "cls-a", told(interface(machine="ins-9"), interface())),
        ("DescribeNetworkInterfaces", "cls-a", told(interface(), interface(2, machine="ins-9"))),
        ("DescribeNetworkInterfaces", "cls-a", told(interface(), interface(machine=None))),
        ("DescribeNetworkInterfaces", "cls-a", told(interface(PrivateIpAddressSet=None))),
        ("DescribeNetworkInterfaces", "cls-a", told(interface(PrivateIpAddressSet=[None]))),
        ("DescribeNetworkInterfaces", "cls-a", told(interface(PrivateIpAddressSet="10.0.1.1"))),
        ("DescribeNetworkInterfaces", "cls-a", told(interface(NetworkInterfaceId=None))),
        ("DescribeNetworkInterfaces", "cls-a", told(interface(VpcId=None))),
        ("DescribeNetworkInterfaces", "cls-a", told(interface(VpcId=["vpc-a"]))),
        ("DescribeNetworkInterfaces", "cls-a", told(interface(Attachment="ins-1"))),
        ("DescribeNetworkInterfaces", "cls-a", told(interface(Attachment={"InstanceId": 1}))),
        ("DescribeNetworkInterfaces", "cls-a", told(interface(GroupSet="sg-1"))),
        ("DescribeClusterInstances", "cls-a", {"InstanceSet": [{"InstanceId": 7}], "TotalCount": 1}),
        ("DescribeClusters", "cls-a", described(ClusterNetworkSettings=None)),
        ("DescribeClusters", "cls-a", described(ClusterNetworkSettings="vpc-a")),
        ("DescribeClusters", "cls-a", described(ClusterNetworkSettings={"VpcId": None})),
        ("DescribeClusters", "cls-a", described(ClusterId="cls-z")),
        ("DescribeLoadBalancers", "cls-a", {"LoadBalancerSet": [{"LoadBalancerId": "lb-9", "VpcId": "vpc-a"}]}),
        ("DescribeLoadBalancers", "cls-a", {"LoadBalancerSet": [{"LoadBalancerId": "lb-1", "LoadBalancerVips": "1"}]}),
        ("DescribeCcnAttachedInstances", "cls-b", attachments(CcnId=None)),
        ("DescribeCcnAttachedInstances", "cls-b", attachments(InstanceId=None)),
        ("DescribeCcnAttachedInstances", "cls-b", attachments(State=5)),
        ("DescribeCcnRoutes", "cls-b", routes(DestinationCidrBlock=172)),
        ("DescribeCcnRoutes", "cls-b", routes(Enabled="false")),
        ("DescribeCcnRoutes", "cls-b", routes(InstanceId=["vpc-b"])),
        ("DescribeNetworkAccountType", "cls-b", {"NetworkAccountType": None}),
        ("DescribeNetworkAccountType", "cls-b", {"NetworkAccountType": ""}),
    ],
    ids=str,
)
def test_things_that_lack_what_matters_or_contradict_each_other_are_no_answer(
    yard: Yard, action: str, cluster_id: str, fields: dict[str, Any]
) -> None:
    ask(yard, action, cluster_id, fields=fields)
    waits(yard, cluster_id)


@pytest.mark.parametrize(
    ("action", "cluster_id", "fields"),
    [
        ("DescribeClusters", "cls-a", described(ClusterVersion=None)),
        ("DescribeClusters", "cls-a", described(ClusterVersion="new")),
        ("DescribeClusters", "cls-a", described(Property=None)),
        ("DescribeClusters", "cls-a", described(Property="{")),
        ("DescribeClusters", "cls-a", described(Property='{"NetworkType": "New"}')),
        ("DescribeLoadBalancers", "cls-a", {"LoadBalancerSet": [{"LoadBalancerId": "lb-1", "VpcId": None}]}),
        ("DescribeCcnRoutes", "cls-b", routes(DestinationCidrBlock="172.20.0.0/99")),
    ],
    ids=str,
)
def test_a_thing_that_can_be_read_and_says_too_little_is_read_again_when_its_time_is_over(
    yard: Yard, action: str, cluster_id: str, fields: dict[str, Any]
) -> None:
    ask(yard, action, cluster_id, fields=fields)
    waits(yard, cluster_id, Yard.age_evidence)


@pytest.mark.parametrize(
    ("action", "cluster_id", "fields", "code"),
    [
        ("DescribeNetworkInterfaces", "cls-a", told(interface(Attachment=None)), "eni-detached"),
        (
            "DescribeNetworkInterfaces",
            "cls-a",
            told(interface(PrivateIpAddressSet=[{"PrivateIpAddress": "10.0.1.1", "State": "UNHEARD-OF"}])),
            "eni-detached",
        ),
        ("DescribeCcnAttachedInstances", "cls-b", attachments(State="UNHEARD-OF"), "ccn-not-attached"),
        ("DescribeNetworkAccountType", "cls-b", {"NetworkAccountType": "NEW"}, "account-not-bill-by-ip"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_state_that_nobody_knows_is_not_a_good_one(
    yard: Yard, action: str, cluster_id: str, fields: dict[str, Any], code: str
) -> None:
    ask(yard, action, cluster_id, fields=fields)
    yard.settle()
    assert yard.states() == {("rejected", code): 1}
    assert yard.writes() == []


@pytest.mark.parametrize(
    ("action", "field", "cluster_id"),
    [
        ("DescribeInstances", "InstanceSet", "cls-a"),
        ("DescribeSecurityGroupPolicies", "SecurityGroupPolicySet", "cls-a"),
        ("DescribeIPAMD", "EnableIPAMD", "cls-b"),
    ],
)
@pytest.mark.parametrize("value", [None, "text", [None], {}], ids=repr)
def test_what_only_warnings_and_other_pods_rest_on_stops_nothing(
    ledger: Ledger, action: str, field: str, cluster_id: str, value: Any
) -> None:
    with Yard(ledger, guarded()) as yard:
        ask(yard, action, cluster_id, fields={field: value})
        yard.settle()
        assert yard.targets() == {name_of(0, cluster_id): 10}
        assert yard.reads()[action] >= 1
        assert yard.only().verification.warnings == ()


def guarded() -> dict[str, Any]:
    """A world in which the first pod's interface has a security group that opens everything."""
    found = world(**INSTANT)
    found["security_groups"] = [{"security_group_id": "sg-1", "ingress": [{"action": "ACCEPT"}]}]
    found["interfaces"][0]["security_groups"] = ["sg-1"]
    return found


def crowded() -> dict[str, Any]:
    """A world with pages: more routes and machines than one has."""
    found = world(**INSTANT)
    more = [{"cidr": f"192.168.{number}.0/24", "vpc_id": "vpc-a"} for number in range(150)]
    found["ccns"][0]["routes"] += more
    found["clusters"][0]["nodes"].append({"first": "10.0.201.1", "count": 150, "instance_prefix": "ins-more-"})
    return found


@pytest.mark.parametrize(
    ("action", "cluster_id", "mangled"),
    [
        ("DescribeCcnRoutes", "cls-b", {"fields": {"TotalCount": 153}}),
        ("DescribeCcnRoutes", "cls-b", {"fields": {"TotalCount": 101}}),
        ("DescribeCcnRoutes", "cls-b", {"fields": {"TotalCount": 0}}),
        ("DescribeCcnRoutes", "cls-b", {"without": ["TotalCount"]}),
        ("DescribeCcnRoutes", "cls-b", {"fields": {"RouteSet": None}}),
        ("DescribeCcnRoutes", "cls-b", {"fields": {"RouteSet": []}}),
        ("DescribeCcnRoutes", "cls-b", {"fields": {"RouteSet": [None]}}),
        ("DescribeClusterInstances", "cls-a", {"fields": {"TotalCount": 157}}),
        ("DescribeClusterInstances", "cls-a", {"fields": {"InstanceSet": None}}),
    ],
    ids=str,
)
def test_pages_that_change_while_they_are_read_are_no_answer(
    ledger: Ledger, action: str, cluster_id: str, mangled: dict[str, Any]
) -> None:
    with Yard(ledger, crowded()) as yard:
        ask(yard, action, cluster_id, offset=100, **mangled)
        waits(yard, cluster_id)


def test_the_neighbours_of_an_address_whose_answer_is_mangled_are_bound(yard: Yard) -> None:
    """Another cluster's answers are good, so its pods do not wait."""
    yard.simulator.order("answer", action="DescribeNetworkInterfaces", times=0, fields={"NetworkInterfaceSet": 7})
    yard.set_the_table("cls-a", "cls-b")
    yard.say("cls-a", pod_event(0))
    yard.say("cls-b", pod_event(0, cluster_id="cls-b"))
    yard.work()
    assert set(yard.targets()) == {name_of(0, "cls-b")}
    assert yard.only(ip=address("cls-a", 0)).state is State.VERIFYING
