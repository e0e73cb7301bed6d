"""Values of the domain as answers."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from flask import Response
from flask.json.provider import DefaultJSONProvider

from app.broker.explain_bindings import Explanation
from app.domain.binding import Binding, Verdict
from app.domain.cluster import Cluster
from app.domain.codes import Caution, Code
from app.domain.event import Result
from app.domain.load_balancer import Grant, LoadBalancer
from app.domain.trust import KeptTrust
from app.ledger.drift import KeptDifference
from app.ledger.held_targets import HeldTarget
from app.ledger.journal import Kept
from app.ledger.rows import fields_of
from app.ledger.verifications import Question
from app.ownership.finding import Result as CheckResult


class JsonProvider(DefaultJSONProvider):
    """JSON by orjson: an answer to a thousand events takes the standard library's encoder too long.

    A flat dataclass becomes an object of its fields, in their order.
    """

    def dumps(self, obj: Any, **_: Any) -> str:
        """As text."""
        return orjson.dumps(obj).decode()

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """As an answer."""
        content = self._prepare_response_obj(args, kwargs)
        return Response(orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE), mimetype=self.mimetype)


def result(given: Result) -> dict[str, Any]:
    """The answer to one event."""
    return fields_of(given)


def cluster(kept: Cluster, silent_after: timedelta, trust: KeptTrust | None = None) -> dict[str, Any]:
    """A cluster; ``silent_after`` says how long its agent may be quiet before it counts as silent."""
    stated = kept.topology_setting is not None
    return {
        "cluster_id": kept.cluster_id,
        "account_id": kept.account_id,
        "region": kept.region,
        "verification": kept.verification,
        "topology": asdict(kept.topology) if kept.topology else None,
        "topology_source": ("operator" if stated else "cloud") if kept.topology else None,
        "topology_read_at": kept.topology_read_at,
        "topology_error": None if stated else kept.topology_error,
        "removal_guard": {"max_share": kept.max_removal_share},
        "drain_seconds": kept.drain_seconds,
        "state": _cluster_state(kept, silent_after),
        "last_seen_at": kept.last_seen_at,
        "failing": [{"work": work, "since": since} for work, since in kept.failing_since.items()],
        "alarm": kept.alarm,
        "trust": None if trust is None else _trust(trust),
        "trust_keys": None if trust is None else _trust_keys(trust),
        "created_at": kept.created_at,
        "updated_at": kept.updated_at,
    }


def _trust(kept: KeptTrust) -> dict[str, Any]:
    given = kept.trust
    return {
        "issuer": given.issuer,
        "audience": given.audience,
        "subjects": list(given.subjects),
        "jwks": {"keys": [dict(key.jwk) for key in kept.keys]} if given.jwks_uri is None else None,
        "jwks_uri": given.jwks_uri,
    }


def _trust_keys(kept: KeptTrust) -> dict[str, Any]:
    return {
        "key_ids": sorted(key.name for key in kept.keys),
        "read_at": kept.read_at,
        "error": kept.error,
        "failing_since": kept.failing_since,
    }


def load_balancer(kept: LoadBalancer) -> dict[str, Any]:
    """A load balancer."""
    inventory = kept.inventory
    behind = kept.wanted_at is not None and kept.reconciled_generation < kept.wanted_generation
    lag = (datetime.now(UTC) - kept.wanted_at).total_seconds() if behind and kept.wanted_at else 0.0
    return {
        "load_balancer_id": kept.load_balancer_id,
        "account_id": kept.account_id,
        "region": kept.region,
        "vpc_id": inventory.vpc_id if inventory else None,
        "vips": list(inventory.vips) if inventory else [],
        "listeners": [asdict(listener) for listener in inventory.listeners] if inventory else [],
        "inventory_read_at": kept.inventory_read_at,
        "missing": kept.missing,
        "sync": {
            "wanted_generation": kept.wanted_generation,
            "reconciled_generation": kept.reconciled_generation,
            "lag_seconds": max(lag, 0.0),
            "last_error": kept.last_error,
            "failing_since": kept.failing_since,
            "alarm": kept.alarm,
        },
        "created_at": kept.created_at,
    }


def grant(kept: Grant) -> dict[str, Any]:
    """A grant."""
    return asdict(kept)


def binding(kept: Binding) -> dict[str, Any]:
    """A binding."""
    target = asdict(kept.target)
    if kept.slot is not None:
        target |= {"listener_id": kept.slot.listener_id, "location_id": kept.slot.location_id or None}
    return {
        "binding_id": kept.binding_id,
        "cluster_id": kept.cluster_id,
        "pod": asdict(kept.pod),
        "workload": asdict(kept.workload) if kept.workload else None,
        "service": asdict(kept.service) if kept.service else None,
        "network_mode": kept.network_mode,
        "target": {**target, "ip": kept.ip, "weight": kept.weight},
        "state": kept.state,
        "reason": kept.reason,
        "detail": kept.detail,
        "health": kept.health,
        "verification": {
            "verdict": kept.verification.verdict,
            "method": kept.verification.method,
            "checked_at": kept.verification.checked_at,
            "evidence": kept.verification.evidence,
            "warnings": list(kept.verification.warnings),
        },
        "revision": kept.revision,
        "created_at": kept.created_at,
        "updated_at": kept.updated_at,
        "bound_at": kept.bound_at,
    }


def verdict(question: Question) -> dict[str, Any]:
    """The answer to a question about an address."""
    answer = dict(question.answer or {})
    return {
        **answer,
        "verification_id": question.verification_id,
        "verdict": Verdict(answer["verdict"]),
        "code": _code(answer["code"]),
        "checked_at": datetime.fromisoformat(answer["checked_at"]),
        "checks": [
            {**check, "result": CheckResult(check["result"]), "code": _code(check["code"])}
            for check in answer["checks"]
        ],
        "warnings": [Caution(each) for each in answer["warnings"]],
    }


def difference(kept: KeptDifference) -> dict[str, Any]:
    """A difference between the ledger and the cloud."""
    return {
        "drift_id": kept.drift_id,
        "kind": kept.kind,
        "ip": kept.place.ip,
        "port": kept.place.port,
        "listener_id": kept.place.listener_id,
        "location_id": kept.place.location_id or None,
        "weight": kept.weight,
        "seen_at": kept.seen_at,
        "action": kept.action,
        "binding_id": kept.binding_id,
        "cluster_id": kept.cluster_id,
    }


def explanation(given: Explanation) -> dict[str, Any]:
    """Why a pod is or is not bound."""
    return {
        "bindings": [
            {
                "binding_id": binding.binding_id,
                "cluster_id": binding.cluster_id,
                "pod_uid": binding.pod.uid,
                "ip": binding.ip,
                "state": binding.state,
                "reason": binding.reason,
                "detail": binding.detail,
                "steps": [asdict(step) for step in steps],
            }
            for binding, steps in given.bindings
        ],
        "refused_events": [entry(kept) for kept in given.refused_events],
    }


def entry(kept: Kept) -> dict[str, Any]:
    """A line of history."""
    told = fields_of(kept.entry)
    return {
        "sequence": kept.sequence,
        "recorded_at": kept.recorded_at,
        "actor": kept.actor,
        "request_id": kept.request_id,
        "trace_id": kept.trace_id,
        **told,
        "location_id": kept.entry.location_id or None,
    }


def held_target(held: HeldTarget) -> dict[str, Any]:
    """A target that was at the cloud at a moment."""
    return {**fields_of(held), "location_id": held.location_id or None}


def _code(kept: str | None) -> Code | None:
    return None if kept is None else Code(kept)


def _cluster_state(kept: Cluster, silent_after: timedelta) -> str:
    if kept.last_seen_at is None:
        return "registered"
    return "silent" if kept.silent(datetime.now(UTC), silent_after) else "active"
