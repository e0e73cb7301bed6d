"""Proofs that age: what is lost goes quickly, unless too much would go at once; no answer is never a loss."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest

from app.broker.open_look import open_sweep
from app.broker.record_verdicts import record_found_again
from app.domain.binding import Binding, State, Verdict, Verification
from app.domain.codes import Code
from app.domain.errors import LeaseLost
from app.domain.load_balancer import Slot
from app.domain.target import TargetName
from app.ledger import clusters
from app.ledger.connection import Ledger
from app.ledger.leases import LeaseSubject
from app.planning.proofs import Decision
from tests.broker.verdicts import bind, disproven, everything, proven, sweep, take, unknown
from tests.ledger.building import THEN, a_binding, an_unbind, at_once, execute, expire, furnish, keep

KEPT_BACK = ("held", "removal-guard")
GOES = ("removing", "proof-lost")
STAYS = ("bound", None)


def bound(number: int, /, listener: str = "lbl-1", load_balancer: str = "lb-1", **changes: Any) -> Binding:
    """Target number so many at the cloud, by a proof."""
    return a_binding(
        f"b-{number}",
        State.BOUND,
        ip=f"10.0.4.{number}",
        target=TargetName(load_balancer, 8080, listener_id=listener),
        slot=Slot(listener, ""),
        holder=True,
        placed=True,
        bound_at=THEN,
        **changes,
    )


def standing(ledger: Ledger, *made: Binding) -> None:
    furnish(ledger)
    keep(ledger, *made)


def kept(ledger: Ledger) -> dict[int, tuple[str, str | None]]:
    rows = execute(ledger, "SELECT substr(binding_id, 3)::int, state, reason FROM bindings ORDER BY 1")
    return {number: (state, reason) for number, state, reason in rows}


def lost(numbers: Sequence[int], verdict: Decision | None = None) -> dict[str, Decision]:
    return {f"b-{number}": verdict or disproven() for number in numbers}


@pytest.mark.parametrize(
    ("present", "gone", "expected"),
    [
        (10, 1, GOES),
        (10, 3, GOES),
        (10, 4, KEPT_BACK),
        (10, 10, KEPT_BACK),
        (4, 1, GOES),
        (3, 1, KEPT_BACK),
        (1, 1, KEPT_BACK),
    ],
)
def test_no_sweep_takes_more_than_the_guards_share_nor_the_last(
    ledger: Ledger, present: int, gone: int, expected: tuple[str, str]
) -> None:
    standing(ledger, *map(bound, range(present)))
    sweep(ledger, lost(range(gone)))
    assert kept(ledger) == {number: expected if number < gone else STAYS for number in range(present)}


def test_the_guard_looks_at_each_listener_by_itself_and_at_all_losses_of_a_sweep_together(ledger: Ledger) -> None:
    standing(
        ledger,
        *(bound(number) for number in range(10)),
        *(bound(10 + number, "lbl-2") for number in range(10)),
        *(bound(20 + number, load_balancer="lb-2") for number in range(10)),
    )
    sweep(ledger, lost([0, 1, 10, 11, 12, 13, 20]))
    expected: dict[int, tuple[str, str | None]] = dict.fromkeys(range(30), STAYS)
    expected |= {0: GOES, 1: GOES, 20: GOES} | dict.fromkeys((10, 11, 12, 13), KEPT_BACK)
    assert kept(ledger) == expected


def test_two_sweeps_in_a_row_do_not_take_what_one_may_not(ledger: Ledger) -> None:
    """What is leaving already counts as gone."""
    standing(ledger, *map(bound, range(4)))
    sweep(ledger, lost([0]))
    sweep(ledger, lost([1]))
    assert kept(ledger) == {0: GOES, 1: KEPT_BACK, 2: STAYS, 3: STAYS}


def test_targets_of_other_clusters_on_the_listener_count_as_present(ledger: Ledger) -> None:
    standing(ledger, bound(0), bound(1), *(bound(number, cluster_id="cls-b") for number in range(2, 8)))
    sweep(ledger, lost([0, 1]))
    assert kept(ledger) == {0: GOES, 1: GOES} | dict.fromkeys(range(2, 8), STAYS)


def test_a_lost_proof_is_told_with_its_reason_and_makes_the_load_balancer_due(ledger: Ledger) -> None:
    standing(ledger, *map(bound, range(4)))
    execute(ledger, "UPDATE load_balancers SET due_at = now() + interval '1 day'")
    sweep(ledger, lost([0]))
    told = "SELECT from_state, to_state, reason, detail, evidence ->> 'verdict' FROM journal"
    detail = "eni-not-found: on no interface"
    assert execute(ledger, told) == [("bound", "removing", "proof-lost", detail, "disproven")]
    assert execute(ledger, "SELECT load_balancer_id FROM load_balancers WHERE due_at <= now()") == ["lb-1"]
    assert execute(ledger, "SELECT verdict FROM bindings WHERE binding_id = 'b-0'") == ["disproven"]


def test_no_answer_is_no_loss_and_changes_no_binding(ledger: Ledger) -> None:
    standing(ledger, *map(bound, range(4)))
    before = everything(ledger)[:2]
    sweep(ledger, lost([0], unknown()))
    assert everything(ledger)[:2] == before


def test_a_proof_that_is_back_returns_what_was_only_held_for_the_lack_of_it(ledger: Ledger) -> None:
    standing(ledger, *map(bound, range(2)))
    sweep(ledger, lost([0, 1]))
    assert kept(ledger) == {0: KEPT_BACK, 1: KEPT_BACK}
    sweep(ledger, lost([0], proven(5)))
    assert kept(ledger) == {0: STAYS, 1: KEPT_BACK}
    assert execute(ledger, "SELECT DISTINCT placed, holder FROM bindings") == [(True, True)]


def test_what_is_not_at_the_cloud_goes_without_the_guard(ledger: Ledger) -> None:
    pending = a_binding("b-1", State.PENDING, holder=True)
    waits = a_binding("b-2", State.HELD, ip="10.0.4.2", reason=Code.LISTENER_NOT_FOUND, slot=None)
    standing(ledger, pending, waits)
    sweep(ledger, lost([1, 2]))
    assert kept(ledger) == {1: ("released", "proof-lost"), 2: ("released", "proof-lost")}


def test_a_proof_that_rests_on_something_else_now_is_kept_and_moves_nothing(ledger: Ledger) -> None:
    standing(ledger, bound(0))
    sweep(ledger, lost([0], proven(5, interface="eni-2")))
    assert kept(ledger) == {0: STAYS}
    found = "SELECT verification -> 'evidence' ->> 'interface' FROM bindings"
    assert execute(ledger, found) == ["eni-2"]
    assert execute(ledger, "SELECT count(*) FROM journal") == [0]


def test_what_left_or_ended_while_the_cloud_was_asked_is_left_alone(ledger: Ledger) -> None:
    standing(ledger, *map(bound, range(4)))
    execute(ledger, "UPDATE bindings SET state = 'draining' WHERE binding_id = 'b-0'")
    execute(ledger, "UPDATE bindings SET state = 'released', live = false, holder = false WHERE binding_id = 'b-1'")
    sweep(ledger, {**lost([0, 1]), "b-none": disproven()})
    assert kept(ledger) == {0: ("draining", None), 1: ("released", None), 2: STAYS, 3: STAYS}


def test_an_empty_sweep_ends_the_lease_and_is_made_again_after_its_period(ledger: Ledger) -> None:
    furnish(ledger)
    sweep(ledger, {})
    due = "SELECT reverification_due_at > now() + interval '50 seconds' FROM clusters WHERE cluster_id = 'cls-a'"
    assert execute(ledger, due) == [True]
    held = "SELECT incarnation FROM leases WHERE subject = 'reverification' AND subject_id = 'cls-a'"
    assert execute(ledger, held) == [None]


def test_a_change_while_a_sweep_is_under_way_makes_another_one_due_at_once(ledger: Ledger) -> None:
    furnish(ledger)
    lease = take(ledger, subject=LeaseSubject.REVERIFICATION)
    look = open_sweep(ledger, lease, "")
    with ledger.begin() as connection:
        clusters.want_reverification(connection, ["cls-a"])
        clusters.reverified(connection, "cls-a", look.opened_at, look.opened_at - THEN)
    assert execute(ledger, "SELECT reverification_due_at <= now() FROM clusters WHERE cluster_id = 'cls-a'") == [True]


def test_the_holder_of_an_old_epoch_takes_nothing_off(ledger: Ledger) -> None:
    standing(ledger, *map(bound, range(4)))
    old = take(ledger, subject=LeaseSubject.REVERIFICATION)
    expire(ledger, old)
    take(ledger, subject=LeaseSubject.REVERIFICATION)
    before = everything(ledger)
    with pytest.raises(LeaseLost):
        sweep(ledger, lost([0]), lease=old)
    assert everything(ledger) == before


def test_a_sweep_sees_its_own_cluster_s_standing_proofs_that_were_not_looked_at_since_it_was_due(
    ledger: Ledger,
) -> None:
    standing(ledger, bound(0), bound(1, cluster_id="cls-b"), bound(2))
    lease = take(ledger, subject=LeaseSubject.REVERIFICATION)
    assert [each.binding_id for each in open_sweep(ledger, lease, "").bindings] == []
    execute(ledger, "UPDATE bindings SET checked_at = now() - interval '2 days'")
    assert [each.binding_id for each in open_sweep(ledger, lease, "").bindings] == ["b-0", "b-2"]
    assert [each.binding_id for each in open_sweep(ledger, lease, "b-0").bindings] == ["b-2"]
    look = open_sweep(ledger, lease, "")
    record_found_again(ledger, ["b-0"], look.opened_at)
    assert [each.binding_id for each in open_sweep(ledger, lease, "").bindings] == ["b-2"]


def test_proofs_found_again_and_events_at_once_do_not_stand_in_each_other_s_way(ledger: Ledger) -> None:
    """Both write the same bindings, in orders of their own; the load balancer's row decides who comes first."""
    proof = Verification(Verdict.PROVEN, "eni", THEN, {"checks": []})
    standing(ledger, *(bound(number, verification=proof) for number in range(60)))
    names = [f"b-{number}" for number in range(60)]
    seconds = count(1)

    def find_again() -> None:
        for number in range(20):
            record_found_again(ledger, names[:: (-1) ** number], THEN + timedelta(seconds=next(seconds)))

    def write(backwards: bool) -> None:
        for _ in range(10):
            order = "DESC" if backwards else "ASC"
            lock = "SELECT 1 FROM load_balancers WHERE load_balancer_id = 'lb-1' FOR NO KEY UPDATE"
            with ledger.begin() as connection:
                connection.exec_driver_sql(lock)
                for name in sorted(names, reverse=order == "DESC"):
                    connection.exec_driver_sql(f"UPDATE bindings SET weight = 7 WHERE binding_id = '{name}'")

    at_once([find_again, partial(write, backwards=True), find_again, partial(write, backwards=False)])
    assert execute(ledger, "SELECT DISTINCT weight, state FROM bindings") == [(7, "bound")]


def test_a_loss_and_an_unbind_at_once_end_in_one_removal(ledger: Ledger) -> None:
    standing(ledger, *map(bound, range(12)))
    events = [an_unbind("u-1", 200, f"10.0.4.{number}") for number in range(2)]
    at_once([partial(sweep, ledger, lost([0, 1, 2])), partial(bind, ledger, *events)])
    states = {number: state for number, (state, _) in kept(ledger).items() if number < 3}
    assert states == dict.fromkeys(range(3), "removing")
