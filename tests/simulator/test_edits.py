"""The world, changed by hand."""

from typing import Any

import pytest

from app.simulator.errors import WorldError
from app.simulator.server import Simulator
from tests.simulator.conftest import Asker, bound, refused, target

PLACE = {"load_balancer_id": "lb-1", "listener_id": "lbl-1"}
RULE = {"load_balancer_id": "lb-1", "listener_id": "lbl-web", "location_id": "loc-1"}


def test_targets_come_change_and_go_by_hand(simulator: Simulator) -> None:
    simulator.edit("add-target", **PLACE, ip="10.0.3.17", port=80)
    simulator.edit("add-target", **RULE, ip="203.0.113.1", port=81, weight=5)
    simulator.edit("set-weight", **PLACE, ip="10.0.3.17", port=80, weight=0)
    simulator.edit("add-target", **PLACE, ip="10.0.3.17", port=80, weight=3)
    assert bound(simulator) == [("lbl-1", "10.0.3.17", 80, 3), ("loc-1", "203.0.113.1", 81, 5)]
    simulator.edit("remove-target", **RULE, ip="203.0.113.1", port=81)
    assert bound(simulator) == [("lbl-1", "10.0.3.17", 80, 3)]
    assert [(each["kind"], each["cause"], each["location_id"]) for each in simulator.changes] == [
        ("added", "by-hand", None),
        ("added", "by-hand", "loc-1"),
        ("weight", "by-hand", None),
        ("weight", "by-hand", None),
        ("removed", "by-hand", "loc-1"),
    ]


def test_listeners_and_load_balancers_come_and_go_with_their_targets(ask: Asker, simulator: Simulator) -> None:
    listener = {"listener_id": "lbl-new", "protocol": "TCP", "port": 90, "targets": [{"ip": "10.0.3.17", "port": 1}]}
    simulator.edit("add-listener", load_balancer_id="lb-1", listener=listener)
    assert bound(simulator) == [("lbl-new", "10.0.3.17", 1, 10)]
    simulator.edit("delete-listener", load_balancer_id="lb-1", listener_id="lbl-new")
    assert bound(simulator) == []
    simulator.edit("delete-load-balancer", load_balancer_id="lb-2")
    assert [each["kind"] for each in simulator.changes] == ["removed", "removed"]
    missing = refused(lambda: ask("DescribeTargets", LoadBalancerId="lb-2"))
    assert missing[0] == "InvalidParameter.LBIdNotFound"
    simulator.edit(
        "add-load-balancer", load_balancer={"load_balancer_id": "lb-2", "vpc_id": "vpc-1", "vips": ["1.1.1.1"]}
    )
    assert ask("DescribeTargets", LoadBalancerId="lb-2")["Listeners"] == []


def holders(ask: Asker, ip: str) -> list[str]:
    filters = [{"Name": "address-ip", "Values": [ip, ip]}]
    found = ask("DescribeNetworkInterfaces", "vpc", Filters=filters)["NetworkInterfaceSet"]
    return [each["NetworkInterfaceId"] for each in found]


def test_addresses_move_between_interfaces_and_interfaces_between_machines(ask: Asker, simulator: Simulator) -> None:
    simulator.edit("move-address", ip="10.0.3.17", **{"from": "eni-1"}, to="eni-loose")
    assert holders(ask, "10.0.3.17") == ["eni-loose"]
    register = {"LoadBalancerId": "lb-1", "Targets": [target("10.0.3.17")]}
    assert ask("BatchRegisterTargets", **register)["FailListenerIdSet"] == ["lbl-1"]
    simulator.edit("attach-interface", interface_id="eni-loose", instance_id="ins-9")
    assert ask("BatchRegisterTargets", **register)["FailListenerIdSet"] == []
    simulator.edit("set-address-state", interface_id="eni-loose", ip="10.0.3.17", state="DELETING")
    simulator.edit("attach-interface", interface_id="eni-1", instance_id=None)
    refused_ones = [target("10.0.3.17", 9), target("10.0.3.1", listener_id="lbl-2")]
    answer = ask("BatchRegisterTargets", LoadBalancerId="lb-1", Targets=refused_ones)
    assert answer["FailListenerIdSet"] == ["lbl-1", "lbl-2"]
    simulator.edit("move-address", ip="10.0.3.17", **{"from": "eni-loose"}, to=None)
    assert holders(ask, "10.0.3.17") == []
    simulator.edit("remove-interface", interface_id="eni-loose")
    assert holders(ask, "10.0.8.1") == []


