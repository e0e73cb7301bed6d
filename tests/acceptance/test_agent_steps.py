"""From `kubectl apply` to traffic: each of the agent's steps with real processes, on one installation.

Every story has a namespace and a listener of its own.
"""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.simulator.kubernetes.permissions import Right
from tests.acceptance.installation import Installation
from tests.acceptance.shop import DIRECT, GATE, LOAD_BALANCER, SKIP, Cluster, at, deployment, gate_of, service, token_of
from tests.acceptance.world import address

BAD_SERVICES: dict[str, dict[str, Any]] = {
    "broken-rules": {"annotations": {"clb-broker.io/rules": "{"}},
    "no-balancer": {"annotations": {LOAD_BALANCER: ""}},
    "no-selector": {"selector": None},
    "not-skipped": {"annotations": {SKIP: ""}},
    "unknown-balancer": {"annotations": {LOAD_BALANCER: "lb-none"}},
    "no-listener": {"ports": [{"name": "http", "port": 9999, "targetPort": "http"}]},
    "host-network": {},
}
BAD_REASONS = {
    "broken-rules": "InvalidAnnotation",
    "no-balancer": "LoadBalancerMissing",
    "no-selector": "NoSelector",
    "not-skipped": "PlatformControllerActive",
    "unknown-balancer": "BindRefused",
    "no-listener": "UnknownListener",
    "host-network": "HostNetworkSkipped",
}
CONFIG = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "tke-service-controller-config", "namespace": "kube-system"},
    "data": {"GlobalRouteDirectAccess": "true"},
}


@pytest.fixture(scope="module")
def shop(broker: Installation, place: Path) -> Iterator[Cluster]:
    """A VPC-CNI cluster with one agent."""
    addresses = [address("cls-a", number) for number in range(200)]
    with Cluster(broker, place, "cls-a", addresses, defaultNetworkMode="vpc-cni") as cluster:
        cluster.start("agent-shop")
        yield cluster


@pytest.fixture(scope="module")
def office(broker: Installation, place: Path) -> Iterator[Cluster]:
    """A GlobalRouter cluster with one agent; direct access is allowed in it."""
    addresses = [address("cls-b", number) for number in range(200)]
    with Cluster(broker, place, "cls-b", addresses, clusterCidrs=["172.20.0.0/16"]) as cluster:
        cluster.apply(CONFIG)
        cluster.start("agent-office")
        yield cluster


def test_annotation_a_service_is_bound_when_it_asks_for_direct_access_and_not_any_more_when_it_does_not(
    broker: Installation, shop: Cluster
) -> None:
    plain = service("annotation", "lb-near", 8001)
    annotations = plain["metadata"].pop("annotations")
    shop.apply(plain, deployment("annotation", 3, gated=False))
    shop.wait_until_ready("annotation", 3)
    assert at(broker, "lb-near", "lbl-near-1") == []

    shop.apply({**plain, "metadata": {**plain["metadata"], "annotations": annotations}})
    broker.wait_for("three targets", lambda: at(broker, "lb-near", "lbl-near-1") == shop.addresses("annotation"))
    pods = {each["metadata"]["name"] for each in shop.pods("annotation")}
    broker.wait_for("an Event Bound for each pod", lambda: pods <= _subjects(shop, "annotation", "Bound"))
    bindings = broker.everything("/v1/bindings", listener_id="lbl-near-1")
    assert {each["service"]["name"] for each in bindings} == {"web"}
    assert {(each["workload"]["kind"], each["workload"]["name"]) for each in bindings} == {("Deployment", "web")}

    shop.api.patch("Service", "annotation", "web", {"metadata": {"annotations": {DIRECT: None}}})
    broker.wait_for("no target", lambda: at(broker, "lb-near", "lbl-near-1") == [])
    assert len(shop.ready("annotation")) == 3


