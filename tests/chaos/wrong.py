"""Wrong versions of the broker's own functions: mistakes that are the same on real processes and in a simulation."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import app.broker.converge as passes
import app.worker.converge_load_balancer as writing
from app.domain.binding import Binding, State
from app.planning import batches
from app.planning.observed import Observed
from app.planning.plan import Change, Kind

_real_plan, _real_write, _real_pause = passes.plan, writing.write_changes, passes.pause_after


def plan_with_a_stranger(bindings: Iterable[Binding], observed: Observed) -> tuple[Change, ...]:
    """A removal takes another cluster's target along."""
    found = list(bindings)
    changes = _real_plan(found, observed)
    owners = {binding.binding_id: binding.cluster_id for binding in found}
    leaving = [change for change in changes if change.kind is Kind.DEREGISTER]
    for change in leaving[:1]:
        for binding in found:
            other = binding.cluster_id != owners[change.binding_id] and binding.state is State.BOUND
            if other and binding.place is not None and binding.place in observed.weights:
                extra = Change(Kind.DEREGISTER, binding.place, 0, binding.binding_id, change.since)
                return (*changes, extra)
    return changes


def write_whenever(*arguments: Any, **named: Any) -> str:
    """A write is sent although its time has passed."""
    return _real_write(*arguments, **{**named, "send_before": None})


def write_and_the_empty_rest(
    client: Any, load_balancer_id: str, kind: Kind, changes: Sequence[Change], **named: Any
) -> str:
    """A batch of exactly the limit is followed by the empty rest."""
    request_id = _real_write(client, load_balancer_id, kind, changes, **named)
    if len(changes) % batches.MAX_TARGETS == 0:
        client.call("clb", "BatchDeregisterTargets", {"LoadBalancerId": load_balancer_id, "Targets": []})
    return request_id


def pause_that_ends(failures: int, jitter: float) -> timedelta:
    """After three failures in a row nobody tries again."""
    return timedelta(hours=1) if failures >= 3 else _real_pause(failures, jitter)