def test_networks_and_clusters_come_by_hand(ask: Asker, simulator: Simulator) -> None:
    simulator.edit("add-vpc", vpc={"vpc_id": "vpc-3", "cidr": "10.3.0.0/16"})
    simulator.edit("add-subnet", subnet={"subnet_id": "subnet-3", "vpc_id": "vpc-3", "cidr": "10.3.0.0/20"})
    interface = {"interface_id": "eni-3", "vpc_id": "vpc-3", "subnet_id": "subnet-3", "addresses": ["10.3.0.9"]}
    simulator.edit("add-interface", interface=interface)
    ccn = {
        "ccn_id": "ccn-3",
        "attachments": [{"vpc_id": "vpc-3"}],
        "routes": [{"cidr": "10.3.0.0/16", "vpc_id": "vpc-3"}],
    }
    simulator.edit("add-ccn", ccn=ccn)
    simulator.edit("add-cluster", cluster={"cluster_id": "cls-3", "vpc_id": "vpc-3"})
    assert holders(ask, "10.3.0.9") == ["eni-3"]
    assert ask("DescribeCcnRoutes", "vpc", CcnId="ccn-3")["TotalCount"] == 1
    assert ask("DescribeClusters", "tke", ClusterIds=["cls-3"])["TotalCount"] == 1


def test_a_load_balancer_changes_by_hand_and_keeps_what_is_not_named(ask: Asker, simulator: Simulator) -> None:
    def now() -> list[Any]:
        found = ask("DescribeLoadBalancers", LoadBalancerIds=["lb-1"])["LoadBalancerSet"][0]
        return [found[name] for name in ("SnatPro", "LoadBalancerType", "LoadBalancerVips", "VpcId")]

    assert now() == [False, "OPEN", ["1.2.3.4"], "vpc-1"]
    simulator.edit("set-load-balancer", load_balancer_id="lb-1", snat_pro=True)
    assert now() == [True, "OPEN", ["1.2.3.4"], "vpc-1"]
    moved = {"type": "INTERNAL", "vips": ["10.1.0.9", "10.1.0.10"], "vpc_id": "vpc-2", "snat_pro": False}
    simulator.edit("set-load-balancer", load_balancer_id="lb-1", **moved)
    assert now() == [False, "INTERNAL", ["10.1.0.9", "10.1.0.10"], "vpc-2"]


def test_another_vpc_may_be_bound_once_the_load_balancer_has_snat_pro(ask: Asker, simulator: Simulator) -> None:
    register = {"LoadBalancerId": "lb-1", "Targets": [target("10.1.3.1")]}
    assert ask("BatchRegisterTargets", **register)["FailListenerIdSet"] == ["lbl-1"]
    simulator.edit("set-load-balancer", load_balancer_id="lb-1", snat_pro=True)
    assert ask("BatchRegisterTargets", **register)["FailListenerIdSet"] == []


def test_security_groups_come_and_change_by_hand(ask: Asker, simulator: Simulator) -> None:
    def rules() -> dict[str, list[tuple[str, str, str, str]]]:
        found = ask("DescribeSecurityGroupPolicies", "vpc", SecurityGroupId="sg-2")["SecurityGroupPolicySet"]
        names = ("Protocol", "Port", "CidrBlock", "Action")
        return {way: [tuple(each[name] for name in names) for each in found[way]] for way in ("Ingress", "Egress")}

    egress = [{"protocol": "UDP", "port": "53"}]
    simulator.edit("add-security-group", security_group={"security_group_id": "sg-2", "egress": egress})
    assert rules() == {"Ingress": [], "Egress": [("UDP", "53", "0.0.0.0/0", "ACCEPT")]}
    ingress = [{"protocol": "TCP", "port": "80-90", "cidr": "10.0.0.0/8", "action": "DROP"}, {}]
    simulator.edit("set-security-group", security_group_id="sg-2", ingress=ingress)
    assert rules() == {
        "Ingress": [("TCP", "80-90", "10.0.0.0/8", "DROP"), ("ALL", "all", "0.0.0.0/0", "ACCEPT")],
        "Egress": [("UDP", "53", "0.0.0.0/0", "ACCEPT")],
    }
    simulator.edit("set-security-group", security_group_id="sg-2", ingress=[], egress=[])
    assert rules() == {"Ingress": [], "Egress": []}


def test_routes_go_by_hand_and_no_id_is_given_twice(ask: Asker, simulator: Simulator) -> None:
    def routes() -> list[tuple[str, str, str]]:
        found = ask("DescribeCcnRoutes", "vpc", CcnId="ccn-1")["RouteSet"]
        return [(each["RouteId"], each["DestinationCidrBlock"], each["InstanceId"]) for each in found]

    simulator.edit("add-route", ccn_id="ccn-1", route={"cidr": "10.1.0.0/16", "vpc_id": "vpc-1"})
    simulator.edit("remove-route", ccn_id="ccn-1", cidr="10.1.0.0/16", vpc_id="vpc-2")
    assert routes() == [("ccnr-1-1", "172.16.0.0/16", "vpc-1"), ("ccnr-1-3", "10.1.0.0/16", "vpc-1")]
    simulator.edit("add-route", ccn_id="ccn-1", route={"cidr": "10.1.0.0/16", "vpc_id": "vpc-2"})
    assert routes()[2] == ("ccnr-1-4", "10.1.0.0/16", "vpc-2")
    simulator.edit("remove-route", ccn_id="ccn-1", cidr="10.1.0.0/16")
    assert routes() == [("ccnr-1-1", "172.16.0.0/16", "vpc-1")]