def test_vpc_cni_mode_pods_are_proven_by_their_interface_and_the_gate_opens_when_they_are_healthy(
    broker: Installation, shop: Cluster
) -> None:
    shop.apply(service("vpc-cni", "lb-near", 8002), deployment("vpc-cni", 3))
    shop.wait_until_ready("vpc-cni", 3)
    assert at(broker, "lb-near", "lbl-near-2") == shop.addresses("vpc-cni")
    assert {each["health"] for each in _targets(broker, "lbl-near-2")} == {"Alive"}
    for pod in shop.pods("vpc-cni"):
        gate = gate_of(pod)
        assert gate is not None
        assert (gate["status"], bool(gate["reason"]), bool(gate["message"])) == ("True", True, True)
    bindings = broker.everything("/v1/bindings", listener_id="lbl-near-2")
    assert {(each["network_mode"], each["verification"]["verdict"]) for each in bindings} == {("vpc-cni", "proven")}
    broker.wait_for("the Service's address", lambda: _ingress(shop, "vpc-cni") == ["203.0.113.11"])


def test_global_router_mode_pods_are_proven_by_cidr_and_route(broker: Installation, office: Cluster) -> None:
    office.apply(service("global-router", "lb-far", 8001), deployment("global-router", 3))
    office.wait_until_ready("global-router", 3)
    assert at(broker, "lb-far", "lbl-far-1") == office.addresses("global-router")
    bindings = broker.everything("/v1/bindings", listener_id="lbl-far-1")
    assert {(each["network_mode"], each["verification"]["verdict"]) for each in bindings} == {
        ("global-router", "proven")
    }


def test_ccn_proof_a_global_router_pod_reaches_a_load_balancer_of_another_vpc_by_a_ccn_route_only(
    broker: Installation, office: Cluster
) -> None:
    route = {"ccn_id": "ccn-1", "cidr": "172.20.0.0/16", "vpc_id": "vpc-b"}
    broker.simulator.edit("set-route-enabled", **route, enabled=False)
    office.apply(service("ccn", "lb-near", 8003), deployment("ccn", 1))
    refused = office.wait_for_event("ccn", "BindRefused")
    assert "ccn-route-" in refused["message"]
    assert at(broker, "lb-near", "lbl-near-3") == []
    (pod,) = office.pods("ccn")
    broker.wait_for("the gate to say why", lambda: "ccn-route-" in str(gate_of(office.pods("ccn")[0])))
    assert office.ready("ccn") == []

    broker.simulator.edit("set-route-enabled", **route, enabled=True)
    office.api.delete("Pod", "ccn", pod["metadata"]["name"])
    office.wait_until_ready("ccn", 1)
    assert at(broker, "lb-near", "lbl-near-3") == office.addresses("ccn")


def test_readiness_on_by_default_new_pods_of_a_direct_access_service_get_the_gate(
    broker: Installation, shop: Cluster
) -> None:
    shop.start_webhook()
    shop.apply(service("default-gate", "lb-near", 8004))
    broker.wait_for("the webhook to know the Service", lambda: _gets_gate(shop, "default-gate"))
    shop.apply(deployment("default-gate", 2, gated=False))
    shop.wait_until_ready("default-gate", 2)
    assert at(broker, "lb-near", "lbl-near-4") == shop.addresses("default-gate")
    for pod in shop.pods("default-gate"):
        assert pod["spec"]["readinessGates"] == [{"conditionType": GATE}]
        assert str(gate_of(pod)["status"]) == "True"  # type: ignore[index]

    assert broker.stop("webhook") == 0
    shop.apply(deployment("without-webhook", 1, gated=False))
    shop.wait_until_ready("without-webhook", 1)  # it fails open
    assert shop.api.admission.failures


