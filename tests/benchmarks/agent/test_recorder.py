"""The recording broker's answers are such that an agent goes on."""

from typing import Any

from app.agent.deciding.reports import report_of
from app.agent.deciding.words import answer_of
from benchmarks.agent.recorder import Recorder


def word(kind: str, ip: str, **more: Any) -> dict[str, Any]:
    pod = {"namespace": "shop", "name": "web-1", "uid": f"uid-{ip}", "ip": ip, "node": "10.0.255.1"}
    target = {"load_balancer_id": "lb-1", "protocol": "TCP", "listener_port": 80, "port": 8080}
    return {"type": kind, "pod": pod, "target": target, "network_mode": "vpc-cni", **more}


def event(kind: str, ip: str) -> dict[str, Any]:
    return word(kind, ip, event_id=f"{kind}-{ip}", revision=1, service={"namespace": "shop", "name": "web"})


def asked(recorder: Recorder, path: str, body: Any = None, at: float = 0.0, **query: str) -> dict[str, Any]:
    return recorder.answer(path, query, body, 100, at)


def test_events_are_noted_with_their_moment_and_their_bindings_are_in_the_feed() -> None:
    recorder = Recorder()
    body = {"events": [event("bind", "10.0.0.1"), event("bind", "10.0.0.2")]}
    answer = asked(recorder, "/v1/clusters/cls-0/pod-events", body, at=7.0)
    assert [answer_of(each).outcome for each in answer["results"]] == ["accepted", "accepted"]
    seen = asked(recorder, "/_control/seen", after="0", until="2")["requests"]
    assert seen == [{"at": 7.0, "bytes": 100, "words": [["bind", "10.0.0.1"], ["bind", "10.0.0.2"]]}]

    page = asked(recorder, "/v1/clusters/cls-0/changes", limit="1", wait="0")
    assert [report_of(each).state for each in page["items"]] == ["bound"]  # type: ignore[union-attr]
    page = asked(recorder, "/v1/clusters/cls-0/changes", limit="10", wait="0", after=page["next_cursor"])
    assert [each["pod"]["ip"] for each in page["items"]] == ["10.0.0.2"]
    rest = asked(recorder, "/v1/clusters/cls-0/changes", limit="10", wait="0", after=page["next_cursor"])
    assert rest["items"] == []


def test_snapshots_bind_too_but_are_not_noted_and_say_unchanged_the_second_time() -> None:
    recorder = Recorder()
    path, body = "/v1/clusters/cls-0/services/shop/web/targets", {"revision": 5, "targets": [word("bind", "10.0.0.1")]}
    outcomes = [asked(recorder, path, body)["results"][0]["outcome"] for _ in range(2)]
    assert outcomes == ["accepted", "unchanged"]
    assert asked(recorder, "/_control/seen", after="0", until="0") == {"requests": []}
    page = asked(recorder, "/v1/clusters/cls-0/changes", limit="10", wait="0")
    assert page["items"][0]["service"] == {"namespace": "shop", "name": "web"}


def test_an_unbind_releases_what_was_bound_under_the_same_id() -> None:
    recorder = Recorder()
    for kind in ("bind", "unbind"):
        asked(recorder, "/v1/clusters/cls-0/pod-events", {"events": [event(kind, "10.0.0.1")]})
    page = asked(recorder, "/v1/clusters/cls-0/changes", limit="10", wait="0")
    assert [(each["binding_id"], each["state"]) for each in page["items"]] == [("b-0", "released")]