def test_an_address_cannot_be_bound_when_the_route_to_it_has_gone(ask: Asker, simulator: Simulator) -> None:
    def failed(ip: str) -> list[str]:
        answer = ask("BatchRegisterTargets", LoadBalancerId="lb-1", Targets=[target(ip)])
        return list(answer["FailListenerIdSet"])

    assert failed("172.16.0.9") == []
    simulator.edit("remove-route", ccn_id="ccn-1", cidr="172.16.0.0/16")
    assert failed("172.16.0.10") == ["lbl-1"]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"kind": "set-fire"}, "edit.kind: 'set-fire' is none of"),
        ({"kind": "add-target", **PLACE, "ip": "x", "port": 1}, "edit.ip: 'x' is not an IP address"),
        ({"kind": "add-target", **PLACE, "ip": "10.0.3.17", "port": 0}, "edit.port: 0 is not between"),
        ({"kind": "add-target", **PLACE, "ip": "10.0.3.17", "port": 1, "color": 1}, "edit.color: unknown field"),
        ({"kind": "remove-target", **PLACE, "ip": "10.0.3.17", "port": 1}, "edit.ip: 10.0.3.17:1 is not bound there"),
        ({"kind": "set-weight", **RULE, "location_id": None, "ip": "10.0.3.17", "port": 1}, "has no place None"),
        ({"kind": "delete-listener", "load_balancer_id": "lb-none"}, "there is no load balancer 'lb-none'"),
        ({"kind": "delete-listener", **PLACE, "listener_id": "x"}, "edit.listener_id: there is no listener 'x'"),
        ({"kind": "move-address", "ip": "10.0.3.17", "from": "eni-2", "to": None}, "10.0.3.17 is not on eni-2"),
        ({"kind": "move-address", "ip": "10.0.3.17", "to": "eni-loose"}, "10.0.3.17 is on eni-1 already"),
        ({"kind": "set-address-state", "interface_id": "eni-2", "ip": "10.0.3.17", "state": "PENDING"}, "is not on"),
        ({"kind": "set-route-enabled", "ccn_id": "ccn-1", "cidr": "10.4.0.0/16", "enabled": True}, "no such route"),
        ({"kind": "set-attachment-state", "ccn_id": "ccn-1", "vpc_id": "vpc-far", "state": "ACTIVE"}, "not attached"),
        ({"kind": "revoke-credential", "secret_id": "AKIDnone"}, "there is no credential 'AKIDnone'"),
        ({"kind": "add-load-balancer", "load_balancer": {"load_balancer_id": "lb-1"}}, "'lb-1' is there already"),
        ({"kind": "set-load-balancer", "load_balancer_id": "lb-none"}, "there is no load balancer 'lb-none'"),
        ({"kind": "set-load-balancer", "load_balancer_id": "lb-1"}, "nothing to set; there are snat_pro, type, vips"),
        ({"kind": "set-load-balancer", "load_balancer_id": "lb-1", "type": "BOTH"}, "edit.type: 'BOTH' is none of"),
        ({"kind": "set-load-balancer", "load_balancer_id": "lb-1", "vpc_id": "x"}, "edit.vpc_id: there is no VPC 'x'"),
        ({"kind": "set-load-balancer", "load_balancer_id": "lb-1", "snat_pro": True, "x": 1}, "edit.x: unknown field"),
        ({"kind": "add-security-group", "security_group": {"security_group_id": "sg-1"}}, "'sg-1' is there already"),
        ({"kind": "set-security-group", "security_group_id": "sg-2"}, "there is no security group 'sg-2'"),
        ({"kind": "set-security-group", "security_group_id": "sg-1"}, "nothing to set; there are ingress, egress"),
        (
            {"kind": "set-security-group", "security_group_id": "sg-1", "ingress": [{"action": "LET"}]},
            "edit.ingress.0..action: 'LET' is none of ACCEPT, DROP",
        ),
        ({"kind": "remove-route", "ccn_id": "ccn-none", "cidr": "10.1.0.0/16"}, "there is no CCN 'ccn-none'"),
        ({"kind": "remove-route", "ccn_id": "ccn-1", "cidr": "10.4.0.0/16"}, "ccn-1 has no such route to 10.4.0.0/16"),
        ({"kind": "remove-route", "ccn_id": "ccn-1", "cidr": "10.1.0.0/16", "vpc_id": "vpc-1"}, "has no such route"),
        ({"kind": "remove-route", "ccn_id": "ccn-1", "cidr": "10.1.0.1/16"}, "edit.cidr: 10.1.0.1/16 has host bits"),
        ({"kind": "add-interface"}, "edit.interface.interface_id: is missing"),
    ],
)
def test_an_edit_that_cannot_be_is_refused_and_changes_nothing(
    ask: Asker, simulator: Simulator, edit: dict[str, Any], message: str
) -> None:
    before = (simulator.targets(), ask("DescribeCcnRoutes", "vpc", CcnId="ccn-1")["RouteSet"])
    with pytest.raises(WorldError, match=message):
        simulator.edit(**edit)
    assert before == (simulator.targets(), ask("DescribeCcnRoutes", "vpc", CcnId="ccn-1")["RouteSet"])
    assert simulator.changes == []