def test_a_gated_rolling_update_of_20_pods_never_drops_below_the_wanted_number_of_healthy_targets(
    broker: Installation, shop: Cluster
) -> None:
    listener = "lbl-near-5"
    shop.apply(service("rolling", "lb-near", 8005), deployment("rolling", 20, surge=10))
    shop.wait_until_ready("rolling", 20)
    before = set(shop.addresses("rolling"))
    with Lowest(broker, listener) as lowest:
        shop.apply(deployment("rolling", 20, image="web:2", surge=10))
        broker.wait_for("new pods only", lambda: _images(shop, "rolling") == ["web:2"] * 20)
        shop.wait_until_ready("rolling", 20)
        broker.wait_for("new targets only", lambda: at(broker, "lb-near", listener) == shop.addresses("rolling"))
    assert before != set(shop.addresses("rolling"))
    assert lowest.samples > 20
    assert lowest.healthy >= 20


def test_a_deployment_scales_to_zero_and_back(broker: Installation, shop: Cluster) -> None:
    shop.apply(service("scale", "lb-near", 8006), deployment("scale", 4))
    for replicas in (4, 0, 4):
        shop.scale("scale", replicas)
        shop.wait_until_ready("scale", replicas)
        wanted = shop.addresses("scale")
        broker.wait_for(f"{replicas} targets", lambda wanted=wanted: at(broker, "lb-near", "lbl-near-6") == wanted)
    bindings = broker.everything("/v1/bindings", listener_id="lbl-near-6", state="bound")
    assert len(bindings) == 4


def test_a_deleted_service_leaves_no_target_and_its_pods_untouched(broker: Installation, shop: Cluster) -> None:
    shop.apply(service("deleted", "lb-near", 8007), deployment("deleted", 3))
    shop.wait_until_ready("deleted", 3)
    shop.api.delete("Service", "deleted", "web")
    broker.wait_for("no target", lambda: at(broker, "lb-near", "lbl-near-7") == [])
    assert len(shop.pods("deleted")) == 3
    broker.wait_for("gates that wait for nothing", lambda: _gates(shop, "deleted") == [("True", "NotSelected")] * 3)
    assert len(shop.ready("deleted")) == 3


def test_an_address_that_the_next_pod_gets_at_once_stays_a_target_and_becomes_that_pods(
    broker: Installation, shop: Cluster
) -> None:
    shop.apply(service("reused", "lb-near", 8008), deployment("reused", 1))
    shop.wait_until_ready("reused", 1)
    (first,) = shop.pods("reused")
    shop.api.delete("Pod", "reused", first["metadata"]["name"], 0)
    shop.wait_until_ready("reused", 1)
    (second,) = shop.pods("reused")
    assert second["status"]["podIP"] == first["status"]["podIP"]
    assert at(broker, "lb-near", "lbl-near-8") == [second["status"]["podIP"]]
    (bound,) = broker.everything("/v1/bindings", listener_id="lbl-near-8", state="bound")
    assert bound["pod"]["uid"] == second["metadata"]["uid"]


def test_what_cannot_be_bound_is_told_on_the_object_itself_and_disturbs_nothing_else(
    broker: Installation, shop: Cluster
) -> None:
    shop.apply(service("bad", "lb-near", 8009), deployment("bad", 2))
    for name, change in BAD_SERVICES.items():
        broken = service("bad", "lb-near", 8010, name)
        broken["metadata"]["annotations"] |= change.pop("annotations", {})
        broken["spec"] |= change
        broken["metadata"]["annotations"] = {
            key: text for key, text in broken["metadata"]["annotations"].items() if text
        }
        shop.apply({**broken, "spec": {key: each for key, each in broken["spec"].items() if each}})
    shop.apply(deployment("bad", 1, gated=False, name="no-listener"), deployment("bad", 1, name="unknown-balancer"))
    host = deployment("bad", 1, gated=False, name="host-network")
    host["spec"]["template"]["spec"]["hostNetwork"] = True
    shop.apply(host)
    told = set(BAD_REASONS.items())
    broker.wait_for("an Event on each", lambda: told <= _told(shop, "bad"))
    broker.wait_for("two targets", lambda: len(at(broker, "lb-near", "lbl-near-9")) == 2)
    broker.wait_for("two ready pods", lambda: len([each for each in shop.ready("bad") if gate_of(each)]) == 2)
    assert at(broker, "lb-near", "lbl-near-10") == []


