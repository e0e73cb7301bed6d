"""One pass over one load balancer: read, plan, record the intent, write, read back, record.

A pass makes one write, because the cloud keeps a load balancer busy after each; what arrived meanwhile is planned into
the next one. Only a write that is refused as a whole is tried again in parts, to find what it is refused for; then the
pass waits until the load balancer is free again, or it would begin with the whole each time and never get to the part.
"""

import time
from collections.abc import Sequence
from datetime import timedelta

import structlog

from app.broker.converge import begin_part, begin_write, end_write, fail_pass, open_pass
from app.broker.passes import After, Call, CallOutcome, Intent, Opening, PassTerms
from app.cloud.clb import LISTENERS_PER_READ, PartialFailure, read_inventory, read_targets, write_changes
from app.cloud.client import Client
from app.domain.errors import (
    CloudAmbiguous,
    CloudBusy,
    CloudCredentialRefused,
    CloudError,
    CloudNotSent,
    CloudRefused,
    CloudResourceMissing,
    CloudThrottled,
)
from app.domain.load_balancer import Inventory
from app.ledger.leases import Lease
from app.planning.batches import Batch, halves
from app.planning.observed import Inspection, Observed
from app.planning.pacing import busy_tail, pause_after
from app.planning.plan import Change
from app.worker.workshop import Workshop

log = structlog.get_logger(__name__)

THROTTLED_PAUSE = timedelta(seconds=1)
"""The cloud counts calls in windows of one second."""

MOST_WRITES = 32
"""Most writes of one pass: isolating hundreds of refused targets must not keep what came meanwhile waiting."""

ANSWERED = frozenset({CallOutcome.DONE, CallOutcome.PARTIAL, CallOutcome.REFUSED})
"""Outcomes after which nothing more will happen: what is read then is what there is."""

BUSY_TRIES = 6
"""How often in a row a part of a write finds the load balancer busy before the pass ends."""


def converge_load_balancer(workshop: Workshop, lease: Lease) -> None:
    """Make one pass under ``lease``. Raises `LeaseLost`, `LedgerUnavailable`; both leave everything to a later pass."""
    terms = PassTerms(workshop.periods.held_lease, workshop.periods.sweep)
    opening = open_pass(workshop.ledger, lease, terms)
    try:
        client = workshop.cloud_for(lease.account_id, opening.load_balancer.region)
        inspection = _inspect(client, opening, workshop.periods.topology, workshop.readings.recall(lease))
    except CloudError as error:
        log.warning("load balancer not read", load_balancer_id=lease.subject_id, error=str(error))
        fail_pass(workshop.ledger, lease, str(error), terms, workshop.jitter())
        return
    writing = _Writing(workshop, client, lease, terms)
    intent = writing.begin(inspection)
    if intent is not None:
        writing.run(intent, inspection.observed)
    elif not inspection.missing:
        workshop.readings.keep(lease, inspection.observed)


def _inspect(client: Client, opening: Opening, freshness: timedelta, remembered: Observed | None) -> Inspection:
    """Read the targets of the listeners that matter, and the inventory when it is old, doubted or missing something.

    All listeners matter when nothing else is to be done, or when one call reads them all: somebody else may have put
    targets there. What this worker has ``remembered`` of its last pass serves for registering what is new; everything
    else begins with a reading.
    """
    load_balancer = opening.load_balancer
    kept = load_balancer.inventory
    load_balancer_id = load_balancer.load_balancer_id
    inventory: Inventory | None = None
    if kept is None or opening.unresolved or opening.doubted or opening.inventory_age >= freshness:
        inventory = read_inventory(client, load_balancer_id)
        if inventory is None:
            return Inspection(Observed(frozenset()), missing=True)
        kept = inventory
    elif remembered is not None and _serves(remembered, opening):
        return Inspection(remembered)
    known = {listener.listener_id for listener in kept.listeners}
    all_at_once = opening.unresolved or opening.quiet or len(known) <= LISTENERS_PER_READ
    wanted = known if all_at_once else known & opening.listener_ids
    return Inspection(read_targets(client, load_balancer_id, sorted(wanted)), inventory)


def _serves(remembered: Observed, opening: Opening) -> bool:
    """Whether the last reading says all that the next write needs: only new targets, on listeners that were read."""
    if opening.quiet or opening.coming is None:
        return False
    return opening.listener_ids <= remembered.listener_ids and remembered.weights.keys().isdisjoint(opening.coming)


