"""The bindings of one cluster that verdicts are about, with all that is around them, under their locks."""

from collections.abc import Collection, Mapping

from app.domain.binding import Binding, State, Verdict
from app.domain.codes import Code
from app.domain.journal import Action, entry_of
from app.domain.load_balancer import Grant
from app.ledger import bindings, grants, journal, leases, load_balancers, proofs
from app.ledger.connection import Connection
from app.ledger.leases import Lease
from app.planning.places import Places
from app.planning.plan import leaves
from app.planning.promotion import PROOFS, Surroundings, promoted
from app.planning.proofs import Decision, judged, refused


class Hearing:
    """Verdicts applied, gathered, and written once with their history. Raises `LeaseLost` for an old epoch.

    Load balancers are locked, and with them all that is bound there: a proof may take a place from another cluster's
    binding. The cluster's own row is for afterwards, when its next look is arranged.
    """

    def __init__(self, connection: Connection, lease: Lease, binding_ids: Collection[str]) -> None:
        self._connection = connection
        self._cluster_id = lease.subject_id
        addresses = bindings.addresses_of(connection, binding_ids)
        load_balancer_ids = {load_balancer_id for load_balancer_id, _ in addresses}
        self._load_balancers = load_balancers.lock(connection, load_balancer_ids)
        self.now = leases.give_back(connection, lease)
        self._grants: Mapping[str, Grant] = grants.of_cluster(connection, self._cluster_id, load_balancer_ids)
        around = bindings.around_addresses(connection, addresses, ())
        self.bindings = {binding.binding_id: binding for binding in around}
        self._before = dict(self.bindings)
        self._places = Places(around)
        keys = {binding.workload_key for binding in around if binding.workload_key is not None}
        self._modes = dict(proofs.workload_modes(connection, self._cluster_id, keys))
        self._steps: list[tuple[Binding, Binding]] = []

    def decide(self, binding: Binding, decision: Decision) -> None:
        """Apply a verdict to a binding that waits for one, and move it on as far as it goes."""
        verification, _ = decision
        mode = self._modes.get(binding.workload_key or "", binding.network_mode)
        if verification.verdict in PROOFS and mode is not binding.network_mode:
            detail = f"{binding.workload_key} is bound as {mode}; a workload has one network mode"
            self.change(refused(binding, verification, Code.MIXED_NETWORK_MODES, detail, self.now))
            return
        self.change(judged(binding, decision, self.now, self._claimant(binding)))
        if verification.verdict in PROOFS and binding.workload_key is not None:
            self._modes[binding.workload_key] = binding.network_mode
        load_balancer = self._load_balancers[binding.target.load_balancer_id]
        grant = self._grants.get(binding.target.load_balancer_id)
        mine = {self._cluster_id: grant} if grant is not None else {}
        around = Surroundings(load_balancer, mine, self._places)
        for after in list(promoted(self.bindings[binding.binding_id], around, self.now)):
            self.change(after)

    def newly_proven(self) -> set[str]:
        """The addresses that the cloud's evidence says are the cluster's, and did not say before."""
        return {
            after.ip
            for before, after in self._steps
            if after.verification.verdict is Verdict.PROVEN and before.verification.verdict is not Verdict.PROVEN
        }

    def losers(self) -> set[str]:
        """The clusters that lost an address: they may have lost others."""
        return {after.cluster_id for before, after in self._steps if before.state is not after.state} - {
            self._cluster_id
        }

    def change(self, after: Binding) -> None:
        """Gather one changed binding; nothing when it is as before."""
        before = self.bindings[after.binding_id]
        if after is not before and after != before:
            self._steps.append((before, after))
            self.bindings[after.binding_id] = after
            self._places.put(after)

    def write(self, actor: str) -> None:
        """Write what changed, with its history, and make the load balancers due where something is to be done."""
        changed = [after for binding_id, after in self.bindings.items() if after is not self._before[binding_id]]
        moves = [(before, after) for before, after in self._steps if before.state is not after.state]
        entries = [entry_of(Action.BINDING_MOVED, before, after) for before, after in moves]
        journal.add(self._connection, actor, entries)
        leaving = {after.target.load_balancer_id for _, after in moves if leaves(after)}
        due = {after.target.load_balancer_id for _, after in moves} - leaving
        if leaving:
            load_balancers.want(self._connection, leaving, cluster_id=self._cluster_id, first=True)
        if due:
            load_balancers.want(self._connection, due, cluster_id=self._cluster_id)
        # Last, since workers on other load balancers wait for the numbers of changes.
        bindings.write(self._connection, [], changed, {after.binding_id for _, after in moves}, self._before)

    def _claimant(self, binding: Binding) -> Binding | None:
        """Another cluster's proven binding that has the place."""
        if binding.place is None:
            return None
        for other in self._places.others(binding):
            proven = other.verification.verdict in PROOFS and other.state is not State.VERIFYING
            if other.holder and other.cluster_id != binding.cluster_id and other.wanted and proven:
                return other
        return None
