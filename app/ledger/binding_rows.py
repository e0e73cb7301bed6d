"""Bindings as rows, and back."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from app.domain.binding import LIVE, Binding, Health, State, Verdict, Verification
from app.domain.cluster import NetworkMode
from app.domain.codes import Code
from app.domain.event import Pod, Service, Workload
from app.domain.load_balancer import Slot
from app.domain.target import TargetName
from app.ledger.tables import bindings as table
from app.trail import current_trail


def row_of(binding: Binding, change_sequence: int | None) -> dict[str, Any]:
    """``binding`` as a row; ``change_sequence`` is its place in the order of changes."""
    return {**subject_of(binding), **proof_of(binding), **standing_of(binding, change_sequence)}


def subject_of(binding: Binding) -> dict[str, Any]:
    """The columns that say what is bound where, which stays as it is but for a word of the agent."""
    return {
        "cluster_id": binding.cluster_id,
        "load_balancer_id": binding.target.load_balancer_id,
        "ip": binding.ip,
        "port": binding.target.port,
        "target": binding.target,
        "pod_uid": binding.pod.uid,
        "pod": binding.pod,
        "workload": binding.workload,
        "workload_key": binding.workload_key,
        "service_namespace": binding.service.namespace if binding.service else None,
        "service_name": binding.service.name if binding.service else None,
        "network_mode": binding.network_mode,
        "drain_seconds": binding.drain_seconds,
        "created_at": binding.created_at,
    }


def same_subject(one: Binding, other: Binding) -> bool:
    """Whether `subject_of` is the same of both."""
    return _subject(one) == _subject(other)


_subject: Final = attrgetter(
    "cluster_id", "ip", "target", "pod", "workload", "service", "network_mode", "drain_seconds", "created_at"
)


def proof_of(binding: Binding) -> dict[str, Any]:
    """The columns of a binding's verification, most of its row."""
    return {
        "verdict": binding.verification.verdict,
        "verification": {
            "method": binding.verification.method,
            "checked_at": binding.verification.checked_at,
            "evidence": dict(binding.verification.evidence),
            "warnings": list(binding.verification.warnings),
        },
        "checked_at": binding.verification.checked_at,
    }


def standing_of(binding: Binding, change_sequence: int | None) -> dict[str, Any]:
    """The columns that name a binding, and those that say how it stands, which every change may change.

    A request that changes it is the latest word about it, and its trace is kept.
    """
    return {
        "account_id": binding.account_id,
        "binding_id": binding.binding_id,
        "listener_id": binding.slot.listener_id if binding.slot else None,
        "location_id": binding.slot.location_id if binding.slot else None,
        "weight": binding.weight,
        "revision": binding.revision,
        "state": binding.state,
        "reason": binding.reason,
        "detail": binding.detail,
        "live": binding.state in LIVE,
        "holder": binding.holder,
        "placed": binding.placed,
        "generation": binding.generation,
        "health": binding.health,
        "updated_at": binding.updated_at,
        "bound_at": binding.bound_at,
        "drain_until": binding.drain_until,
        "change_sequence": change_sequence,
        "traceparent": current_trail().traceparent or binding.traceparent,
    }


def binding_of(row: Sequence[Any]) -> Binding:
    """The binding that a row of the whole table keeps."""
    # By name in a plain dict, enumerations by their values: reading attributes of a row takes several times as long.
    kept = dict(zip(NAMES, row, strict=True))
    return Binding(
        binding_id=kept["binding_id"],
        account_id=kept["account_id"],
        cluster_id=kept["cluster_id"],
        pod=Pod(**kept["pod"]),
        ip=kept["ip"],
        target=TargetName(**kept["target"]),
        slot=None if kept["listener_id"] is None else Slot(kept["listener_id"], kept["location_id"]),
        service=None if kept["service_name"] is None else Service(kept["service_namespace"], kept["service_name"]),
        workload=None if kept["workload"] is None else Workload(**kept["workload"]),
        network_mode=_MODES[kept["network_mode"]],
        weight=kept["weight"],
        drain_seconds=kept["drain_seconds"],
        revision=kept["revision"],
        state=_STATES[kept["state"]],
        created_at=kept["created_at"],
        updated_at=kept["updated_at"],
        reason=None if kept["reason"] is None else Code(kept["reason"]),
        detail=kept["detail"],
        holder=kept["holder"],
        placed=kept["placed"],
        generation=kept["generation"],
        bound_at=kept["bound_at"],
        drain_until=kept["drain_until"],
        verification=_verification(kept),
        health=_HEALTHS[kept["health"]],
        traceparent=kept["traceparent"],
    )


def _verification(kept: Mapping[str, Any]) -> Verification:
    said = kept["verification"]
    checked_at = kept["checked_at"] or (said["checked_at"] and datetime.fromisoformat(said["checked_at"])) or None
    return Verification(
        _VERDICTS[kept["verdict"]], said["method"], checked_at, said["evidence"], tuple(said["warnings"])
    )


NAMES: Final = tuple(table.c.keys())
_MODES: Final = {each.value: each for each in NetworkMode}
_STATES: Final = {each.value: each for each in State}
_VERDICTS: Final = {each.value: each for each in Verdict}
_HEALTHS: Final = {each.value: each for each in Health}
