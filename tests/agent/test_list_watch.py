"""One resource, listed and watched, whatever happens to the watch."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.agent.kubernetes_api import SERVICES, KubernetesApi
from app.agent.list_watch import ListWatch
from app.simulator.kubernetes.server import KubernetesSimulator
from tests.agent.objects import service
from tests.agent.waiting import wait_for


class Seen:
    """What a sink was told."""

    def __init__(self) -> None:
        self.lists: list[list[str]] = []
        self.there: dict[str, str] = {}
        self.put_names: list[str] = []
        self.removed: list[tuple[str, str]] = []
        self.versions: list[str] = []

    def replace(self, objects: Sequence[tuple[str, str, str]], resource_version: str) -> None:
        self.lists.append([name for name, _, _ in objects])
        self.there = {name: label for name, label, _ in objects}
        self.versions.append(resource_version)

    def put(self, kept: tuple[str, str, str]) -> None:
        self.put_names.append(kept[0])
        self.there[kept[0]] = kept[1]

    def remove(self, kept: tuple[str, str, str]) -> None:
        self.removed.append((kept[0], kept[2]))
        self.there.pop(kept[0], None)

    def advance(self, resource_version: str) -> None:
        self.versions.append(resource_version)


def trim(raw: dict[str, Any]) -> tuple[str, str, str]:
    metadata = raw["metadata"]
    return metadata["name"], metadata.get("labels", {}).get("colour", ""), metadata["resourceVersion"]


@pytest.fixture
def seen(cluster: KubernetesSimulator, api: KubernetesApi, running: Callable[..., threading.Event]) -> Iterator[Seen]:
    cluster.apply(service("web"))
    told = Seen()
    watch = ListWatch(api, SERVICES, None, trim, told)
    running(watch.run)
    wait_for("the first watch", lambda: cluster.watches == 1)
    yield told
    watch.stop()


def colour(cluster: KubernetesSimulator, name: str) -> None:
    cluster.patch("Service", "shop", "web", {"metadata": {"labels": {"colour": name}}})


def lists(cluster: KubernetesSimulator) -> int:
    return len([call for call in cluster.calls if (call.resource, call.verb) == ("services", "list")])


def test_what_is_there_is_listed_and_what_happens_is_watched(cluster: KubernetesSimulator, seen: Seen) -> None:
    cluster.apply(service("api"))
    colour(cluster, "red")
    cluster.delete("Service", "shop", "api")
    wait_for("the deletion", lambda: seen.removed)
    assert (seen.lists, seen.there, seen.put_names) == ([["web"]], {"web": "red"}, ["api", "web"])
    assert int(seen.removed[0][1]) > int(seen.versions[0])


def test_a_bookmark_moves_the_version_on(cluster: KubernetesSimulator, seen: Seen) -> None:
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}})
    wait_for("a bookmark", lambda: int(seen.versions[-1]) > int(seen.versions[0]))


def test_a_watch_that_is_cut_is_taken_up_where_it_was(cluster: KubernetesSimulator, seen: Seen) -> None:
    cluster.cut_watches()
    colour(cluster, "red")
    wait_for("the change", lambda: seen.there == {"web": "red"})
    assert lists(cluster) == 1


@pytest.mark.parametrize("fault", ["gone", "gone-event"])
def test_after_410_what_was_missed_is_listed(cluster: KubernetesSimulator, seen: Seen, fault: str) -> None:
    cluster.order(fault, resource="services", verb="watch")
    cluster.cut_watches()
    cluster.apply(service("api"))
    wait_for("the second list", lambda: len(seen.lists) == 2 and set(seen.there) == {"web", "api"})


def test_a_list_whose_pages_expire_is_begun_anew(
    cluster: KubernetesSimulator, api: KubernetesApi, running: Callable[..., threading.Event]
) -> None:
    cluster.apply(service("web"))
    cluster.order("gone", resource="services", verb="list", times=2)
    told = Seen()
    watch = ListWatch(api, SERVICES, None, trim, told)
    running(watch.run)
    wait_for("the list", lambda: told.lists == [["web"]])
    watch.stop()


def test_a_failure_is_said_once_and_so_is_its_end(cluster: KubernetesSimulator, api: KubernetesApi) -> None:
    cluster.apply(service("web"))
    cluster.order("error", resource="services", verb="list", status=403, times=2)
    told = Seen()
    watch = ListWatch(api, SERVICES, None, trim, told)
    with capture_logs() as lines:
        assert min(watch.run_once(), watch.run_once()) > 0
        thread = threading.Thread(target=watch.run_once)
        thread.start()
        wait_for("a bookmark", lambda: len(told.versions) > 1)
        cluster.cut_watches()
        thread.join()
    said = [line["event"] for line in lines]
    assert said[:2] == ["watch broke off", "watch works again"]


def test_a_server_that_ends_every_watch_at_once_is_not_asked_without_a_pause(
    cluster: KubernetesSimulator, api: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.agent.kubernetes_api.WATCH_SECONDS", 0)
    cluster.apply(service("web"))
    watch = ListWatch(api, SERVICES, None, trim, Seen())
    monkeypatch.setattr(api, "watch", lambda *_: type("Ended", (), {"events": lambda _: iter(())})())
    assert watch.run_once() > 0


def test_only_one_namespace_is_asked_for(cluster: KubernetesSimulator, api: KubernetesApi) -> None:
    cluster.apply(service("web"), service("teller", namespace="bank"))
    told = Seen()
    watch = ListWatch(api, SERVICES, "bank", trim, told)
    cluster.order("reset", resource="services", verb="watch")
    watch.run_once()
    assert told.lists == [["teller"]]
