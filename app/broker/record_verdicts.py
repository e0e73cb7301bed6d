"""The transactions that end a look at proofs: what the verdicts make of bindings, and answers to questions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.broker.hearing import Hearing
from app.broker.known_evidence import leased_cluster
from app.broker.open_look import MOST_AT_ONCE
from app.domain.binding import State, Verdict
from app.domain.codes import Code
from app.ledger import bindings, clusters, load_balancers, proofs, verifications
from app.ledger.connection import Connection, Ledger
from app.ledger.leases import Lease
from app.planning.pacing import pause_after
from app.planning.proofs import Decision, looked_at_again


@dataclass(frozen=True, slots=True)
class Sweep:
    """One sweep over a cluster's standing proofs: when it began, and when the next one is to begin.

    A cluster is silent when its agent has not spoken for ``silent_after``. ``unanswered``: the cloud did not say all
    that was asked.
    """

    begun_at: datetime
    again_after: timedelta
    silent_after: timedelta
    unanswered: bool = False


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
        trouble = any(verification.verdict is Verdict.UNKNOWN for verification, _ in decisions.values())
        more = len(decisions) >= MOST_AT_ONCE
        _look_again(connection, lease, unanswered, more=more, jitter=jitter, trouble=trouble)
    _doubt_others(ledger, lease.subject_id, hearing)


def record_sweep(
    ledger: Ledger,
    lease: Lease,
    decisions: Mapping[str, Decision],
    sweep: Sweep,
) -> None:
    """Write what a sweep over standing proofs changes, all of it judged together, and end the lease.

    ``decisions`` are those that say something else than before, and those to be judged again since the cluster is no
    longer silent. Raises `LeaseLost`, `LedgerUnavailable`.
    """
    with ledger.begin() as connection:
        hearing = Hearing(connection, lease, decisions.keys())
        cluster = leased_cluster(connection, lease.subject_id)
        standing = [hearing.bindings[binding_id] for binding_id in decisions if binding_id in hearing.bindings]
        standing = [binding for binding in standing if binding.wanted]
        load_balancer_ids = {binding.target.load_balancer_id for binding in standing}
        present = bindings.placed_counts(connection, load_balancer_ids)
        silent = cluster.silent(hearing.now, sweep.silent_after)
        share = cluster.max_removal_share
        changes = looked_at_again(standing, decisions, present, share, hearing.now, silent=silent)
        for _, after in changes:
            hearing.change(after)
        hearing.write(f"worker:{lease.incarnation}")
        clusters.reverified(
            connection, lease.subject_id, sweep.begun_at, sweep.again_after, unanswered=sweep.unanswered
        )


def record_found_again(ledger: Ledger, binding_ids: Sequence[str], at: datetime) -> None:
    """These bindings' verdicts hold, as of ``at``."""
    with ledger.begin() as connection:
        load_balancers.lock(connection, proofs.load_balancers_of(connection, binding_ids))
        proofs.found_again(connection, binding_ids, at)


def _doubt_others(ledger: Ledger, cluster_id: str, hearing: Hearing) -> None:
    """An address has one owner: what others have proven of these before is to be looked at again.

    In a transaction of its own, since clusters are locked before anything else.
    """
    ips, losers = hearing.newly_proven(), hearing.losers()
    if not ips and not losers:
        return
    with ledger.begin() as connection:
        others = {each for found in proofs.owners(connection, cluster_id, ips).values() for each in found} | losers
        if others:
            clusters.want_reverification(connection, others)


def _decide(hearing: Hearing, binding_id: str, decision: Decision) -> bool:
    """Apply one verdict, if its binding still waits for one; whether it has to be asked for again."""
    verification, _ = decision
    binding = hearing.bindings.get(binding_id)
    claimed = binding is not None and binding.state is State.HELD and binding.reason is Code.CLAIMED_BY_OTHER_CLUSTER
    if binding is None or not (binding.state is State.VERIFYING or claimed):
        return False
    silent = verification.verdict is Verdict.UNKNOWN
    if not (silent and binding.verification.says_the_same(verification)):
        hearing.decide(binding, decision)
    after = hearing.bindings[binding_id]
    return silent or (after.state is State.HELD and after.verification.verdict is Verdict.DISPROVEN)


def _look_again(
    connection: Connection, lease: Lease, unanswered: int, *, more: bool, jitter: float, trouble: bool
) -> None:
    # From here on no event of the cluster can come in between what waits and when it is looked at again.
    clusters.lock(connection, [lease.subject_id])
    failures = clusters.failures(connection, lease.subject_id) + 1 if unanswered else 0
    if more and not unanswered:
        clusters.want_verification(connection, lease.subject_id)
    elif proofs.waits(connection, lease.subject_id):
        pause = pause_after(failures, jitter) if unanswered else timedelta(0)
        clusters.verified(connection, lease.subject_id, pause, failures, unanswered=trouble)
    else:
        clusters.verified(connection, lease.subject_id, None, 0)
