"""Verify the addresses of one cluster that wait for a verdict, and answer questions about others."""

import structlog

from app.broker.call_workers import call_workers
from app.broker.open_look import Look, open_look
from app.broker.record_verdicts import record_verdicts
from app.ledger.leases import Lease
from app.spans import serving
from app.worker.judge_look import judge_look
from app.worker.workshop import Workshop

log = structlog.get_logger(__name__)


def verify_ownership(workshop: Workshop, lease: Lease) -> None:
    """Judge what waits in the leased cluster. Raises `LeaseLost`, `LedgerUnavailable`.

    When the cloud does not answer, the verdict is unknown, and the addresses are asked about again after a pause. A
    question gets the verdict that a binding would get, by the same evidence.
    """
    look = open_look(workshop.ledger, lease)
    with serving(binding.traceparent for binding in look.bindings):
        _judge_and_record(workshop, lease, look)


def _judge_and_record(workshop: Workshop, lease: Lease, look: Look) -> None:
    judgements, problem = judge_look(workshop, lease, look)
    if problem is not None:
        log.warning("ownership not verified", error=problem)
    decisions = {
        binding.binding_id: (judgements[binding.binding_id].proof, judgements[binding.binding_id].code)
        for binding in look.bindings
    }
    answers = {question.verification_id: judgements[question.verification_id].rendered() for question in look.questions}
    with workshop.turns.of(len(decisions)):
        record_verdicts(workshop.ledger, lease, decisions, answers, workshop.jitter())
    call_workers(workshop.ledger)
