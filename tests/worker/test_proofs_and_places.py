"""Which address is bound where: proofs against the cloud's evidence, names of listeners and rules, adopted targets."""

from typing import Any

import pytest

from app.domain.binding import State
from app.domain.cluster import Topology, Verification
from app.domain.event import Outcome
from tests.worker.judgement import cloud_has, judge
from tests.worker.yard import Yard, address, pod_event

WEB: dict[str, Any] = {
    "listener_id": "lbl-web",
    "protocol": "HTTP",
    "port": 8000,
    "rules": [
        {"location_id": "loc-1", "domain": "shop.example", "url": "/"},
        {"location_id": "loc-2", "domain": "shop.example", "url": "/cart"},
    ],
}


def web(yard: Yard) -> None:
    yard.simulator.edit("add-listener", load_balancer_id="lb-1", listener=WEB)


def add_target(yard: Yard, ip: str, weight: int, port: int = 8080) -> tuple[Any, ...]:
    """A target put there by hand."""
    target = {"load_balancer_id": "lb-1", "listener_id": "lbl-1", "ip": ip, "port": port, "weight": weight}
    yard.simulator.edit("add-target", **target)
    return ("lb-1", "lbl-1", None, ip, port)


@pytest.mark.parametrize(
    ("edit", "cluster_id", "reason"),
    [
        ({"kind": "move-address", "ip": "10.0.1.1", "from": "eni-1"}, "cls-a", "eni-not-found"),
        ({"kind": "attach-interface", "interface_id": "eni-1", "instance_id": None}, "cls-a", "eni-detached"),
        (
            {"kind": "set-address-state", "interface_id": "eni-1", "ip": "10.0.1.1", "state": "PENDING"},
            "cls-a",
            "eni-detached",
        ),
        (
            {"kind": "set-route-enabled", "ccn_id": "ccn-1", "cidr": "172.20.0.0/16", "enabled": False},
            "cls-b",
            "ccn-route-disabled",
        ),
        (
            {"kind": "set-attachment-state", "ccn_id": "ccn-1", "vpc_id": "vpc-b", "state": "PENDING"},
            "cls-b",
            "ccn-not-attached",
        ),
        (
            {"kind": "add-route", "ccn_id": "ccn-1", "route": {"cidr": "172.20.0.0/24", "vpc_id": "vpc-a"}},
            "cls-b",
            "ccn-route-other-vpc",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_address_without_its_proof_is_refused_and_nothing_is_written(
    yard: Yard, edit: dict[str, Any], cluster_id: str, reason: str
) -> None:
    yard.simulator.edit(**edit)
    yard.set_the_table("cls-a", "cls-b")
    yard.say(cluster_id, pod_event(0, cluster_id=cluster_id))
    yard.settle()
    assert yard.states() == {("rejected", reason): 1}
    assert yard.writes() == []


def test_declared_asks_the_network_for_nothing(yard: Yard) -> None:
    yard.simulator.set_parameters(check_addresses=False)
    topology = Topology("vpc-b", ("172.20.0.0/16",))
    yard.set_the_table("cls-b", verification=Verification.DECLARED, topology=topology)
    yard.say("cls-b", pod_event(0, cluster_id="cls-b"))
    yard.settle()
    assert yard.states() == {("bound", None): 1}
    # What the cluster and the account are is asked of the cloud; whose the address is, is not.
    network = {"DescribeNetworkInterfaces", "DescribeCcnAttachedInstances", "DescribeCcnRoutes"}
    assert network & {call["action"] for call in yard.simulator.calls} == set()


def test_a_rejected_pod_starts_anew_at_a_newer_revision_only(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.simulator.edit("move-address", ip="10.0.1.1", **{"from": "eni-1"})
    yard.say("cls-a", pod_event(0))
    yard.settle()
    yard.simulator.edit("move-address", ip="10.0.1.1", to="eni-1")
    (again,) = yard.say("cls-a", pod_event(0, event_id="again"))
    assert (again.outcome, again.code) == (Outcome.UNCHANGED, "eni-not-found")
    yard.say("cls-a", pod_event(0, revision=2))
    yard.settle()
    assert yard.states() == {("rejected", "eni-not-found"): 1, ("bound", None): 1}
    judge(yard)


def test_targets_go_where_their_names_lead_at_layer_4_and_layer_7(yard: Yard) -> None:
    web(yard)
    by_rule: dict[str, Any] = {"listener_id": None, "protocol": "HTTP", "listener_port": 8000, "domain": "shop.example"}
    yard.set_the_table("cls-a")
    yard.say(
        "cls-a",
        pod_event(0, listener_id="lbl-web", location_id="loc-2", weight=0),
        pod_event(1, **by_rule, url="/", weight=100),
        pod_event(2, listener_id=None, protocol="TCP", listener_port=82),
        pod_event(3, **by_rule, url="/none"),
        pod_event(4, **by_rule),  # two rules of that domain: no single one is meant
        pod_event(5, listener_id="lbl-web"),  # at layer 7 a rule is needed
    )
    yard.settle()
    assert cloud_has(yard) == {
        ("lb-1", "lbl-web", "loc-2", address("cls-a", 0), 8080): 0,
        ("lb-1", "lbl-web", "loc-1", address("cls-a", 1), 8080): 100,
        ("lb-1", "lbl-3", None, address("cls-a", 2), 8080): 10,
    }
    assert yard.states() == {("bound", None): 3, ("held", "listener-not-found"): 3}
    judge(yard)


def test_a_rule_whose_name_becomes_ambiguous_keeps_its_target_and_loses_it_with_its_pod(yard: Yard) -> None:
    yard.simulator.edit("add-listener", load_balancer_id="lb-1", listener={**WEB, "rules": WEB["rules"][:1]})
    yard.set_the_table("cls-a")
    name: dict[str, Any] = {"listener_id": None, "protocol": "HTTP", "listener_port": 8000, "domain": "shop.example"}
    yard.say("cls-a", pod_event(0, **name))
    yard.settle()
    assert set(cloud_has(yard)) == {("lb-1", "lbl-web", "loc-1", address("cls-a", 0), 8080)}
    first, second = WEB["rules"]
    rules = [{**first, "targets": [{"ip": address("cls-a", 0), "port": 8080, "weight": 10}]}, second]
    yard.simulator.edit("delete-listener", load_balancer_id="lb-1", listener_id="lbl-web")
    yard.simulator.edit("add-listener", load_balancer_id="lb-1", listener={**WEB, "rules": rules})
    yard.tell("UPDATE load_balancers SET inventory_read_at = now() - interval '1 hour'")
    yard.sweep()
    yard.say("cls-a", pod_event(0, kind="unbind", revision=2, **name))
    yard.settle()
    assert cloud_has(yard) == {}
    judge(yard)


def test_a_listener_that_appears_is_used_in_the_same_pass(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0, listener_id="lbl-web", location_id="loc-1"))
    yard.settle()
    assert yard.states() == {("held", "listener-not-found"): 1}
    web(yard)
    yard.tell("UPDATE load_balancers SET due_at = now()")
    assert yard.worker.run_once() == 1
    assert yard.states() == {("bound", None): 1}
    assert yard.tell("SELECT failures, last_error FROM load_balancers") == [(0, None)]


def test_the_inventory_is_read_again_when_it_is_old_and_not_before(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0))
    yard.settle()
    yard.simulator.clear_calls()
    yard.sweep()
    assert [call["action"] for call in yard.simulator.calls] == ["DescribeTargets"]
    yard.tell("UPDATE load_balancers SET inventory_read_at = now() - interval '61 seconds'")
    yard.sweep()
    assert [call["action"] for call in yard.simulator.calls][1:3] == ["DescribeLoadBalancers", "DescribeListeners"]


def test_a_write_on_one_listener_leaves_nothing_open_on_another(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0, listener_id="lbl-2"))
    yard.settle()
    yard.say("cls-a", pod_event(1))
    yard.worker.run_once()  # the verdict
    yard.skip_pauses()
    assert yard.worker.run_once() == 1
    assert yard.states() == {("bound", None): 2}
    assert yard.tell("SELECT wanted_generation - reconciled_generation FROM load_balancers") == [(0,)]


def test_a_wanted_target_that_is_there_already_is_adopted_with_its_weight_and_later_taken_off(yard: Yard) -> None:
    stranger = add_target(yard, "10.0.6.9", 33)
    other_port = add_target(yard, address("cls-a", 0), 44, port=9999)
    add_target(yard, address("cls-a", 0), 10)
    add_target(yard, address("cls-a", 1), 77)
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0), pod_event(1))
    yard.settle()
    assert [call["action"] for call in yard.writes()] == ["BatchModifyTargetWeight"]
    judge(yard, foreign=[stranger, other_port])
    yard.say("cls-a", *(pod_event(number, kind="unbind", revision=2) for number in (0, 1)))
    yard.settle()
    assert cloud_has(yard) == {stranger: 33, other_port: 44}