def test_the_charts_rights_are_exactly_those_that_are_used(broker: Installation, shop: Cluster) -> None:
    shop.start_webhook()
    shop.apply(service("rights", "lb-near", 8011), deployment("rights", 1))
    shop.wait_until_ready("rights", 1)
    broker.wait_for("the webhook to know the Service", lambda: _gets_gate(shop, "rights"))
    for wanted in (None, "true"):  # what happens again becomes a change of an Event that is there
        shop.api.patch("Service", "rights", "web", {"metadata": {"annotations": {DIRECT: wanted}}})
        pods = shop.addresses("rights") if wanted else []
        broker.wait_for("its targets", lambda pods=pods: at(broker, "lb-near", "lbl-near-11") == pods)
    broker.wait_for("all rights of the agent to be used", lambda: not _unused(shop, "agent"))
    assert _unused(shop, "webhook") == set()
    assert _unused(shop, "certificate") <= {Right("", "secrets", "update")}  # for a renewal in years
    assert shop.api.permissions.denied == []
    assert broker.stop("webhook") == 0


class Lowest(threading.Thread):
    """Watches one listener of the cloud's: the smallest number of its healthy targets, as long as the context lasts."""

    def __init__(self, broker: Installation, listener_id: str) -> None:
        super().__init__(daemon=True)
        self._installation = broker
        self._listener_id = listener_id
        self._ending = threading.Event()
        self.healthy = 1_000
        self.samples = 0

    def __enter__(self) -> "Lowest":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self.join()

    def run(self) -> None:
        while not self._ending.wait(0.01):
            targets = _targets(self._installation, self._listener_id)
            healthy = [each for each in targets if each["health"] == "Alive" and each["weight"] > 0]
            self.healthy = min(self.healthy, len(healthy))
            self.samples += 1


def _targets(installation: Installation, listener_id: str) -> list[Any]:
    return [each for each in installation.simulator.targets() if each["listener_id"] == listener_id]


def _subjects(cluster: Cluster, namespace: str, reason: str) -> set[str]:
    return {each["involvedObject"]["name"] for each in cluster.events(namespace, reason)}


def _told(cluster: Cluster, namespace: str) -> set[tuple[str, str]]:
    """Reasons of Events, with the name of the Service or Deployment that they are about or whose pod they are about."""
    found = set()
    for event in cluster.api.objects("Event", namespace):
        about = event["involvedObject"]
        name = about["name"] if about["kind"] == "Service" else about["name"].rsplit("-", 2)[0]
        found.add((name, event["reason"]))
    return found


def _ingress(cluster: Cluster, namespace: str) -> list[str]:
    found: Any = cluster.api.get("Service", namespace, "web")
    return [each["ip"] for each in (found["status"].get("loadBalancer") or {}).get("ingress") or ()]


def _gates(cluster: Cluster, namespace: str) -> list[tuple[str, str]]:
    """Status and reason of the pods' gates."""
    return [(each["status"], each["reason"]) for pod in cluster.pods(namespace) if (each := gate_of(pod))]


def _images(cluster: Cluster, namespace: str) -> list[str]:
    return [each["spec"]["containers"][0]["image"] for each in cluster.pods(namespace)]


def _gets_gate(cluster: Cluster, namespace: str) -> bool:
    """Whether a pod made now gets the gate; the pod is gone again afterwards."""
    spec = {"containers": [{"name": "probe", "image": "probe"}]}
    name = f"probe-{time.monotonic_ns()}"
    metadata = {"name": name, "namespace": namespace, "labels": {"app": "web"}}
    cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    pod: Any = cluster.api.get("Pod", namespace, name)
    cluster.api.delete("Pod", namespace, name, 0)
    return bool(pod["spec"].get("readinessGates"))


def _unused(cluster: Cluster, component: str) -> set[Right]:
    return {Right(each.group, each.resource, each.verb) for each in cluster.api.permissions.unused(token_of(component))}
