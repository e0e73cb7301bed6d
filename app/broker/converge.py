"""The transactions of one pass over a load balancer: before the cloud is read, before a write, after it.

Nothing of the cloud is called in here, and no transaction is open while it is.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from app.broker.passes import After, Begun, Call, CallOutcome, Ending, Intent, Opening, PassTerms
from app.broker.scene import Scene
from app.domain.binding import Binding, State, Verdict, moved
from app.domain.codes import Code
from app.domain.load_balancer import LoadBalancer
from app.domain.target import Place
from app.ledger import clusters, leases, load_balancers, operations
from app.ledger.connection import Connection, Ledger
from app.ledger.leases import Lease
from app.planning.batches import Batch, next_batch
from app.planning.observed import Inspection, Observed
from app.planning.pacing import HEAD_START, gathers, pause_after
from app.planning.plan import Change, Kind, Stance, leaves, plan, stance
from app.planning.promotion import PROOFS, WAITS_FOR_ROOM
from app.planning.quota import within_quota
from app.planning.settle import RETRIED, next_look

ACTIONS: Mapping[Kind, str] = {
    Kind.REGISTER: "BatchRegisterTargets",
    Kind.REWEIGH: "BatchModifyTargetWeight",
    Kind.DEREGISTER: "BatchDeregisterTargets",
}
"""The cloud's action for each kind of change (CLB API)."""

GATHERING_LOOK = timedelta(milliseconds=60)
"""How soon a load balancer whose burst still gathers is looked at again."""


def open_pass(ledger: Ledger, lease: Lease, terms: PassTerms, remembered: Observed | None = None) -> Opening:
    """Look at what there is before the cloud is asked; begin at once where a ``remembered`` reading is enough for it.

    Raises `LeaseLost`, `LedgerUnavailable`.
    """
    with ledger.begin() as connection:
        scene = Scene(connection, lease, terms.lease)
        opening = _opening(scene)
        if remembered is None or opening.lacks_inventory(terms.freshness) or not opening.served_by(remembered):
            return opening
        # What that reading shows was settled and noted when it was made.
        return replace(opening, begun=Begun(_next_write(connection, scene, lease, remembered, terms)))


def begin_write(ledger: Ledger, lease: Lease, inspection: Inspection, terms: PassTerms) -> Intent | None:
    """Settle what the inspection confirms, plan, and record the next write; None ends the pass, the lease given back.

    Marking a binding as placed and recording the intent is one transaction, and it is durable before the call: if this
    worker dies at any moment, its heir finds the target among what may be ours, reads the cloud, and settles it.
    """
    with ledger.begin() as connection:
        scene = Scene(connection, lease, terms.lease)
        first_seen = scene.inspect(inspection)
        waiting = {each.cluster_id for each in scene.bindings} if first_seen else set()
        scene.settle_operations()
        scene.note_drift(inspection.observed)
        intent = _next_write(connection, scene, lease, inspection.observed, terms)
    if waiting:
        # Verdicts wait for a load balancer's networks. Clusters are locked before load balancers, so not above.
        with ledger.begin() as connection:
            clusters.want_waiting(connection, waiting)
    return intent


def begin_part(ledger: Ledger, lease: Lease, observed: Observed, part: Batch, terms: PassTerms) -> Intent | None:
    """Record a part of a write that was refused as a whole, without what is no longer wanted; None when nothing is."""
    with ledger.begin() as connection:
        scene = Scene(connection, lease, terms.lease)
        wanted = {_subject(change) for change in plan(scene.bindings, observed)}
        still = tuple(change for change in part.changes if _subject(change) in wanted)
        return _intend(connection, scene, lease, Batch(part.kind, still)) if still else None


def end_write(
    ledger: Ledger, lease: Lease, intent: Intent, call: Call, observed: Observed | None, terms: PassTerms, after: After
) -> None:
    """Record what became of a write, and what the reading after it shows; ``observed`` None: it could not be read."""
    with ledger.begin() as connection:
        scene = Scene(connection, lease, terms.lease)
        operations.finish(connection, intent.operation_id, call.outcome, call.request_id, call.detail)
        if observed is not None:
            scene.settle(_so_far(observed, intent, call), call.request_id)
        _hold_refused(scene, after.refused, call)
        scene.write()
        if after.last:
            error = None if after.cut_short or after.too_early else _error(scene, intent, call, observed)
            done = error is None and observed is not None and _nothing_left(scene, observed)
            _finish(connection, scene, lease, terms, Ending(done, error=error, after=after))


