"""The view: which Services are decided anew, and by what they are decided."""

from dataclasses import replace
from typing import Any

import pytest

from app.agent.deciding.objects import DIRECT_ACCESS, Condition, Endpoint, ObjectKey, Pod, Service, Slice
from app.agent.view import Look, View

WEB = ObjectKey("shop", "web")
POD = ObjectKey("shop", "web-0")
SERVICE = Service(WEB, "s-1", 10, "", "LoadBalancer", ((DIRECT_ACCESS, "true"),))
PLAIN = replace(SERVICE, annotations=())
SLICE = Slice(ObjectKey("shop", "web-abc"), 11, WEB, "IPv4", (), (Endpoint("10.0.3.1", POD, "u-1"),))
WEB_0 = Pod(POD, "u-1", 12, ip="10.0.3.1", gated=True)


@pytest.fixture
def seen() -> list[ObjectKey]:
    """Pods that were told of."""
    return []


@pytest.fixture
def view(seen: list[ObjectKey]) -> View:
    """A view that was listed and decided."""
    made = View(seen.append)
    services, slices, pods = made.sinks(None)
    services.replace([SERVICE], "20")
    slices.replace([SLICE], "21")
    pods.replace([WEB_0], "22")
    made.take()
    seen.clear()
    return made


def looks(view: View) -> dict[ObjectKey, Look]:
    return {look.key: look for look in view.take()}


def test_a_view_is_whole_when_everything_was_listed_in_every_namespace() -> None:
    view = View()
    sinks = [sink for namespace in ("shop", "bank") for sink in view.sinks(namespace)]
    for sink in sinks:
        assert not view.whole
        sink.replace([], "1")
    assert view.whole


def test_a_look_has_the_service_its_slices_and_their_pods(view: View) -> None:
    view.touch(gap=False)
    look = looks(view)[WEB]
    assert (look.service, look.slices, dict(look.pods), look.gap) == (SERVICE, (SLICE,), {POD: WEB_0}, False)
    assert looks(view) == {}


def test_what_is_listed_is_a_gap_and_rests_on_the_list_s_version() -> None:
    view = View()
    services, _, _ = view.sinks(None)
    services.replace([SERVICE], "20")
    look = looks(view)[WEB]
    assert (look.gap, look.touched) == (True, 20)


@pytest.mark.parametrize(
    ("change", "dirty"),
    [
        (replace(WEB_0, revision=30), False),
        (replace(WEB_0, revision=30, condition=Condition("True")), False),
        (replace(WEB_0, revision=30, ready=False), True),
        (replace(WEB_0, revision=30, terminating=True), True),
        (replace(WEB_0, revision=30, uid="u-2"), True),
        (replace(WEB_0, revision=11, ready=False), False),
    ],
    ids=["only newer", "our own gate", "not ready", "terminating", "another pod", "older than known"],
)
def test_a_pod_concerns_its_services_when_it_is_otherwise(view: View, change: Pod, *, dirty: bool) -> None:
    view.put_pod(change)
    assert set(looks(view)) == ({WEB} if dirty else set())


def test_a_pod_of_no_service_concerns_none_but_is_told_of(view: View, seen: list[ObjectKey]) -> None:
    other = ObjectKey("shop", "job-0")
    view.put_pod(replace(WEB_0, key=other, uid="u-9", revision=30))
    assert (looks(view), seen) == ({}, [other])


def test_a_pod_s_gate_is_told_of_though_it_decides_nothing(view: View, seen: list[ObjectKey]) -> None:
    view.put_pod(replace(WEB_0, revision=30, condition=Condition("False")))
    assert seen == [POD]


def test_a_pod_that_goes_is_missing_from_the_look_which_rests_on_its_going(view: View) -> None:
    view.remove_pod(replace(WEB_0, revision=31))
    look = looks(view)[WEB]
    assert (dict(look.pods), look.touched, look.gap) == ({}, 31, False)


