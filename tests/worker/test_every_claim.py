"""Every code of claims and rights, both ways, over HTTP; `tests.worker.test_every_code` has those of ownership."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from app.api import verifications
from app.domain.codes import Code
from app.ledger.connection import Ledger
from tests.api.client import grant, unbind
from tests.worker.front_door import Event, FrontDoor, of_pod
from tests.worker.ownership_cases import CASES
from tests.worker.two_networks import two_networks
from tests.worker.yard import Yard

IP: Final = "10.0.1.10"
BOUND: Final = [("bound", None)]


@pytest.fixture
def door(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Iterator[FrontDoor]:
    """A broker that knows cls-a, cls-b and cls-c, lb-1, and a load balancer that is not there."""
    monkeypatch.setattr(verifications, "LONGEST_WAIT_SECONDS", 0.0)
    with Yard(ledger, two_networks()) as yard:
        yield FrontDoor(yard, ["cls-a", "cls-b", "cls-c"], ["lb-1", "lb-nowhere"])


def both_ways(door: FrontDoor, refused: Event, code: str, neighbour: Event, state: str | None) -> None:
    """Send both in one batch: the one is refused (``state`` None: at once) and not written, the other is bound."""
    first, second = door.say("cls-a", refused, neighbour)
    door.work()
    at_once = {name: first[name] for name in ("outcome", "code")}
    if state is None:
        assert at_once == {"outcome": "rejected", "code": code}
        assert first["binding_id"] is None
    else:
        shown = door.admin.get(f"/v1/bindings/{first['binding_id']}").json
        assert (shown["state"], shown["reason"], shown["bound_at"]) == (state, code, None)
    assert not door.has(refused)
    shown = door.admin.get(f"/v1/bindings/{second['binding_id']}").json
    assert (shown["state"], shown["reason"], door.has(neighbour)) == ("bound", None, True)


def mixed_network_modes(door: FrontDoor) -> None:
    first = of_pod("172.20.1.9", network_mode="global-router", workload={"name": "web"})
    door.say("cls-b", first)
    door.work()
    second, other, same = (
        of_pod("10.8.1.10", network_mode="vpc-cni", workload={"name": "web"}),
        of_pod("10.8.1.11", network_mode="vpc-cni", workload={"name": "api"}),
        of_pod("172.20.1.10", network_mode="global-router", workload={"name": "web"}),
    )
    door.yard.simulator.edit(
        "add-route", ccn_id="ccn-1", route={"cidr": "10.8.0.0/16", "vpc_id": "vpc-b", "enabled": True}
    )
    door.say("cls-b", second, other, same)
    door.work()
    assert [door.of(each) for each in (second, other, same)] == [[("rejected", "mixed-network-modes")], BOUND, BOUND]
    assert door.written(second) == []


def not_granted(door: FrontDoor) -> None:
    grant(door.admin, "cls-a", "lbl-1")
    by_id, by_port = of_pod(IP, target={"listener_id": "lbl-2"}), of_pod("10.0.1.11")
    by_port["target"] |= {"listener_id": None, "protocol": "TCP", "listener_port": 81}
    both_ways(door, by_id, "not-granted", of_pod("10.0.1.12"), None)
    both_ways(door, by_port, "not-granted", of_pod("10.0.1.13"), None)
    assert door.written(by_id) == door.written(by_port) == []


def claimed_by_other_cluster(door: FrontDoor) -> None:
    mine, theirs = of_pod(IP), of_pod(IP, pod={"uid": "uid-c"})
    door.say("cls-a", mine)
    door.work()
    writes = door.writes()
    other = of_pod("10.0.3.5")
    door.say("cls-c", theirs, other)
    door.work()
    assert [door.of(each) for each in (mine, theirs, other)] == [BOUND, [("held", "claimed-by-other-cluster")], BOUND]
    assert [call["action"] for call in door.writes()[len(writes) :]] == ["BatchRegisterTargets"]
    assert door.written(mine) == ["BatchRegisterTargets"]
    answer = door.ask("cls-c", theirs)
    assert (answer["verdict"], answer["code"]) == ("disproven", "eni-other-cluster")


def proof_lost(door: FrontDoor) -> None:
    """The address moves to another cluster's machine, that cluster binds it, and the first one's unbind comes late."""
    mine, theirs = of_pod(IP), of_pod(IP, pod={"uid": "uid-c"})
    door.say("cls-a", mine)
    door.work()
    writes = len(door.writes())
    door.yard.simulator.edit("move-address", **{"ip": IP, "from": "eni-1", "to": "eni-3"})
    door.say("cls-c", theirs)
    door.work()
    door.say("cls-a", unbind(mine["pod"]["uid"], 20, target=mine["target"]))
    door.work()
    assert (door.of(mine), door.of(theirs), door.has(theirs)) == ([("released", "proof-lost")], BOUND, True)
    assert len(door.writes()) == writes


def superseded(door: FrontDoor) -> None:
    first, second = of_pod(IP), of_pod(IP, pod={"uid": "uid-new"}, revision=11)
    door.say("cls-a", first)
    door.work()
    writes = len(door.writes())
    door.say("cls-a", second)
    door.work()
    assert (door.of(first), door.of(second), door.has(second)) == ([("released", "superseded")], BOUND, True)
    assert len(door.writes()) == writes


def removal_guard(door: FrontDoor) -> None:
    """Of ten targets three may lose their proof at once, four may not."""
    pods = [of_pod(f"10.0.1.{number}") for number in range(10, 20)]
    door.say("cls-a", *pods)
    door.work()
    for pod in pods[:4]:
        door.yard.simulator.edit("move-address", **{"ip": pod["pod"]["ip"], "from": "eni-1", "to": None})
    door.sweep()
    assert [door.of(pod) for pod in pods] == [[("held", "removal-guard")]] * 4 + [BOUND] * 6
    assert all(door.has(pod) for pod in pods)
    door.yard.simulator.edit("move-address", **{"ip": pods[0]["pod"]["ip"], "from": None, "to": "eni-1"})
    door.sweep()
    assert door.of(pods[0]) == BOUND


def cluster_silent(door: FrontDoor) -> None:
    """The same, of a cluster whose agent is silent; when it speaks again the guard judges anew."""
    pods = [of_pod(f"10.0.1.{number}") for number in range(10, 20)]
    door.say("cls-a", *pods)
    door.work()
    door.yard.tell("UPDATE clusters SET last_seen_at = now() - interval '1 hour'")
    for pod in pods[:4]:
        door.yard.simulator.edit("move-address", **{"ip": pod["pod"]["ip"], "from": "eni-1", "to": None})
    door.sweep()
    assert [door.of(pod) for pod in pods] == [[("held", "cluster-silent")]] * 4 + [BOUND] * 6
    door.say("cls-a")
    door.sweep()
    assert [door.of(pod) for pod in pods] == [[("held", "removal-guard")]] * 4 + [BOUND] * 6


def a_lost_proof_within_the_share(door: FrontDoor) -> None:
    pods = [of_pod(f"10.0.1.{number}") for number in range(10, 20)]
    door.say("cls-a", *pods)
    door.work()
    for pod in pods[:3]:
        door.yard.simulator.edit("move-address", **{"ip": pod["pod"]["ip"], "from": "eni-1", "to": None})
    door.sweep()
    assert [door.of(pod) for pod in pods] == [[("released", "proof-lost")]] * 3 + [BOUND] * 7
    assert [door.has(pod) for pod in pods] == [False] * 3 + [True] * 7


def four_tuple_conflict(door: FrontDoor) -> None:
    door.say("cls-a", of_pod(IP))
    door.work()
    both_ways(
        door,
        of_pod(IP, target={"listener_id": "lbl-2"}),
        "four-tuple-conflict",
        of_pod(IP, target={"listener_id": "lbl-udp"}),
        "held",
    )
    both_ways(
        door,
        of_pod(IP, revision=11, target={"listener_id": "lbl-2"}, event_id="again"),
        "four-tuple-conflict",
        of_pod(IP, target={"listener_id": "lbl-2", "port": 8081}),
        "held",
    )
    assert len(door.written(of_pod(IP))) == 3


def listener_not_found(door: FrontDoor) -> None:
    refused = of_pod(IP, target={"listener_id": "lbl-9"})
    both_ways(door, refused, "listener-not-found", of_pod("10.0.1.11", target={"listener_id": "lbl-2"}), "held")
    assert door.written(refused) == []


def load_balancer_not_found(door: FrontDoor) -> None:
    refused = of_pod(IP, target={"load_balancer_id": "lb-nowhere"})
    both_ways(door, refused, "load-balancer-not-found", of_pod("10.0.1.11"), "held")
    assert door.written(refused) == []
    assert door.ask("cls-a", refused)["verdict"] == "proven"


def target_weight_out_of_range(door: FrontDoor) -> None:
    for number, (wrong, right) in enumerate(((101, 100), (-1, 0))):
        refused = of_pod(f"10.0.1.{10 + number}", target={"weight": wrong})
        good = of_pod(f"10.0.1.{20 + number}", target={"weight": right})
        both_ways(door, refused, "target-weight-out-of-range", good, None)
        assert door.written(refused) == []


def quota_exceeded(door: FrontDoor) -> None:
    door.yard.simulator.edit("set-quota", quota=1)
    pods = [of_pod(f"10.0.1.{number}") for number in (10, 11)]
    elsewhere = of_pod("10.0.1.12", target={"listener_id": "lbl-2"})
    door.say("cls-a", *pods, elsewhere)
    door.work()
    assert sorted(door.of(pod) for pod in pods) == [BOUND, [("held", "quota-exceeded")]]
    assert (door.of(elsewhere), [door.has(pod) for pod in pods].count(True)) == (BOUND, 1)


def cloud_refused(door: FrontDoor) -> None:
    """The cloud refuses what the broker finds nothing wrong with."""
    door.yard.simulator.order(
        "error", action="BatchRegisterTargets", code="InvalidParameterValue", message="no", times=0
    )
    door.say("cls-a", of_pod(IP))
    door.work()
    kept = door.the(of_pod(IP))
    assert (kept["state"], kept["reason"]) == ("held", "cloud-refused")
    assert "InvalidParameterValue" in kept["detail"]
    door.yard.simulator.clear_faults()
    good = of_pod("10.0.1.11")
    door.say("cls-a", good)
    door.work()
    assert (door.of(good), door.has(good), door.has(of_pod(IP))) == (BOUND, True, False)


def invalid_event(door: FrontDoor) -> None:
    wrong: list[dict[str, Any]] = [
        {"pod": {"ip": ip}} for ip in ("010.0.1.10", " 10.0.1.10", "10.0.1.10 ", "10.0.1.10\n", "10.0.1.0/24", "")
    ]
    wrong += [{"target": {"port": port}} for port in (0, 65536, -1)]
    events = [of_pod(IP, **changes, event_id=f"wrong-{number}") for number, changes in enumerate(wrong)]
    right = [of_pod(f"10.0.1.{20 + at}", target={"port": port}) for at, port in enumerate((1, 65535))]
    results = door.say("cls-a", *events, *right)
    door.work()
    assert [(each["outcome"], each["code"]) for each in results[:-2]] == [("rejected", "invalid-event")] * len(events)
    assert door.written(of_pod(IP)) == []
    assert [(door.of(each), door.has(each)) for each in right] == [(BOUND, True)] * 2
    for changes in wrong:
        asked = {"cluster_id": "cls-a", "network_mode": "vpc-cni", "ip": IP, **changes.get("pod", {})}
        answer = door.admin.post("/v1/verifications", asked | changes.get("target", {}))
        assert answer.status_code == 422


def event_id_reused(door: FrontDoor) -> None:
    door.say("cls-a", of_pod("10.0.1.11", event_id="mine"))
    refused, good = of_pod(IP, event_id="mine"), of_pod("10.0.1.12", event_id="another")
    both_ways(door, refused, "event-id-reused", good, None)
    assert door.written(refused) == []


STORIES: Final[tuple[Callable[[FrontDoor], None], ...]] = (
    mixed_network_modes,
    not_granted,
    claimed_by_other_cluster,
    proof_lost,
    superseded,
    removal_guard,
    cluster_silent,
    a_lost_proof_within_the_share,
    four_tuple_conflict,
    listener_not_found,
    load_balancer_not_found,
    target_weight_out_of_range,
    quota_exceeded,
    cloud_refused,
    invalid_event,
    event_id_reused,
)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__.replace("_", "-"))
def test_the_code_says_what_stands_in_the_way_and_its_neighbour_is_bound(
    door: FrontDoor, story: Callable[[FrontDoor], None]
) -> None:
    story(door)


def test_every_code_has_its_case() -> None:
    told = {case.code for case in CASES} | {each.__name__.replace("_", "-") for each in STORIES}
    assert set(Code) - told == set()
