"""One address, one owner: an address that passes from cluster to cluster keeps its target, whatever is said late."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from app.domain.binding import State, Verdict
from app.domain.cluster import Verification
from app.domain.codes import Code
from app.domain.event import Outcome
from app.worker.loops import Worker
from tests.worker.judgement import judge
from tests.worker.yard import Yard, address, name_of, pod_event, running

IP = address("cls-a", 0)
HOMES = {"cls-a": "eni-1", "cls-c": "eni-9"}
"""The interface on a machine of each cluster."""


@pytest.fixture
def shared(yard: Yard) -> Yard:
    """Two clusters in one VPC, each with machines of its own; the address is on one of the first's."""
    yard.simulator.edit(
        "add-interface",
        interface={
            "interface_id": "eni-9",
            "vpc_id": "vpc-a",
            "subnet_id": "subnet-a",
            "instance_id": "ins-9",
            "addresses": ["10.0.209.1"],
        },
    )
    nodes = [{"instance_id": "ins-9", "ip": "10.0.200.9"}]
    cluster = {"cluster_id": "cls-c", "name": "c", "version": "1.30.0", "vpc_id": "vpc-a", "network_type": "VPC-CNI"}
    yard.simulator.edit("add-cluster", cluster={**cluster, "nodes": nodes})
    yard.set_the_table("cls-a", "cls-c")
    return yard


def moves(yard: Yard, number: int = 0, start: str = "cls-a", goal: str = "cls-c") -> None:
    """The cloud shows the address on a machine of the other cluster."""
    yard.simulator.edit("move-address", ip=address("cls-a", number), to=HOMES[goal], **{"from": HOMES[start]})


def first_unbinds(yard: Yard) -> None:
    yard.say("cls-a", pod_event(0, kind="unbind", revision=9), drain_seconds=600)


def second_binds(yard: Yard) -> None:
    yard.say("cls-c", pod_event(0, uid="uid-c", drain_seconds=600))


STEPS: dict[str, Callable[[Yard], object]] = {
    "moves": moves,
    "unbind": first_unbinds,
    "bind": second_binds,
    "work": Yard.work,
    "once": lambda yard: yard.worker.run_once(),
    "sweep": Yard.look_again,
}

STORIES = [
    "moves bind work",
    "bind work moves work",
    "bind moves work",
    "moves bind work unbind work",
    "moves bind unbind work",
    "bind work moves work unbind work",
    "bind work moves unbind work",
    "moves unbind bind work",
    "moves unbind work bind work",
    "unbind work moves bind work",
    "unbind moves work bind work",
    "bind once moves once unbind work",
    "moves bind work sweep unbind sweep",
]


@pytest.mark.parametrize("story", STORIES)
def test_an_address_that_passes_to_another_cluster_keeps_its_target(shared: Yard, story: str) -> None:
    yard = shared
    yard.say("cls-a", pod_event(0))
    yard.settle()
    first = yard.only(cluster_id="cls-a")
    for step in story.split():
        STEPS[step](yard)
    yard.end_drains()
    yard.look_again()
    second = yard.only(cluster_id="cls-c")
    assert (second.state, second.reason, second.verification.verdict) == (State.BOUND, None, Verdict.PROVEN)
    assert yard.targets() == {name_of(0): 10}
    ended = yard.only(cluster_id="cls-a")
    assert ended.state is State.RELEASED
    # One whose pod had said goodbye before lost nothing by it.
    gone_before = "unbind" in story and story.index("unbind") < story.index("bind ")
    assert gone_before or ended.reason is Code.PROOF_LOST
    assert [kind for kind, _ in yard.changes() if kind != "weight"] == ["added"]
    assert {call["action"] for call in yard.writes()} <= {"BatchRegisterTargets", "BatchModifyTargetWeight"}
    moved = [entry[2] for entry in yard.history(binding_id=second.binding_id)]
    assert moved[-1] == "bound"
    assert moved.count("bound") == 1
    assert ended.binding_id == first.binding_id
    judge(yard)


def test_an_unbind_that_comes_late_has_no_effect_and_is_answered_so(shared: Yard) -> None:
    yard = shared
    yard.say("cls-a", pod_event(0))
    yard.settle()
    moves(yard)
    second_binds(yard)
    yard.settle()
    writes = len(yard.writes())
    (answer,) = yard.say("cls-a", pod_event(0, kind="unbind", revision=9))
    assert answer.outcome is Outcome.UNCHANGED
    yard.sweep()
    assert len(yard.writes()) == writes
    assert yard.only(cluster_id="cls-c").state is State.BOUND