def test_a_pod_that_leaves_a_slice_is_its_service_s_no_more(view: View) -> None:
    view.put_slice(replace(SLICE, revision=30, endpoints=()))
    assert dict(looks(view)[WEB].pods) == {}
    view.put_pod(replace(WEB_0, revision=31, ready=False))
    assert looks(view) == {}


def test_a_slice_that_goes_concerns_its_service(view: View) -> None:
    view.remove_slice(replace(SLICE, revision=30))
    look = looks(view)[WEB]
    assert (look.slices, look.touched) == ((), 30)


@pytest.mark.parametrize("how", ["removed", "without annotation"])
def test_a_service_that_is_no_more_is_looked_at_once_more(view: View, how: str) -> None:
    if how == "removed":
        view.remove_service(replace(SERVICE, revision=30))
    else:
        view.put_service(replace(PLAIN, revision=30))
    look = looks(view)[WEB]
    assert (look.service, look.touched, look.gap) == (None, 30, False)
    view.put_pod(replace(WEB_0, revision=31, ready=False))
    assert looks(view) == {}


def test_a_service_s_own_ingress_decides_nothing(view: View) -> None:
    view.put_service(replace(SERVICE, revision=30, ingress=("203.0.113.1",)))
    assert looks(view) == {}
    known = view.service(WEB)
    assert known is not None
    assert known.ingress == ("203.0.113.1",)


def test_a_service_that_asks_for_direct_access_later_finds_its_pods(view: View) -> None:
    view.put_service(replace(PLAIN, revision=30))
    looks(view)
    view.put_service(replace(SERVICE, revision=32))
    assert dict(looks(view)[WEB].pods) == {POD: WEB_0}


def test_what_a_new_list_has_not_went_in_a_gap(view: View) -> None:
    services, _, pods = view.sinks(None)
    pods.replace([], "40")
    look = looks(view)[WEB]
    assert (dict(look.pods), look.gap, look.touched) == ({}, True, 40)
    services.replace([], "41")
    look = looks(view)[WEB]
    assert (look.service, look.gap) == (None, True)


def test_a_list_of_one_namespace_says_nothing_of_others(view: View) -> None:
    _, _, pods = view.sinks("bank")
    pods.replace([], "40")
    assert looks(view) == {}
    assert view.pod(POD) == WEB_0


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (replace(WEB_0, revision=30), True),
        (replace(WEB_0, revision=12), False),
        (replace(WEB_0, revision=30, uid="u-2"), False),
        (replace(WEB_0, revision=30, key=ObjectKey("shop", "gone")), False),
    ],
    ids=["newer", "no newer", "another", "gone meanwhile"],
)
def test_what_our_own_write_left_is_known_at_once(view: View, written: Pod, *, kept: bool) -> None:
    view.put_pod_back(written)
    assert (view.pod(written.key) == written) is kept or written == WEB_0


@pytest.mark.parametrize(
    "change", [{"ready": False}, {"terminating": True}, {"ip": "10.0.3.9"}], ids=["readiness", "its end", "its address"]
)
def test_a_change_that_our_own_write_saw_before_the_watch_told_it_is_decided(
    view: View, change: dict[str, Any]
) -> None:
    changed = replace(WEB_0, revision=30, **change)
    written = replace(changed, revision=31, condition=Condition("True"))
    view.put_pod_back(written)
    for late in (changed, written):
        view.put_pod(late)
    look = looks(view)[WEB]
    assert look.pods[POD] == written
    assert look.touched == 31


def test_what_our_own_write_says_of_the_gate_decides_nothing(view: View) -> None:
    view.put_pod_back(replace(WEB_0, revision=30, condition=Condition("True")))
    assert looks(view) == {}


def test_the_revision_is_the_greatest_of_all_that_was_heard(view: View) -> None:
    assert view.revision == 22
    view.advance("50")
    view.put_pod(replace(WEB_0, revision=49))
    assert view.revision == 50


def test_what_was_touched_is_remembered_from_look_to_look(view: View) -> None:
    view.put_pod(replace(WEB_0, revision=60, ready=False))
    looks(view)
    view.touch(gap=False)
    assert looks(view)[WEB].touched == 60
