"""Look again at the proofs that bindings stand by: addresses pass on, routes are disabled, machines leave."""

import structlog

from app.broker.open_look import MOST_IN_A_PART, Look, open_sweep
from app.broker.record_verdicts import Sweep, record_found_again, record_sweep
from app.domain.binding import Binding, Verdict
from app.domain.codes import Code
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
    begun_at, unanswered = None, False
    again_after = workshop.periods.reverify
    decisions: dict[str, Decision] = {}
    after = ""
    while True:
        look = open_sweep(workshop.ledger, lease, after)
        begun_at = begun_at or look.opened_at
        judgements, problem = judge_look(workshop, lease, look)
        if problem is not None:
            log.warning("proofs not looked at again", cluster_id=look.cluster.cluster_id, error=problem)
            unanswered = True
            again_after = min(again_after, pause_after(UNANSWERED, workshop.jitter()))
        silent = look.cluster.silent(look.opened_at, workshop.periods.silent)
        holding, changed = _apart(look, judgements, silent=silent)
        if holding:
            record_found_again(workshop.ledger, holding, look.opened_at)
        decisions |= changed
        if len(look.bindings) < MOST_IN_A_PART:
            break
        after = look.bindings[-1].binding_id
    sweep = Sweep(begun_at, again_after, workshop.periods.silent, unanswered)
    record_sweep(workshop.ledger, lease, decisions, sweep)


def _apart(look: Look, judgements: dict[str, Judgement], *, silent: bool) -> tuple[list[str], dict[str, Decision]]:
    """Those whose verdict holds, and the verdicts that say something else than before.

    What is held for a silence that is over is among the latter, whatever its verdict: the guard judges it anew.
    """
    holding: list[str] = []
    changed: dict[str, Decision] = {}
    for binding in look.bindings:
        judgement = judgements[binding.binding_id]
        waited = binding.reason is Code.CLUSTER_SILENT and not silent
        if _holds(binding, judgement) and not waited:
            holding.append(binding.binding_id)
        elif judgement.proof.verdict is not Verdict.UNKNOWN:
            changed[binding.binding_id] = (judgement.proof, judgement.code)
    return holding, changed


def _holds(binding: Binding, judgement: Judgement) -> bool:
    return binding.verification.says_the_same(judgement.proof)
