"""One pass over one load balancer: read, plan, record the intent, write, read back, record.

A pass makes one write, because the cloud keeps a load balancer busy after each; what arrived meanwhile is planned into
the next one. Only a write that is refused as a whole is tried again in parts, to find what it is refused for; then the
pass waits for the load balancer to be free again, but not for long. What it got done by then the next pass need not do.
"""

import time
from collections.abc import Sequence
from datetime import timedelta

import structlog

from app.broker.converge import begin_part, begin_write, end_write, fail_pass, open_pass, put_off_pass
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
from app.metrics import count_pass
from app.planning.batches import Batch, halves
from app.planning.observed import Inspection, Observed
from app.planning.pacing import pause_after
from app.planning.plan import Change
from app.spans import serving
from app.worker.busy_tail import THROTTLED_PAUSE, BusyTail
from app.worker.workshop import Workshop

log = structlog.get_logger(__name__)

MOST_WRITES = 32
"""Most writes of one pass: isolating hundreds of refused targets must not keep what came meanwhile waiting."""

ANSWERED = frozenset({CallOutcome.DONE, CallOutcome.PARTIAL, CallOutcome.REFUSED})
"""Outcomes after which nothing more will happen: what is read then is what there is."""

EARLY = frozenset({CallOutcome.THROTTLED})
"""Outcomes that are no failure although nothing was done."""

LONGEST_REST = timedelta(seconds=1.5)
"""How long a pass may rest between its parts, all in all: one that waits for a load balancer holds up others."""


def converge_load_balancer(workshop: Workshop, lease: Lease) -> None:
    """Make one pass under ``lease``. Raises `LeaseLost`, `LedgerUnavailable`; both leave everything to a later pass."""
    periods = workshop.periods
    terms = PassTerms(periods.held_lease, periods.sweep, periods.topology)
    remembered = workshop.readings.recall(lease)
    writing = _Writing(workshop, lease, terms)
    opening = writing.open(remembered)
    if opening.begun is not None and remembered is not None:
        _go_on(writing, opening.begun.intent, Inspection(remembered))
        return
    try:
        inspection = _inspect(writing.client(), opening, terms.freshness)
    except CloudThrottled:
        put_off_pass(workshop.ledger, lease, THROTTLED_PAUSE, terms)
        count_pass("unread")
        return
    except CloudError as error:
        log.warning("load balancer not read", load_balancer_id=lease.subject_id, error=str(error))
        fail_pass(workshop.ledger, lease, str(error), terms, workshop.jitter())
        count_pass("unread")
        return
    _go_on(writing, writing.begin(inspection), inspection)


def _go_on(writing: "_Writing", intent: Intent | None, inspection: Inspection) -> None:
    if intent is not None:
        writing.run(intent, inspection.observed)
        return
    count_pass("missing" if inspection.missing else "idle")
    if not inspection.missing:
        writing.remember(inspection.observed)


def _inspect(client: Client, opening: Opening, freshness: timedelta) -> Inspection:
    """Read the targets of the listeners that matter, and the inventory when it is old, doubted or missing something.

    All listeners matter when nothing else is to be done, or when one call reads them all: somebody else may have put
    targets there.
    """
    load_balancer = opening.load_balancer
    kept = load_balancer.inventory
    load_balancer_id = load_balancer.load_balancer_id
    inventory: Inventory | None = None
    if kept is None or opening.lacks_inventory(freshness):
        inventory = read_inventory(client, load_balancer_id)
        if inventory is None:
            return Inspection(Observed(frozenset()), missing=True)
        kept = inventory
    known = {listener.listener_id for listener in kept.listeners}
    all_at_once = opening.unresolved or opening.quiet or len(known) <= LISTENERS_PER_READ
    wanted = known if all_at_once else known & opening.listener_ids
    return Inspection(read_targets(client, load_balancer_id, sorted(wanted)), inventory)


class _Writing:
    """The writes of one pass: one, or several parts of one that was refused as a whole."""

    def __init__(self, workshop: Workshop, lease: Lease, terms: PassTerms) -> None:
        self._workshop = workshop
        self._region = ""
        self._lease = lease
        self._terms = terms
        self._send_before = 0.0
        self._fresh = False
        self._parts: list[Batch] = []
        self._busy = 0
        self._writes = 0
        self._rested = timedelta(0)
        self._too_early = False

    def open(self, remembered: Observed | None) -> Opening:
        """Look at what there is; where the ``remembered`` reading of this worker's last pass is enough, begin."""
        self._renew()
        opening = open_pass(self._workshop.ledger, self._lease, self._terms, remembered)
        self._region = opening.load_balancer.region
        self._tail = BusyTail(opening)
        return opening

    def client(self) -> Client:
        """The cloud that the load balancer is at. Raises a `CloudError` when there is no way to call it."""
        return self._workshop.cloud_for(self._lease.account_id, self._region)

    def remember(self, observed: Observed) -> None:
        """Keep a reading for the next pass."""
        self._workshop.readings.keep(self._lease, observed)

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
            with serving(intent.traceparents):
                call = self._call(intent)
            tail = self._tail.after(call, began, len(intent.batch.changes))
            observed_after = self._read_back(intent, observed)
            self._keep_parts(intent.batch, call)
            self._writes += 1
            rest = pause_after(self._busy, self._workshop.jitter()) if self._busy else tail
            too_long = self._writes >= MOST_WRITES or self._rested + rest > LONGEST_REST
            stops = not self._parts or observed_after is None or not _continues(call)
            after = After(
                max(tail, THROTTLED_PAUSE) if self._too_early else tail,
                self._workshop.jitter(),
                refused=_refused(intent.batch, call),
                last=stops or too_long,
                cut_short=too_long and not stops and not self._busy,
                tail_factor=self._tail.factor,
                too_early=call.outcome in ({*EARLY, CallOutcome.DONE} if self._too_early else EARLY),
            )
            end_write(self._workshop.ledger, self._lease, intent, call, observed_after, self._terms, after)
            if after.last or observed_after is None:
                break
            observed = observed_after
            intent = self._next(observed, rest)
        # Not before: the next part's write, of which perhaps nothing is heard, would make the reading an old one.
        if observed_after is not None and call.outcome in ANSWERED:
            self.remember(observed_after)
        count_pass(call.outcome)

    def _keep_parts(self, batch: Batch, call: Call) -> None:
        """Note what is still to be sent, in which parts. One that finds the load balancer busy is for the next pass."""
        self._busy = self._busy + 1 if call.outcome is CallOutcome.BUSY else 0
        if _divisible(call):
            self._parts = [*_parts(batch, call), *self._parts]

    def _next(self, observed: Observed, rest: timedelta) -> Intent | None:
        self._rested += rest
        self._workshop.pause(rest.total_seconds())
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
                self.client(),
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
            return read_targets(self.client(), self._lease.subject_id, sorted(listener_ids))
        except CloudThrottled:
            self._too_early = True
            return None
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


def _continues(call: Call) -> bool:
    """Whether the parts that wait may be sent soon: not while the cloud is in trouble."""
    return call.outcome in ANSWERED or call.outcome is CallOutcome.BUSY


def _divisible(call: Call) -> bool:
    return call.outcome in {CallOutcome.REFUSED, CallOutcome.PARTIAL}


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
