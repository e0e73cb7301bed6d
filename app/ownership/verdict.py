"""The checks of one address, summed up as its verdict."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from app.domain.binding import Verdict
from app.domain.binding import Verification as Proof
from app.domain.cluster import NetworkMode, Verification
from app.domain.codes import Code
from app.ownership.cautions import cautions
from app.ownership.checks import CHECKS, Check
from app.ownership.evidence import Evidence, Source, Subject
from app.ownership.finding import Finding, Result

Found = Sequence[tuple[Check, Finding]]


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with its proof. ``code`` says why it is disproven, ``rests_on`` where that fact comes from."""

    proof: Proof
    code: Code | None = None
    rests_on: Source | None = None

    def rendered(self) -> dict[str, Any]:
        """The verdict as it answers a question."""
        kept = {name: fact for name, fact in self.proof.rendered().items() if name != "checks"}
        return {**kept, "code": self.code.value if self.code else None, "checks": self.proof.evidence["checks"]}


def verify(subject: Subject, evidence: Evidence, at: datetime) -> Judgement:
    """The verdict on ``subject``, with every check made and what it rests on.

    A failed check disproves even when others got no answer; no answer alone proves and refuses nothing. ``declared`` is
    the verdict of a GlobalRouter address that passed without the network's proof because the cluster is declared.
    """
    found = [(check, check.examine(subject, evidence)) for check in _checks(subject)]
    failed = next((each for each in found if each[1].result is Result.FAILED), None)
    decisive = failed or next((each for each in found if each[1].result is Result.UNKNOWN), None)
    proof = Proof(
        _verdict(found), _method(subject), at, _rendered(found, decisive, evidence), cautions(subject, evidence)
    )
    if failed is None:
        return Judgement(proof)
    check, finding = failed
    return Judgement(proof, finding.code, finding.source or check.source)


def doubtful(judgement: Judgement, evidence: Evidence, counts_since: Callable[[Source], datetime]) -> bool:
    """Whether a refusal rests on something that was read before that counts, and so may be out of date."""
    if judgement.rests_on is None:
        return False
    read_at = evidence.read_at.get(judgement.rests_on)
    return read_at is not None and read_at < counts_since(judgement.rests_on)


def unconfirmed(judgement: Judgement) -> Judgement:
    """A refusal that could not be confirmed by reading again: it decides nothing."""
    detail = f"not confirmed: {judgement.proof.evidence.get('detail')}"
    proof = replace(judgement.proof, verdict=Verdict.UNKNOWN, evidence={**judgement.proof.evidence, "detail": detail})
    return Judgement(proof)


def _checks(subject: Subject) -> list[Check]:
    """The checks for the subject's network; an address that cannot be one at all is asked nothing else."""
    checks = [check for check in CHECKS if subject.network_mode in check.modes]
    first = checks[0]
    return [first] if first.examine(subject, _NOTHING).result is Result.FAILED else checks


_NOTHING = Evidence("", None)


def _verdict(found: Found) -> Verdict:
    results = {finding.result for _, finding in found}
    if Result.FAILED in results:
        return Verdict.DISPROVEN
    if Result.UNKNOWN in results:
        return Verdict.UNKNOWN
    return Verdict.DECLARED if Result.SKIPPED in results else Verdict.PROVEN


def _rendered(found: Found, decisive: tuple[Check, Finding] | None, evidence: Evidence) -> Mapping[str, Any]:
    return {
        "detail": decisive[1].evidence.get("detail") if decisive else None,
        "checks": [
            {
                "check": check.name,
                "result": finding.result.value,
                "code": finding.code.value if finding.code else None,
                "evidence": dict(finding.evidence),
            }
            for check, finding in found
        ],
        "read_at": {source.value: at.isoformat() for source, at in sorted(evidence.read_at.items())},
    }


def _method(subject: Subject) -> str:
    if subject.network_mode is NetworkMode.VPC_CNI:
        return "eni"
    return "cidr" if subject.verification is Verification.DECLARED else "ccn-route"