def test_a_bind_before_the_cloud_shows_it_is_held_and_the_first_cluster_keeps_its_target(shared: Yard) -> None:
    yard = shared
    yard.say("cls-a", pod_event(0))
    yard.settle()
    second_binds(yard)
    yard.work()
    held = yard.only(cluster_id="cls-c")
    assert (held.state, held.reason, held.verification.verdict) == (
        State.HELD,
        Code.CLAIMED_BY_OTHER_CLUSTER,
        Verdict.DISPROVEN,
    )
    assert "cls-a" in str(held.detail)
    assert "eni-other-cluster" in {each["code"] for each in held.verification.evidence["checks"]}
    yard.tell("UPDATE clusters SET reverification_due_at = clock_timestamp()")
    yard.work()
    assert yard.states() == {("bound", None): 1, ("held", "claimed-by-other-cluster"): 1}
    assert len(yard.writes()) == 1


def test_a_held_claim_that_is_taken_back_leaves_the_first_cluster_alone(shared: Yard) -> None:
    yard = shared
    yard.say("cls-a", pod_event(0))
    yard.settle()
    second_binds(yard)
    yard.work()
    yard.say("cls-c", pod_event(0, uid="uid-c", kind="unbind", revision=2))
    yard.end_drains()
    assert yard.only(cluster_id="cls-c").state is State.RELEASED
    assert yard.only(cluster_id="cls-a").state is State.BOUND
    assert yard.changes() == [("added", IP)]
    judge(yard)


def test_a_held_claim_ends_when_the_first_cluster_goes_and_the_cloud_still_speaks_against_it(shared: Yard) -> None:
    yard = shared
    yard.say("cls-a", pod_event(0))
    yard.settle()
    second_binds(yard)
    yard.work()
    yard.say("cls-a", pod_event(0, kind="unbind", revision=9))
    yard.settle()
    ended = yard.only(cluster_id="cls-c")
    assert (ended.state, ended.reason) == (State.RELEASED, Code.ENI_OTHER_CLUSTER)
    assert yard.targets() == {}
    moves(yard)
    yard.say("cls-c", pod_event(0, uid="uid-c", revision=2))
    yard.settle()
    assert {each.state for each in yard.bindings(cluster_id="cls-c")} == {State.RELEASED, State.BOUND}
    judge(yard)


def test_the_first_clusters_other_places_with_the_address_are_looked_at(shared: Yard) -> None:
    yard = shared
    others = [pod_event(number, listener_id="lbl-2", port=9090) for number in range(1, 5)]
    yard.say("cls-a", pod_event(0), pod_event(0, listener_id="lbl-2", port=9090, event_id="second place"), *others)
    yard.settle()
    moves(yard)
    second_binds(yard)
    yard.settle()
    assert {(each.target.port, each.state, each.reason) for each in yard.bindings(pod_uid="uid-cls-a-0")} == {
        (8080, State.RELEASED, Code.PROOF_LOST),
        (9090, State.RELEASED, Code.PROOF_LOST),
    }
    assert set(yard.targets()) == {name_of(0), *(("lbl-2", address("cls-a", number), 9090) for number in range(1, 5))}
    judge(yard)


def test_an_other_place_that_is_the_last_of_its_listener_is_held_and_not_the_second_clusters(shared: Yard) -> None:
    yard = shared
    yard.say("cls-a", pod_event(0), pod_event(0, listener_id="lbl-2", port=9090, event_id="second place"))
    yard.settle()
    moves(yard)
    second_binds(yard)
    yard.settle()
    held = yard.only(state="held")
    assert (held.target.port, held.reason, held.cluster_id) == (9090, Code.REMOVAL_GUARD, "cls-a")
    assert yard.only(cluster_id="cls-c").state is State.BOUND


def test_a_held_loss_gives_way_to_the_cluster_that_the_address_is_now(shared: Yard) -> None:
    yard = shared
    yard.say("cls-a", pod_event(0))
    yard.settle()
    moves(yard)
    yard.look_again()
    assert yard.states() == {("held", "removal-guard"): 1}
    second_binds(yard)
    yard.settle()
    assert yard.only(cluster_id="cls-a").reason is Code.PROOF_LOST
    assert yard.only(cluster_id="cls-c").state is State.BOUND
    assert yard.changes() == [("added", IP)]
    judge(yard)