def fail_pass(ledger: Ledger, lease: Lease, error: str, terms: PassTerms, jitter: float) -> None:
    """The cloud could not be read: nothing is concluded, and the pass is made again after a pause that grows."""
    with ledger.begin() as connection:
        failures = _locked(connection, lease, terms).failures + 1
        _make_again(connection, lease, pause_after(failures, jitter), failures, error)


def put_off_pass(ledger: Ledger, lease: Lease, pause: timedelta, terms: PassTerms) -> None:
    """A reading came too early for the cloud's rate: no failure. The pass is made again after ``pause``."""
    with ledger.begin() as connection:
        load_balancer = _locked(connection, lease, terms)
        _make_again(connection, lease, pause, load_balancer.failures, load_balancer.last_error)


def _locked(connection: Connection, lease: Lease, terms: PassTerms) -> LoadBalancer:
    load_balancer = load_balancers.lock(connection, [lease.subject_id])[lease.subject_id]
    leases.hold(connection, lease, terms.lease)
    return load_balancer


def _make_again(connection: Connection, lease: Lease, pause: timedelta, failures: int, error: str | None) -> None:
    load_balancers.finish_pass(
        connection,
        lease.subject_id,
        reconciled=None,
        due_in=timedelta(0),
        due_at=None,
        not_before=pause,
        failures=failures,
        error=error,
    )
    leases.give_back(connection, lease)


def _coming(found: Collection[Binding]) -> frozenset[Place] | None:
    """The places of those that are to be registered; None when a target is to be taken off, reweighed or confirmed."""
    places = set()
    for binding in found:
        if binding.state is State.PENDING and not binding.placed and binding.place is not None:
            places.add(binding.place)
        elif binding.state not in {State.BOUND, State.VERIFYING, State.HELD} or _may_move(binding):
            return None
    return frozenset(places)


def _may_move(binding: Binding) -> bool:
    """Whether the pass itself may find that the binding goes on."""
    waits = binding.state is State.HELD and binding.reason in WAITS_FOR_ROOM | RETRIED
    return waits or (binding.state is State.VERIFYING and binding.verification.verdict in PROOFS)


def _opening(scene: Scene) -> Opening:
    load_balancer = scene.load_balancer
    read_at = load_balancer.inventory_read_at
    return Opening(
        load_balancer,
        unresolved=load_balancer.missing or any(map(_needs_listeners, scene.bindings)),
        doubted=load_balancer.failures > 0,
        quiet=load_balancer.reconciled_generation == load_balancer.wanted_generation,
        coming=_coming(scene.bindings),
        inventory_age=timedelta.max if read_at is None else scene.now - read_at,
        listener_ids=frozenset(binding.slot.listener_id for binding in scene.bindings if binding.slot),
        rested=None if load_balancer.tail_ends_at is None else scene.now - load_balancer.tail_ends_at,
    )


def _next_write(
    connection: Connection, scene: Scene, lease: Lease, observed: Observed, terms: PassTerms
) -> Intent | None:
    scene.settle(observed)
    changes, excess = within_quota(plan(scene.bindings, observed), observed, scene.quota)
    _hold_without_room(scene, excess)
    batch = next_batch(changes, scene.now)
    gathering = batch is not None and _gathers(scene, batch)
    if batch is not None and not gathering:
        return _intend(connection, scene, lease, batch)
    scene.write()
    unread = _unread(scene, observed)
    ending = Ending(done=not changes and unread is None, gathering=gathering, error=unread)
    _finish(connection, scene, lease, terms, ending)
    return None


def _needs_listeners(binding: Binding) -> bool:
    if binding.state is State.VERIFYING:
        return binding.slot is None
    return binding.state is State.HELD and binding.reason in {Code.LISTENER_NOT_FOUND, Code.LOAD_BALANCER_NOT_FOUND}


def _subject(change: Change) -> tuple[object, ...]:
    return change.kind, change.place, change.weight, change.binding_id


def _gathers(scene: Scene, batch: Batch) -> bool:
    verifying = sum(
        binding.state is State.VERIFYING and binding.verification.verdict is Verdict.UNKNOWN
        for binding in scene.bindings
    )
    last_event_at = scene.load_balancer.last_event_at
    newest = timedelta.max if last_event_at is None else scene.now - last_event_at
    oldest = max(scene.now - change.since for change in batch.changes)
    return gathers(len(batch.changes), verifying, newest, oldest)


