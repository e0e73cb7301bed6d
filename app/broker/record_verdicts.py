"""The transactions that end a look at proofs: what the verdicts make of bindings, and answers to questions."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from app.broker.hearing import Hearing
from app.broker.open_look import MOST_AT_ONCE
from app.domain.binding import State, Verdict
from app.domain.codes import Code
from app.ledger import bindings, clusters, load_balancers, proofs, verifications
from app.ledger.connection import Connection, Ledger
from app.ledger.leases import Lease
from app.planning.pacing import pause_after
from app.planning.proofs import Decision, looked_at_again


def record_verdicts(
    ledger: Ledger,
    lease: Lease,
    decisions: Mapping[str, Decision],
    answers: Mapping[str, Mapping[str, Any]],
    jitter: float,
) -> None:
    """Write the verdicts by binding id and the answers by question id, move on what is proven, and end the lease.

    Bindings that changed in the meantime are judged by what they are now; those without an answer are asked about again
    after a pause that grows. Raises `LeaseLost`, `LedgerUnavailable`.
    """
    with ledger.begin() as connection:
        hearing = Hearing(connection, lease, decisions.keys())
        unanswered = sum(_decide(hearing, binding_id, decision) for binding_id, decision in decisions.items())
        hearing.write(f"worker:{lease.incarnation}")
        verifications.answer(connection, answers)
        _look_again(connection, lease, unanswered, more=len(decisions) >= MOST_AT_ONCE, jitter=jitter)
        ips = hearing.newly_proven()
    _doubt_others(ledger, lease.subject_id, ips)


def record_sweep(
    ledger: Ledger,
    lease: Lease,
    decisions: Mapping[str, Decision],
    begun_at: datetime,
    again_after: timedelta,
) -> None:
    """Write what a sweep over standing proofs changes, all of it judged together, and end the lease.

    ``decisions`` are those that say something else than before. Raises `LeaseLost`, `LedgerUnavailable`.
    """
    with ledger.begin() as connection:
        hearing = Hearing(connection, lease, decisions.keys())
        (cluster,) = clusters.lock(connection, [lease.subject_id])
        standing = [hearing.bindings[binding_id] for binding_id in decisions if binding_id in hearing.bindings]
        standing = [binding for binding in standing if binding.wanted]
        load_balancer_ids = {binding.target.load_balancer_id for binding in standing}
        present = bindings.placed_counts(connection, load_balancer_ids)
        changes = looked_at_again(standing, decisions, present, cluster.max_removal_share, hearing.now)
        for _, after in changes:
            hearing.change(after)
        hearing.write(f"worker:{lease.incarnation}")
        clusters.reverified(connection, lease.subject_id, begun_at, again_after)


def record_found_again(ledger: Ledger, binding_ids: Sequence[str], at: datetime) -> None:
    """These bindings' verdicts hold, as of ``at``."""
    with ledger.begin() as connection:
        load_balancers.lock(connection, proofs.load_balancers_of(connection, binding_ids))
        proofs.found_again(connection, binding_ids, at)


def _doubt_others(ledger: Ledger, cluster_id: str, ips: Collection[str]) -> None:
    """An address has one owner: what others have proven of these before is to be looked at again.

    In a transaction of its own, since clusters are locked before anything else.
    """
    if not ips:
        return
    with ledger.begin() as connection:
        others = {each for found in proofs.owners(connection, cluster_id, ips).values() for each in found}
        if others:
            clusters.want_reverification(connection, others)


def _decide(hearing: Hearing, binding_id: str, decision: Decision) -> bool:
    """Apply one verdict, if its binding still waits for one; whether it has to be asked for again."""
    verification, _ = decision
    binding = hearing.bindings.get(binding_id)
    claimed = binding is not None and binding.state is State.HELD and binding.reason is Code.CLAIMED_BY_OTHER_CLUSTER
    if binding is None or not (binding.state is State.VERIFYING or claimed):
        return False
    if (binding.target.load_balancer_id, binding.ip) in hearing.late:
        return True
    silent = verification.verdict is Verdict.UNKNOWN
    if not (silent and binding.verification.says_the_same(verification)):
        hearing.decide(binding, decision)
    after = hearing.bindings[binding_id]
    return silent or (after.state is State.HELD and after.verification.verdict is Verdict.DISPROVEN)


def _look_again(connection: Connection, lease: Lease, unanswered: int, *, more: bool, jitter: float) -> None:
    failures = clusters.failures(connection, lease.subject_id) + 1 if unanswered else 0
    if more and not unanswered:
        clusters.want_verification(connection, lease.subject_id)
    elif _waits(connection, lease.subject_id):
        pause = pause_after(failures, jitter) if unanswered else timedelta(0)
        clusters.verified(connection, lease.subject_id, pause, failures)
    else:
        clusters.verified(connection, lease.subject_id, None, 0)


def _waits(connection: Connection, cluster_id: str) -> bool:
    return bool(proofs.undecided(connection, cluster_id, 1) or verifications.unanswered(connection, cluster_id, 1))
