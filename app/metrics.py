"""What a worker counts, for Prometheus. Beside the rooms, as logs are: the cloud's client, use cases and loops count.

The API has metrics of its own, `app.api.metrics`; these are in a registry of theirs, so that it does not show them.
No label takes a name that a caller makes up, and none takes that of a load balancer or cluster: the series stay few.
"""

from collections import Counter as Count
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

WORKER: Final = CollectorRegistry()
"""All that is counted here."""

CALL_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
BOUND_BUCKETS: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0)

_CALLS: Final = Counter(
    "clb_broker_cloud_calls_total", "Calls to the cloud by result", ["account", "action", "result"], registry=WORKER
)
_CALL_SECONDS: Final = Histogram(
    "clb_broker_cloud_call_seconds", "Time of a call", ["action"], registry=WORKER, buckets=CALL_BUCKETS
)
_BUDGET_SECONDS: Final = Histogram(
    "clb_broker_budget_wait_seconds", "Time a call waited its turn", ["action"], registry=WORKER, buckets=CALL_BUCKETS
)
_PASSES: Final = Counter(
    "clb_broker_passes_total", "Passes over load balancers by outcome", ["outcome"], registry=WORKER
)
_VERDICTS: Final = Counter(
    "clb_broker_verdicts_total", "Verdicts on addresses by the work that asked", ["work", "verdict"], registry=WORKER
)
_WORK_TAKEN: Final = Counter("clb_broker_work_taken_total", "Pieces of work taken", ["work"], registry=WORKER)
_WORK_FAILED: Final = Counter(
    "clb_broker_work_failed_total", "Pieces of work that broke off", ["work"], registry=WORKER
)
_BOUND_SECONDS: Final = Histogram(
    "clb_broker_event_to_bound_seconds",
    "Time from receiving a bind to reading its target at the cloud for the first time",
    ["network_mode"],
    registry=WORKER,
    buckets=BOUND_BUCKETS,
)
_BUDGET: Final = Gauge(
    "clb_broker_budget_calls_per_second", "Calls of one action in any second", ["account"], registry=WORKER
)
_LOWERED: Final = Counter(
    "clb_broker_budget_lowered_total",
    "Budgets lowered since the cloud throttled",
    ["account", "action"],
    registry=WORKER,
)
_KEY_SETS: Final = Counter(
    "clb_broker_key_sets_read_total", "Key sets of issuers by what reading them brought", ["outcome"], registry=WORKER
)
_SEALED: Final = Counter("clb_broker_sealed_entries_total", "Entries of history that were sealed", registry=WORKER)
_SEAL_SECONDS: Final = Histogram(
    "clb_broker_seal_wait_seconds",
    "Time from recording an entry to sealing it, the oldest of each step",
    registry=WORKER,
    buckets=BOUND_BUCKETS,
)
_CHECKPOINTS: Final = Counter(
    "clb_broker_checkpoints_total", "Checkpoints of history by outcome", ["outcome"], registry=WORKER
)


def count_call(account_id: str, action: str, result: str, seconds: float | None) -> None:
    """One call to the cloud, with what came of it; ``seconds`` without the wait for its turn, None for one not sent."""
    _CALLS.labels(account_id, action, result).inc()
    if seconds is not None:
        _CALL_SECONDS.labels(action).observe(seconds)


def tell_budget(account_id: str, per_second: int) -> None:
    """So many calls of one action a second are the account's, of all workers together."""
    _BUDGET.labels(account_id).set(per_second)


def count_budget_lowered(account_id: str, action: str) -> None:
    """The cloud throttled ``action``, so that there are fewer calls of it for a while."""
    _LOWERED.labels(account_id, action).inc()


def count_budget_wait(action: str, seconds: float) -> None:
    """A call waited so long for its turn in the budget."""
    _BUDGET_SECONDS.labels(action).observe(seconds)


def count_pass(outcome: str) -> None:
    """A pass over a load balancer made a write with this outcome, or none: ``idle``, ``missing`` or ``unread``."""
    _PASSES.labels(outcome).inc()


def count_verdicts(work: str, verdicts: Iterable[str]) -> None:
    """The verdicts of one look, new ones (verification) or those of a sweep (reverification)."""
    for verdict, many in Count(verdicts).items():
        _VERDICTS.labels(work, verdict).inc(many)


def count_work_taken(work: str, many: int) -> None:
    """So many pieces of one kind of work were taken."""
    _WORK_TAKEN.labels(work).inc(many)
    _WORK_FAILED.labels(work)  # a series that begins at 0, or the first failure is no increase


def count_work_failed(work: str) -> None:
    """A piece of work broke off and is left to a later pass."""
    _WORK_FAILED.labels(work).inc()


def count_key_set(outcome: str) -> None:
    """A key set was read: unchanged, changed, replaced (none of its keys is an old one); or unread, or refused."""
    _KEY_SETS.labels(outcome).inc()


def count_bound(network_mode: str, after: timedelta) -> None:
    """A target was read at the cloud for the first time, so long after its bind came; again when its listener returned.

    Told before the commit: where that fails, it is told again with the next pass.
    """
    _BOUND_SECONDS.labels(network_mode).observe(after.total_seconds())


def count_sealed(entries: int, waited: timedelta) -> None:
    """So many entries of history were sealed in one step, the oldest of which had waited so long."""
    if entries:
        _SEALED.inc(entries)
        _SEAL_SECONDS.observe(waited.total_seconds())


def count_checkpoint(outcome: str) -> None:
    """A checkpoint was ``signed``, or ``not-exported`` and left to the next look."""
    _CHECKPOINTS.labels(outcome).inc()
