"""List what the removal guard holds back, and carry out an operator's word on it."""

from app.broker.known_facts import lock_agent
from app.domain.binding import Binding, State, moved
from app.domain.cluster import Cluster
from app.domain.errors import RequestRefused
from app.domain.journal import Action, entry_of
from app.ledger import bindings, journal, load_balancers, proofs
from app.ledger.connection import Connection, Ledger, clock
from app.planning.plan import leaves
from app.planning.proofs import approved


def list_holds(ledger: Ledger, after: str, limit: int) -> list[Binding]:
    """Up to ``limit`` bindings that the guard holds, after the id ``after``."""
    with ledger.begin() as connection:
        return proofs.guarded(connection, after, limit)


def approve_hold(ledger: Ledger, binding_id: str, *, drain_seconds: int, actor: str) -> Binding:
    """Let the removal go ahead. Raises `RequestRefused`: 404 for an unknown binding, 409 for one not held so."""
    with ledger.begin() as connection:
        held, cluster = _lock_held(connection, binding_id)
        drain = cluster.drain(drain_seconds) if held.drain_seconds is None else held.drain_seconds
        after = approved(held, clock(connection), drain)
        _write(connection, held, after, Action.HOLD_APPROVED, actor)
        return after


def dismiss_hold(ledger: Ledger, binding_id: str, *, actor: str) -> Binding:
    """Keep the target: the binding is wanted again. Raises as `approve_hold`."""
    with ledger.begin() as connection:
        held, _ = _lock_held(connection, binding_id)
        after = moved(held, State.BOUND if held.bound_at else State.PENDING, clock(connection))
        _write(connection, held, after, Action.HOLD_DISMISSED, actor)
        return after


def _lock_held(connection: Connection, binding_id: str) -> tuple[Binding, Cluster]:
    found = bindings.find(connection, binding_id)
    if found is None:
        raise RequestRefused(404, "binding-not-found", f"there is no binding {binding_id}")
    cluster = lock_agent(connection, found.cluster_id)
    load_balancers.lock(connection, [found.target.load_balancer_id])
    (binding,) = bindings.of_ids(connection, [binding_id])  # as it is under the locks
    if not binding.guarded:
        raise RequestRefused(409, "not-held", f"{binding_id} is {binding.state}, and not held by the removal guard")
    return binding, cluster


def _write(connection: Connection, before: Binding, after: Binding, action: Action, actor: str) -> None:
    journal.add(connection, actor, [entry_of(action, before, after)])
    load_balancers.want(connection, [after.target.load_balancer_id], cluster_id=after.cluster_id, first=leaves(after))
    bindings.write(connection, [], [after], {after.binding_id})
