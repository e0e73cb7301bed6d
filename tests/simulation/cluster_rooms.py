"""The ledger's rooms of clusters and their proofs, over rows in memory.

Each function has the name, the parameters and the meaning of the one in `app.ledger` that it stands for.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from app.domain.binding import LEAVING, Binding, State, Verdict
from app.domain.cluster import Cluster, NetworkMode
from app.domain.codes import Code
from app.ledger import clusters, proofs, verifications
from app.planning.promotion import PROOFS
from tests.simulation.binding_rooms import of_ids, such
from tests.simulation.ledger import Books


def lock(books: Books, cluster_ids: Collection[str]) -> list[Cluster]:
    """The clusters, in the order of their ids."""
    return [books.clusters[each].itself for each in sorted(cluster_ids) if each in books.clusters]


def find(books: Books, cluster_id: str) -> Cluster | None:
    """The cluster of that id."""
    return books.clusters[cluster_id].itself if cluster_id in books.clusters else None


def heard(books: Books, cluster_id: str, *, asks: bool) -> None:
    """The agent spoke, and ``asks`` for a look at new addresses."""
    itself = replace(books.clusters[cluster_id].itself, last_seen_at=books.now)
    _cluster(books, cluster_id, itself=itself)
    if asks:
        _look_at_once(books, cluster_id)


def _look_at_once(books: Books, cluster_id: str) -> None:
    _cluster(books, cluster_id, verification_due_at=books.now, failures=0)


def want_waiting(books: Books, cluster_ids: Collection[str]) -> None:
    """Look at once, where somebody waits."""
    for each in cluster_ids:
        if books.clusters[each].verification_due_at is not None:
            _look_at_once(books, each)


def want_reverification(books: Books, cluster_ids: Collection[str]) -> None:
    """Look at all proofs again, at once."""
    for each in cluster_ids:
        _cluster(books, each, reverification_due_at=books.now)


def reverification_due(books: Books, cluster_id: str) -> datetime:
    """Since when."""
    return books.clusters[cluster_id].reverification_due_at


def reverified(books: Books, cluster_id: str, begun_at: datetime, again_after: timedelta, **_: Any) -> None:
    """Again after a while, or at once if that was wanted meanwhile."""
    due = books.clusters[cluster_id].reverification_due_at
    _cluster(books, cluster_id, reverification_due_at=due if due > begun_at else books.now + again_after)


def verified(books: Books, cluster_id: str, again_after: timedelta | None, failures: int, **_: Any) -> None:
    """Again after a while, or when something new comes."""
    due = None if again_after is None else books.now + again_after
    _cluster(books, cluster_id, verification_due_at=due, failures=failures)


def failures_of(books: Books, cluster_id: str) -> int:
    """Looks in a row without an answer."""
    return books.clusters[cluster_id].failures


def _cluster(books: Books, cluster_id: str, **changed: Any) -> None:
    books.clusters[cluster_id] = replace(books.clusters[cluster_id], **changed)


def _undecided(binding: Binding) -> bool:
    if binding.state is State.VERIFYING:
        return binding.verification.verdict is Verdict.UNKNOWN
    claimed = binding.state is State.HELD and binding.reason is Code.CLAIMED_BY_OTHER_CLUSTER
    return claimed and binding.verification.verdict is Verdict.DISPROVEN


def undecided(books: Books, cluster_id: str, limit: int) -> list[Binding]:
    """What waits for a verdict: those that never had one first, oldest first."""
    found = such(books, lambda each: each.cluster_id == cluster_id and _undecided(each))
    return sorted(found, key=lambda each: (each.state is not State.VERIFYING, each.created_at, each.binding_id))[:limit]


def standing(books: Books, cluster_id: str, since: datetime, after: str, limit: int) -> list[Binding]:
    """What stands by a proof or has lost it, and was not looked at since then."""

    def stands(each: Binding) -> bool:
        mine = each.cluster_id == cluster_id and each.live and each.state not in LEAVING and not _undecided(each)
        checked_at = each.verification.checked_at
        old = checked_at is None or checked_at < since
        return mine and old and each.verification.verdict is not Verdict.UNKNOWN and each.binding_id > after

    return sorted(such(books, stands), key=lambda each: each.binding_id)[:limit]


def found_again(books: Books, binding_ids: Collection[str], at: datetime) -> None:
    """These verdicts hold."""
    for each in of_ids(books, binding_ids):
        if each.verification.checked_at is None or each.verification.checked_at < at:
            books.bindings[each.binding_id] = replace(each, verification=replace(each.verification, checked_at=at))


def load_balancers_of(books: Books, binding_ids: Collection[str]) -> list[str]:
    """The load balancers of these bindings."""
    return sorted({each.target.load_balancer_id for each in of_ids(books, binding_ids)})


def waits(books: Books, cluster_id: str) -> bool:
    """Whether some binding waits for a verdict."""
    return any(each.cluster_id == cluster_id and _undecided(each) for each in books.bindings.values())


def owners(books: Books, cluster_id: str, ips: Collection[str]) -> dict[str, set[str]]:
    """The other clusters that have proven these addresses."""
    found: dict[str, set[str]] = {}
    for each in books.bindings.values():
        other = each.live and each.ip in ips and each.cluster_id != cluster_id
        if other and each.verification.verdict is Verdict.PROVEN:
            found.setdefault(each.ip, set()).add(each.cluster_id)
    return found


def workload_modes(books: Books, cluster_id: str, keys: Collection[str]) -> Mapping[str, NetworkMode]:
    """The network modes of workloads with proven bindings."""
    found = such(
        books,
        lambda each: (
            each.live
            and each.cluster_id == cluster_id
            and each.workload_key in keys
            and each.verification.verdict in PROOFS
        ),
    )
    newest_first = sorted(found, key=lambda each: each.created_at, reverse=True)
    return {str(each.workload_key): each.network_mode for each in newest_first}


ROOMS: Mapping[Any, Mapping[str, Any]] = {
    clusters: {
        "lock": lock,
        "find": find,
        "lock_agent": find,
        "heard": heard,
        "want_verification": _look_at_once,
        "want_waiting": want_waiting,
        "want_reverification": want_reverification,
        "reverification_due": reverification_due,
        "reverified": reverified,
        "verified": verified,
        "failures": failures_of,
    },
    proofs: {
        "undecided": undecided,
        "standing": standing,
        "found_again": found_again,
        "load_balancers_of": load_balancers_of,
        "waits": waits,
        "owners": owners,
        "workload_modes": workload_modes,
    },
    verifications: {"unanswered": lambda *_: [], "answer": lambda *_: None},
}
"""Which function of which room each stands for."""
