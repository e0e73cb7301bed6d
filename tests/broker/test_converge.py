"""A pass's transactions: the intent is there before the call, the outcome after it, and an old holder does nothing."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.broker.converge import begin_part, begin_write, end_write, fail_pass, open_pass
from app.broker.passes import After, Call, CallOutcome
from app.domain.binding import Binding, State
from app.domain.errors import LeaseLost
from app.ledger.connection import Ledger
from app.planning.batches import Batch
from app.planning.observed import Inspection, Observed
from app.planning.plan import Kind
from app.planning.settle import REFUSED_PAUSE
from tests.broker.passes import (
    BOUND,
    DONE,
    LAST,
    NOTHING,
    NOW,
    PENDING,
    TERMS,
    begun,
    kept,
    operations,
    queue,
    ready,
    take,
    there,
)
from tests.ledger.building import a_binding, execute, expire


def test_the_intent_and_the_mark_are_in_the_ledger_before_the_call(ledger: Ledger) -> None:
    intent = begun(ledger, ready(ledger, PENDING))
    assert intent.batch.kind is Kind.REGISTER
    assert kept(ledger) == [("pending", None, True)]
    assert operations(ledger) == [("BatchRegisterTargets", None)]
    (targets,) = execute(ledger, "SELECT targets FROM cloud_operations")
    target = {"listener_id": "lbl-1", "location_id": "", "ip": "10.0.3.17", "port": 8080, "weight": 10}
    assert targets == [{**target, "binding_id": "b-1"}]


@pytest.mark.parametrize(
    ("binding", "observed", "action"),
    [
        (replace(BOUND, weight=50), there("10.0.3.17"), "BatchModifyTargetWeight"),
        (replace(BOUND, state=State.REMOVING), there("10.0.3.17"), "BatchDeregisterTargets"),
        (replace(BOUND, state=State.RELEASED, holder=False), there("10.0.3.17"), "BatchDeregisterTargets"),
        (BOUND, NOTHING, "BatchRegisterTargets"),
    ],
)
def test_every_kind_of_change_has_its_intent(ledger: Ledger, binding: Binding, observed: Observed, action: str) -> None:
    begun(ledger, ready(ledger, binding), observed)
    assert operations(ledger) == [(action, None)]


def test_a_pass_with_nothing_to_do_ends_reconciled_and_gives_the_lease_back(ledger: Ledger) -> None:
    lease = ready(ledger, BOUND)
    assert begin_write(ledger, lease, Inspection(there("10.0.3.17")), TERMS) is None
    assert operations(ledger) == []
    assert queue(ledger) == (60, 0, True, None, True)


def test_a_reading_confirms_what_is_there_without_any_call(ledger: Ledger) -> None:
    lease = ready(ledger, replace(PENDING, placed=True))
    assert begin_write(ledger, lease, Inspection(there("10.0.3.17")), TERMS) is None
    assert kept(ledger, "state, bound_at IS NOT NULL") == [("bound", True)]
    assert execute(ledger, "SELECT action, to_state FROM journal") == [("binding-moved", "bound")]


def test_a_target_that_somebody_else_put_there_is_adopted_and_history_says_so(ledger: Ledger) -> None:
    lease = ready(ledger, PENDING)
    assert begin_write(ledger, lease, Inspection(there("10.0.3.17")), TERMS) is None
    assert kept(ledger) == [("bound", None, True)]
    assert execute(ledger, "SELECT action, to_state FROM journal") == [("target-adopted", "bound")]


def test_what_the_ledger_has_no_record_of_is_never_removed(ledger: Ledger) -> None:
    lease = ready(ledger, a_binding("b-1", State.RELEASED), a_binding("b-2", State.REJECTED))
    assert begin_write(ledger, lease, Inspection(there("10.0.3.17", "10.0.9.9")), TERMS) is None
    assert operations(ledger) == []


def test_a_successful_write_is_recorded_with_the_cloud_s_number_in_history(ledger: Ledger) -> None:
    lease = ready(ledger, PENDING)
    intent = begun(ledger, lease)
    end_write(ledger, lease, intent, DONE, there("10.0.3.17"), TERMS, LAST)
    assert kept(ledger) == [("bound", None, True)]
    assert execute(ledger, "SELECT outcome, cloud_request_id FROM cloud_operations") == [("done", "r-1")]
    assert execute(ledger, "SELECT to_state, cloud_request_id FROM journal") == [("bound", "r-1")]
    assert queue(ledger) == (60, 0, True, None, True)


def test_after_a_write_the_load_balancer_is_left_alone_for_its_tail(ledger: Ledger) -> None:
    lease = ready(ledger, PENDING)
    end_write(ledger, lease, begun(ledger, lease), DONE, there("10.0.3.17"), TERMS, After(timedelta(seconds=9), 0.0))
    assert queue(ledger)[1] == 9


@pytest.mark.parametrize(
    ("call", "observed", "error"),
    [
        (Call(CallOutcome.AMBIGUOUS, None, "reset"), NOTHING, "reset"),
        (Call(CallOutcome.BUSY, "r-1", "in operating"), NOTHING, "in operating"),
        (Call(CallOutcome.CREDENTIAL, None, "revoked"), None, "revoked"),
        (DONE, NOTHING, "1 changes were answered as done and had no effect"),
        (DONE, None, "the load balancer could not be read back"),
    ],
)
def test_a_write_without_proof_of_its_effect_stays_to_be_done(
    ledger: Ledger, call: Call, observed: Observed | None, error: str
) -> None:
    lease = ready(ledger, PENDING)
    end_write(ledger, lease, begun(ledger, lease), call, observed, TERMS, LAST)
    assert kept(ledger) == [("pending", None, True)]
    due, _, reconciled, last_error, free = queue(ledger)
    assert (due, reconciled, last_error, free) == (0, False, error, True)
    assert execute(ledger, "SELECT failures FROM load_balancers") == [1]
    assert operations(ledger) == [("BatchRegisterTargets", call.outcome)]


def test_an_ambiguous_answer_whose_effect_is_there_is_bound_but_counts_as_trouble(ledger: Ledger) -> None:
    lease = ready(ledger, PENDING)
    call = Call(CallOutcome.AMBIGUOUS, None, "reset")
    end_write(ledger, lease, begun(ledger, lease), call, there("10.0.3.17"), TERMS, LAST)
    assert kept(ledger) == [("bound", None, True)]
    assert queue(ledger)[3] == "reset"


def test_a_registration_without_answer_is_not_given_up_by_the_reading_right_after_it(ledger: Ledger) -> None:
    lease = ready(ledger, PENDING)
    intent = begun(ledger, lease)
    execute(ledger, "UPDATE bindings SET state = 'draining', drain_until = now()")  # its pod has left meanwhile
    call = Call(CallOutcome.AMBIGUOUS, None, "time-out")
    end_write(ledger, lease, intent, call, NOTHING, TERMS, LAST)
    assert kept(ledger) == [("draining", None, True)]  # the call may still be under way
    execute(ledger, "UPDATE load_balancers SET due_at = now(), not_before = now()")
    assert begin_write(ledger, take(ledger), Inspection(NOTHING), TERMS) is None
    assert kept(ledger) == [("released", None, False)]


@pytest.mark.parametrize(
    ("call", "observed"),
    [(Call(CallOutcome.THROTTLED, None, "RequestLimitExceeded"), NOTHING), (DONE, None)],
    ids=["the write", "the reading after it"],
)
@pytest.mark.parametrize(("failures", "error"), [(0, None), (3, "reset")])
def test_being_too_early_is_no_failure_and_says_nothing_of_those_before(
    ledger: Ledger, call: Call, observed: Observed | None, failures: int, error: str | None
) -> None:
    lease = ready(ledger, PENDING)
    execute(ledger, "UPDATE load_balancers SET failures = :many, last_error = :error", many=failures, error=error)
    after = After(timedelta(seconds=1), 0.0, too_early=True)
    end_write(ledger, lease, begun(ledger, lease), call, observed, TERMS, after)
    assert queue(ledger) == (0, 1, False, error, True)
    assert execute(ledger, "SELECT failures FROM load_balancers") == [failures]


def test_what_was_learned_of_the_tail_is_kept_with_its_end(ledger: Ledger) -> None:
    lease = ready(ledger, PENDING)
    assert open_pass(ledger, lease, TERMS).rested is None
    after = After(timedelta(seconds=9), 0.0, tail_factor=2.5)
    end_write(ledger, lease, begun(ledger, lease), DONE, there("10.0.3.17"), TERMS, after)
    assert execute(ledger, "SELECT tail_factor FROM load_balancers") == [2.5]
    execute(ledger, "UPDATE load_balancers SET tail_ends_at = clock_timestamp() - interval '1 minute'")
    execute(ledger, "UPDATE load_balancers SET due_at = now(), not_before = now()")
    opening = open_pass(ledger, take(ledger), TERMS)
    assert opening.load_balancer.tail_factor == 2.5
    assert opening.rested is not None
    assert timedelta(minutes=1) <= opening.rested < timedelta(hours=1)


@pytest.mark.parametrize(
    ("detail", "code"), [("LimitExceeded: 100", "quota-exceeded"), ("InvalidParameter: no", "cloud-refused")]
)
def test_what_is_refused_by_itself_is_held_with_the_cloud_s_word_and_tried_again_later(
    ledger: Ledger, detail: str, code: str
) -> None:
    lease = ready(ledger, PENDING)
    intent = begun(ledger, lease)
    call = Call(CallOutcome.REFUSED, "r-1", detail)
    end_write(ledger, lease, intent, call, NOTHING, TERMS, After(NOW, 0.0, refused=intent.batch.changes))
    assert kept(ledger, "state, reason, detail, holder") == [("held", code, detail, True)]
    execute(ledger, "UPDATE load_balancers SET due_at = now(), not_before = now()")
    lease = take(ledger)
    assert begin_write(ledger, lease, Inspection(NOTHING), TERMS) is None
    assert 0 < queue(ledger)[0] <= REFUSED_PAUSE.total_seconds()
    execute(ledger, "UPDATE bindings SET updated_at = now() - interval '31 seconds'")
    execute(ledger, "UPDATE load_balancers SET due_at = now()")
    assert begun(ledger, take(ledger)).batch.kind is Kind.REGISTER


def test_a_refusal_does_not_hold_what_the_reading_shows_to_be_there(ledger: Ledger) -> None:
    lease = ready(ledger, PENDING)
    intent = begun(ledger, lease)
    call = Call(CallOutcome.REFUSED, "r-1", "InvalidParameter: bound already")
    after = After(NOW, 0.0, refused=intent.batch.changes)
    end_write(ledger, lease, intent, call, there("10.0.3.17"), TERMS, after)
    assert kept(ledger) == [("bound", None, True)]


def test_a_refused_target_whose_place_is_another_pod_s_by_now_is_left_alone(ledger: Ledger) -> None:
    lease = ready(ledger, PENDING)
    intent = begun(ledger, lease)
    execute(ledger, "UPDATE bindings SET state = 'released', live = false, holder = false, placed = false")
    call = Call(CallOutcome.REFUSED, "r-1", "InvalidParameter: no")
    after = After(NOW, 0.0, refused=intent.batch.changes)
    end_write(ledger, lease, intent, call, NOTHING, TERMS, after)
    assert kept(ledger) == [("released", None, False)]
    assert operations(ledger) == [("BatchRegisterTargets", "refused")]


def test_a_refused_removal_is_never_given_up(ledger: Ledger) -> None:
    lease = ready(ledger, replace(BOUND, state=State.REMOVING))
    intent = begun(ledger, lease, there("10.0.3.17"))
    call = Call(CallOutcome.REFUSED, "r-1", "no")
    after = After(NOW, 0.0, refused=intent.batch.changes)
    end_write(ledger, lease, intent, call, there("10.0.3.17"), TERMS, after)
    assert kept(ledger) == [("removing", None, True)]


def test_a_part_of_a_write_leaves_out_what_is_no_longer_wanted(ledger: Ledger) -> None:
    lease = ready(ledger, PENDING, replace(PENDING, binding_id="b-2", ip="10.0.4.2"))
    whole = begun(ledger, lease).batch
    execute(ledger, "UPDATE bindings SET state = 'draining', drain_until = now() WHERE binding_id = 'b-1'")
    part = begin_part(ledger, lease, NOTHING, whole, TERMS)
    assert part is not None
    assert [change.binding_id for change in part.batch.changes] == ["b-2"]
    execute(ledger, "UPDATE bindings SET state = 'draining', drain_until = now()")
    assert begin_part(ledger, lease, NOTHING, whole, TERMS) is None
    assert begin_part(ledger, lease, NOTHING, Batch(Kind.REGISTER, ()), TERMS) is None
    assert len(operations(ledger)) == 2


def test_a_write_that_is_not_the_last_keeps_the_lease(ledger: Ledger) -> None:
    lease = ready(ledger, PENDING)
    end_write(ledger, lease, begun(ledger, lease), DONE, NOTHING, TERMS, replace(LAST, last=False))
    assert operations(ledger) == [("BatchRegisterTargets", "done")]
    assert not queue(ledger)[4]
    assert begin_write(ledger, lease, Inspection(there("10.0.3.17")), TERMS) is None


def test_an_heir_settles_what_was_left_open_after_it_has_read(ledger: Ledger) -> None:
    old = ready(ledger, PENDING)
    begun(ledger, old)
    expire(ledger, old)
    heir = take(ledger)
    assert begin_write(ledger, heir, Inspection(there("10.0.3.17")), TERMS) is None
    assert operations(ledger) == [("BatchRegisterTargets", "settled")]
    assert kept(ledger) == [("bound", None, True)]


TABLES = ("bindings", "load_balancers", "leases", "cloud_operations", "journal")


@pytest.mark.parametrize("step", ["open_pass", "begin_write", "begin_part", "end_write", "fail_pass"])
def test_the_holder_of_an_old_epoch_changes_nothing_at_any_step(ledger: Ledger, step: str) -> None:
    old = ready(ledger, PENDING)
    intent = begun(ledger, old)
    expire(ledger, old)
    take(ledger)
    before = [execute(ledger, f"SELECT * FROM {table}") for table in TABLES]
    steps: dict[str, Any] = {
        "open_pass": lambda: open_pass(ledger, old, TERMS),
        "begin_write": lambda: begin_write(ledger, old, Inspection(there("10.0.3.17")), TERMS),
        "begin_part": lambda: begin_part(ledger, old, NOTHING, intent.batch, TERMS),
        "end_write": lambda: end_write(ledger, old, intent, DONE, there("10.0.3.17"), TERMS, LAST),
        "fail_pass": lambda: fail_pass(ledger, old, "no answer", TERMS, 0.0),
    }
    with pytest.raises(LeaseLost):
        steps[step]()
    assert [execute(ledger, f"SELECT * FROM {table}") for table in TABLES] == before