def test_drift_by_hand_is_put_right_at_the_next_sweep(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.say("cls-a", *(pod_event(number) for number in range(3)))
    yard.settle()
    place = {"load_balancer_id": "lb-1", "listener_id": "lbl-1", "port": 8080}
    yard.simulator.edit("remove-target", ip=address("cls-a", 0), **place)
    yard.simulator.edit("set-weight", ip=address("cls-a", 1), weight=99, **place)
    yard.sweep()
    judge(yard)
    assert yard.states() == {("bound", None): 3}
    details = {row[0] for row in yard.tell("SELECT detail FROM journal WHERE from_state = 'bound'")}
    assert details == {"missing at the cloud", "weight 99 at the cloud"}


def test_a_removal_that_somebody_did_by_hand_is_a_removal(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0))
    yard.settle()
    where = {"load_balancer_id": "lb-1", "listener_id": "lbl-1", "ip": address("cls-a", 0), "port": 8080}
    yard.simulator.edit("remove-target", **where)
    yard.say("cls-a", pod_event(0, kind="unbind", revision=2))
    yard.settle()
    assert yard.only().state is State.RELEASED
    assert [call["action"] for call in yard.writes()] == ["BatchRegisterTargets"]


def test_history_names_the_cloud_s_number_of_each_call_that_changed_something(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0))
    yard.settle()
    yard.say("cls-a", pod_event(0, kind="unbind", revision=2))
    yard.settle()
    told = {row[0] for row in yard.tell("SELECT cloud_request_id FROM journal WHERE cloud_request_id IS NOT NULL")}
    assert told == {call["request_id"] for call in yard.writes()}


def test_topologies_are_read_once_and_not_at_every_verification(yard: Yard) -> None:
    yard.set_the_table("cls-a", "cls-b")
    yard.settle()
    for number in range(3):
        yard.say("cls-a", pod_event(number))
        yard.settle()
    assert len([call for call in yard.simulator.calls if call["action"] == "DescribeClusters"]) == 2


def test_a_cluster_that_the_cloud_does_not_know_waits_and_goes_on_when_it_does(yard: Yard) -> None:
    yard.set_the_table("cls-late")
    yard.say("cls-late", pod_event(0))
    for _ in range(3):
        yard.skip_pauses()
        yard.worker.run_once()
    assert yard.only().state is State.VERIFYING
    assert "the cloud knows no cluster cls-late" in str(yard.only().detail)
    yard.simulator.edit("remove-node", cluster_id="cls-a", instance_id="ins-1")
    cluster = {"cluster_id": "cls-late", "name": "late", "vpc_id": "vpc-a", "network_type": "VPC-CNI"}
    nodes = [{"instance_id": "ins-1", "ip": "10.0.200.1"}]
    yard.simulator.edit("add-cluster", cluster={**cluster, "nodes": nodes})
    yard.settle()
    assert yard.only().state is State.BOUND
