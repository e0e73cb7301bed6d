"""Who sends a request, and what each kind of caller is called in history."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a caller may do; an agent may do it for one cluster only. The one who may most comes first."""

    ADMIN = "admin"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    VIEWER = "viewer"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request.

    ``role`` is None for a person who is known and has none. ``name`` is a token's name or id, or the subject that an
    issuer vouches for. ``cluster_id`` is set for agents alone, ``issuer`` (its name in the settings) for people who
    came with a token of an issuer.
    """

    role: Role | None
    name: str
    cluster_id: str | None = None
    issuer: str | None = None

    @property
    def actor(self) -> str:
        """The caller as history names it."""
        if self.issuer is not None:
            return f"person:{self.issuer}:{self.name}"
        return (
            f"{self.role}:{self.cluster_id}:{self.name}" if self.cluster_id is not None else f"{self.role}:{self.name}"
        )
