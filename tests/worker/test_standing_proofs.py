"""Proofs that bindings stand by: looked at again, lost and found, and what the guard and an operator say to a loss."""

from typing import Any

import pytest

from app.domain.binding import State, Verdict
from app.domain.cluster import Topology
from app.domain.codes import Code
from app.domain.event import Outcome
from tests.worker.judgement import judge
from tests.worker.yard import Yard, address, name_of, pod_event

TO_A = {"kind": "add-route", "ccn_id": "ccn-1", "route": {"cidr": "172.20.0.1/32", "vpc_id": "vpc-a"}}


@pytest.mark.parametrize(
    ("cluster_id", "edit", "code"),
    [
        ("cls-a", {"kind": "move-address", "ip": "10.0.1.1", "from": "eni-1"}, "eni-not-found"),
        ("cls-a", {"kind": "attach-interface", "interface_id": "eni-1", "instance_id": None}, "eni-detached"),
        ("cls-a", {"kind": "attach-interface", "interface_id": "eni-1", "instance_id": "ins-x"}, "eni-other-cluster"),
        (
            "cls-a",
            {"kind": "set-address-state", "interface_id": "eni-1", "ip": "10.0.1.1", "state": "DELETING"},
            "eni-detached",
        ),
        ("cls-a", {"kind": "remove-node", "cluster_id": "cls-a", "instance_id": "ins-1"}, "eni-other-cluster"),
        ("cls-b", TO_A, "ccn-route-other-vpc"),
    ],
    ids=lambda value: str(value.get("kind")) if isinstance(value, dict) else value,
)
def test_a_target_whose_proof_is_lost_goes_at_once_and_undrained(
    yard: Yard, cluster_id: str, edit: dict[str, Any], code: str
) -> None:
    others = range(200, 204)
    yard.bound(cluster_id, 0, *others)
    yard.simulator.edit(**edit)
    yard.look_again()
    lost = yard.only(pod_uid=f"uid-{cluster_id}-0")
    assert (lost.state, lost.reason, lost.verification.verdict) == (
        State.RELEASED,
        Code.PROOF_LOST,
        Verdict.DISPROVEN,
    )
    assert str(lost.detail).startswith(f"{code}: ")
    assert yard.history(binding_id=lost.binding_id)[-2:] == [
        ("binding-moved", "bound", "removing", "proof-lost"),
        ("binding-moved", "removing", "released", "proof-lost"),
    ]
    assert yard.changes()[-1] == ("removed", address(cluster_id, 0))
    assert "weight" not in {kind for kind, _ in yard.changes()}
    assert set(yard.targets()) == {name_of(number, cluster_id) for number in others}
    judge(yard)


def test_a_pod_whose_proof_was_lost_is_bound_again_by_a_newer_revision(yard: Yard) -> None:
    yard.bound("cls-a", *range(5))
    yard.take_addresses(0)
    yard.look_again()
    yard.give_addresses_back(0)
    (answer,) = yard.say("cls-a", pod_event(0, revision=2))
    assert answer.outcome is Outcome.ACCEPTED
    yard.settle()
    assert yard.states() == {("bound", None): 5, ("released", "proof-lost"): 1}
    judge(yard)


def test_a_proven_pod_that_is_not_at_the_cloud_yet_never_gets_there_without_its_proof(yard: Yard) -> None:
    yard.bound("cls-a", *range(5))
    yard.simulator.order("throttle", action="BatchRegisterTargets", times=0)
    yard.say("cls-a", pod_event(5, listener_id="lbl-9"), pod_event(6))
    for _ in range(3):
        yard.worker.run_once()
    assert yard.only(pod_uid="uid-cls-a-6").state is State.PENDING
    yard.take_addresses(5, 6)
    yard.tell("UPDATE clusters SET reverification_due_at = clock_timestamp()")
    yard.worker.run_once()
    yard.simulator.clear_faults()
    yard.settle()
    assert {
        (each.state, each.reason) for number in (5, 6) for each in yard.bindings(pod_uid=f"uid-cls-a-{number}")
    } == {(State.RELEASED, Code.PROOF_LOST)}
    assert ("added", address("cls-a", 6)) not in yard.changes()
    judge(yard)


GONE, ROUTED_AWAY = "uid-cls-a-0", "uid-cls-b-0"
NO_ANSWERS: list[dict[str, Any]] = [
    {"kind": "throttle"},
    {"kind": "request-lost"},
    {"kind": "http-500"},
    {"kind": "not-json"},
    {"kind": "internal-error-before"},
    {"kind": "error", "code": "UnauthorizedOperation"},
    {"kind": "error", "code": "UnheardOf.Trouble"},
]
MANGLED: list[dict[str, Any]] = [
    {"action": "DescribeNetworkInterfaces", "fields": {"NetworkInterfaceSet": None}},
    {"action": "DescribeNetworkInterfaces", "without": ["NetworkInterfaceSet"]},
    {"action": "DescribeNetworkInterfaces", "without": ["NetworkInterfaceSet", "TotalCount"]},
    {"action": "DescribeNetworkInterfaces", "fields": {"NetworkInterfaceSet": [None]}},
    {"action": "DescribeClusterInstances", "fields": {"InstanceSet": None}},
    {"action": "DescribeClusterInstances", "without": ["InstanceSet", "TotalCount"]},
    {"action": "DescribeClusterInstances", "fields": {"InstanceSet": "none"}},
    {"action": "DescribeCcnAttachedInstances", "fields": {"InstanceSet": None}},
    {"action": "DescribeCcnAttachedInstances", "without": ["InstanceSet", "TotalCount"]},
    {"action": "DescribeCcnRoutes", "fields": {"RouteSet": [], "TotalCount": 7}},
    {"action": "DescribeCcnRoutes", "without": ["RouteSet", "TotalCount"]},
    {"action": "DescribeCcnRoutes", "fields": {"RouteSet": [{"DestinationCidrBlock": "?", "Enabled": True}]}},
]


