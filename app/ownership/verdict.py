"""The checks of one address, summed up as its verdict."""

from collections.abc import Sequence
from datetime import datetime

from app.domain.binding import Verdict
from app.domain.binding import Verification as Proof
from app.domain.cluster import Verification
from app.domain.codes import Code
from app.ownership.checks import CHECKS, Finding, Result
from app.ownership.evidence import Evidence, Subject


def verify(subject: Subject, evidence: Evidence, at: datetime) -> tuple[Proof, Code | None]:
    """The verdict on ``subject``, with every check made and what it rests on, and the code when it is disproven.

    A failed check disproves even when others got no answer; no answer alone proves and refuses nothing. ``declared`` is
    the verdict of a GlobalRouter address that passed without the network's proof because the cluster is declared.
    """
    findings = [check(subject, evidence) for check in CHECKS[subject.network_mode]]
    failed = next((finding for finding in findings if finding.result is Result.FAILED), None)
    decisive = failed or next((finding for finding in findings if finding.result is Result.UNKNOWN), None)
    rendered = {
        "detail": decisive.evidence.get("detail") if decisive else None,
        "checks": [finding.rendered() for finding in findings],
    }
    proof = Proof(_verdict(findings), _method(subject), at, rendered)
    return proof, failed.code if failed else None


def _verdict(findings: Sequence[Finding]) -> Verdict:
    results = {finding.result for finding in findings}
    if Result.FAILED in results:
        return Verdict.DISPROVEN
    if Result.UNKNOWN in results:
        return Verdict.UNKNOWN
    return Verdict.DECLARED if Result.SKIPPED in results else Verdict.PROVEN


def _method(subject: Subject) -> str:
    if subject.network_mode.value == "vpc-cni":
        return "eni"
    return "cidr" if subject.verification is Verification.DECLARED else "ccn-route"