class _Writing:
    """The writes of one pass: one, or several parts of one that was refused as a whole."""

    def __init__(self, workshop: Workshop, client: Client, lease: Lease, terms: PassTerms) -> None:
        self._workshop = workshop
        self._client = client
        self._lease = lease
        self._terms = terms
        self._send_before = 0.0
        self._fresh = False
        self._parts: list[Batch] = []
        self._busy = 0
        self._writes = 0

    def begin(self, inspection: Inspection) -> Intent | None:
        """Record the next write; None when there is none, and the pass is over."""
        self._renew()
        self._fresh = self._fresh or inspection.inventory is not None
        return begin_write(self._workshop.ledger, self._lease, inspection, self._terms)

    def run(self, first: Intent, observed: Observed) -> None:
        """Make the write, and its parts where it is refused; the last one ends the pass."""
        intent: Intent | None = first
        while intent is not None:
            began = time.monotonic()
            call = self._call(intent)
            took = timedelta(seconds=time.monotonic() - began)
            observed_after = self._read_back(intent, observed)
            self._keep_parts(intent.batch, call)
            self._writes += 1
            stops = not self._parts or observed_after is None or not self._continues(call)
            cut_short = not stops and self._writes >= MOST_WRITES
            after = After(
                _tail(call, took),
                self._workshop.jitter(),
                refused=_refused(intent.batch, call),
                last=stops or cut_short,
                cut_short=cut_short,
            )
            end_write(self._workshop.ledger, self._lease, intent, call, observed_after, self._terms, after)
            if observed_after is not None and call.outcome in ANSWERED:
                self._workshop.readings.keep(self._lease, observed_after)
            if after.last or observed_after is None:
                return
            observed = observed_after
            intent = self._next(observed, after.tail)

    def _keep_parts(self, batch: Batch, call: Call) -> None:
        """Note what is still to be sent, in which parts. One that finds the load balancer busy is for the next pass."""
        self._busy = self._busy + 1 if call.outcome is CallOutcome.BUSY else 0
        if _divisible(call):
            self._parts = [*_parts(batch, call), *self._parts]

    def _continues(self, call: Call) -> bool:
        """Whether the parts that wait may be sent soon: not while the cloud is in trouble, or busy for long."""
        if call.outcome is CallOutcome.BUSY:
            return self._busy < BUSY_TRIES
        return call.outcome in {CallOutcome.DONE, CallOutcome.REFUSED, CallOutcome.PARTIAL}

    def _next(self, observed: Observed, tail: timedelta) -> Intent | None:
        pause = pause_after(self._busy, self._workshop.jitter()) if self._busy else tail
        self._workshop.pause(pause.total_seconds())
        while self._parts:
            self._renew()
            intent = begin_part(self._workshop.ledger, self._lease, observed, self._parts.pop(0), self._terms)
            if intent is not None:
                return intent
        return self.begin(Inspection(observed))

    def _renew(self) -> None:
        """Why is this safe? The lease is renewed after this moment, and a call that is sent before ``send_before`` has
        timed out before the lease ends: a worker that was stopped in between, for however long, sends nothing."""
        spare = self._terms.lease - self._workshop.periods.cloud_timeout
        self._send_before = time.monotonic() + spare.total_seconds()

    def _call(self, intent: Intent) -> Call:
        batch = intent.batch
        seconds = self._workshop.periods.cloud_timeout.total_seconds()
        try:
            request_id = write_changes(
                self._client,
                self._lease.subject_id,
                batch.kind,
                batch.changes,
                send_before=self._send_before,
                task_seconds=seconds,
                pause=self._workshop.pause,
            )
            call = Call(CallOutcome.DONE, request_id)
        except CloudError as error:
            call = _failed(error, fresh=self._fresh)
        log.info(
            "cloud write",
            load_balancer_id=self._lease.subject_id,
            kind=batch.kind.name.lower(),
            targets=len(batch.changes),
            outcome=str(call.outcome),
            cloud_request_id=call.request_id,
            detail=call.detail,
        )
        return call

    def _read_back(self, intent: Intent, before: Observed) -> Observed | None:
        listener_ids = before.listener_ids | {change.place.listener_id for change in intent.batch.changes}
        try:
            return read_targets(self._client, self._lease.subject_id, sorted(listener_ids))
        except CloudError as error:
            log.warning("load balancer not read back", load_balancer_id=self._lease.subject_id, error=str(error))
            return None


def _failed(error: CloudError, *, fresh: bool) -> Call:
    """``fresh``: the inventory was read in this pass, so that reading it again would not help."""
    if isinstance(error, PartialFailure):
        return Call(CallOutcome.PARTIAL, error.request_id, error.message, error.failed_listeners)
    if isinstance(error, CloudResourceMissing) and not fresh:
        return Call(CallOutcome.MISSING, error.request_id, str(error))
    outcomes: Sequence[tuple[type[CloudError], CallOutcome]] = (
        (CloudNotSent, CallOutcome.NOT_SENT),
        (CloudThrottled, CallOutcome.THROTTLED),
        (CloudBusy, CallOutcome.BUSY),
        (CloudAmbiguous, CallOutcome.AMBIGUOUS),
        (CloudCredentialRefused, CallOutcome.CREDENTIAL),
        (CloudRefused, CallOutcome.REFUSED),
    )
    outcome = next((outcome for kind, outcome in outcomes if isinstance(error, kind)), CallOutcome.AMBIGUOUS)
    return Call(outcome, error.request_id, str(error))


def _divisible(call: Call) -> bool:
    return call.outcome in {CallOutcome.REFUSED, CallOutcome.PARTIAL}


def _tail(call: Call, took: timedelta) -> timedelta:
    """How long the load balancer is to be left alone. What is refused at once leaves it free."""
    if call.outcome is CallOutcome.THROTTLED:
        return THROTTLED_PAUSE
    return timedelta(0) if call.outcome is CallOutcome.REFUSED else busy_tail(took)


def _failed_part(batch: Batch, call: Call) -> Batch:
    if call.outcome is not CallOutcome.PARTIAL:
        return batch
    failed = tuple(change for change in batch.changes if change.place.listener_id in call.failed_listeners)
    return Batch(batch.kind, failed or batch.changes)


def _parts(batch: Batch, call: Call) -> tuple[Batch, ...]:
    failed = _failed_part(batch, call)
    return halves(failed) if len(failed.changes) == len(batch.changes) else (failed,)


def _refused(batch: Batch, call: Call) -> tuple[Change, ...]:
    """The change that is refused by itself; a removal or a weight is never given up."""
    failed = _failed_part(batch, call).changes
    return failed if _divisible(call) and len(failed) == 1 and len(batch.changes) == 1 else ()