def test_an_address_that_goes_to_and_fro_is_bound_once_for_each_owner_and_never_taken_off(shared: Yard) -> None:
    yard = shared
    yard.say("cls-a", pod_event(0, uid="uid-0"))
    yard.settle()
    clusters = ["cls-a", "cls-c"]
    for number in range(1, 5):
        start, goal = clusters[(number + 1) % 2], clusters[number % 2]
        moves(yard, start=start, goal=goal)
        yard.say(goal, pod_event(0, uid=f"uid-{number}"))
        yard.settle()
        yard.say(start, pod_event(0, uid=f"uid-{number - 1}", kind="unbind", revision=2))
        yard.settle()
        assert (yard.only(state="bound").cluster_id, yard.only(state="bound").pod.uid) == (goal, f"uid-{number}")
    assert yard.changes() == [("added", IP)]
    judge(yard)


def test_a_declaration_takes_no_place_from_a_proof_and_a_proof_takes_it_from_a_declaration(yard: Yard) -> None:
    namesake = {"cluster_id": "cls-d", "name": "d", "version": "1.30.0", "vpc_id": "vpc-b", "network_type": "GR"}
    yard.simulator.set_parameters(check_addresses=False)
    yard.simulator.edit("add-cluster", cluster={**namesake, "cluster_cidr": "172.20.0.0/17"})
    yard.set_the_table("cls-d", verification=Verification.DECLARED)
    yard.say("cls-d", pod_event(0, cluster_id="cls-b", uid="uid-d"))
    yard.settle()
    assert yard.only().verification.verdict is Verdict.DECLARED
    yard.simulator.edit("set-cluster", cluster_id="cls-d", cluster_cidr="172.21.0.0/16")
    yard.read_topologies()
    assert yard.states() == {("held", "removal-guard"): 1}
    yard.set_the_table("cls-b")
    yard.say("cls-b", pod_event(0, cluster_id="cls-b"))
    yard.settle()
    assert yard.only(cluster_id="cls-b").state is State.BOUND
    assert yard.only(cluster_id="cls-d").reason is Code.PROOF_LOST

    yard.simulator.edit("set-cluster", cluster_id="cls-d", cluster_cidr="172.20.0.0/17")
    yard.read_topologies()
    yard.say("cls-d", pod_event(0, cluster_id="cls-b", uid="uid-d2"))
    yard.settle()
    assert yard.only(pod_uid="uid-d2").state is State.HELD
    assert yard.only(pod_uid="uid-d2").reason is Code.CLAIMED_BY_OTHER_CLUSTER
    assert yard.changes() == [("added", address("cls-b", 0))]


def test_two_workers_at_once_pass_many_addresses_on_and_no_target_goes(shared: Yard) -> None:
    yard = shared
    numbers = list(range(40))
    yard.say("cls-a", *(pod_event(number) for number in numbers))
    yard.settle()
    chance = random.Random(20261123)
    chance.shuffle(numbers)
    moving = numbers[:20]
    workers = [Worker(yard.workshop(f"life-{number}", reverify=0.2)) for number in (2, 3)]
    with running(*workers):
        for number in moving:
            steps: list[Callable[[], Any]] = [
                lambda number=number: moves(yard, number),
                lambda number=number: yard.say("cls-c", pod_event(number, uid=f"uid-c-{number}")),
            ]
            chance.shuffle(steps)
            for step in steps:
                step()
            yard.say("cls-a", pod_event(number, kind="unbind", revision=9), drain_seconds=600)
            yard.tell("UPDATE clusters SET verification_due_at = now() WHERE verification_due_at > now()")

        def all_there() -> bool:
            yard.skip_pauses()
            return len(yard.bindings(cluster_id="cls-c", state="bound")) == 20

        yard.wait_for("the second cluster's pods", all_there)
    yard.end_drains()
    yard.look_again()
    assert {each.ip for each in yard.bindings(cluster_id="cls-c", state="bound")} == {
        address("cls-a", number) for number in moving
    }
    assert yard.targets() == {name_of(number): 10 for number in range(40)}
    assert "removed" not in {kind for kind, _ in yard.changes()}
    assert len([kind for kind, _ in yard.changes() if kind == "added"]) == 40
    judge(yard)
