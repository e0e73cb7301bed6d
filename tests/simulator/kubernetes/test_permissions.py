"""RBAC: bearer tokens do what their roles say and no more, and what was used is known."""

from collections.abc import Callable

from kubernetes import client

from app.simulator.kubernetes.permissions import Right
from app.simulator.kubernetes.server import KubernetesSimulator
from tests.simulator.kubernetes.conftest import pod, refused

READER = {
    "kind": "ClusterRole",
    "metadata": {"name": "reader"},
    "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}],
}
WRITER = {
    "kind": "Role",
    "metadata": {"name": "writer", "namespace": "shop"},
    "rules": [
        {"apiGroups": [""], "resources": ["pods/status"], "verbs": ["patch"]},
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["certificate"], "verbs": ["get"]},
    ],
}

Connect = Callable[..., client.ApiClient]


def test_a_token_may_do_what_its_roles_say_and_no_more(cluster: KubernetesSimulator, connect: Connect) -> None:
    cluster.apply(pod("a"), pod("a", "shop"))
    cluster.give_roles("known", READER, WRITER)
    core = client.CoreV1Api(connect("known"))
    assert len(core.list_pod_for_all_namespaces().items) == 2
    core.patch_namespaced_pod_status("a", "shop", {"status": {"phase": "Running"}})
    calls = [
        lambda: core.patch_namespaced_pod_status("a", "default", {"status": {}}),
        lambda: core.patch_namespaced_pod("a", "shop", {}),
        core.list_service_for_all_namespaces,
        lambda: core.read_namespaced_secret("other", "shop"),
    ]
    assert [refused(call) for call in calls] == [403] * 4
    assert refused(lambda: core.read_namespaced_secret("certificate", "shop")) == 404
    assert refused(client.CoreV1Api(connect("unknown")).list_pod_for_all_namespaces) == 401
    assert refused(client.CoreV1Api(connect()).list_pod_for_all_namespaces) == 401


def test_what_was_used_and_what_was_not_is_known(cluster: KubernetesSimulator, connect: Connect) -> None:
    cluster.give_roles("known", READER, WRITER)
    core = client.CoreV1Api(connect("known"))
    core.list_namespaced_pod("default")
    refused(core.list_service_for_all_namespaces)
    assert cluster.permissions.used("known") == {Right("", "pods", "list")}
    assert Right("", "pods", "get") in cluster.permissions.unused("known")
    assert [(each.resource, each.verb) for each in cluster.permissions.denied] == [("services", "list")]
