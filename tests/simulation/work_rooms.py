"""The ledger's rooms of work, over rows in memory: leases, the queue of load balancers, operations, the call budget.

Each function has the name, the parameters and the meaning of the one in `app.ledger` that it stands for.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import floor
from typing import Any

from app.domain.binding import State
from app.domain.codes import Code
from app.domain.errors import LeaseLost
from app.domain.load_balancer import Grant, Inventory, LoadBalancer
from app.ledger import drift, grants, health, leases, load_balancers, operations, regions
from app.ledger.leases import Lease, LeaseSubject
from app.planning import pacing
from tests.chaos.histories import Operation, Place
from tests.simulation.ledger import ACCOUNT, Books, queue

SECOND = 1.0
SLOT_SECONDS = 0.01
"""How long after its time a call may still be sent; later, a worker that was stopped say, it needs another time."""

TRAVEL_SECONDS = 0.02
"""How differently long two calls may be under way."""


def take(
    books: Books,
    subject: LeaseSubject,
    incarnation: str,
    duration: timedelta,
    limit: int,
    passing_over: Collection[str] = (),
) -> list[Lease]:
    """Of what is due and nobody's, that which has been due longest; turns between clusters are not simulated."""
    free = [(when, name) for each, name, when in queue(books) if each is subject and when <= books.now]
    # In the order in which they became due, as far as that is still to be seen.
    taken = []
    for _, name in sorted(free)[:limit]:
        lease = books.leases[subject, name]
        books.leases[subject, name] = replace(
            lease, incarnation=incarnation, epoch=lease.epoch + 1, expires_at=books.now + duration
        )
        taken.append(Lease(ACCOUNT, subject, name, incarnation, lease.epoch + 1))
    return taken


def hold(books: Books, lease: Lease, duration: timedelta) -> datetime:
    """Renew it, for its own epoch only; the ledger's time."""
    _own(books, lease)
    key = lease.subject, lease.subject_id
    books.leases[key] = replace(books.leases[key], expires_at=books.now + duration)
    return books.now


def give_back(books: Books, lease: Lease) -> datetime:
    """End it, for its own epoch only; the ledger's time."""
    _own(books, lease)
    key = lease.subject, lease.subject_id
    books.leases[key] = replace(books.leases[key], incarnation=None, expires_at=books.now)
    return books.now


def _own(books: Books, lease: Lease) -> None:
    found = books.leases[lease.subject, lease.subject_id]
    if (found.incarnation, found.epoch) != (lease.incarnation, lease.epoch):
        raise LeaseLost(f"{lease.subject} {lease.subject_id}: epoch {lease.epoch} is over")


def lock(books: Books, load_balancer_ids: Collection[str]) -> dict[str, LoadBalancer]:
    """The rows; a transaction of the simulation has the whole ledger for itself."""
    return {name: books.load_balancers[name].itself for name in sorted(load_balancer_ids)}


def want(
    books: Books,
    load_balancer_ids: Collection[str],
    *,
    cluster_id: str | None = None,
    at_once: bool = True,
    event: bool = False,
    first: bool = False,
) -> None:
    """One more generation is wanted; by whom is not kept."""
    since = books.now - load_balancers.HEAD_START if first else books.now
    for name in load_balancer_ids:
        row = books.load_balancers[name]
        itself = row.itself
        reconciled = itself.reconciled_generation == itself.wanted_generation
        books.balancer(
            name,
            wanted_generation=itself.wanted_generation + 1,
            wanted_at=books.now if reconciled else itself.wanted_at or books.now,
            last_event_at=books.now if event else itself.last_event_at,
        )
        due_at = min(row.due_at, since) if at_once else row.due_at
        books.load_balancers[name] = replace(books.load_balancers[name], due_at=due_at)


def look_for_room(books: Books, account_id: str, region: str) -> None:
    """A pass is due where bindings wait for room."""
    for each in books.bindings.values():
        if each.state is State.HELD and each.reason is Code.QUOTA_EXCEEDED:
            name = each.target.load_balancer_id
            row = books.load_balancers[name]
            books.load_balancers[name] = replace(row, due_at=min(row.due_at, books.now))


def record_inventory(books: Books, load_balancer_id: str, inventory: Inventory | None) -> None:
    """The last known one stays when the load balancer is gone."""
    kept = inventory or books.load_balancers[load_balancer_id].itself.inventory
    books.balancer(load_balancer_id, inventory=kept, inventory_read_at=books.now, missing=inventory is None)


