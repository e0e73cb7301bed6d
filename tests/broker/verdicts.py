"""What tests of verdicts work with: proofs of a certain age, looks and sweeps, and what is in the ledger after them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from app.broker.open_look import open_look
from app.broker.receive_pod_events import receive_pod_events
from app.broker.record_verdicts import Sweep, record_sweep, record_verdicts
from app.domain.binding import Verdict, Verification
from app.domain.codes import Code
from app.domain.event import PodEvent
from app.ledger import leases
from app.ledger.connection import Ledger
from app.ledger.leases import Lease, LeaseSubject
from app.planning.proofs import Decision
from tests.ledger.building import execute, received

MINUTE = timedelta(minutes=1)
AT = datetime(2026, 11, 23, tzinfo=UTC)


def proven(seconds: float = 0, **facts: Any) -> Decision:
    """A proof that was found so many seconds after the usual time."""
    return Verification(Verdict.PROVEN, "eni", AT + timedelta(seconds=seconds), {"detail": None, **facts}), None


def declared(seconds: float = 0) -> Decision:
    """A declaration."""
    return Verification(Verdict.DECLARED, "cidr", AT + timedelta(seconds=seconds), {"detail": None}), None


def disproven(seconds: float = 0, detail: str = "on no interface") -> Decision:
    """A refusal."""
    at = AT + timedelta(seconds=seconds)
    return Verification(Verdict.DISPROVEN, "eni", at, {"detail": detail}), Code.ENI_NOT_FOUND


def unknown(detail: str = "the cloud is silent") -> Decision:
    """No answer."""
    return Verification(Verdict.UNKNOWN, "eni", AT, {"detail": detail}), None


def bind(ledger: Ledger, *events: PodEvent, cluster_id: str = "cls-a") -> None:
    """Receive events of one cluster."""
    receive_pod_events(ledger, cluster_id, received(*events), actor="agent:test", drain_seconds=30)


def take(ledger: Ledger, cluster_id: str = "cls-a", subject: LeaseSubject = LeaseSubject.VERIFICATION) -> Lease:
    """A lease on one cluster, whether it is due or not."""
    due = "verification_due_at" if subject is LeaseSubject.VERIFICATION else "reverification_due_at"
    day = "interval '1 day' * CASE WHEN cluster_id = :id THEN -1 ELSE 1 END"
    execute(ledger, f"UPDATE clusters SET {due} = now() + {day}", id=cluster_id)
    with ledger.begin() as connection:
        (lease,) = leases.take(connection, subject, "worker-1", MINUTE, 1)
    return lease


def judge(ledger: Ledger, verdict: Decision, cluster_id: str = "cls-a", lease: Lease | None = None) -> None:
    """One look at what waits in a cluster, with one verdict on all of it."""
    lease = lease or take(ledger, cluster_id)
    look = open_look(ledger, lease)
    record_verdicts(ledger, lease, {binding.binding_id: verdict for binding in look.bindings}, {}, 0.0)


def sweep(
    ledger: Ledger,
    decisions: Mapping[str, Decision],
    cluster_id: str = "cls-a",
    lease: Lease | None = None,
    silent_after: timedelta = 5 * MINUTE,
) -> None:
    """One sweep over a cluster's proofs, that came to these verdicts."""
    lease = lease or take(ledger, cluster_id, LeaseSubject.REVERIFICATION)
    (begun_at,) = execute(ledger, "SELECT clock_timestamp()")
    record_sweep(ledger, lease, decisions, Sweep(begun_at, MINUTE, silent_after))


def kept(ledger: Ledger, columns: str = "cluster_id, state, reason") -> list[Any]:
    """Columns of all bindings, by cluster and pod."""
    return execute(ledger, f"SELECT {columns} FROM bindings ORDER BY cluster_id, pod_uid, binding_id")


def everything(ledger: Ledger) -> list[Any]:
    """All that a verdict may change."""
    names = ("bindings", "journal", "clusters", "load_balancers", "leases", "verifications")
    return [sorted(map(str, execute(ledger, f"SELECT * FROM {name}"))) for name in names]
