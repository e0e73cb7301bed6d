"""The rule over turns: no cluster's bind waits for more of the others' calls than its turn allows (A12).

What is counted is calls and not seconds, so a slow machine is judged like a quick one. Where clusters are served in
turn, each of the others has as many calls while a bind waits as its own cluster has, and one more; and what was at hand
when it became due is done first.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.chaos.histories import Breach, Call, Entry, History, Place

REGISTER = "BatchRegisterTargets"
WRITES = "Batch"


@dataclass(frozen=True, slots=True)
class _Wait:
    """A bind and its call: from ``since`` on it could have been sent."""

    entry: Entry
    since: float
    call: Call


def in_turn(history: History) -> Iterator[Breach]:
    """A12: between a bind's being due and its call each other cluster has as many turns as its own, and one more."""
    calls = sorted((call for call in history.calls if call.action == REGISTER), key=lambda call: call.received_at)
    if len(calls) <= history.terms.at_hand:
        return
    owners = _owners(history)
    clusters = len({cluster_id for call in calls for cluster_id in _served(call, owners)})
    times = [call.received_at for call in calls]
    for wait in _waits(history, calls):
        between = calls[bisect_left(times, wait.since) : bisect_left(times, wait.call.received_at)]
        own = sum(wait.entry.cluster_id in _served(call, owners) for call in between)
        others = len(between) - own
        allowed = (clusters - 1) * (own + 1) + history.terms.at_hand
        if others > allowed and not _disturbed(wait, history):
            told = f"{wait.entry.binding_id} of {wait.entry.cluster_id} waited for {others} calls of others"
            yield Breach("A12", f"{told}, its turn allowed {allowed}")


def _waits(history: History, calls: list[Call]) -> Iterator[_Wait]:
    """Each bind that was proven, with the first call after that which registers it."""
    first: dict[Place, list[Call]] = defaultdict(list)
    for call in calls:
        for place in call.places:
            first[place].append(call)
    writes: dict[str | None, list[float]] = defaultdict(list)
    for call in sorted(history.calls, key=lambda call: call.received_at):
        if call.action.startswith(WRITES):
            writes[call.load_balancer_id].append(call.finished_at or call.received_at)
    for entry in history.entries:
        if (entry.from_state, entry.to_state) == ("verifying", "pending"):
            found = next((call for call in first[entry.place] if call.received_at >= entry.recorded_at), None)
            if found is not None:
                ends = [at for at in writes[found.load_balancer_id] if at <= found.received_at]
                yield _Wait(entry, max([entry.recorded_at, *ends]), found)


def _owners(history: History) -> Mapping[Place, set[str]]:
    found: dict[Place, set[str]] = defaultdict(set)
    for entry in history.entries:
        found[entry.place].add(entry.cluster_id)
    return found


def _served(call: Call, owners: Mapping[Place, set[str]]) -> set[str]:
    return {cluster_id for place in call.places for cluster_id in owners[place]}


def _disturbed(wait: _Wait, history: History) -> bool:
    """Whether a fault may have kept it waiting: load balancers are left alone for a while after a failure."""
    return any(
        trouble.began_at <= wait.call.received_at and wait.since <= trouble.ended_at + history.terms.converge
        for trouble in history.troubles
    )
