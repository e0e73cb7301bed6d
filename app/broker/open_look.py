"""The transactions that begin a look at proofs: whose addresses, and what the ledger knows around them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from app.broker.known_evidence import Known, known_evidence, leased_cluster
from app.domain.binding import Binding
from app.domain.cluster import Cluster
from app.ledger import clusters, proofs, verifications
from app.ledger.connection import Ledger, clock
from app.ledger.leases import Lease
from app.ledger.verifications import Question
from app.ownership.evidence import Subject
from app.planning.freshness import asked_at

MOST_AT_ONCE = 300
"""Most addresses of one cluster in one look: three reads of interfaces. While the first are written the rest is judged,
behind other clusters'."""

MOST_IN_A_PART = 500
"""Most addresses of one part of a sweep: five reads of interfaces and one of machines. Nobody waits for a sweep."""


@dataclass(frozen=True, slots=True)
class Look:
    """Addresses of one cluster that are judged together.

    ``subjects`` are named by the ids of ``bindings`` and ``questions``. Evidence that was read before ``asked_at`` may
    be out of date; what is read now counts as read at ``opened_at``, by the ledger's clock.
    """

    cluster: Cluster
    bindings: tuple[Binding, ...]
    questions: tuple[Question, ...]
    subjects: Mapping[str, Subject]
    known: Known
    opened_at: datetime
    asked_at: datetime


def open_look(ledger: Ledger, lease: Lease) -> Look:
    """What waits for a verdict in the leased cluster: bindings, and questions that no binding asks."""
    with ledger.begin() as connection:
        cluster = leased_cluster(connection, lease.subject_id)
        waiting = proofs.undecided(connection, lease.subject_id, MOST_AT_ONCE)
        questions = verifications.unanswered(connection, lease.subject_id, MOST_AT_ONCE)
        subjects = {binding.binding_id: subject_of(binding, cluster) for binding in waiting}
        subjects |= {question.verification_id: _asked(question, cluster) for question in questions}
        now = clock(connection)
        times = [binding.created_at for binding in waiting] + [question.asked_at for question in questions]
        asked = asked_at(now, max(times, default=None))
        known = known_evidence(connection, cluster, subjects.values())
        return Look(cluster, tuple(waiting), tuple(questions), subjects, known, now, asked)


def open_sweep(ledger: Ledger, lease: Lease, after: str) -> Look:
    """The next part of the leased cluster's bindings that stand by a proof or have lost it, behind the id ``after``.

    Only what was not looked at since the sweep became due: since then something may have changed.
    """
    with ledger.begin() as connection:
        cluster = leased_cluster(connection, lease.subject_id)
        due = clusters.reverification_due(connection, lease.subject_id)
        standing = proofs.standing(connection, lease.subject_id, due, after, MOST_IN_A_PART)
        subjects = {binding.binding_id: subject_of(binding, cluster) for binding in standing}
        now = clock(connection)
        known = known_evidence(connection, cluster, subjects.values())
        return Look(cluster, tuple(standing), (), subjects, known, now, asked_at(now, due))


def load_again(ledger: Ledger, cluster_id: str, subjects: Collection[Subject]) -> tuple[Cluster, Known]:
    """The cluster as it is now, and what is known around ``subjects``."""
    with ledger.begin() as connection:
        cluster = leased_cluster(connection, cluster_id)
        return cluster, known_evidence(connection, cluster, subjects)


def subject_of(binding: Binding, cluster: Cluster) -> Subject:
    """What is to be proven of ``binding``."""
    return Subject(
        binding.ip,
        binding.network_mode,
        cluster.verification,
        binding.target.load_balancer_id,
        binding.target.port,
        binding.pod.node,
    )


def _asked(question: Question, cluster: Cluster) -> Subject:
    load_balancer_id = question.load_balancer_id
    return Subject(question.ip, question.network_mode, cluster.verification, load_balancer_id, question.port)
