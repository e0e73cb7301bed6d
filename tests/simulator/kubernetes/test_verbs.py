"""Reading and writing through the real client."""

import datetime

import pytest
from kubernetes import client

from app.simulator.kubernetes.server import KubernetesSimulator
from tests.simulator.kubernetes.conftest import pod, refused


def test_a_list_is_paged_at_one_version(cluster: KubernetesSimulator, core: client.CoreV1Api) -> None:
    cluster.apply(*(pod(f"p-{number}") for number in range(7)))
    names, token, versions = [], None, set()
    while True:
        page = core.list_pod_for_all_namespaces(limit=3, _continue=token)
        names += [each.metadata.name for each in page.items]
        versions.add(page.metadata.resource_version)
        cluster.apply(pod(f"x-{len(names)}"))
        cluster.delete("Pod", "default", names[-1])
        token = page.metadata._continue
        if not token:
            break
    assert names == [f"p-{number}" for number in range(7)]
    assert len(versions) == 1


def test_a_page_of_a_forgotten_version_is_gone(cluster: KubernetesSimulator, core: client.CoreV1Api) -> None:
    cluster.apply(pod("a"), pod("b"))
    token = core.list_pod_for_all_namespaces(limit=1).metadata._continue
    cluster.apply(pod("c"))
    cluster.compact()
    assert refused(lambda: core.list_pod_for_all_namespaces(limit=1, _continue=token)) == 410


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"label_selector": "app=web"}, ["a"]),
        ({"label_selector": "app!=web"}, ["b", "c"]),
        ({"label_selector": "app"}, ["a", "b"]),
        ({"label_selector": "!app"}, ["c"]),
        ({"label_selector": "app in (web, api), tier"}, ["b"]),
        ({"label_selector": "app notin (web)"}, ["b", "c"]),
        ({"field_selector": "metadata.name=b"}, ["b"]),
        ({"field_selector": "spec.nodeName=node-1"}, ["c"]),
        ({"field_selector": "metadata.namespace=default,metadata.name!=a"}, ["b", "c"]),
        ({"field_selector": "metadata.namespace=other"}, []),
    ],
)
def test_lists_are_selected_by_labels_and_fields(
    cluster: KubernetesSimulator, core: client.CoreV1Api, asked: dict[str, str], names: list[str]
) -> None:
    placed = pod("c")
    placed["spec"]["nodeName"] = "node-1"
    cluster.apply(pod("a", labels={"app": "web"}), pod("b", labels={"app": "api", "tier": "x"}), placed)
    assert [each.metadata.name for each in core.list_pod_for_all_namespaces(**asked).items] == names


def test_a_field_that_the_api_cannot_select_by_is_refused(core: client.CoreV1Api) -> None:
    assert refused(lambda: core.list_pod_for_all_namespaces(field_selector="spec.containers=a")) == 400


def test_status_is_written_by_its_subresource_alone(cluster: KubernetesSimulator, core: client.CoreV1Api) -> None:
    core.create_namespaced_pod("default", {**pod("a"), "status": {"phase": "Running"}})
    assert core.read_namespaced_pod("a", "default").status.phase == "Pending"
    core.patch_namespaced_pod("a", "default", {"status": {"phase": "Running"}, "metadata": {"labels": {"x": "y"}}})
    core.patch_namespaced_pod_status(
        "a", "default", {"status": {"phase": "Failed"}, "metadata": {"labels": {"x": "z"}}}
    )
    found = core.read_namespaced_pod("a", "default")
    assert (found.status.phase, found.metadata.labels) == ("Failed", {"x": "y"})


def test_conditions_are_merged_by_type_whoever_wrote_them(core: client.CoreV1Api) -> None:
    core.create_namespaced_pod("default", pod("a"))
    for kind, status in (("Ready", "False"), ("gate", "True"), ("Ready", "True")):
        condition = {"type": kind, "status": status}
        core.patch_namespaced_pod_status("a", "default", {"status": {"conditions": [condition]}})
    conditions = core.read_namespaced_pod("a", "default").status.conditions
    assert [(each.type, each.status) for each in conditions] == [("Ready", "True"), ("gate", "True")]


