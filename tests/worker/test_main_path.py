"""From an event to a target and away again, in both network modes."""

from app.domain.binding import State, Verdict
from app.domain.cluster import Topology, Verification
from app.domain.codes import Code
from tests.worker.yard import Yard, name_of, pod_event


def test_a_proven_vpc_cni_pod_is_bound_and_its_proof_kept(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0, weight=30))
    yard.run()
    binding = yard.only()
    assert yard.targets() == {name_of(0): 30}
    assert (binding.state, binding.verification.verdict, binding.verification.method) == (
        State.BOUND,
        Verdict.PROVEN,
        "eni",
    )
    checks = {each["check"]: each for each in binding.verification.evidence["checks"]}
    assert {each["result"] for each in checks.values()} == {"passed"}
    assert checks["address-on-interface"]["evidence"]["interface_id"] == "eni-1"
    assert checks["machine-of-cluster"]["evidence"]["instance_id"] == "ins-1"
    assert binding.bound_at is not None


def test_a_proven_global_router_pod_is_bound_by_its_ccn_route(yard: Yard) -> None:
    yard.set_the_table("cls-b")
    yard.say("cls-b", pod_event(0, cluster_id="cls-b"))
    yard.run()
    assert yard.targets() == {name_of(0, "cls-b"): 10}
    assert yard.only().verification.method == "ccn-route"


def test_a_declared_cluster_is_bound_by_its_cidr_alone_and_says_so(yard: Yard) -> None:
    yard.simulator.edit("set-route-enabled", ccn_id="ccn-1", cidr="172.20.0.0/16", enabled=False)
    yard.simulator.set_parameters(check_addresses=False)
    yard.set_the_table("cls-b", verification=Verification.DECLARED)
    yard.say("cls-b", pod_event(0, cluster_id="cls-b"))
    yard.run()
    assert (yard.only().state, yard.only().verification.verdict) == (State.BOUND, Verdict.DECLARED)


def test_every_move_is_in_the_history_once_and_in_order(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0))
    yard.run()
    yard.say("cls-a", pod_event(0, kind="unbind", revision=2))
    yard.run()
    assert yard.targets() == {}
    assert yard.history(binding_id=yard.only().binding_id) == [
        ("binding-created", None, "verifying", None),
        ("binding-moved", "verifying", "pending", None),
        ("binding-moved", "pending", "bound", None),
        ("binding-moved", "bound", "removing", None),
        ("binding-moved", "removing", "released", None),
    ]


def test_a_refused_address_is_never_written_to_the_cloud_and_its_neighbours_are_bound(yard: Yard) -> None:
    yard.set_the_table("cls-a", "cls-b")
    yard.say("cls-a", pod_event(0), pod_event(1, ip="10.0.99.1"), pod_event(2))
    yard.say("cls-b", pod_event(3, cluster_id="cls-b", ip="10.0.1.9"), pod_event(4, cluster_id="cls-b"))
    yard.run()
    refused = {binding.ip: binding.reason for binding in yard.bindings(state="rejected")}
    assert refused == {"10.0.99.1": Code.ENI_NOT_FOUND, "10.0.1.9": Code.OUTSIDE_CLUSTER_CIDR}
    assert set(yard.targets()) == {name_of(0), name_of(2), name_of(4, "cls-b")}
    assert not {ip for _, ip in yard.changes()} & set(refused)


def test_an_operators_topology_wins_over_the_clouds(yard: Yard) -> None:
    yard.set_the_table("cls-a", topology=Topology("vpc-b", (), None, ()))
    yard.say("cls-a", pod_event(0))
    yard.run()
    assert yard.only().reason is Code.ENI_OTHER_VPC
    # The cloud is asked what else the cluster is made of, and its word on the networks is not the one in use.
    assert yard.tell("SELECT topology_setting ->> 'vpc_id', topology_found ->> 'vpc_id' FROM clusters") == [
        ("vpc-b", "vpc-a")
    ]
    assert yard.writes() == []


def test_a_changed_weight_reaches_the_cloud_without_a_new_registration(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0))
    yard.run()
    yard.say("cls-a", pod_event(0, revision=2, weight=55))
    yard.run()
    assert yard.targets() == {name_of(0): 55}
    assert yard.changes() == [("added", "10.0.1.1"), ("weight", "10.0.1.1")]
    assert yard.only().state is State.BOUND


def test_an_unbind_drains_with_weight_0_before_the_target_goes(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0))
    yard.run()
    yard.say("cls-a", pod_event(0, kind="unbind", revision=2), drain_seconds=1)
    yard.run_until("weight 0", lambda: yard.targets() == {name_of(0): 0})
    assert yard.only().state is State.DRAINING
    yard.run()
    assert yard.targets() == {}
    assert yard.changes() == [("added", "10.0.1.1"), ("weight", "10.0.1.1"), ("removed", "10.0.1.1")]


def test_a_bind_during_the_drain_restores_the_weight_and_the_target_never_goes(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0))
    yard.run()
    yard.say("cls-a", pod_event(0, kind="unbind", revision=2), drain_seconds=600)
    yard.run_until("weight 0", lambda: yard.targets() == {name_of(0): 0})
    yard.say("cls-a", pod_event(0, revision=3))
    yard.run()
    assert yard.targets() == {name_of(0): 10}
    assert "removed" not in {kind for kind, _ in yard.changes()}


def test_an_address_that_passes_to_a_new_pod_keeps_its_target(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0, uid="old"))
    yard.run()
    yard.say("cls-a", pod_event(0, uid="new", revision=2))
    yard.say("cls-a", pod_event(0, uid="old", kind="unbind", revision=9))
    yard.run()
    assert {(binding.pod.uid, binding.state, binding.reason) for binding in yard.bindings()} == {
        ("old", State.RELEASED, Code.SUPERSEDED),
        ("new", State.BOUND, None),
    }
    assert yard.changes() == [("added", "10.0.1.1")]


def test_a_target_whose_successor_is_not_the_clusters_is_taken_off(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0, uid="old"))
    yard.run()
    yard.simulator.edit("move-address", ip="10.0.1.1", **{"from": "eni-1"})
    yard.say("cls-a", pod_event(0, uid="new", revision=2))
    yard.run()
    assert yard.only(pod_uid="new").reason is Code.ENI_NOT_FOUND
    assert yard.targets() == {}


def test_what_others_put_at_the_cloud_is_left_alone_and_what_is_wanted_there_is_adopted(yard: Yard) -> None:
    for number in (0, 1):
        yard.simulator.edit("add-target", **_target(number))
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0), pod_event(2))
    yard.run()
    assert yard.only(pod_uid="uid-cls-a-0").state is State.BOUND
    assert [(call["action"], call["target_count"]) for call in yard.writes()] == [("BatchRegisterTargets", 1)]

    yard.say("cls-a", *(pod_event(number, kind="unbind", revision=2) for number in (0, 2)))
    yard.run()
    assert yard.targets() == {name_of(1): 10}


def _target(number: int) -> dict[str, object]:
    listener_id, ip, port = name_of(number)
    return {"load_balancer_id": "lb-1", "listener_id": listener_id, "ip": ip, "port": port, "weight": 10}
