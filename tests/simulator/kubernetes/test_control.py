"""The control path over HTTP, and faults that are not about watches."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
import urllib3
from kubernetes import client

from app.simulator.kubernetes.server import KubernetesSimulator
from tests.simulator.kubernetes.conftest import pod, refused


def control(cluster: KubernetesSimulator, method: str, path: str, content: Any = None) -> tuple[int, Any]:
    body = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(f"{cluster.endpoint}/_control/{path}", body, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_faults_are_ordered_listed_and_taken_back(cluster: KubernetesSimulator, core: client.CoreV1Api) -> None:
    order = {"kind": "error", "resource": "pods", "verb": "list", "status": 503, "times": 0}
    assert control(cluster, "POST", "faults", order)[0] == 200
    assert refused(core.list_pod_for_all_namespaces) == 503
    (row,) = control(cluster, "GET", "faults")[1]["faults"]
    assert (row["kind"], row["struck"]) == ("error", 1)
    assert control(cluster, "DELETE", "faults") == (200, {})
    assert core.list_pod_for_all_namespaces().items == []


def test_calls_are_listed_and_forgotten(cluster: KubernetesSimulator, core: client.CoreV1Api) -> None:
    core.create_namespaced_pod("default", pod("a"))
    core.patch_namespaced_pod_status("a", "default", {"status": {"phase": "Running"}})
    calls = control(cluster, "GET", "calls")[1]["calls"]
    assert [(each["verb"], each["resource"], each["status"]) for each in calls] == [
        ("create", "pods", 201),
        ("patch", "pods/status", 200),
    ]
    control(cluster, "DELETE", "calls")
    assert control(cluster, "GET", "calls")[1] == {"calls": []}


def test_a_compaction_and_rights_can_be_ordered(
    cluster: KubernetesSimulator, core: client.CoreV1Api, connect: Callable[..., client.ApiClient]
) -> None:
    core.create_namespaced_pod("default", pod("a"))
    core.create_namespaced_pod("default", pod("b"))
    token = core.list_namespaced_pod("default", limit=1).metadata._continue
    core.create_namespaced_pod("default", pod("c"))
    assert control(cluster, "POST", "compact") == (200, {})
    assert refused(lambda: core.list_namespaced_pod("default", _continue=token)) == 410
    right = {"group": "", "resource": "pods", "verb": "list"}
    assert control(cluster, "POST", "rights", {"token": "known", "rights": [right]}) == (200, {})
    assert refused(core.list_pod_for_all_namespaces) == 401
    assert len(client.CoreV1Api(connect("known")).list_pod_for_all_namespaces().items) == 3


def test_a_connection_is_reset_when_ordered(cluster: KubernetesSimulator, core: client.CoreV1Api) -> None:
    cluster.order("reset", resource="pods", verb="create")
    with pytest.raises(urllib3.exceptions.HTTPError):
        core.create_namespaced_pod("default", pod("a"))
    assert cluster.objects("Pod") == []


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "nothing", None, 404),
        ("POST", "faults", {"kind": "earthquake"}, 400),
        ("POST", "faults", {"kind": "error", "colour": "red"}, 400),
        ("POST", "faults", [1], 400),
        ("POST", "rights", {"token": "a"}, 400),
    ],
)
def test_what_cannot_be_ordered_is_said(
    cluster: KubernetesSimulator, method: str, path: str, content: Any, status: int
) -> None:
    found, answer = control(cluster, method, path, content)
    assert found == status
    assert answer["error"]
