"""The way to Kubernetes, through the real client and real HTTP."""

from pathlib import Path

import pytest

from app.agent import kubernetes_api as module
from app.agent.errors import CallTemporary, Conflict, NotLeading, ObjectMissing, TokenRefused, VersionGone
from app.agent.kubernetes_api import PODS, SERVICES, SLICES, KubernetesApi, connect
from app.domain.errors import SettingError
from app.simulator.kubernetes.server import KubernetesSimulator
from tests.agent.objects import GATE, endpoint_slice, pod, service


def put_pod(cluster: KubernetesSimulator, name: str, ip: str) -> str:
    manifest = pod(name, ip)
    cluster.apply(manifest)
    cluster.patch("Pod", "shop", name, {"status": manifest["status"]}, "status")
    found = cluster.get("Pod", "shop", name)
    assert found is not None
    uid: str = found["metadata"]["uid"]
    return uid


def test_a_list_is_read_page_by_page(
    cluster: KubernetesSimulator, api: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    for number in range(5):
        cluster.apply(service(f"web-{number}"))
    names, proceed, pages = [], None, 0
    while pages == 0 or proceed:
        page = api.list_page(SERVICES, "shop", proceed)
        names += [each["metadata"]["name"] for each in page.items]
        proceed, pages = page.proceed, pages + 1
    assert (names, pages) == ([f"web-{number}" for number in range(5)], 3)
    assert page.resource_version.isdigit()


def test_pods_that_ended_and_slices_of_no_service_are_not_listed(
    cluster: KubernetesSimulator, api: KubernetesApi
) -> None:
    put_pod(cluster, "web-0", "10.0.3.1")
    put_pod(cluster, "job-0", "10.0.3.2")
    cluster.patch("Pod", "shop", "job-0", {"status": {"phase": "Succeeded"}}, "status")
    lonely = endpoint_slice("web", [])
    lonely["metadata"] = {"namespace": "shop", "name": "lonely"}
    cluster.apply(lonely, endpoint_slice("web", []))
    assert [each["metadata"]["name"] for each in api.list_page(PODS, None).items] == ["web-0"]
    assert [each["metadata"]["name"] for each in api.list_page(SLICES, None).items] == ["web-abc"]


def test_a_pod_that_ends_is_deleted_from_the_watch(cluster: KubernetesSimulator, api: KubernetesApi) -> None:
    put_pod(cluster, "web-0", "10.0.3.1")
    watch = api.watch(PODS, None, api.list_page(PODS, None).resource_version)
    cluster.patch("Pod", "shop", "web-0", {"status": {"phase": "Failed"}}, "status")
    happened = next((kind, raw["metadata"]["name"]) for kind, raw in watch.events() if kind != "BOOKMARK")
    assert happened == ("DELETED", "web-0")


def test_a_watch_has_bookmarks_and_ends_when_it_is_stopped(cluster: KubernetesSimulator, api: KubernetesApi) -> None:
    watch = api.watch(SERVICES, None, api.list_page(SERVICES, None).resource_version)
    events = watch.events()
    assert next(events)[0] == "BOOKMARK"
    watch.stop()
    with pytest.raises(CallTemporary):
        list(events)


@pytest.mark.parametrize("fault", ["gone", "gone-event"])
def test_a_watch_that_is_too_old_says_so(cluster: KubernetesSimulator, api: KubernetesApi, fault: str) -> None:
    cluster.order(fault, resource="services", verb="watch")
    with pytest.raises(VersionGone):
        list(api.watch(SERVICES, None, "1").events())


def test_one_condition_is_set_and_the_others_stay(cluster: KubernetesSimulator, api: KubernetesApi) -> None:
    uid = put_pod(cluster, "web-0", "10.0.3.1")
    api.patch_pod_condition("shop", "web-0", uid, {"type": GATE, "status": "True", "reason": "Bound", "message": ""})
    written = api.patch_pod_condition("shop", "web-0", uid, {"type": GATE, "status": "False", "reason": "Gone"})
    assert {(each["type"], each["status"]) for each in written["status"]["conditions"]} == {
        ("ContainersReady", "True"),
        ("Ready", "False"),
        (GATE, "False"),
    }


def test_another_pod_of_the_same_name_is_not_marked(cluster: KubernetesSimulator, api: KubernetesApi) -> None:
    put_pod(cluster, "web-0", "10.0.3.1")
    with pytest.raises(Conflict):
        api.patch_pod_condition("shop", "web-0", "another-uid", {"type": GATE, "status": "True"})


def test_a_pod_that_is_gone_is_missing(api: KubernetesApi) -> None:
    with pytest.raises(ObjectMissing):
        api.patch_pod_condition("shop", "web-0", "uid", {"type": GATE, "status": "True"})


def test_who_does_not_lead_writes_nothing(cluster: KubernetesSimulator) -> None:
    api = KubernetesApi(connect(), lambda: False)
    cluster.apply(service())
    cluster.clear_calls()
    for write in (
        lambda: api.patch_service_ingress("shop", "web", [{"ip": "203.0.113.1"}]),
        lambda: api.create_event("shop", {}),
        lambda: api.patch_event("shop", "name", {}),
        lambda: api.patch_pod_condition("shop", "web-0", "uid", {}),
    ):
        with pytest.raises(NotLeading):
            write()
    assert cluster.calls == []


def test_an_answer_names_how_long_to_wait(cluster: KubernetesSimulator, api: KubernetesApi) -> None:
    cluster.order("error", resource="services", verb="list", status=429, retry_after=3)
    with pytest.raises(CallTemporary) as raised:
        api.list_page(SERVICES, None)
    assert raised.value.retry_after == 3.0


def test_a_right_that_is_missing_is_told_by_kubernetes_own_words(
    cluster: KubernetesSimulator, api: KubernetesApi
) -> None:
    cluster.order("error", resource="services", verb="list", status=403)
    with pytest.raises(TokenRefused):
        api.list_page(SERVICES, None)


def test_without_a_way_to_kubernetes_the_process_ends_with_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(SettingError, match=r"^KUBECONFIG: .*none") as raised:
        connect()
    assert "\n" not in str(raised.value)


def test_in_a_pod_its_own_service_account_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.255.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(SettingError, match="token file does not exist"):
        connect()
