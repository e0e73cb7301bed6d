"""How long a target drains: by the event, by what its bind named, by its cluster, by the broker, in this order."""

from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from app.broker.evacuate_cluster import evacuate_cluster
from app.broker.receive_pod_events import receive_pod_events
from app.broker.replace_service_targets import replace_service_targets
from app.broker.resolve_holds import approve_hold
from app.domain.binding import State
from app.domain.codes import Code
from app.domain.event import Service
from app.ledger.connection import Ledger
from tests.ledger.building import THEN, a_bind, a_binding, an_unbind, execute, furnish, keep, received

BROKER = 30
DRAINS = "extract(epoch FROM drain_until - updated_at)::int"
THERE: dict[str, Any] = {"holder": True, "placed": True, "bound_at": THEN}


def set_the_table(ledger: Ledger, cluster: int | None, own: int | None = None) -> None:
    """Some bound pods of a cluster with this drain time; one of them has a drain time of its own."""
    furnish(ledger)
    execute(ledger, "UPDATE clusters SET drain_seconds = :seconds WHERE cluster_id = 'cls-a'", seconds=cluster)
    more = [a_binding(f"b-{number}", State.BOUND, ip=f"10.0.4.{number}", service=None, **THERE) for number in range(9)]
    keep(ledger, a_binding("b-own", State.BOUND, drain_seconds=own, **THERE), *more)


def drains(ledger: Ledger) -> int:
    """How many seconds the binding drains that may have a drain time of its own."""
    (seconds,) = execute(ledger, f"SELECT {DRAINS} FROM bindings WHERE binding_id = 'b-own'")
    assert isinstance(seconds, int)
    return seconds


@pytest.mark.parametrize(
    ("named", "own", "cluster", "expected"),
    [(None, None, None, BROKER), (None, None, 90, 90), (None, 5, 90, 5), (7, 5, 90, 7), (7, None, 90, 7)],
)
def test_an_unbind_drains_as_long_as_the_nearest_word_says(
    ledger: Ledger, named: int | None, own: int | None, cluster: int | None, expected: int
) -> None:
    furnish(ledger)
    execute(ledger, "UPDATE clusters SET drain_seconds = :seconds WHERE cluster_id = 'cls-a'", seconds=cluster)
    for event in (a_bind(drain_seconds=own), an_unbind(drain_seconds=named)):
        receive_pod_events(ledger, "cls-a", received(event), actor="agent", drain_seconds=BROKER)
        bound = "state = 'bound', verdict = 'proven', placed = true"
        execute(ledger, f"UPDATE bindings SET {bound} WHERE state = 'verifying'")
    assert execute(ledger, f"SELECT {DRAINS} FROM bindings") == [expected]


@pytest.mark.parametrize(("own", "cluster", "expected"), [(None, None, BROKER), (None, 90, 90), (5, 90, 5)])
def test_what_a_snapshot_leaves_out_drains_so_too(
    ledger: Ledger, own: int | None, cluster: int | None, expected: int
) -> None:
    set_the_table(ledger, cluster, own)
    replace_service_targets(ledger, "cls-a", Service("shop", "web"), 500, [], actor="a", drain_seconds=BROKER)
    assert drains(ledger) == expected


@pytest.mark.parametrize(("own", "cluster", "expected"), [(None, None, BROKER), (None, 90, 90), (5, 90, 5)])
def test_an_evacuated_cluster_drains_so_too(
    ledger: Ledger, own: int | None, cluster: int | None, expected: int
) -> None:
    set_the_table(ledger, cluster, own)
    evacuate_cluster(ledger, "cls-a", drain_seconds=BROKER, actor="operator:ann")
    assert drains(ledger) == expected


@pytest.mark.parametrize(("own", "cluster", "expected"), [(None, None, BROKER), (None, 90, 90), (5, 90, 5)])
def test_an_approved_hold_drains_so_too(ledger: Ledger, own: int | None, cluster: int | None, expected: int) -> None:
    set_the_table(ledger, cluster, own)
    held = {"state": State.HELD.value, "reason": Code.REMOVAL_GUARD.value}
    execute(ledger, "UPDATE bindings SET state = :state, reason = :reason WHERE binding_id = 'b-own'", **held)
    approve_hold(ledger, "b-own", drain_seconds=BROKER, actor="operator:ann")
    assert drains(ledger) == expected


def test_a_cluster_s_drain_time_of_0_takes_its_targets_off_at_once(ledger: Ledger) -> None:
    set_the_table(ledger, 0)
    evacuate_cluster(ledger, "cls-a", drain_seconds=BROKER, actor="operator:ann")
    assert execute(ledger, "SELECT DISTINCT state FROM bindings") == ["removing"]


@pytest.mark.parametrize("seconds", [-1, 3601])
def test_the_ledger_keeps_no_drain_time_out_of_range(ledger: Ledger, seconds: int) -> None:
    furnish(ledger)
    with pytest.raises(IntegrityError, match="clusters_drain_seconds_in_range"):
        execute(ledger, "UPDATE clusters SET drain_seconds = :seconds", seconds=seconds)
