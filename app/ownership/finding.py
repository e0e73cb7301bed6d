"""What one check found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from app.domain.codes import Code
from app.ownership.evidence import Evidence, Source


class Result(StrEnum):
    """What one check found.

    ``skipped``: the cluster is declared, so the proof was not asked for; the verdict says so. ``not-applicable``: there
    is nothing to check.
    """

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check, with the facts that it rests on.

    ``source`` is where a refusal comes from, when that is not the check's usual one.
    """

    result: Result
    code: Code | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    source: Source | None = None


def passed(**facts: Any) -> Finding:
    """All is as it should be; ``facts`` say by what."""
    return Finding(Result.PASSED, None, facts)


def failed(code: Code, detail: str, source: Source | None = None, **facts: Any) -> Finding:
    """The evidence speaks against it."""
    return Finding(Result.FAILED, code, facts | {"detail": detail}, source)


def unknown(evidence: Evidence, detail: str | None = None) -> Finding:
    """There is no answer, or none that says anything."""
    return Finding(Result.UNKNOWN, None, {"detail": detail or evidence.problem or "the cloud did not answer"})


def unread_networks(evidence: Evidence) -> Finding:
    """Some clusters' networks are not known yet, and might have the address."""
    return unknown(evidence, f"not read yet: the networks of {', '.join(evidence.unread_neighbours)}")


def unreadable(evidence: Evidence, networks: Sequence[str]) -> Finding:
    """The cloud wrote networks that are none."""
    return unknown(evidence, f"not readable as a network: {', '.join(map(repr, networks))}")


def not_applicable(detail: str) -> Finding:
    """There is nothing to check."""
    return Finding(Result.NOT_APPLICABLE, None, {"detail": detail})


SKIPPED = Finding(Result.SKIPPED)
