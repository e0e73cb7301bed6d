"""One line of history: who changed what, from which state to which, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from app.domain.binding import Binding, State
from app.domain.trace import trace_id_of


class Action(StrEnum):
    """What an entry records."""

    BINDING_CREATED = "binding-created"
    BINDING_MOVED = "binding-moved"
    BINDING_WEIGHED = "binding-weighed"
    EVENT_REJECTED = "event-rejected"
    TARGET_ADOPTED = "target-adopted"
    TARGET_GONE = "target-gone"
    CLUSTER_REGISTERED = "cluster-registered"
    CLUSTER_EVACUATED = "cluster-evacuated"
    LOAD_BALANCER_REGISTERED = "load-balancer-registered"
    GRANT_MADE = "grant-made"
    GRANT_REVOKED = "grant-revoked"
    DRIFT_IGNORED = "drift-ignored"
    HOLD_APPROVED = "hold-approved"
    HOLD_DISMISSED = "hold-dismissed"
    TRUST_GIVEN = "trust-given"
    TRUST_TAKEN_BACK = "trust-taken-back"
    KEYS_CHANGED = "keys-changed"
    KEYS_REPLACED = "keys-replaced"
    REQUEST_REFUSED = "request-refused"
    TOKEN_ISSUED = "token-issued"  # noqa: S105 (an action, no secret)
    TOKEN_REVOKED = "token-revoked"  # noqa: S105


class Presence(StrEnum):
    """What an entry says of the target at the cloud; most say nothing, and all stays as it was.

    ``present``: a reading shows it, with that weight. ``drained``: it is asked to get no new connections.
    ``inherited``: it is another binding's from now on, as it is. ``absent``: a reading shows it gone.
    """

    PRESENT = "present"
    DRAINED = "drained"
    INHERITED = "inherited"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Sight:
    """What a reading of the cloud shows at a binding's place: the target's weight, None for no target."""

    weight: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, before the ledger gives it a sequence number, a time and an actor.

    ``presence`` and ``weight`` say what is at the cloud from then on: what was bound where at any moment follows from
    them alone. ``trace_id`` is that of the word which a change goes back to, where no request makes it.
    """

    action: Action
    account_id: str | None = None
    binding_id: str | None = None
    cluster_id: str | None = None
    pod_uid: str | None = None
    ip: str | None = None
    port: int | None = None
    load_balancer_id: str | None = None
    listener_id: str | None = None
    location_id: str | None = None
    presence: Presence | None = None
    weight: int | None = None
    from_state: State | None = None
    to_state: State | None = None
    reason: str | None = None
    event_id: str | None = None
    cloud_request_id: str | None = None
    detail: str | None = None
    evidence: Mapping[str, Any] | None = None
    trace_id: str | None = None


def entry_of(
    action: Action,
    before: Binding | None,
    after: Binding,
    *,
    event_id: str | None = None,
    cloud_request_id: str | None = None,
    detail: str | None = None,
    sight: Sight | None = None,
) -> Entry:
    """The entry for a binding that was ``before`` (None: there was none) and is ``after`` now.

    It carries the proof as it is then, when that was decided on or has changed. ``sight`` is what the reading shows
    that the change rests on; None: it rests on none.
    """
    decided = before is not None and (before.state is State.VERIFYING or before.verification != after.verification)
    proof = after.verification if decided and after.verification.checked_at else None
    presence, weight = presence_of(before, after, sight)
    # Where the listener is gone, the one that the target was on.
    slot = after.slot or (before.slot if before is not None else None)
    return Entry(
        action=action,
        account_id=after.account_id,
        binding_id=after.binding_id,
        cluster_id=after.cluster_id,
        pod_uid=after.pod.uid,
        ip=after.ip,
        port=after.target.port,
        load_balancer_id=after.target.load_balancer_id,
        listener_id=slot.listener_id if slot else after.target.listener_id,
        location_id=slot.location_id if slot else after.target.location_id,
        presence=presence,
        weight=weight,
        from_state=before.state if before else None,
        to_state=after.state,
        reason=after.reason,
        event_id=event_id,
        cloud_request_id=cloud_request_id,
        detail=detail or after.detail,
        evidence=None if proof is None else proof.rendered(),
        trace_id=trace_id_of(after.traceparent),
    )


def presence_of(before: Binding | None, after: Binding, sight: Sight | None) -> tuple[Presence | None, int | None]:
    """What the change of a binding says of its target at the cloud, and the target's weight where it says that.

    Without a reading a target does not go: who no longer has one has passed it on.
    """
    had = before is not None and before.placed
    if sight is not None:
        if after.placed and sight.weight is not None:
            return Presence.PRESENT, sight.weight
        return (Presence.ABSENT, None) if had or after.placed else (None, None)
    if after.placed and not had:
        return Presence.INHERITED, None
    if after.placed and after.state is State.DRAINING:
        return Presence.DRAINED, 0
    return None, None


def month_after(month: date) -> date:
    """The first day of the next month."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def months_before(month: date, many: int) -> date:
    """The first day of the month so many months before."""
    number = month.year * 12 + month.month - 1 - many
    return date(number // 12, number % 12 + 1, 1)


def month_name(month: date) -> str:
    """What the part of history of a month is called in the ledger: ``journal_2026_11``."""
    return f"journal_{month.year:04}_{month.month:02}"


def month_of_name(name: str) -> date:
    """The first day of the month that `month_name` names so."""
    _, year, month = name.split("_")
    return date(int(year), int(month), 1)


@dataclass(frozen=True, slots=True)
class Position:
    """Where in the history of an account something stands: the number of an entry, and its time."""

    sequence: int
    recorded_at: datetime
