"""Bindings as rows, and back."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row

from app.domain.binding import LIVE, Binding, Health, State, Verdict, Verification
from app.domain.cluster import NetworkMode
from app.domain.codes import Code
from app.domain.event import Pod, Service, Workload
from app.domain.load_balancer import Slot
from app.domain.target import TargetName
from app.ledger.rows import fields_of


def row_of(binding: Binding, change_sequence: int | None) -> dict[str, Any]:
    """``binding`` as a row; ``change_sequence`` is its place in the order of changes."""
    return {
        "account_id": binding.account_id,
        "binding_id": binding.binding_id,
        "cluster_id": binding.cluster_id,
        "load_balancer_id": binding.target.load_balancer_id,
        "listener_id": binding.slot.listener_id if binding.slot else None,
        "location_id": binding.slot.location_id if binding.slot else None,
        "ip": binding.ip,
        "port": binding.target.port,
        "target": fields_of(binding.target),
        "pod_uid": binding.pod.uid,
        "pod": fields_of(binding.pod),
        "workload": fields_of(binding.workload) if binding.workload else None,
        "workload_key": binding.workload_key,
        "service_namespace": binding.service.namespace if binding.service else None,
        "service_name": binding.service.name if binding.service else None,
        "network_mode": binding.network_mode,
        "weight": binding.weight,
        "drain_seconds": binding.drain_seconds,
        "revision": binding.revision,
        "state": binding.state,
        "reason": binding.reason,
        "detail": binding.detail,
        "live": binding.state in LIVE,
        "holder": binding.holder,
        "placed": binding.placed,
        "generation": binding.generation,
        "verdict": binding.verification.verdict,
        "verification": {
            "method": binding.verification.method,
            "checked_at": binding.verification.checked_at,
            "evidence": dict(binding.verification.evidence),
            "warnings": list(binding.verification.warnings),
        },
        "checked_at": binding.verification.checked_at,
        "health": binding.health,
        "created_at": binding.created_at,
        "updated_at": binding.updated_at,
        "bound_at": binding.bound_at,
        "drain_until": binding.drain_until,
        "change_sequence": change_sequence,
    }


def binding_of(row: Row[Any]) -> Binding:
    """The binding that a row keeps."""
    return Binding(
        binding_id=row.binding_id,
        account_id=row.account_id,
        cluster_id=row.cluster_id,
        pod=Pod(**row.pod),
        ip=row.ip,
        target=TargetName(**row.target),
        slot=None if row.listener_id is None else Slot(row.listener_id, row.location_id),
        service=None if row.service_name is None else Service(row.service_namespace, row.service_name),
        workload=None if row.workload is None else Workload(**row.workload),
        network_mode=NetworkMode(row.network_mode),
        weight=row.weight,
        drain_seconds=row.drain_seconds,
        revision=row.revision,
        state=State(row.state),
        created_at=row.created_at,
        updated_at=row.updated_at,
        reason=None if row.reason is None else Code(row.reason),
        detail=row.detail,
        holder=row.holder,
        placed=row.placed,
        generation=row.generation,
        bound_at=row.bound_at,
        drain_until=row.drain_until,
        verification=_verification(row),
        health=Health(row.health),
    )


def _verification(row: Row[Any]) -> Verification:
    kept = row.verification
    checked_at = row.checked_at or (kept["checked_at"] and datetime.fromisoformat(kept["checked_at"])) or None
    return Verification(Verdict(row.verdict), kept["method"], checked_at, kept["evidence"], tuple(kept["warnings"]))
