"""Watches through the real client: what is told, and how they end."""

import threading
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from kubernetes import client, watch
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import ProtocolError

from app.simulator.kubernetes.server import KubernetesSimulator
from tests.simulator.conftest import wait_for
from tests.simulator.kubernetes.conftest import pod, refused


def told(core: client.CoreV1Api, **asked: Any) -> Iterator[tuple[str, str]]:
    for event in watch.Watch().stream(
        core.list_pod_for_all_namespaces, timeout_seconds=asked.pop("seconds", 1), **asked
    ):
        raw = event["raw_object"]
        yield event["type"], raw["metadata"].get("name", "")


def test_a_watch_without_a_version_begins_with_what_is_there(
    cluster: KubernetesSimulator, core: client.CoreV1Api
) -> None:
    cluster.apply(pod("a"), pod("b"))
    assert list(islice(told(core, seconds=60), 2)) == [("ADDED", "a"), ("ADDED", "b")]


def test_a_watch_from_a_version_tells_every_change_after_it(
    cluster: KubernetesSimulator, core: client.CoreV1Api
) -> None:
    cluster.apply(pod("a"))
    version = core.list_pod_for_all_namespaces().metadata.resource_version
    cluster.apply(pod("b"), pod("a", labels={"x": "y"}))
    cluster.delete("Pod", "default", "a")
    assert list(told(core, resource_version=version)) == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "a")]


def test_what_leaves_a_selector_is_told_as_deleted(cluster: KubernetesSimulator, core: client.CoreV1Api) -> None:
    cluster.apply(pod("a", labels={"app": "web"}))
    version = core.list_pod_for_all_namespaces().metadata.resource_version
    cluster.apply(pod("a", labels={"app": "other"}))
    cluster.apply(pod("a", labels={"app": "web"}))
    found = told(core, resource_version=version, label_selector="app=web", seconds=60)
    assert list(islice(found, 2)) == [("DELETED", "a"), ("ADDED", "a")]


def test_changes_are_told_while_they_happen(cluster: KubernetesSimulator, core: client.CoreV1Api) -> None:
    stream = told(core, seconds=60)
    cluster.apply(pod("a"))
    assert next(stream) == ("ADDED", "a")
    for number in range(20):
        cluster.apply(pod(f"later-{number}"))
        assert next(stream) == ("ADDED", f"later-{number}")
    stream.close()


def test_bookmarks_carry_the_newest_version_of_all(core: client.CoreV1Api, cluster: KubernetesSimulator) -> None:
    cluster.apply(pod("a"))
    version = core.list_pod_for_all_namespaces().metadata.resource_version
    core.create_namespaced_config_map("default", {"metadata": {"name": "other"}})
    asked = {"resource_version": version, "allow_watch_bookmarks": True, "timeout_seconds": 1}
    (event,) = watch.Watch().stream(core.list_pod_for_all_namespaces, **asked)
    assert (event["type"], event["raw_object"]["metadata"]["resourceVersion"]) == (
        "BOOKMARK",
        str(cluster.store.version),
    )
    assert int(version) < cluster.store.version


def test_a_forgotten_version_is_gone_as_an_event(cluster: KubernetesSimulator, core: client.CoreV1Api) -> None:
    version = core.list_pod_for_all_namespaces().metadata.resource_version
    cluster.apply(pod("a"))
    cluster.compact()
    with pytest.raises(ApiException) as raised:
        list(told(core, resource_version=version))
    assert raised.value.status == 410
    assert cluster.calls[-1].status == 200


def test_a_quiet_watch_survives_a_compaction(cluster: KubernetesSimulator, core: client.CoreV1Api) -> None:
    cluster.apply(pod("a"))
    stream = told(core, seconds=60)
    assert next(stream) == ("ADDED", "a")
    core.create_namespaced_config_map("default", {"metadata": {"name": "other"}})
    cluster.compact()
    cluster.apply(pod("b"))
    assert next(stream) == ("ADDED", "b")
    stream.close()


def test_gone_can_be_ordered_as_status_and_as_event(cluster: KubernetesSimulator, core: client.CoreV1Api) -> None:
    for kind, status in (("gone", 410), ("gone-event", 200)):
        cluster.order(kind, resource="pods", verb="watch")
        assert refused(lambda: list(told(core))) == 410
        assert cluster.calls[-1].status == status


def test_watches_can_be_cut(cluster: KubernetesSimulator, core: client.CoreV1Api) -> None:
    cluster.apply(pod("a"))
    begun, ends = threading.Event(), []

    def follow() -> None:
        try:
            for _ in told(core, seconds=60):
                begun.set()
        except ProtocolError as error:
            ends.append(error)

    thread = threading.Thread(target=follow)
    thread.start()
    assert begun.wait(60)
    cluster.cut_watches()
    thread.join(60)
    assert len(ends) == 1


def test_a_client_that_goes_away_ends_its_watch(cluster: KubernetesSimulator, core: client.CoreV1Api) -> None:
    cluster.apply(pod("a"))
    stream = told(core, seconds=600)
    next(stream)
    assert cluster.watches == 1
    stream.close()
    wait_for(lambda: cluster.watches == 0)
