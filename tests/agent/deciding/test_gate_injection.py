"""Which new pods get the readiness gate, and how."""

from collections.abc import Mapping
from typing import Any

import pytest

from app.agent.deciding.gate_injection import (
    OPT_OUT,
    GatingService,
    MalformedPod,
    NewPod,
    Outcome,
    gating_service_of,
    inject,
    new_pod_of,
)
from app.agent.deciding.objects import DIRECT_ACCESS, GATE, ObjectKey

WEB = {"app": "web"}
WHOLE = {"op": "add", "path": "/spec/readinessGates", "value": [{"conditionType": GATE}]}
ONE_MORE = {"op": "add", "path": "/spec/readinessGates/-", "value": {"conditionType": GATE}}


def _pod(**changes: Any) -> NewPod:
    return NewPod(
        **{"labels": WEB | {"tier": "front"}, "annotations": {}, "host_network": False, "gates": None} | changes
    )


def _service(name: str = "web", selector: Mapping[str, str] = WEB, **changes: Any) -> GatingService:
    fields = {"direct_access": True, "selector": tuple(selector.items()), "opted_out": False} | changes
    return GatingService(ObjectKey("shop", name), **fields)


OPTED_OUT = _service("quiet", opted_out=True)


@pytest.mark.parametrize(
    ("situation", "pod", "services", "outcome", "patch"),
    [
        ("a selected pod without gates", _pod(), [_service()], Outcome.INJECTED, [WHOLE]),
        ("a pod with another gate keeps it", _pod(gates=("a/b",)), [_service()], Outcome.INJECTED, [ONE_MORE]),
        ("a pod with an empty list", _pod(gates=()), [_service()], Outcome.INJECTED, [ONE_MORE]),
        ("a pod that has it already", _pod(gates=("a/b", GATE)), [_service()], Outcome.PRESENT, []),
        ("a pod in its node's network", _pod(host_network=True), [_service()], Outcome.HOST_NETWORK, []),
        ("a pod that opted out", _pod(annotations={OPT_OUT: "disabled"}), [_service()], Outcome.OPTED_OUT, []),
        ("its only Service opted out", _pod(), [OPTED_OUT], Outcome.OPTED_OUT, []),
        ("one of its Services opted out", _pod(), [OPTED_OUT, _service()], Outcome.INJECTED, [WHOLE]),
        ("a Service opted out that is not its own", _pod(labels={}), [OPTED_OUT], Outcome.NOT_SELECTED, []),
        ("no Service at all", _pod(), [], Outcome.NOT_SELECTED, []),
        ("another label", _pod(labels={"app": "api"}), [_service()], Outcome.NOT_SELECTED, []),
        ("a label too few", _pod(labels=WEB), [_service(selector=WEB | {"v": "2"})], Outcome.NOT_SELECTED, []),
        ("a Service without selector", _pod(), [_service(selector={})], Outcome.NOT_SELECTED, []),
        ("a Service without direct access", _pod(), [_service(direct_access=False)], Outcome.NOT_SELECTED, []),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) and " " in value else "",
)
def test_a_pod_gets_the_gate_when_a_direct_access_service_wants_it(
    situation: str, pod: NewPod, services: list[GatingService], outcome: Outcome, patch: list[Any]
) -> None:
    found = inject(pod, services)
    assert (outcome, patch) == (found.outcome, list(found.patch)), situation


@pytest.mark.parametrize(
    ("annotations", "told"),
    [({}, 0), ({OPT_OUT: "disabled"}, 0), ({OPT_OUT: "enabled"}, 0), ({OPT_OUT: "off"}, 1), ({OPT_OUT: "Disabled"}, 1)],
)
def test_a_value_of_the_annotation_that_has_no_meaning_is_told(annotations: Mapping[str, str], told: int) -> None:
    assert len(inject(_pod(annotations=annotations), [_service()]).warnings) == told


@pytest.mark.parametrize(
    ("kind", "annotations", "direct", "opted_out"),
    [
        ("LoadBalancer", {DIRECT_ACCESS: "true"}, True, False),
        ("LoadBalancer", {DIRECT_ACCESS: "true", OPT_OUT: "disabled"}, True, True),
        ("LoadBalancer", {DIRECT_ACCESS: "true", OPT_OUT: "no"}, True, False),
        ("LoadBalancer", {DIRECT_ACCESS: "false"}, False, False),
        ("LoadBalancer", None, False, False),
        ("ClusterIP", {DIRECT_ACCESS: "true"}, False, False),
    ],
)
def test_what_is_kept_of_a_service(
    kind: str, annotations: Mapping[str, str] | None, *, direct: bool, opted_out: bool
) -> None:
    raw = {
        "metadata": {"namespace": "shop", "name": "web", "annotations": annotations},
        "spec": {"type": kind, "selector": WEB, "ports": [{"port": 80}]},
    }
    selector = tuple(WEB.items()) if direct else ()
    assert gating_service_of(raw) == GatingService(ObjectKey("shop", "web"), direct, selector, opted_out)


def test_what_is_read_of_a_pod() -> None:
    raw = {
        "metadata": {"generateName": "web-", "labels": WEB, "annotations": {"a": "b"}},
        "spec": {"hostNetwork": True, "readinessGates": [{"conditionType": "a/b"}]},
    }
    assert new_pod_of(raw) == NewPod(WEB, {"a": "b"}, host_network=True, gates=("a/b",))
    assert new_pod_of({"spec": {}}) == NewPod({}, {}, host_network=False, gates=None)


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        "pod",
        {},
        {"spec": []},
        {"metadata": "x", "spec": {}},
        {"metadata": {"labels": ["app"]}, "spec": {}},
        {"metadata": {"labels": {"app": 1}}, "spec": {}},
        {"metadata": {"annotations": {"a": None}}, "spec": {}},
        {"spec": {"readinessGates": {}}},
        {"spec": {"readinessGates": ["a/b"]}},
    ],
    ids=repr,
)
def test_what_is_no_pod_is_refused_without_its_content(raw: object) -> None:
    with pytest.raises(MalformedPod, match=r"^(object|metadata|spec)\b"):
        new_pod_of(raw)
