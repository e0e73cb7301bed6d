"""The small controllers, driven by hand."""

from typing import Any

from app.simulator.kubernetes.controllers.endpoint_slices import is_ready
from app.simulator.kubernetes.controllers.thread import Controllers
from app.simulator.kubernetes.server import KubernetesSimulator
from tests.simulator.conftest import wait_for
from tests.simulator.kubernetes.conftest import pod

NODES = {"node-1": "10.0.200.1", "node-2": "10.0.200.2"}
GATE = "example.com/gate"


def service(**spec: Any) -> dict[str, Any]:
    port = {"name": "http", "port": 80, "targetPort": "http"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"selector": {"app": "web"}, "ports": [port], **spec},
    }


def deployment(replicas: int, image: str = "web:1", gates: tuple[str, ...] = ()) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "containers": [{"name": "web", "image": image, "ports": [{"name": "http", "containerPort": 8080}]}],
            "readinessGates": [{"conditionType": each} for each in gates],
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    }


def endpoints(cluster: KubernetesSimulator) -> dict[str, tuple[bool, bool, bool]]:
    """Ready, serving and terminating, by address."""
    return {
        each["addresses"][0]: tuple(each["conditions"][name] for name in ("ready", "serving", "terminating"))
        for found in cluster.objects("EndpointSlice")
        for each in found["endpoints"]
    }


def addresses(number: int) -> list[str]:
    return [f"10.0.1.{each}" for each in range(1, number + 1)]


def open_gate(cluster: KubernetesSimulator, name: str, status: str = "True") -> None:
    others = cluster.get("Pod", "default", name)["status"]["conditions"]  # type: ignore[index]
    kept = [each for each in others if each["type"] != GATE]
    patch = {"status": {"conditions": [*kept, {"type": GATE, "status": status}]}}
    cluster.patch("Pod", "default", name, patch, "status")


def test_a_deployment_becomes_ready_pods_with_addresses_in_a_slice(cluster: KubernetesSimulator) -> None:
    controllers = Controllers(cluster, addresses(5), NODES)
    cluster.apply(service(), deployment(3))
    controllers.settle()
    assert endpoints(cluster) == dict.fromkeys(addresses(3), (True, True, False))
    (found,) = cluster.objects("EndpointSlice")
    assert found["ports"] == [{"name": "http", "protocol": "TCP", "port": 8080}]
    assert {each["spec"]["nodeName"] for each in cluster.objects("Pod")} == set(NODES)
    assert {each["metadata"]["ownerReferences"][0]["kind"] for each in cluster.objects("Pod")} == {"ReplicaSet"}


def test_a_gated_pod_is_ready_when_its_gate_opens_and_not_when_it_closes(cluster: KubernetesSimulator) -> None:
    controllers = Controllers(cluster, addresses(1), NODES)
    cluster.apply(service(), deployment(1, gates=(GATE,)))
    controllers.settle()
    assert endpoints(cluster) == {"10.0.1.1": (False, False, False)}
    name = cluster.objects("Pod")[0]["metadata"]["name"]
    for status in ("True", "False"):
        open_gate(cluster, name, status)
        controllers.settle()
        assert endpoints(cluster)["10.0.1.1"][0] is (status == "True")


def test_a_pod_that_stops_is_serving_and_terminating_before_it_goes(cluster: KubernetesSimulator) -> None:
    controllers = Controllers(cluster, addresses(1), NODES, stop_seconds=30)
    cluster.apply(service(), pod("a", labels={"app": "web"}))
    controllers.settle()
    cluster.delete("Pod", "default", "a")
    controllers.settle()
    assert endpoints(cluster) == {"10.0.1.1": (False, True, True)}
    cluster.delete("Pod", "default", "a", 0)
    controllers.settle()
    assert endpoints(cluster) == {}


def test_an_address_is_given_to_the_next_pod_at_once(cluster: KubernetesSimulator) -> None:
    controllers = Controllers(cluster, addresses(1), NODES)
    cluster.apply(pod("a"), pod("b"))
    controllers.settle()
    assert cluster.get("Pod", "default", "b")["status"].get("podIP") is None  # type: ignore[index]
    cluster.delete("Pod", "default", "a")
    controllers.settle()
    assert cluster.get("Pod", "default", "b")["status"]["podIP"] == "10.0.1.1"  # type: ignore[index]


def test_containers_can_be_made_unready(cluster: KubernetesSimulator) -> None:
    controllers = Controllers(cluster, addresses(1), NODES)
    cluster.apply(service(), pod("a", labels={"app": "web"}))
    for ready in (False, True):
        controllers.kubelet.set_ready("default", "a", ready=ready)
        controllers.settle()
        assert endpoints(cluster)["10.0.1.1"] == (ready, ready, False)


def test_a_rolling_update_never_has_fewer_ready_pods_than_wanted(cluster: KubernetesSimulator) -> None:
    controllers = Controllers(cluster, addresses(20), NODES)
    cluster.apply(deployment(4, gates=(GATE,)))
    controllers.settle()
    for each in cluster.objects("Pod"):
        open_gate(cluster, each["metadata"]["name"])
    controllers.settle()
    cluster.apply(deployment(4, "web:2", gates=(GATE,)))
    steps = 0
    while any(each["spec"]["containers"][0]["image"] == "web:1" for each in cluster.objects("Pod")):
        controllers.settle()
        pods = cluster.objects("Pod")
        assert sum(map(is_ready, pods)) >= 4
        assert len(pods) <= 5
        for each in pods:
            open_gate(cluster, each["metadata"]["name"])
        steps += 1
        assert steps < 10
    assert steps == 5


def test_a_deployment_scales_to_zero_and_back(cluster: KubernetesSimulator) -> None:
    controllers = Controllers(cluster, addresses(3), NODES)
    cluster.apply(service())
    for replicas in (3, 0, 2):
        cluster.apply(deployment(replicas))
        controllers.settle()
        assert (len(cluster.objects("Pod")), len(endpoints(cluster))) == (replicas, replicas)


def test_a_deleted_service_loses_its_slices(cluster: KubernetesSimulator) -> None:
    controllers = Controllers(cluster, addresses(1), NODES)
    cluster.apply(service(), pod("a", labels={"app": "web"}))
    controllers.settle()
    assert len(cluster.objects("EndpointSlice")) == 1
    cluster.delete("Service", "default", "web")
    controllers.settle()
    assert cluster.objects("EndpointSlice") == []


def test_the_controllers_work_in_a_thread(cluster: KubernetesSimulator) -> None:
    with Controllers(cluster, addresses(3), NODES):
        cluster.apply(service(), deployment(3))
        wait_for(lambda: list(endpoints(cluster).values()) == [(True, True, False)] * 3)