@pytest.mark.parametrize(
    "fault",
    [*NO_ANSWERS, *({"kind": "answer", **each} for each in MANGLED)],
    ids=lambda each: "-".join(map(str, each.values())),
)
def test_no_answer_and_a_mangled_one_lose_no_proof_and_the_next_good_one_does(
    yard: Yard, fault: dict[str, Any]
) -> None:
    yard.bound("cls-a", *range(5))
    yard.say("cls-b", *(pod_event(number, cluster_id="cls-b", listener_id="lbl-2") for number in range(5)))
    yard.settle()
    yard.take_addresses(0)
    yard.simulator.edit(**TO_A)
    yard.simulator.order(times=0, **fault)
    for _ in range(2):
        yard.tell("UPDATE clusters SET reverification_due_at = clock_timestamp()")
        yard.worker.run_once()
    # Of the two that are lost at the cloud, one is known only where the answers that tell it were good.
    action = fault.get("action", "")
    told = [] if not action else [ROUTED_AWAY] if "Ccn" not in action else [GONE]
    told += [GONE] if action == "DescribeClusterInstances" else []
    assert {each.pod.uid for each in yard.bindings(state="released")} == set(told)
    assert {each.verification.verdict for each in yard.bindings(state="bound")} == {Verdict.PROVEN}
    yard.simulator.clear_faults()
    yard.look_again()
    assert yard.states() == {("bound", None): 8, ("released", "proof-lost"): 2}
    judge(yard)


def _operators_word(yard: Yard) -> None:
    yard.set_the_table("cls-b", topology=Topology("vpc-b", ("172.20.0.0/24",)))


def _another_look(yard: Yard) -> None:
    yard.say("cls-b", pod_event(9, cluster_id="cls-b"))


@pytest.mark.parametrize(
    ("cluster_id", "edits", "told_by", "code"),
    [
        (
            "cls-a",
            [{"kind": "remove-node", "cluster_id": "cls-a", "instance_id": "ins-2"}],
            Yard.read_topologies,
            "eni-other-cluster",
        ),
        (
            "cls-b",
            [{"kind": "set-cluster", "cluster_id": "cls-b", "cluster_cidr": "172.20.0.0/24"}],
            Yard.read_topologies,
            "outside-cluster-cidr",
        ),
        (
            "cls-b",
            [{"kind": "add-route", "ccn_id": "ccn-1", "route": {"cidr": "172.20.1.0/24", "vpc_id": "vpc-a"}}],
            _another_look,
            "ccn-route-other-vpc",
        ),
        ("cls-b", [], _operators_word, "outside-cluster-cidr"),
    ],
    ids=["node", "cidr", "route", "operator"],
)
def test_a_change_that_proofs_rest_on_makes_them_due_at_once(
    yard: Yard, cluster_id: str, edits: list[dict[str, Any]], told_by: Any, code: str
) -> None:
    yard.bound(cluster_id, *range(4), 200)
    assert yard.tell("SELECT count(*) FROM clusters WHERE reverification_due_at <= now()") == [(0,)]
    for edit in edits:
        yard.simulator.edit(**edit)
    told_by(yard)
    yard.settle()
    lost = yard.only(pod_uid=f"uid-{cluster_id}-200")
    assert (lost.state, lost.reason) == (State.RELEASED, Code.PROOF_LOST)
    assert str(lost.detail).startswith(code)
    assert {name_of(number, cluster_id) for number in range(4)} <= set(yard.targets())
    judge(yard)


def test_another_clusters_new_network_makes_all_proofs_due_that_it_may_spoil(yard: Yard) -> None:
    yard.bound("cls-b", *range(4))
    yard.simulator.edit("set-cluster", cluster_id="cls-a", cluster_cidr="172.20.0.0/20")
    yard.read_topologies()
    assert yard.states() == {("held", "removal-guard"): 4}
    assert {str(each.detail).count("cidr-overlap") for each in yard.bindings()} == {1}


def test_a_sweep_that_finds_nothing_new_writes_no_history_and_no_target(yard: Yard) -> None:
    yard.bound("cls-a", *range(5))
    before = yard.history()
    checked = {each.verification.checked_at for each in yard.bindings()}
    yard.look_again()
    assert yard.history() == before
    assert len(yard.writes()) == 1
    assert min(each.verification.checked_at for each in yard.bindings() if each.verification.checked_at) > max(
        each for each in checked if each
    )


@pytest.mark.parametrize(("cluster_id", "most"), [("cls-a", 12 + 3), ("cls-b", 3)])
def test_a_sweep_over_1200_standing_pods_costs_few_reads(yard: Yard, cluster_id: str, most: int) -> None:
    yard.set_the_table(cluster_id)
    events = [pod_event(n, cluster_id=cluster_id, listener_id=f"lbl-{n % 4 + 1}") for n in range(1200)]
    yard.say(cluster_id, *events[:1000])
    yard.say(cluster_id, *events[1000:])
    yard.settle()
    assert yard.states() == {("bound", None): 1200}
    yard.simulator.clear_calls()
    yard.look_again()
    assert 1 <= yard.reads().total() <= most, yard.reads()
    assert yard.writes() == []
    assert yard.states() == {("bound", None): 1200}
