"""A worker that dies or loses its lease in the middle of any write; its heir reads before it does anything."""

from collections.abc import Callable
from typing import Any

import pytest

from app.broker.converge import end_write
from app.cloud.clb import write_changes
from app.domain.binding import State
from app.domain.errors import LeaseLost, LedgerUnavailable
from app.worker import converge_load_balancer
from app.worker.loops import Worker
from tests.worker.judgement import cloud_has, judge
from tests.worker.yard import Yard, address, name_of, pod_event

KINDS = ["register", "reweigh", "deregister"]


def ready(yard: Yard, kind: str) -> dict[tuple[str, str, int], int]:
    """Two pods for which a write of this kind comes next; what the cloud has in the end."""
    yard.set_the_table("cls-a")
    yard.settle()
    yard.say("cls-a", pod_event(0), pod_event(1))
    if kind == "register":
        yard.worker.run_once()  # the verdict
        return {name_of(0): 10, name_of(1): 10}
    yard.settle()
    if kind == "reweigh":
        yard.say("cls-a", pod_event(0, revision=2, weight=50))
        return {name_of(0): 50, name_of(1): 10}
    yard.say("cls-a", pod_event(0, kind="unbind", revision=2))
    return {name_of(1): 10}


def inherit(yard: Yard) -> None:
    """Another worker, which finds the leases of the first run out."""
    yard.tell("UPDATE leases SET expires_at = now() WHERE incarnation IS NOT NULL")
    yard.worker = Worker(yard.workshop("life-2"))
    yard.settle()


def dies(*_: Any, **__: Any) -> Any:
    raise SystemExit("killed here")


def dies_after(step: Callable[..., Any]) -> Callable[..., Any]:
    """``step``, and then the end."""

    def killed(*given: Any, **named: Any) -> Any:
        step(*given, **named)
        raise SystemExit("killed here")

    return killed


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("moment", ["before the call", "after the call", "after reading back", "after the outcome"])
def test_a_worker_that_dies_at_any_moment_of_a_write_is_survived(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, kind: str, moment: str
) -> None:
    expected = ready(yard, kind)
    killed = {
        "before the call": ("write_changes", dies),
        "after the call": ("write_changes", dies_after(write_changes)),
        "after reading back": ("end_write", dies),
        "after the outcome": ("end_write", dies_after(end_write)),
    }
    with monkeypatch.context() as patched:
        patched.setattr(converge_load_balancer, *killed[moment])
        yard.skip_pauses()
        with pytest.raises(SystemExit):
            yard.worker.run_once()
    assert len(yard.tell("SELECT 1 FROM cloud_operations WHERE outcome IS NULL")) == (moment != "after the outcome")
    changes = len(yard.changes())
    inherit(yard)
    assert yard.targets() == expected
    assert len(yard.changes()) - changes == (0 if moment != "before the call" else 2 if kind == "register" else 1)
    judge(yard)


def test_a_lease_lost_between_the_call_and_its_record_leaves_the_record_to_the_heir(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = ready(yard, "register")

    def taken_over_meanwhile(*given: Any, **named: Any) -> str:
        request_id = write_changes(*given, **named)
        yard.tell("UPDATE leases SET epoch = epoch + 1, incarnation = 'life-2' WHERE subject = 'load-balancer'")
        return request_id

    with monkeypatch.context() as patched:
        patched.setattr(converge_load_balancer, "write_changes", taken_over_meanwhile)
        yard.skip_pauses()
        with pytest.raises(LeaseLost):
            yard.worker.run_once()
    assert yard.tell("SELECT outcome FROM cloud_operations") == [(None,)]
    assert {binding.state for binding in yard.bindings()} == {State.PENDING}
    inherit(yard)
    assert yard.targets() == expected
    assert yard.tell("SELECT outcome FROM cloud_operations") == [("settled",)]
    judge(yard)


def test_a_ledger_that_is_gone_after_the_call_loses_nothing(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ready(yard, "register")

    def cut(*_: Any, **__: Any) -> None:
        raise LedgerUnavailable("cut")

    with monkeypatch.context() as patched:
        patched.setattr(converge_load_balancer, "end_write", cut)
        yard.skip_pauses()
        with pytest.raises(LedgerUnavailable):
            yard.worker.run_once()
    inherit(yard)
    assert yard.targets() == expected
    assert len(yard.changes()) == 2
    judge(yard)


def test_a_call_of_the_dead_that_takes_effect_late_is_put_right(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """The heir has bound the pod anew when the removal that its predecessor sent happens after all."""
    ready(yard, "deregister")
    with monkeypatch.context() as patched:
        patched.setattr(converge_load_balancer, "write_changes", dies)
        yard.skip_pauses()
        with pytest.raises(SystemExit):
            yard.worker.run_once()
    yard.say("cls-a", pod_event(0, revision=3))
    inherit(yard)
    assert cloud_has(yard).keys() == {("lb-1", *name_of(n)[:1], None, *name_of(n)[1:]) for n in (0, 1)}
    late = {"load_balancer_id": "lb-1", "listener_id": "lbl-1", "ip": address("cls-a", 0), "port": 8080}
    yard.simulator.edit("remove-target", **late)
    yard.sweep()
    assert yard.targets() == {name_of(0): 10, name_of(1): 10}
    judge(yard)


def test_a_pod_that_is_wanted_again_before_its_removal_is_sent_keeps_its_target(yard: Yard) -> None:
    ready(yard, "deregister")
    yard.say("cls-a", pod_event(0, revision=3))
    yard.settle()
    assert yard.targets() == {name_of(0): 10, name_of(1): 10}
    assert [kind for kind, _ in yard.changes()] == ["added", "added"]
    judge(yard)
