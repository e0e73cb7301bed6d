"""One load balancer with all that is at work on it, locked for one transaction of a worker.

Changes are gathered and written once, each with its entry in the journal.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from app.broker.record_evidence import keep_inventory
from app.domain.binding import Binding, Health, State
from app.domain.journal import Action, Entry, entry_of
from app.domain.load_balancer import Grant, LoadBalancer
from app.ledger import bindings, clusters, drift, grants, health, journal, leases, load_balancers, operations, regions
from app.ledger.connection import Connection, clock
from app.ledger.leases import Lease
from app.planning.drift import differences
from app.planning.health import SOONEST
from app.planning.observed import Inspection, Observed
from app.planning.places import Places
from app.planning.promotion import Surroundings, promoted
from app.planning.quota import Room
from app.planning.settle import settled


class Scene:
    """Locks are taken as everywhere: clusters, then the load balancer. Raises `LeaseLost` for an old epoch."""

    def __init__(self, connection: Connection, lease: Lease, duration: timedelta) -> None:
        self._connection = connection
        self._lease = lease
        # Those that have something there, and those that may have something soon: a binding needs a grant.
        present = {*bindings.clusters_at_work(connection, lease.subject_id), *_granted(connection, lease)}
        clusters.lock(connection, present)
        self._locked = present
        self.load_balancer: LoadBalancer = load_balancers.lock(connection, [lease.subject_id])[lease.subject_id]
        leases.hold(connection, lease, duration)
        self.now: datetime = clock(connection)
        # A cluster that came in between the two locks is left to the next pass: its event made one due.
        found = bindings.at_work(connection, lease.subject_id, present)
        self._bindings = {binding.binding_id: binding for binding in found}
        self._grants: dict[str, Grant] = grants.of_load_balancer(connection, lease.subject_id)
        self._quota = regions.find(connection, lease.account_id, self.load_balancer.region).target_quota
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

    def inspect(self, inspection: Inspection) -> None:
        """Keep what the cloud says the load balancer is, when that was asked anew."""
        if inspection.inventory is None and not inspection.missing:
            return
        keep_inventory(self._connection, self._lease.subject_id, inspection.inventory)
        if self.load_balancer.inventory is None:
            for cluster_id in sorted(self._locked):
                clusters.want_waiting(self._connection, cluster_id)
        kept = inspection.inventory or self.load_balancer.inventory
        self.load_balancer = replace(self.load_balancer, inventory=kept, missing=inspection.missing)

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
            self.change(settled(binding, self.load_balancer, observed, self.now, room), request_id)
        waiting = {binding.binding_id for binding in self.bindings if binding.state is not State.PENDING}
        self.promote()
        for binding in self.bindings:
            if binding.state is State.PENDING and binding.binding_id in waiting:  # it may be there already
                self.change(settled(binding, self.load_balancer, observed, self.now, room), request_id)

    def promote(self) -> None:
        """Move on the bindings that wait for a listener, a grant or a place, as far as these are there now."""
        places = Places(self._bindings.values())
        around = Surroundings(self.load_balancer, self._grants, places)
        for binding_id in list(self._bindings):
            for after in list(promoted(self._bindings[binding_id], around, self.now)):
                self.change(after)
                places.put(after)

    def change(self, after: Binding, request_id: str | None = None, event_id: str | None = None) -> None:
        """Gather one changed binding; nothing when it is as before."""
        before = self._bindings[after.binding_id]
        if after == before:
            return
        self._bindings[after.binding_id] = self._changed[after.binding_id] = after
        if before.health is not after.health:
            self._health_lost.add(after.binding_id)
        if before.state is not after.state:
            adopted = after.state is State.BOUND and not before.placed
            action = Action.TARGET_ADOPTED if adopted else Action.BINDING_MOVED
            self._entries.append(entry_of(action, before, after, cloud_request_id=request_id, event_id=event_id))

    def place(self, binding_ids: Iterable[str]) -> None:
        """Note, before the call, that targets for these bindings may be at the cloud from now on."""
        for binding_id in binding_ids:
            binding = self._bindings[binding_id]
            if not binding.placed:
                self._bindings[binding_id] = self._changed[binding_id] = replace(
                    binding, placed=True, generation=binding.generation + 1
                )

    def write(self) -> None:
        """Write what was gathered; health is read soon where something is bound whose health nobody knows."""
        visible = {entry.binding_id for entry in self._entries if entry.binding_id is not None}
        bindings.write(self._connection, [], list(self._changed.values()), visible | self._health_lost)
        if any(each.state is State.BOUND and each.health is Health.UNKNOWN for each in self._bindings.values()):
            health.want(self._connection, self._lease.subject_id, SOONEST)
        journal.add(self._connection, f"worker:{self._lease.incarnation}", self._entries)

    def settle_operations(self) -> int:
        """Close the operations that earlier holders of the lease left open, now that the cloud was read."""
        return operations.settle_left_open(self._connection, self._lease)


def _granted(connection: Connection, lease: Lease) -> set[str]:
    return set(grants.of_load_balancer(connection, lease.subject_id))
