"""Judge the addresses of one look by one body of evidence; what old evidence would refuse is read again first."""

from app.broker.open_look import Look
from app.ledger.leases import Lease
from app.metrics import count_verdicts
from app.ownership.evidence import Evidence
from app.ownership.verdict import Judgement, doubtful, unconfirmed, verify
from app.worker.gather_evidence import Gathering
from app.worker.workshop import Workshop


def judge_look(workshop: Workshop, lease: Lease, look: Look) -> tuple[dict[str, Judgement], str | None]:
    """A judgement per subject, and why answers are missing if some are. Raises `LeaseLost`, `LedgerUnavailable`."""
    if not look.subjects:
        return {}, None
    gathering = Gathering(workshop, lease, look)
    evidence = gathering.gather()
    judgements = _judge(look, evidence)
    doubted = {each.rests_on for each in judgements.values() if doubtful(each, evidence, gathering.counts_since)}
    if doubted:
        gathering.read_again({source for source in doubted if source is not None})
        evidence = gathering.evidence
        judgements = _judge(look, evidence)
    confirmed = {
        name: unconfirmed(each) if doubtful(each, evidence, gathering.counts_since) else each
        for name, each in judgements.items()
    }
    count_verdicts(lease.subject, (each.proof.verdict for each in confirmed.values()))
    return confirmed, evidence.problem


def _judge(look: Look, evidence: Evidence) -> dict[str, Judgement]:
    return {name: verify(subject, evidence, look.opened_at) for name, subject in look.subjects.items()}
