"""The API's JSON as values."""

from typing import Any

import pytest

from app.agent.deciding.objects import GATE, Condition, Endpoint, ObjectKey, ServicePort, SlicePort, Workload
from app.agent.deciding.reading import pod_of, revision_of, service_of, slice_of
from tests.agent.deciding.builders import WEB, pod, raw_pod, raw_service, raw_slice, service


def test_of_a_service_what_matters_is_kept() -> None:
    raw = raw_service(annotations={"kubectl.kubernetes.io/last-applied-configuration": "{...}"})
    raw["status"] = {"loadBalancer": {"ingress": [{"ip": "1.1.1.1"}, {"hostname": "a.example"}]}}
    found = service_of(raw)
    assert (found.key, found.uid, found.revision, found.direct_access) == (WEB, "uid-web", 10, True)
    assert found.ports == (ServicePort("", "TCP", 80),)
    assert found.selector == (("app", "web"),)
    assert found.ingress == ("1.1.1.1",)
    assert {name for name, _ in found.annotations} < set(raw["metadata"]["annotations"])


def test_an_object_with_nothing_in_it_can_be_read() -> None:
    meta = {"namespace": "shop", "name": "x"}
    assert not service_of({"metadata": meta}).direct_access
    assert slice_of({"metadata": meta, "endpoints": None, "ports": None}).service is None
    empty = pod_of({"metadata": meta, "spec": None, "status": {"conditions": None}})
    assert (empty.ip, empty.ready, empty.gated, empty.workload, empty.grace_seconds) == (None, False, False, None, 30)


@pytest.mark.parametrize(
    ("text", "type_", "direct"),
    [("true", "LoadBalancer", True), ("True", "LoadBalancer", False), ("true", "ClusterIP", False)],
)
def test_direct_access_is_a_load_balancer_annotated_as_the_platform_wants_it(
    text: str, type_: str, direct: bool
) -> None:
    raw = raw_service(annotations={"service.cloud.tencent.com/direct-access": text}, type=type_)
    assert service_of(raw).direct_access is direct


def test_a_slice_names_its_service_its_ports_and_its_pods() -> None:
    raw = raw_slice(raw_pod())
    raw["ports"] += [{"name": "any", "port": None}]
    raw["endpoints"] += [
        {"addresses": ["10.0.3.50", "10.0.3.51"]},
        {"addresses": ["10.9.9.9"], "targetRef": {"kind": "Node"}},
    ]
    found = slice_of(raw)
    assert (found.service, found.revision, found.address_type) == (WEB, 12, "IPv4")
    assert found.ports == (SlicePort("", "TCP", 8080), SlicePort("any", "TCP", None))
    assert found.endpoints == (
        Endpoint("10.0.3.17", ObjectKey("shop", "web-u1"), "u1"),
        Endpoint("10.0.3.50", None, ""),
        Endpoint("10.9.9.9", None, ""),
    )


def test_of_a_pod_what_matters_is_kept() -> None:
    found = pod(meta={"annotations": {"tke.cloud.tencent.com/networks": "tke-route-eni"}})
    assert (found.key, found.uid, found.revision) == (ObjectKey("shop", "web-u1"), "u1", 11)
    assert (found.ip, found.node, found.phase, found.ready) == ("10.0.3.17", "10.0.1.5", "Running", True)
    assert (found.gated, found.terminating, found.host_network) == (True, False, False)
    assert (found.workload, found.networks) == (Workload("Deployment", "web"), "tke-route-eni")


@pytest.mark.parametrize(
    ("addresses", "ip"),
    [
        (["fd00::1", "10.0.3.17"], "10.0.3.17"),
        (["10.0.3.17", "fd00::1"], "10.0.3.17"),
        (["fd00::1"], None),
        ([], None),
    ],
)
def test_of_several_addresses_the_ipv4_one_counts(addresses: list[str], ip: str | None) -> None:
    status = {"podIPs": [{"ip": address} for address in addresses], "podIP": addresses[0] if addresses else None}
    assert pod(status=status).ip == ip


def test_other_gates_are_waited_for_and_our_own_is_not() -> None:
    gates = [{"conditionType": gate} for gate in (GATE, "example.com/open", "example.com/shut", "example.com/unheard")]
    conditions = [
        {"type": "ContainersReady", "status": "True"},
        {"type": GATE, "status": "False", "reason": "NotBound"},
        {"type": "example.com/open", "status": "True"},
        {"type": "example.com/shut", "status": "False"},
    ]
    found = pod(spec={"readinessGates": gates}, status={"conditions": conditions})
    assert found.waits_for == ("example.com/shut", "example.com/unheard")
    assert found.condition == Condition("False", "NotBound", "")


@pytest.mark.parametrize(
    ("owners", "workload"),
    [
        ([{"kind": "StatefulSet", "name": "web", "controller": True}], Workload("StatefulSet", "web")),
        ([{"kind": "ReplicaSet", "name": "own-set", "controller": True}], Workload("ReplicaSet", "own-set")),
        ([{"kind": "ReplicaSet", "name": "web-7d9"}], None),
        (None, None),
    ],
)
def test_a_pods_workload_is_what_controls_it(owners: Any, workload: Workload | None) -> None:
    assert pod(meta={"ownerReferences": owners}).workload == workload


def test_labels_are_kept_of_pods_with_the_gate_only() -> None:
    assert service().selects(pod())
    assert pod(spec={"readinessGates": []}).labels == ()
    assert not service(selector={"app": "other"}).selects(pod())
    assert not service(selector=None).selects(pod())


@pytest.mark.parametrize("place", ["limits", "requests"])
def test_an_interface_resource_is_found_in_any_container(place: str) -> None:
    containers = [{"name": "a"}, {"name": "b", "resources": {place: {"cpu": "1", "tke.cloud.tencent.com/eni-ip": "1"}}}]
    assert pod(spec={"containers": containers}).interface_resource == "tke.cloud.tencent.com/eni-ip"


@pytest.mark.parametrize(("version", "revision"), [("812", 812), ("", 0), (None, 0), ("0x1", 0), ("²", 0)])
def test_a_resource_version_is_a_number_or_none(version: str | None, revision: int) -> None:
    assert revision_of(version) == revision
