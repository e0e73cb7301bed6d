"""One line of history: who changed what, from which state to which, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.domain.binding import Binding, State


class Action(StrEnum):
    """What an entry records."""

    BINDING_CREATED = "binding-created"
    BINDING_MOVED = "binding-moved"
    BINDING_WEIGHED = "binding-weighed"
    EVENT_REJECTED = "event-rejected"
    TARGET_ADOPTED = "target-adopted"
    CLUSTER_REGISTERED = "cluster-registered"
    CLUSTER_EVACUATED = "cluster-evacuated"
    LOAD_BALANCER_REGISTERED = "load-balancer-registered"
    GRANT_MADE = "grant-made"
    GRANT_REVOKED = "grant-revoked"
    DRIFT_IGNORED = "drift-ignored"
    HOLD_APPROVED = "hold-approved"
    HOLD_DISMISSED = "hold-dismissed"
    TOKEN_ISSUED = "token-issued"  # noqa: S105 (an action, no secret)
    TOKEN_REVOKED = "token-revoked"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, before the ledger gives it a sequence number, a time and an actor."""

    action: Action
    account_id: str | None = None
    binding_id: str | None = None
    cluster_id: str | None = None
    pod_uid: str | None = None
    ip: str | None = None
    port: int | None = None
    load_balancer_id: str | None = None
    listener_id: str | None = None
    from_state: State | None = None
    to_state: State | None = None
    reason: str | None = None
    event_id: str | None = None
    cloud_request_id: str | None = None
    detail: str | None = None
    evidence: Mapping[str, Any] | None = None


def entry_of(
    action: Action,
    before: Binding | None,
    after: Binding,
    *,
    event_id: str | None = None,
    cloud_request_id: str | None = None,
    detail: str | None = None,
) -> Entry:
    """The entry for a binding that was ``before`` (None: there was none) and is ``after`` now.

    It carries the proof as it is then, when that was decided on or has changed.
    """
    decided = before is not None and (before.state is State.VERIFYING or before.verification != after.verification)
    proof = after.verification if decided and after.verification.checked_at else None
    return Entry(
        action=action,
        account_id=after.account_id,
        binding_id=after.binding_id,
        cluster_id=after.cluster_id,
        pod_uid=after.pod.uid,
        ip=after.ip,
        port=after.target.port,
        load_balancer_id=after.target.load_balancer_id,
        listener_id=after.slot.listener_id if after.slot else after.target.listener_id,
        from_state=before.state if before else None,
        to_state=after.state,
        reason=after.reason,
        event_id=event_id,
        cloud_request_id=cloud_request_id,
        detail=detail or after.detail,
        evidence=None if proof is None else proof.rendered(),
    )
