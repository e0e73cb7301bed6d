"""States that only a worker brings about, written through the rooms that the worker writes through."""

from typing import Any

from app.domain.binding import MOVES, Binding, State, Verdict, Verification, moved, revised
from app.domain.journal import Action, Sight, entry_of
from app.domain.load_balancer import Inventory, Listener, Rule
from app.ledger import bindings, journal, load_balancers
from app.ledger.connection import Connection, Ledger, clock

LISTENERS = (
    Listener("lbl-tcp", "TCP", 80),
    Listener("lbl-udp", "UDP", 53),
    Listener("lbl-web", "HTTPS", 443, (Rule("loc-root", "a.example", "/"), Rule("loc-api", "a.example", "/api"))),
)
"""What the cloud says of every load balancer of these tests."""

ACTOR = "worker:tests"


def read_listeners(ledger: Ledger, load_balancer_id: str = "lb-1") -> None:
    """The worker read a load balancer."""
    with ledger.begin() as connection:
        load_balancers.record_inventory(connection, load_balancer_id, Inventory("vpc-1", ("1.2.3.4",), LISTENERS))


def prove(ledger: Ledger, binding_id: str) -> None:
    """The worker found that the address is the cluster's."""
    with ledger.begin() as connection:
        before = _locked(connection, binding_id)
        now = clock(connection)
        proof = Verification(Verdict.PROVEN, "eni", now, {"eni_id": "eni-1"})
        _record(connection, before, revised(before, now, verification=proof))


def move(ledger: Ledger, binding_id: str, *states: State, **changes: Any) -> Binding:
    """The worker moved a binding through ``states``; ``changes`` are made with the last."""
    with ledger.begin() as connection:
        for state in states:
            before = _locked(connection, binding_id)
            at_the_end = changes if state is states[-1] else {}
            _record(connection, before, moved(before, state, clock(connection), **at_the_end))
        return _locked(connection, binding_id)


def bring_to_the_cloud(ledger: Ledger, *binding_ids: str) -> None:
    """The worker proved the bindings, registered their targets and read them back."""
    for binding_id in binding_ids:
        prove(ledger, binding_id)
        with ledger.begin() as connection:
            now = clock(connection)
        move(ledger, binding_id, State.PENDING, State.BOUND, placed=True, holder=True, bound_at=now, health="healthy")


def bring_to(ledger: Ledger, binding_id: str, state: State) -> Binding:
    """Bring a verifying binding to ``state`` by moves that are allowed."""
    ways = {State.VERIFYING: ()}
    for origin in (State.VERIFYING, State.PENDING, State.BOUND, State.DRAINING):
        for to in sorted(MOVES[origin]):
            ways.setdefault(to, (*ways[origin], to))
    return move(ledger, binding_id, *ways[state])


def _locked(connection: Connection, binding_id: str) -> Binding:
    found = bindings.find(connection, binding_id)
    assert found is not None
    load_balancers.lock(connection, [found.target.load_balancer_id])
    (binding,) = bindings.of_ids(connection, [binding_id])
    return binding


def _record(connection: Connection, before: Binding, after: Binding) -> None:
    bindings.write(connection, [], [after], {after.binding_id})
    if before.state is not after.state:
        sight = Sight(after.weight) if after.state is State.BOUND and after.placed else None
        entry = entry_of(Action.BINDING_MOVED, before, after, cloud_request_id="req-1", sight=sight)
        journal.add(connection, ACTOR, [entry])
