"""Kubernetes Events: what is written, and that the same said again is the same Event."""

import pytest

from app.agent.deciding.objects import ObjectKey
from app.agent.deciding.problems import Problem, Reason, Subject
from app.agent.kubernetes_api import KubernetesApi
from app.agent.note import Notes
from app.agent.writes import Writes
from app.simulator.kubernetes.server import KubernetesSimulator

WEB = ObjectKey("shop", "web")
SERVICE = Subject("Service", WEB, "s-1")


@pytest.fixture
def line(cluster: KubernetesSimulator) -> Writes:
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    return Writes("events")


def problem(message: str = "no") -> Problem:
    return Problem(SERVICE, Reason.INVALID_ANNOTATION, message)


def write(line: Writes) -> None:
    for _ in range(10):
        assert line.run_once(0.0) == 0.0


def test_an_event_names_its_object_so_that_kubectl_finds_it(
    cluster: KubernetesSimulator, api: KubernetesApi, line: Writes
) -> None:
    Notes(api, line, "agent-0").problems(WEB, [problem()], "s-1")
    write(line)
    (event,) = cluster.objects("Event", "shop")
    assert event["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "Service",
        "namespace": "shop",
        "name": "web",
        "uid": "s-1",
    }
    assert (event["type"], event["reason"], event["message"]) == ("Warning", "InvalidAnnotation", "no")
    assert (event["count"], event["source"], event["reportingInstance"]) == (
        1,
        {"component": "clb-broker-agent"},
        "agent-0",
    )
    assert event["firstTimestamp"].endswith("Z")


def test_the_same_said_by_another_process_is_the_same_event(
    cluster: KubernetesSimulator, api: KubernetesApi, line: Writes
) -> None:
    for identity in ("agent-0", "agent-1"):
        Notes(api, line, identity).problems(WEB, [problem()], "s-1")
        write(line)
    (event,) = cluster.objects("Event", "shop")
    assert (event["count"], event["reportingInstance"]) == (2, "agent-0")


def test_what_ends_and_begins_anew_is_counted(cluster: KubernetesSimulator, api: KubernetesApi, line: Writes) -> None:
    notes = Notes(api, line, "agent-0")
    for problems in ([problem()], [], [problem()], [], [problem()]):
        notes.problems(WEB, problems, "s-1")
        write(line)
    (event,) = cluster.objects("Event", "shop")
    assert event["count"] == 3


def test_other_words_are_another_event_and_a_long_one_is_cut(
    cluster: KubernetesSimulator, api: KubernetesApi, line: Writes
) -> None:
    Notes(api, line, "agent-0").problems(WEB, [problem("no"), problem("x" * 5000)], "s-1")
    write(line)
    assert sorted(len(each["message"]) for each in cluster.objects("Event", "shop")) == [2, 1024]


def test_a_long_name_still_makes_a_name(cluster: KubernetesSimulator, api: KubernetesApi, line: Writes) -> None:
    key = ObjectKey("shop", f"{'w' * 199}.{'b' * 40}")
    about = Problem(Subject("Pod", key, "u-1"), Reason.NO_SELECTOR, "no")
    Notes(api, line, "agent-0").problems(WEB, [about], "s-1")
    write(line)
    (event,) = cluster.objects("Event", "shop")
    assert event["metadata"]["name"].startswith(f"{'w' * 199}.")
    assert len(event["metadata"]["name"]) <= 253
    assert ".." not in event["metadata"]["name"]


def test_a_namespace_that_takes_no_events_stops_nothing(
    cluster: KubernetesSimulator, api: KubernetesApi, line: Writes
) -> None:
    cluster.order("error", resource="events", verb="create", status=403)
    notes = Notes(api, line, "agent-0")
    notes.problems(WEB, [problem("first"), problem("second")], "s-1")
    write(line)
    assert len(cluster.objects("Event", "shop")) == 1
