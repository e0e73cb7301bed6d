"""One load balancer with all that is at work on it, locked for one transaction of a worker.

Changes are gathered and written once, each with its entry in the journal.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from app.broker.record_evidence import keep_inventory
from app.domain.binding import Binding, Health, State
from app.domain.journal import Action, Entry, Sight, entry_of
from app.domain.load_balancer import LoadBalancer
from app.domain.trace import MOST_LINKS
from app.ledger import bindings, drift, grants, health, journal, leases, load_balancers, operations, regions
from app.ledger.connection import Connection
from app.ledger.leases import Lease
from app.metrics import count_bound
from app.planning.drift import differences
from app.planning.health import SOONEST
from app.planning.observed import Inspection, Observed
from app.planning.places import Places
from app.planning.promotion import Surroundings, promoted, waits_for_room
from app.planning.quota import Room
from app.planning.settle import settled


class Scene:
    """All of it stands still while the load balancer is locked. Raises `LeaseLost` for an old epoch."""

    def __init__(self, connection: Connection, lease: Lease, duration: timedelta) -> None:
        self._connection = connection
        self._lease = lease
        self.load_balancer: LoadBalancer = load_balancers.lock(connection, [lease.subject_id])[lease.subject_id]
        self.now: datetime = leases.hold(connection, lease, duration)
        self._before = {binding.binding_id: binding for binding in bindings.at_work(connection, lease.subject_id)}
        self._bindings = dict(self._before)
        self._quota = regions.target_quota(connection, lease.account_id, self.load_balancer.region)
        self._changed: dict[str, Binding] = {}
        self._entries: list[Entry] = []
        self._health_lost: set[str] = set()

    @property
    def bindings(self) -> list[Binding]:
        """All bindings at work, as they stand now."""
        return list(self._bindings.values())

    @property
    def quota(self) -> int | None:
        """The most targets of one listener or rule, as the cloud says of the account in the region; None: not known."""
        return self._quota

    def inspect(self, inspection: Inspection) -> bool:
        """Keep what the cloud says the load balancer is, when that was asked anew; whether that is the first word."""
        if inspection.inventory is None and not inspection.missing:
            return False
        first_seen = self.load_balancer.inventory is None
        keep_inventory(self._connection, self._lease.subject_id, inspection.inventory)
        kept = inspection.inventory or self.load_balancer.inventory
        self.load_balancer = replace(self.load_balancer, inventory=kept, missing=inspection.missing)
        return first_seen

    def note_drift(self, observed: Observed) -> None:
        """Keep what a reading shows that the broker did not do, before it is settled."""
        found = differences(self._bindings.values(), observed)
        balancer = self.load_balancer
        drift.keep(
            self._connection, balancer.account_id, balancer.load_balancer_id, observed.listener_ids, found, self.now
        )

    def settle(self, observed: Observed, request_id: str | None = None) -> None:
        """Let a reading of the cloud confirm what it confirms, and move on what waited for room only."""
        room = Room(self.quota, observed, self.bindings)
        for binding in self.bindings:
            self._see(settled(binding, self.load_balancer, observed, self.now, room), observed, request_id)
        waiting = {binding.binding_id for binding in self.bindings if binding.state is not State.PENDING}
        self.promote()
        for binding in self.bindings:
            if binding.state is State.PENDING and binding.binding_id in waiting:  # it may be there already
                self._see(settled(binding, self.load_balancer, observed, self.now, room), observed, request_id)

    def promote(self) -> None:
        """Move on the bindings that wait for a listener, a grant or a place, as far as these are there now."""
        if not any(map(waits_for_room, self._bindings.values())):
            return
        places = Places(self._bindings.values())
        granted = grants.of_load_balancer(self._connection, self._lease.subject_id)
        around = Surroundings(self.load_balancer, granted, places)
        for binding_id in list(self._bindings):
            for after in list(promoted(self._bindings[binding_id], around, self.now)):
                self.change(after)
                places.put(after)

    def _see(self, after: Binding, observed: Observed, request_id: str | None) -> None:
        """Gather what a reading makes of a binding, with what it shows at its place."""
        before = self._bindings[after.binding_id]
        place = after.place or before.place
        sight = Sight(observed.weights.get(place)) if place is not None and observed.knows(place) else None
        if before.placed and not after.placed:
            sight = Sight(None)  # with its listener, which no reading may know any more
        self.change(after, request_id, sight)

    def change(self, after: Binding, request_id: str | None = None, sight: Sight | None = None) -> None:
        """Gather one changed binding; nothing when it is as before."""
        before = self._bindings[after.binding_id]
        if after == before:
            return
        self._bindings[after.binding_id] = self._changed[after.binding_id] = after
        if before.health is not after.health:
            self._health_lost.add(after.binding_id)
        if before.bound_at is None and after.bound_at is not None:
            count_bound(after.network_mode, after.bound_at - after.created_at)
        if before.state is not after.state:
            adopted = after.state is State.BOUND and not before.placed
            action = Action.TARGET_ADOPTED if adopted else Action.BINDING_MOVED
            self._entries.append(entry_of(action, before, after, cloud_request_id=request_id, sight=sight))
        elif before.placed and not after.placed and sight is not None:
            self._entries.append(entry_of(Action.TARGET_GONE, before, after, cloud_request_id=request_id, sight=sight))

    def place(self, binding_ids: Iterable[str]) -> None:
        """Note, before the call, that targets for these bindings may be at the cloud from now on."""
        for binding_id in binding_ids:
            binding = self._bindings[binding_id]
            if not binding.placed:
                self._bindings[binding_id] = self._changed[binding_id] = replace(
                    binding, placed=True, generation=binding.generation + 1
                )

    def traceparents(self, binding_ids: Iterable[str]) -> tuple[str, ...]:
        """The traces of the latest words about these bindings, as many as a piece of work names."""
        found = (self._bindings.get(binding_id) for binding_id in binding_ids)
        named = (each.traceparent for each in found if each is not None and each.traceparent is not None)
        return tuple(islice(dict.fromkeys(named), MOST_LINKS))

    def write(self) -> None:
        """Write what was gathered; health is read soon where something is bound whose health nobody knows."""
        visible = {entry.binding_id for entry in self._entries if entry.binding_id is not None}
        if any(each.state is State.BOUND and each.health is Health.UNKNOWN for each in self._bindings.values()):
            health.want(self._connection, self._lease.subject_id, SOONEST)
        journal.add(self._connection, f"worker:{self._lease.incarnation}", self._entries)
        changed = list(self._changed.values())
        bindings.write(self._connection, [], changed, visible | self._health_lost, self._before)

    def settle_operations(self) -> int:
        """Close the operations that earlier holders of the lease left open, now that the cloud was read."""
        return operations.settle_left_open(self._connection, self._lease)