def _intend(connection: Connection, scene: Scene, lease: Lease, batch: Batch) -> Intent:
    if batch.kind is Kind.REGISTER:
        scene.place(change.binding_id for change in batch.changes)
    scene.write()
    targets = [
        {
            "listener_id": change.place.listener_id,
            "location_id": change.place.location_id,
            "ip": change.place.ip,
            "port": change.place.port,
            "weight": change.weight,
            "binding_id": change.binding_id,
        }
        for change in batch.changes
    ]
    traceparents = scene.traceparents(change.binding_id for change in batch.changes)
    return Intent(operations.intend(connection, lease, ACTIONS[batch.kind], targets), batch, traceparents)


def _hold_without_room(scene: Scene, excess: Collection[Change]) -> None:
    by_id = {binding.binding_id: binding for binding in scene.bindings}
    for change in excess:
        detail = f"{change.place.listener_id} has its {scene.quota} targets"
        scene.change(moved(by_id[change.binding_id], State.HELD, scene.now, Code.QUOTA_EXCEEDED, detail))


def _hold_refused(scene: Scene, refused: Collection[Change], call: Call) -> None:
    by_id = {binding.binding_id: binding for binding in scene.bindings}
    code = Code.QUOTA_EXCEEDED if (call.detail or "").startswith("LimitExceeded") else Code.CLOUD_REFUSED
    for change in refused:
        binding = by_id.get(change.binding_id)
        # Otherwise the reading shows it done, or it is wanted no more; it may even have ended and given up its place.
        if binding is not None and binding.state is State.PENDING:
            scene.change(moved(binding, State.HELD, scene.now, code, call.detail), call.request_id)


def _so_far(observed: Observed, intent: Intent, call: Call) -> Observed:
    """What a reading after a write says. One without an answer may still be under way: a target that is not there yet
    may come, and who gave it up now would leave it to nobody. The next pass, after the tail, reads again."""
    if call.outcome is not CallOutcome.AMBIGUOUS or intent.batch.kind is not Kind.REGISTER:
        return observed
    return observed.doubting(change.place for change in intent.batch.changes)


def _error(scene: Scene, intent: Intent, call: Call, observed: Observed | None) -> str | None:
    """Why the pass counts as failed; being told "done" without effect is a failure too."""
    if call.outcome is not CallOutcome.DONE:
        return call.detail or str(call.outcome)
    if observed is None:
        return "the load balancer could not be read back"
    asked = {_subject(change) for change in intent.batch.changes}
    without_effect = sum(_subject(change) in asked for change in plan(scene.bindings, observed))
    return f"{without_effect} changes were answered as done and had no effect" if without_effect else None


def _nothing_left(scene: Scene, observed: Observed) -> bool:
    return not plan(scene.bindings, observed) and _unread(scene, observed) is None


def _unread(scene: Scene, observed: Observed) -> str | None:
    """The listeners that some binding needs and that the reading says nothing of, as a sentence."""
    places = (binding.place for binding in scene.bindings if _needs_reading(binding, scene.now))
    missing = sorted({place.listener_id for place in places if place is not None and not observed.knows(place)})
    return f"not read yet: {', '.join(missing)}" if missing else None


def _needs_reading(binding: Binding, now: datetime) -> bool:
    """Whether nothing can be said of ``binding`` before its listener is read; without that its look would stay due."""
    look = next_look(binding)
    return stance(binding) is not Stance.KEEP or (look is not None and look <= now)


def _finish(connection: Connection, scene: Scene, lease: Lease, terms: PassTerms, ending: Ending) -> None:
    balancer = scene.load_balancer
    failures, error = (balancer.failures + 1 if ending.error else 0), ending.error
    after = ending.after
    pause = max(after.tail, pause_after(failures, after.jitter)) if failures else after.tail
    if after.too_early:  # it says nothing of what failed before
        failures, error = balancer.failures, balancer.last_error
    ahead = HEAD_START if any(map(leaves, scene.bindings)) else timedelta(0)
    load_balancers.finish_pass(
        connection,
        lease.subject_id,
        reconciled=balancer.wanted_generation if ending.done else None,
        due_in=terms.sweep if ending.done else -ahead,
        due_at=_next_look(scene.bindings, scene.now),
        not_before=GATHERING_LOOK if ending.gathering else pause,
        failures=failures,
        error=error,
        tail_factor=after.tail_factor,
    )
    leases.give_back(connection, lease)


def _next_look(found: Collection[Binding], now: datetime) -> datetime | None:
    looks = [(binding, look) for binding in found if (look := next_look(binding)) is not None]
    # What waits for room was just looked at: it follows when somebody leaves, which is a pass of its own.
    return min((look for each, look in looks if each.reason is not Code.QUOTA_EXCEEDED or look > now), default=None)