def finish_pass(
    books: Books,
    load_balancer_id: str,
    *,
    reconciled: int | None,
    due_in: timedelta,
    due_at: datetime | None,
    not_before: timedelta,
    failures: int,
    error: str | None,
    tail_factor: float | None = None,
) -> None:
    """Back into the queue."""
    due = books.now + due_in if due_at is None else min(books.now + due_in, due_at)
    changes: dict[str, Any] = {"failures": failures, "last_error": error}
    if reconciled is not None:
        behind = books.load_balancers[load_balancer_id].itself.wanted_generation > reconciled
        changes["reconciled_generation"] = reconciled
        due = books.now if behind else due
        if not behind:
            changes["wanted_at"] = None
    if tail_factor is not None:
        changes |= {"tail_factor": tail_factor, "tail_ends_at": books.now + not_before}
    books.balancer(load_balancer_id, **changes)
    row = books.load_balancers[load_balancer_id]
    books.load_balancers[load_balancer_id] = replace(row, due_at=due, not_before=books.now + not_before)


def of_cluster(books: Books, cluster_id: str, load_balancer_ids: Collection[str]) -> dict[str, Grant]:
    """A cluster's grants, by load balancer."""
    return {name: books.grants[name, cluster_id] for name in load_balancer_ids if (name, cluster_id) in books.grants}


def of_load_balancer(books: Books, load_balancer_id: str) -> dict[str, Grant]:
    """The grants on a load balancer, by cluster."""
    return {cluster: grant for (name, cluster), grant in sorted(books.grants.items()) if name == load_balancer_id}


def intend(books: Books, lease: Lease, action: str, targets: Sequence[Mapping[str, Any]]) -> int:
    """The intent of a write."""
    number = len(books.operations) + 1
    places = tuple(
        (Place(lease.subject_id, each["listener_id"], each["ip"], each["port"]), str(each["binding_id"]))
        for each in targets
    )
    books.operations[number] = Operation(
        number, lease.subject_id, action, places, lease.incarnation, lease.epoch, books.seconds
    )
    return number


def finish(books: Books, operation_id: int, outcome: str, request_id: str | None, detail: str | None) -> None:
    """What became of a write."""
    ended = replace(
        books.operations[operation_id], outcome=str(outcome), finished_at=books.seconds, request_id=request_id
    )
    books.operations[operation_id] = ended


def settle_left_open(books: Books, lease: Lease) -> int:
    """Close what earlier holders left open."""
    left_open = [
        each
        for each in books.operations.values()
        if each.load_balancer_id == lease.subject_id and each.outcome is None and each.epoch < lease.epoch
    ]
    for each in left_open:
        books.operations[each.operation_id] = replace(each, outcome="settled", finished_at=books.seconds)
    return len(left_open)


def reserve(books: Books, action: str, per_second: int) -> float:
    """When the next call may be sent: after the last one, and a second after the one a whole budget before it."""
    kept = books.calls.get(action, ())
    budget = floor(_recovered(books, action, per_second))
    bounds = [books.seconds, *kept[-1:]]
    if len(kept) >= budget:
        bounds.append(kept[-budget] + SECOND + SLOT_SECONDS + TRAVEL_SECONDS)
    books.calls[action] = (*(each for each in kept if each > books.seconds - 2 * SECOND), max(bounds))
    return max(bounds)


def lower(books: Books, action: str, per_second: int) -> None:
    """Fewer calls for a while, lowered at most once a second."""
    _, lowered_at = books.lowered.get(action, (None, -SECOND))
    if books.seconds - lowered_at >= SECOND:
        books.lowered[action] = pacing.lowered(_recovered(books, action, per_second)), books.seconds


def _recovered(books: Books, action: str, per_second: int) -> float:
    lowered_to, lowered_at = books.lowered.get(action, (None, books.seconds))
    return pacing.recovered(per_second, lowered_to, timedelta(seconds=books.seconds - lowered_at))


def target_quota(books: Books, account_id: str, region: str) -> int | None:
    """The most targets of a listener, as last read."""
    return books.quota


def record_target_quota(books: Books, account_id: str, region: str, quota: int) -> bool:
    """Whether that is another number than before."""
    changed, books.quota = books.quota != quota, quota
    return changed


def _not_kept(*_: Any) -> None:
    """What nothing in the simulation looks at: drift told to operators, health, addresses of load balancers."""


ROOMS: Mapping[Any, Mapping[str, Any]] = {
    leases: {"take": take, "hold": hold, "give_back": give_back},
    load_balancers: {
        "lock": lock,
        "want": want,
        "look_for_room": look_for_room,
        "record_inventory": record_inventory,
        "finish_pass": finish_pass,
    },
    grants: {"of_cluster": of_cluster, "of_load_balancer": of_load_balancer},
    operations: {"intend": intend, "finish": finish, "settle_left_open": settle_left_open},
    regions: {"target_quota": target_quota, "record_target_quota": record_target_quota, "add_vips": _not_kept},
    drift: {"keep": _not_kept},
    health: {"want": _not_kept},
}
"""Which function of which room each stands for."""
