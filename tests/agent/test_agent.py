"""The whole agent: from objects in a cluster to events at the broker, and from there to gates and Events."""

from collections.abc import Iterator

import pytest

from app.agent import follow, pauses, tell, trouble, writes
from app.simulator.kubernetes.server import KubernetesSimulator
from tests.agent.broker import Broker, Refusal
from tests.agent.objects import DIRECT, pod, service
from tests.agent.scene import Scene
from tests.agent.waiting import wait_for

AWAY = Refusal(503, {"code": "ledger-unavailable", "detail": "later"}, {"Retry-After": "0"})


@pytest.fixture
def scene(cluster: KubernetesSimulator, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(pauses, "FIRST_SECONDS", 0.05)
    monkeypatch.setattr(pauses, "LONGEST_SECONDS", 0.2)
    monkeypatch.setattr(tell, "INHERIT_SECONDS", 1.0)
    for module in (tell, writes, follow):
        monkeypatch.setattr(module, "LOOK_SECONDS", 0.1)
    made = Scene(cluster, broker)
    yield made
    made.end()


def test_from_a_service_with_pods_to_open_gates_and_an_address(scene: Scene) -> None:
    scene.broker.vips = {"lb-1": ["203.0.113.1"]}
    scene.serve(pods=2)
    scene.start()
    scene.wait_until_bound("10.0.80.1", "10.0.80.2")
    wait_for("the gates", lambda: [scene.gate(f"web-{number}") for number in (0, 1)] == [("True", "Bound")] * 2)
    wait_for("the address", lambda: ingress(scene) == [{"ip": "203.0.113.1"}])
    wait_for("the Event", lambda: scene.reasons("Pod", "web-0") == ["Bound"])
    assert scene.broker.events() == []
    assert len(scene.broker.snapshots("web")) == 1


def ingress(scene: Scene) -> object:
    found = scene.cluster.get("Service", "shop", "web")
    assert found is not None
    return found.get("status", {}).get("loadBalancer", {}).get("ingress")


def test_the_platform_s_own_address_is_left_to_the_platform(scene: Scene) -> None:
    scene.broker.vips = {"lb-1": ["203.0.113.1"]}
    scene.serve(pods=1, **{"service.cloud.tencent.com/mode": "managed"})
    scene.start()
    wait_for("the gate", lambda: scene.gate("web-0") == ("True", "Bound"))
    wait_for("the Event", lambda: "PlatformControllerActive" in scene.reasons("Service", "web"))
    assert ("patch", "services/status") not in scene.writes()


def test_a_broker_that_names_no_addresses_is_enough(scene: Scene) -> None:
    scene.serve(pods=1)
    scene.start()
    wait_for("the gate", lambda: scene.gate("web-0") == ("True", "Bound"))
    assert ingress(scene) is None


def test_a_pod_is_bound_when_it_gets_ready_and_unbound_when_it_is_not(scene: Scene) -> None:
    scene.serve(pods=1)
    scene.start()
    scene.wait_until_bound("10.0.80.1")
    scene.set_ready("web-0", ready=False)
    scene.wait_until_bound()
    scene.set_ready("web-0", ready=True)
    scene.wait_until_bound("10.0.80.1")
    events = scene.broker.events()
    assert [each["type"] for each in events] == ["unbind", "bind"]
    assert events[0]["revision"] < events[1]["revision"]
    assert len({each["event_id"] for each in events}) == 2


def test_a_new_pod_is_bound_and_a_deleted_one_unbound(scene: Scene) -> None:
    scene.serve(pods=2)
    scene.start()
    scene.wait_until_bound("10.0.80.1", "10.0.80.2")
    scene.put(pod("web-9", "10.0.80.9"))
    scene.slice_up("web")
    scene.wait_until_bound("10.0.80.1", "10.0.80.2", "10.0.80.9")
    scene.cluster.delete("Pod", "shop", "web-0", 0)
    scene.wait_until_bound("10.0.80.2", "10.0.80.9")
    wait_for("the new pod's gate", lambda: scene.gate("web-9") == ("True", "Bound"))
    assert [(each["type"], each["pod"]["name"]) for each in scene.broker.events()] == [
        ("bind", "web-9"),
        ("unbind", "web-0"),
    ]


@pytest.mark.parametrize("how", ["deleted", "annotation removed", "other type"])
def test_a_service_that_is_no_more_loses_its_targets_by_events(scene: Scene, how: str) -> None:
    scene.serve(pods=2)
    scene.start()
    scene.wait_until_bound("10.0.80.1", "10.0.80.2")
    wait_for("the broker's own word", lambda: scene.gate("web-0"))
    if how == "deleted":
        scene.cluster.delete("Service", "shop", "web")
    elif how == "annotation removed":
        scene.cluster.patch("Service", "shop", "web", {"metadata": {"annotations": dict.fromkeys(DIRECT)}})
    else:
        scene.cluster.patch("Service", "shop", "web", {"spec": {"type": "ClusterIP"}})
    scene.wait_until_bound()
    assert [each["type"] for each in scene.broker.events()] == ["unbind", "unbind"]


def test_a_gate_follows_what_the_broker_reports(scene: Scene) -> None:
    scene.serve(pods=2)
    scene.start()
    wait_for("the gate", lambda: scene.gate("web-0") == ("True", "Bound"))
    scene.broker.set_state("10.0.80.1", "bound", health="unhealthy")
    wait_for("the gate to close", lambda: scene.gate("web-0") == ("False", "Unhealthy"))
    scene.broker.set_state("10.0.80.1", "bound", health="healthy")
    wait_for("the gate to open", lambda: scene.gate("web-0") == ("True", "Bound"))
    assert scene.gate("web-1") == ("True", "Bound")


def test_a_gate_that_is_right_is_not_written(scene: Scene) -> None:
    scene.serve(pods=3)
    scene.start("agent-0")
    wait_for("the gates", lambda: [scene.gate(f"web-{number}") for number in range(3)] == [("True", "Bound")] * 3)
    scene.end()
    scene.cluster.clear_calls()
    scene.start("agent-1")
    wait_for("the snapshot", lambda: len(scene.broker.snapshots("web")) == 2)
    scene.broker.set_state("10.0.80.1", "bound", health="unhealthy")
    wait_for("a write", lambda: scene.gate("web-0") == ("False", "Unhealthy"))
    assert scene.writes().count(("patch", "pods/status")) == 1


def test_a_broker_that_is_away_unbinds_nothing_and_hears_the_newest_when_it_is_back(scene: Scene) -> None:
    scene.serve(pods=3)
    scene.start()
    scene.wait_until_bound("10.0.80.1", "10.0.80.2", "10.0.80.3")
    wait_for("the gates", lambda: scene.gate("web-2") == ("True", "Bound"))
    scene.broker.refuses = AWAY
    scene.cluster.delete("Pod", "shop", "web-0", 0)
    for _ in range(3):
        scene.set_ready("web-1", ready=False)
        scene.set_ready("web-1", ready=True)
    scene.put(pod("web-8", "10.0.80.8"))
    scene.slice_up("web")
    refused = len(scene.broker.requests)
    wait_for("another try", lambda: len(scene.broker.requests) > refused + 2)
    assert len(scene.broker.bound()) == 3
    assert scene.gate("web-1") == ("True", "Bound")
    scene.broker.refuses = None
    scene.wait_until_bound("10.0.80.2", "10.0.80.3", "10.0.80.8")


def test_what_went_while_no_agent_ran_is_left_to_the_snapshot(scene: Scene) -> None:
    scene.serve("web", pods=2, port=80)
    scene.serve("api", pods=1, port=90)
    scene.start("agent-0")
    scene.wait_until_bound("10.0.80.1", "10.0.80.2", "10.0.90.1")
    scene.end()
    scene.cluster.delete("Pod", "shop", "web-0", 0)
    scene.cluster.delete("Service", "shop", "api")
    scene.start("agent-1")
    scene.wait_until_bound("10.0.80.2")
    assert scene.broker.events() == []
    assert scene.broker.snapshots("api")[-1].body["targets"] == []
    assert len(scene.broker.snapshots("web")) == 2


def test_what_went_in_a_gap_is_left_to_the_snapshot(scene: Scene) -> None:
    scene.serve(pods=2)
    scene.start()
    scene.wait_until_bound("10.0.80.1", "10.0.80.2")
    scene.cluster.order("error", resource="pods", verb="watch", status=503, times=0)
    asked = scene.watch_calls("pods")
    scene.cluster.cut_watches()
    wait_for("the watch to be cut", lambda: scene.watch_calls("pods") > asked)
    scene.cluster.delete("Pod", "shop", "web-0", 0)
    scene.cluster.compact()
    scene.cluster.clear_faults()
    scene.wait_until_bound("10.0.80.2")
    wait_for("the snapshot", lambda: len(scene.broker.snapshots("web")) >= 2)
    assert scene.broker.events("unbind") == []


def test_a_refused_pod_has_an_event_and_is_not_told_again(scene: Scene) -> None:
    scene.broker.reject = {"10.0.80.9": ("not-granted", "no grant for the listener")}
    scene.serve(pods=1)
    scene.start()
    scene.wait_until_bound("10.0.80.1")
    scene.put(pod("web-9", "10.0.80.9"))
    scene.slice_up("web")
    wait_for("the Event", lambda: scene.reasons("Pod", "web-9") == ["BindRefused"])
    scene.set_ready("web-0", ready=False)
    scene.wait_until_bound()
    assert [each["pod"]["name"] for each in scene.broker.events("bind")] == ["web-9"]


def test_a_broken_annotation_is_said_of_its_service_and_disturbs_no_other(scene: Scene) -> None:
    scene.serve("web", pods=1, port=80)
    scene.serve("bad", pods=1, port=90, **{"clb-broker.io/rules": "{"})
    scene.start()
    scene.wait_until_bound("10.0.80.1")
    wait_for("the Event", lambda: "InvalidAnnotation" in scene.reasons("Service", "bad"))


def test_a_global_router_pod_without_the_platform_s_leave_is_said_of_its_service(scene: Scene) -> None:
    scene.cluster.apply(service("web"))
    scene.put(pod("web-0", "172.16.0.1", eni=False))
    scene.slice_up("web")
    scene.start(CLUSTER_CIDRS="172.16.0.0/16")
    wait_for("the Event", lambda: "GlobalRouteDirectAccessMissing" in scene.reasons("Service", "web"))


def test_a_refused_token_is_said_once_of_each_service(scene: Scene) -> None:
    scene.broker.refuses = Refusal(401, {"code": "unauthorized", "detail": "no such token"})
    scene.serve(pods=1)
    scene.start()
    wait_for("the Event", lambda: scene.reasons("Service", "web") == ["BrokerUnavailable"])
    refused = len(scene.broker.snapshots())
    wait_for("another try", lambda: len(scene.broker.snapshots()) > refused)
    scene.broker.refuses = None
    scene.wait_until_bound("10.0.80.1")
    assert scene.writes().count(("patch", "events")) == 0


def test_a_broker_away_for_long_is_said_of_each_service(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trouble, "LASTING_SECONDS", 0.1)
    scene.broker.refuses = AWAY
    scene.serve(pods=1)
    scene.start()
    wait_for("the Event", lambda: scene.reasons("Service", "web") == ["BrokerUnavailable"])


def test_only_the_leader_speaks_and_another_follows_it_at_once(scene: Scene) -> None:
    scene.serve(pods=1)
    first = scene.start("agent-0")
    scene.wait_until_bound("10.0.80.1")
    second = scene.start("agent-1")
    wait_for("the second to be ready", second.agent.ready)
    assert len(scene.broker.snapshots()) == 1
    first.end()
    wait_for("the second's snapshot", lambda: len(scene.broker.snapshots()) == 2)
    scene.set_ready("web-0", ready=False)
    scene.wait_until_bound()


def test_who_cannot_renew_its_lease_says_nothing_more(scene: Scene) -> None:
    scene.serve(pods=1)
    running = scene.start()
    wait_for("the gate", lambda: scene.gate("web-0") == ("True", "Bound"))
    scene.cluster.order("error", resource="leases", verb="*", status=503, times=0)
    wait_for("the lease to run out", lambda: not running.agent.leadership.leads())
    told = len([each for each in scene.broker.requests if not each.path.endswith("/changes")])
    scene.cluster.clear_calls()
    scene.set_ready("web-0", ready=False)
    scene.broker.set_state("10.0.80.1", "bound", health="unhealthy")
    wait_for("the view", lambda: running.agent.view.revision >= scene.cluster.store.version)
    assert len([each for each in scene.broker.requests if not each.path.endswith("/changes")]) == told
    assert scene.writes() == []
    scene.cluster.clear_faults()
    scene.wait_until_bound()


def test_a_burst_of_pods_makes_few_requests(scene: Scene) -> None:
    scene.serve(pods=40)
    for number in range(40):
        scene.set_ready(f"web-{number}", ready=False)
    scene.start()
    wait_for("the snapshot", lambda: scene.broker.snapshots("web"))
    with scene.cluster.store.held():
        for number in range(40):
            scene.set_ready(f"web-{number}", ready=True)
    scene.wait_until_bound(*(f"10.0.80.{number + 1}" for number in range(40)))
    requests = [each for each in scene.broker.requests if each.path.endswith("/pod-events")]
    assert len(requests) <= 20


def test_a_body_that_is_too_large_for_something_in_between_is_halved(scene: Scene) -> None:
    scene.serve(pods=4)
    for number in range(4):
        scene.set_ready(f"web-{number}", ready=False)
    scene.start()
    wait_for("the snapshot", lambda: scene.broker.snapshots("web"))
    scene.broker.refusals = [Refusal(413, b"too large")] * 2
    with scene.cluster.store.held():
        for number in range(4):
            scene.set_ready(f"web-{number}", ready=True)
    wait_for("three to be bound", lambda: len(scene.broker.bound()) >= 2)


def test_a_cursor_that_the_broker_does_not_know_is_let_go(scene: Scene) -> None:
    scene.serve(pods=1)
    scene.start()
    wait_for("the gate", lambda: scene.gate("web-0") == ("True", "Bound"))

    def cursor() -> str | None:
        changes = [each for each in scene.broker.requests if each.path.endswith("/changes")]
        return changes[-1].query.get("after")

    wait_for("a question from a later cursor", lambda: cursor() not in {None, "c0"})
    scene.broker.refuses = Refusal(422, {"code": "invalid-request", "detail": "cursor: not one of ours"})
    scene.broker.set_state("10.0.80.1", "bound", health="healthy-again")
    scene.broker.set_state("10.0.80.1", "bound", health="healthy")
    wait_for("a new beginning", lambda: "after" not in scene.broker.requests[-1].query)
    scene.broker.refuses = None
    scene.broker.set_state("10.0.80.1", "bound", health="unhealthy")
    wait_for("the gate to close", lambda: scene.gate("web-0") == ("False", "Unhealthy"))


def test_snapshots_come_again_and_again(scene: Scene) -> None:
    scene.serve(pods=1)
    scene.start(SNAPSHOT_SECONDS="5")
    wait_for("two snapshots", lambda: len(scene.broker.snapshots("web")) >= 2)
    first, second = scene.broker.snapshots("web")[:2]
    assert first.body["targets"] == second.body["targets"]
    assert first.body["revision"] <= second.body["revision"]


def test_a_loop_that_breaks_ends_the_process(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    running = scene.start()
    wait_for("it to be ready", running.agent.ready)
    monkeypatch.setattr(running.agent.view, "take", None)
    scene.serve(pods=1)
    wait_for("the end", lambda: running.error is not None)
    with pytest.raises(Exception, match="the loop 'tell' broke off"):
        running.end()
    scene.forget(running)
