"""An operator's word: on what the guard holds, and on a whole cluster."""

from dataclasses import replace
from typing import Any

import pytest

from app.broker.evacuate_cluster import evacuate_cluster
from app.broker.resolve_holds import approve_hold, dismiss_hold, list_holds
from app.domain.binding import State
from app.domain.codes import Code
from app.domain.errors import RequestRefused
from app.domain.target import TargetName
from app.ledger.connection import Ledger
from tests.ledger.building import THEN, a_binding, execute, furnish, keep

HELD = a_binding(
    "b-1", State.HELD, reason=Code.REMOVAL_GUARD, holder=True, placed=True, bound_at=THEN, detail="left out"
)


def kept(ledger: Ledger, columns: str = "binding_id, state, reason") -> list[Any]:
    return execute(ledger, f"SELECT {columns} FROM bindings ORDER BY binding_id")


def held(ledger: Ledger) -> None:
    furnish(ledger)
    keep(ledger, HELD, a_binding("b-2", State.HELD, reason=Code.QUOTA_EXCEEDED, ip="10.0.4.2"))
    execute(ledger, "UPDATE load_balancers SET due_at = now() + interval '1 day'")


def due(ledger: Ledger) -> list[str]:
    return execute(ledger, "SELECT load_balancer_id FROM load_balancers WHERE due_at <= now() ORDER BY 1")


def test_only_what_the_guard_holds_is_listed(ledger: Ledger) -> None:
    held(ledger)
    assert [binding.binding_id for binding in list_holds(ledger, "", 10)] == ["b-1"]
    assert list_holds(ledger, "b-1", 10) == []


def test_an_approved_removal_goes_ahead_drained(ledger: Ledger) -> None:
    held(ledger)
    assert approve_hold(ledger, "b-1", drain_seconds=30, actor="operator:ann").state is State.DRAINING
    first, _ = kept(ledger, "binding_id, state, extract(epoch FROM drain_until - updated_at)::int")
    assert first == ("b-1", "draining", 30)
    assert execute(ledger, "SELECT action, actor, from_state, to_state FROM journal") == [
        ("hold-approved", "operator:ann", "held", "draining")
    ]
    assert due(ledger) == ["lb-1"]


@pytest.mark.parametrize(("bound_at", "expected"), [(THEN, "bound"), (None, "pending")])
def test_a_dismissed_removal_leaves_the_target_wanted(ledger: Ledger, bound_at: Any, expected: str) -> None:
    held(ledger)
    execute(ledger, "UPDATE bindings SET bound_at = :at WHERE binding_id = 'b-1'", at=bound_at)
    assert dismiss_hold(ledger, "b-1", actor="operator:ann").state == expected
    assert kept(ledger)[0] == ("b-1", expected, None)
    assert execute(ledger, "SELECT action FROM journal") == ["hold-dismissed"]
    assert due(ledger) == ["lb-1"]


@pytest.mark.parametrize("decide", [approve_hold, dismiss_hold])
@pytest.mark.parametrize(
    ("binding_id", "expected"), [("b-none", (404, "binding-not-found")), ("b-2", (409, "not-held"))]
)
def test_there_must_be_something_to_decide(ledger: Ledger, decide: Any, binding_id: str, expected: object) -> None:
    held(ledger)
    more = {"drain_seconds": 30} if decide is approve_hold else {}
    with pytest.raises(RequestRefused) as raised:
        decide(ledger, binding_id, actor="operator:ann", **more)
    assert (raised.value.status, raised.value.code) == expected
    assert execute(ledger, "SELECT count(*) FROM journal") == [0]


def test_a_word_is_taken_once(ledger: Ledger) -> None:
    held(ledger)
    dismiss_hold(ledger, "b-1", actor="operator:ann")
    with pytest.raises(RequestRefused) as raised:
        approve_hold(ledger, "b-1", drain_seconds=0, actor="operator:ann")
    assert raised.value.code == "not-held"


def test_an_evacuated_cluster_loses_everything_drained_and_others_nothing(ledger: Ledger) -> None:
    furnish(ledger)
    there: Any = {"holder": True, "placed": True}
    keep(
        ledger,
        a_binding("b-bound", State.BOUND, ip="10.0.4.1", **there),
        a_binding("b-own-drain", State.BOUND, ip="10.0.4.2", drain_seconds=5, **there),
        a_binding("b-waits", State.VERIFYING, ip="10.0.4.3"),
        a_binding("b-over", State.VERIFYING, ip="10.0.4.4", **there),
        replace(HELD, binding_id="b-held", ip="10.0.4.5"),
        a_binding("b-elsewhere", State.PENDING, target=TargetName("lb-2", 8080, listener_id="lbl-1")),
        a_binding("b-ended", State.RELEASED, ip="10.0.4.7"),
        a_binding("b-leaving", State.REMOVING, ip="10.0.4.8", **there),
        a_binding("b-theirs", State.BOUND, cluster_id="cls-b", ip="10.0.4.9", **there),
    )
    execute(ledger, "UPDATE load_balancers SET due_at = now() + interval '1 day'")
    gone = evacuate_cluster(ledger, "cls-a", drain_seconds=30, actor="operator:ann")
    assert gone == ["b-bound", "b-elsewhere", "b-held", "b-over", "b-own-drain", "b-waits"]
    states = kept(ledger, "binding_id, state, extract(epoch FROM drain_until - updated_at)::int")
    assert states == [
        ("b-bound", "draining", 30),
        ("b-elsewhere", "released", None),
        ("b-ended", "released", None),
        ("b-held", "draining", 30),
        ("b-leaving", "removing", None),
        ("b-over", "removing", None),
        ("b-own-drain", "draining", 5),
        ("b-theirs", "bound", None),
        ("b-waits", "released", None),
    ]
    assert due(ledger) == ["lb-1", "lb-2"]
    actions = execute(ledger, "SELECT action, count(*) FROM journal GROUP BY action ORDER BY action")
    assert actions == [("binding-moved", 7), ("cluster-evacuated", 1)]


def test_an_evacuation_that_finds_nothing_is_still_in_history(ledger: Ledger) -> None:
    furnish(ledger)
    assert evacuate_cluster(ledger, "cls-a", drain_seconds=30, actor="operator:ann") == []
    assert execute(ledger, "SELECT action, cluster_id FROM journal") == [("cluster-evacuated", "cls-a")]


def test_an_unknown_cluster_cannot_be_evacuated(ledger: Ledger) -> None:
    with pytest.raises(RequestRefused) as raised:
        evacuate_cluster(ledger, "cls-none", drain_seconds=30, actor="operator:ann")
    assert (raised.value.status, raised.value.code) == (404, "cluster-not-found")