def test_a_json_patch_changes_and_tests(core: client.CoreV1Api) -> None:
    core.create_namespaced_config_map("default", {"metadata": {"name": "a"}, "data": {"x": "1"}})
    steps = [{"op": "test", "path": "/data/x", "value": "1"}, {"op": "add", "path": "/data/a~1b", "value": "2"}]
    assert core.patch_namespaced_config_map("a", "default", steps).data == {"x": "1", "a/b": "2"}
    steps[0]["value"] = "9"
    assert refused(lambda: core.patch_namespaced_config_map("a", "default", steps)) == 422


def test_an_update_of_an_older_version_conflicts(core: client.CoreV1Api) -> None:
    first = core.create_namespaced_config_map("default", {"metadata": {"name": "a"}})
    first.data = {"x": "1"}
    second = core.replace_namespaced_config_map("a", "default", first)
    assert int(second.metadata.resource_version) > int(first.metadata.resource_version)
    first.data = {"x": "2"}
    assert refused(lambda: core.replace_namespaced_config_map("a", "default", first)) == 409


def test_a_write_that_changes_nothing_makes_no_version(core: client.CoreV1Api) -> None:
    first = core.create_namespaced_config_map("default", {"metadata": {"name": "a"}, "data": {"x": "1"}})
    again = core.patch_namespaced_config_map("a", "default", {"data": {"x": "1"}})
    assert again.metadata.resource_version == first.metadata.resource_version


def test_a_patch_for_another_uid_conflicts(core: client.CoreV1Api) -> None:
    core.create_namespaced_pod("default", pod("a"))
    patch = {"metadata": {"uid": "another"}, "status": {"phase": "Failed"}}
    assert refused(lambda: core.patch_namespaced_pod_status("a", "default", patch)) == 409


def test_a_pod_on_a_node_terminates_and_is_removed_by_its_kubelet(core: client.CoreV1Api) -> None:
    manifest = pod("a")
    manifest["spec"]["nodeName"] = "node-1"
    core.create_namespaced_pod("default", manifest)
    core.delete_namespaced_pod("a", "default")
    assert core.read_namespaced_pod("a", "default").metadata.deletion_grace_period_seconds == 30
    core.delete_namespaced_pod("a", "default", grace_period_seconds=0)
    assert refused(lambda: core.read_namespaced_pod("a", "default")) == 404


def test_mistakes_are_refused_as_the_api_does(core: client.CoreV1Api) -> None:
    event = {"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "namespace": "other", "name": "a"}}
    bare = {"metadata": {"name": "a"}, "spec": {"containers": []}}
    core.create_namespaced_pod("default", pod("a"))
    refusals = [
        (409, lambda: core.create_namespaced_pod("default", pod("a"))),
        (404, lambda: core.create_namespaced_pod("nowhere", pod("a", "nowhere"))),
        (400, lambda: core.create_namespaced_pod("default", pod("a", "other"))),
        (422, lambda: core.create_namespaced_pod("default", pod("Not_A_Name"))),
        (422, lambda: core.create_namespaced_pod("default", bare)),
        (422, lambda: core.create_namespaced_event("default", event)),
        (404, lambda: core.read_namespaced_service("none", "default")),
        (404, core.list_node),
    ]
    assert [refused(call) for _, call in refusals] == [status for status, _ in refusals]


def test_a_lease_needs_micro_times(connect) -> None:  # type: ignore[no-untyped-def]
    leases = client.CoordinationV1Api(connect())
    moment = datetime.datetime(2026, 11, 23, 8, 0, 0, 5, tzinfo=datetime.UTC)
    spec = client.V1LeaseSpec(holder_identity="a", lease_duration_seconds=15, renew_time=moment)
    lease = leases.create_namespaced_lease("default", client.V1Lease(metadata={"name": "l"}, spec=spec))
    assert lease.spec.renew_time == moment
    lease.spec.renew_time = moment.replace(microsecond=0)
    assert refused(lambda: leases.replace_namespaced_lease("l", "default", lease)) == 400


def test_errors_can_be_ordered_for_a_while(cluster: KubernetesSimulator, core: client.CoreV1Api) -> None:
    cluster.order("error", resource="pods", verb="list", status=500, times=2)
    cluster.order("error", resource="pods", verb="list", status=429, retry_after=0)
    assert [refused(core.list_pod_for_all_namespaces) for _ in range(2)] == [500, 500]
    core.list_namespaced_pod("default")  # the client itself comes back after a Retry-After
    assert [call.status for call in cluster.calls] == [500, 500, 429, 200]
