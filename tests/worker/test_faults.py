"""Every fault of the cloud in the middle of every kind of write: in the end the cloud has what the ledger wants."""

import json
import time
from collections import Counter
from typing import Any

import pytest

from app.broker import converge
from app.domain.binding import State
from app.ledger.connection import Ledger
from app.ledger.tables import cloud_operations
from app.worker import converge_load_balancer
from app.worker.loops import Worker
from tests.worker.yard import Yard, name_of, pod_event

FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("answer-lost", {}),
    ("request-lost", {}),
    ("reset", {"done": True}),
    ("internal-error-after", {}),
    ("internal-error-before", {}),
    ("no-effect", {}),
    ("http-500", {"done": True}),
    ("throttle", {}),
    ("busy", {}),
    ("partial", {}),
    ("charset", {}),
    ("not-json", {}),
    ("error", {"code": "FailedOperation", "message": "try later"}),
    ("error", {"code": "LimitExceeded", "message": "too many"}),
    ("hang", {"seconds": 0.5, "when": "after"}),
]


@pytest.mark.parametrize(("fault", "more"), FAULTS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_fault_in_the_middle_of_each_write_changes_nothing_in_the_end(
    yard: Yard, ledger: Ledger, fault: str, more: dict[str, Any]
) -> None:
    if fault == "hang":
        yard.worker = Worker(yard.workshop("life-1", cloud_timeout=0.3))
    yard.set_the_table("cls-a")
    yard.simulator.edit("add-target", load_balancer_id="lb-1", listener_id="lbl-1", ip="10.0.6.9", port=1, weight=1)
    foreign = {("lbl-1", "10.0.6.9", 1): 1}
    yard.simulator.order(fault, action="BatchRegisterTargets", **more)
    yard.say("cls-a", *(pod_event(number) for number in range(3)))
    yard.run_until("all to be bound", lambda: yard.targets() == {**foreign, **{name_of(n): 10 for n in range(3)}})
    yard.run()

    yard.simulator.order(fault, action="BatchModifyTargetWeight", **more)
    yard.say("cls-a", *(pod_event(number, revision=2, weight=20) for number in range(3)))
    yard.run_until("the weights", lambda: yard.targets() == {**foreign, **{name_of(n): 20 for n in range(3)}})
    yard.run()

    yard.simulator.order(fault, action="BatchDeregisterTargets", **more)
    yard.say("cls-a", *(pod_event(number, kind="unbind", revision=3) for number in range(3)))
    yard.run_until("the end", lambda: yard.targets() == foreign)
    yard.run()
    assert Counter(binding.state for binding in yard.bindings()) == {State.RELEASED: 3}
    reweighed = 0 if fault == "partial" else 1  # a weight call names no failed listeners
    assert [order["struck"] for order in yard.simulator.faults] == [1, reweighed, 1]
    _every_write_has_its_intent_and_outcome(yard, ledger)


def test_a_worker_that_dies_between_intent_and_call_is_survived(
    yard: Yard, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0))
    with monkeypatch.context() as patched:
        patched.setattr(converge_load_balancer, "write_changes", _die)
        with pytest.raises(SystemExit):
            yard.run()
    assert yard.targets() == {}
    assert _operations(ledger) == [("BatchRegisterTargets", None)]

    _heir(yard)
    yard.run()
    assert set(yard.targets()) == {name_of(0)}
    assert _operations(ledger) == [("BatchRegisterTargets", "settled"), ("BatchRegisterTargets", "done")]


def test_a_worker_that_dies_after_the_call_leaves_nothing_to_do_twice(
    yard: Yard, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0))
    with monkeypatch.context() as patched:
        patched.setattr(converge_load_balancer, "end_write", _die)
        with pytest.raises(SystemExit):
            yard.run()
    assert set(yard.targets()) == {name_of(0)}

    _heir(yard)
    yard.run()
    assert yard.changes() == [("added", "10.0.1.1")]
    assert [call["action"] for call in yard.writes()] == ["BatchRegisterTargets"]
    assert _operations(ledger) == [("BatchRegisterTargets", "settled")]
    assert yard.only().state is State.BOUND


def test_a_worker_that_was_stopped_for_longer_than_its_lease_sends_nothing_and_writes_nothing(
    yard: Yard, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0))
    now = time.monotonic
    original = converge._intend

    def stopped_after_the_intent(*given: Any, **named: Any) -> Any:
        intent = original(*given, **named)
        monkeypatch.setattr("app.cloud.client.time.monotonic", lambda: now() + 3600)
        return intent

    with monkeypatch.context() as patched:
        patched.setattr(converge, "_intend", stopped_after_the_intent)
        yard.run_until(
            "the write that is not sent", lambda: ("BatchRegisterTargets", "not-sent") in _operations(ledger)
        )
    assert yard.writes() == []


def _die(*_: Any, **__: Any) -> None:
    raise SystemExit("killed here")


def _heir(yard: Yard) -> None:
    """Another worker, which finds the dead one's leases run out."""
    with yard.ledger.begin() as connection:
        connection.exec_driver_sql("UPDATE leases SET expires_at = now() WHERE incarnation IS NOT NULL")
    yard.worker = Worker(yard.workshop("life-2"))


def _operations(ledger: Ledger) -> list[tuple[str, str | None]]:
    kept = cloud_operations.select().order_by(cloud_operations.c.operation_id)
    with ledger.begin() as connection:
        return [(row.action, row.outcome) for row in connection.execute(kept)]


def _every_write_has_its_intent_and_outcome(yard: Yard, ledger: Ledger) -> None:
    """Promise A9, by what the cloud saw: the targets of each write are those of one intent."""
    with ledger.begin() as connection:
        kept = list(connection.execute(cloud_operations.select()))
    assert [row.operation_id for row in kept if row.outcome is None] == []
    intended = Counter((row.action, _addresses(row.targets, "ip")) for row in kept)
    called = Counter((call["action"], _called(call["parameters"])) for call in yard.writes())
    assert called - intended == Counter()


def _addresses(targets: list[dict[str, Any]], key: str) -> tuple[str, ...]:
    return tuple(sorted(target[key] for target in targets))


def _called(parameters: dict[str, Any] | str) -> tuple[str, ...]:
    content = json.loads(parameters) if isinstance(parameters, str) else parameters
    targets = content.get("Targets") or [target for rule in content["ModifyList"] for target in rule["Targets"]]
    return _addresses(targets, "EniIp")
