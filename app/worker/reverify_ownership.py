"""Look again at the proofs that bindings stand by: addresses pass on, routes are disabled, machines leave."""

import structlog

from app.broker.open_look import MOST_AT_ONCE, Look, open_sweep
from app.broker.record_verdicts import record_found_again, record_sweep
from app.domain.binding import Binding, Verdict
from app.ledger.leases import Lease
from app.ownership.verdict import Judgement
from app.planning.pacing import pause_after
from app.planning.proofs import Decision
from app.worker.judge_look import judge_look
from app.worker.workshop import Workshop

log = structlog.get_logger(__name__)

UNANSWERED = 5
"""A sweep that the cloud did not answer is made again after the pause of so many failures: some seconds."""


def reverify_ownership(workshop: Workshop, lease: Lease) -> None:
    """Look at all standing proofs of the leased cluster. Raises `LeaseLost`, `LedgerUnavailable`.

    It goes through them in parts, so that no transaction is long, and judges the losses of all parts together, so that
    the guard sees the whole of them. Where the cloud does not answer, proofs stay as they are.
    """
    begun_at = None
    again_after = workshop.periods.reverify
    decisions: dict[str, Decision] = {}
    after = ""
    while True:
        look = open_sweep(workshop.ledger, lease, after)
        begun_at = begun_at or look.opened_at
        judgements, problem = judge_look(workshop, lease, look)
        if problem is not None:
            log.warning("proofs not looked at again", cluster_id=look.cluster.cluster_id, error=problem)
            again_after = min(again_after, pause_after(UNANSWERED, workshop.jitter()))
        holding, changed = _apart(look, judgements)
        if holding:
            record_found_again(workshop.ledger, holding, look.opened_at)
        decisions |= changed
        if len(look.bindings) < MOST_AT_ONCE:
            break
        after = look.bindings[-1].binding_id
    record_sweep(workshop.ledger, lease, decisions, begun_at, again_after)


def _apart(look: Look, judgements: dict[str, Judgement]) -> tuple[list[str], dict[str, Decision]]:
    """Those whose verdict holds, and the verdicts that say something else than before."""
    holding: list[str] = []
    changed: dict[str, Decision] = {}
    for binding in look.bindings:
        judgement = judgements[binding.binding_id]
        if _holds(binding, judgement):
            holding.append(binding.binding_id)
        elif judgement.proof.verdict is not Verdict.UNKNOWN:
            changed[binding.binding_id] = (judgement.proof, judgement.code)
    return holding, changed


def _holds(binding: Binding, judgement: Judgement) -> bool:
    return binding.verification.says_the_same(judgement.proof)
