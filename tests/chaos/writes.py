"""Rules over what the cloud saw and what the ledger recorded of it: one writer, pace, trace, silence."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from tests.chaos.claims import BY_HAND
from tests.chaos.histories import Breach, Call, History, Operation, Place

WRITES = frozenset(
    {
        "BatchRegisterTargets",
        "BatchDeregisterTargets",
        "BatchModifyTargetWeight",
        "RegisterTargets",
        "DeregisterTargets",
        "ModifyTargetWeight",
    }
)
SLACK = 0.005
"""Seconds by which two processes of one machine may read its clock apart from the order of what they did."""


LONGEST_HOLD = 0.4
"""For no longer is a call thought to have been held up: two thirds more than the budget is a breach on any machine."""

BEAT = 0.06
"""Stalls are noted so much later than they end."""


def intents(history: History) -> dict[str, Operation]:
    """The operation behind each write call: by the request id kept with it, or else by load balancer, action and
    targets, the latest intended before the call."""
    named = {operation.request_id: operation for operation in history.operations if operation.request_id}
    found: dict[str, Operation] = {}
    for call in _writes(history):
        operation = named.get(call.request_id)
        if operation is None:
            alike = [each for each in history.operations if _alike(each, call)]
            operation = max(alike, key=lambda each: each.intended_at, default=None)
        if operation is not None and operation.intended_at <= call.received_at + SLACK:
            found[call.request_id] = operation
    return found


def one_writer(history: History) -> Iterator[Breach]:
    """A7: no two writes in flight on one load balancer; old epochs do nothing; a new epoch reads before it writes."""
    by_balancer: dict[str, list[Call]] = defaultdict(list)
    for call in _writes(history):
        by_balancer[str(call.load_balancer_id)].append(call)
    for name, calls in by_balancer.items():
        calls.sort(key=lambda call: call.received_at)
        for before, after in pairwise(calls):
            if after.received_at < _in_flight_until(before, history.terms.cloud_timeout):
                yield Breach("A7", f"{name}: {after.action} was sent while {before.action} was in flight")
    yield from _stale_writes(history)
    operations: dict[str, list[Operation]] = defaultdict(list)
    for operation in sorted(history.operations, key=lambda each: each.operation_id):
        operations[operation.load_balancer_id].append(operation)
    for name, recorded in operations.items():
        yield from _epochs(name, recorded)
        yield from _reads_first(name, recorded, history)


def _stale_writes(history: History) -> Iterator[Breach]:
    behind = intents(history)
    for call in _writes(history):
        mine = behind.get(call.request_id)
        if mine is None:
            continue
        for other in history.operations:
            newer = other.load_balancer_id == mine.load_balancer_id and other.epoch > mine.epoch
            if newer and other.intended_at < call.received_at - SLACK:
                told = f"{call.action} of epoch {mine.epoch} was sent after epoch {other.epoch} had begun to write"
                yield Breach("A7", f"{mine.load_balancer_id}: {told}")
                break


def _epochs(name: str, recorded: list[Operation]) -> Iterator[Breach]:
    for before, after in pairwise(recorded):
        if after.epoch < before.epoch:
            yield Breach("A7", f"{name}: an intent of epoch {after.epoch} was recorded after epoch {before.epoch}")
        if after.epoch == before.epoch and after.incarnation != before.incarnation:
            yield Breach("A7", f"{name}: two lives of a worker wrote in epoch {after.epoch}")
    for old in recorded:
        if old.outcome in {None, "settled"} or old.finished_at is None:
            continue
        late = [new for new in recorded if new.epoch > old.epoch and new.intended_at < old.finished_at - SLACK]
        if late:
            yield Breach("A7", f"{name}: epoch {old.epoch} changed rows after epoch {late[0].epoch} had begun")


def _reads_first(name: str, recorded: list[Operation], history: History) -> Iterator[Breach]:
    reads = sorted(
        call.received_at
        for call in history.calls
        if call.action == "DescribeTargets" and call.load_balancer_id == name and call.code is None
    )
    for before, after in pairwise(recorded):
        since = bisect_left(reads, _settled_at(before, after))
        read = since < len(reads) and reads[since] <= after.intended_at
        if not read:
            yield Breach(
                "A7", f"{name}: operation {after.operation_id} was planned without reading after the one before"
            )


def _settled_at(before: Operation, after: Operation) -> float:
    """From when on a reading counts: an heir needs one of its own, after its predecessor's last record."""
    own = before.incarnation == after.incarnation or before.outcome in {None, "settled"}
    return before.intended_at if own or before.finished_at is None else before.finished_at


def pace(history: History) -> Iterator[Breach]:
    """A8: the calls of one action in any one second stay within the budget.

    A window that is over the budget by less than its first call may have been held up by a busy machine proves nothing.
    """
    times: dict[str, list[float]] = defaultdict(list)
    for call in history.calls:
        times[call.action].append(call.received_at)
    budget = history.terms.budget
    for action, arrived in times.items():
        arrived.sort()
        over = [(start, last) for start, last in zip(arrived, arrived[budget:], strict=False) if last < start + 1.0]
        for start, last in over:
            hold = held_up(history, start)
            if last < start + 1.0 - hold:
                most = bisect_left(arrived, start + 1.0) - bisect_left(arrived, start)
                told = f"{most} calls of {action} arrived within one second from {start:.3f}; {budget} may"
                more = f"{budget + 1} within {last - start:.3f} s, the first of them held up for {hold:.3f} s at most"
                yield Breach("A8", f"{told} ({more})")
                break


def held_up(history: History, at: float) -> float:
    """How long a call that came at this time may have waited for a processor: its worker's, and the cloud's."""
    first = bisect_left(history.stalls, at - LONGEST_HOLD, key=lambda stall: stall.until)
    last = bisect_left(history.stalls, at + BEAT, key=lambda stall: stall.until)
    waited: dict[int, float] = defaultdict(float)
    for stall in history.stalls[first:last]:
        waited[stall.process_id] += stall.seconds
    cloud = waited.pop(0, 0.0)
    return min(LONGEST_HOLD, cloud + max(waited.values(), default=0.0))


def traced(history: History) -> Iterator[Breach]:
    """A9: every write has an intent before it and every intent an outcome; none is empty; journals have no gaps."""
    behind = intents(history)
    for call in _writes(history):
        if call.target_count == 0:
            yield Breach("A9", f"{call.action} {call.request_id} was sent without targets")
        elif call.request_id not in behind:
            yield Breach("A9", f"{call.action} {call.request_id} on {call.load_balancer_id} had no intent before it")
    for change in history.changes:
        operation = behind.get(change.cause)
        if change.cause != BY_HAND and (operation is None or change.place not in _places(operation)):
            yield Breach("A9", f"{change.kind} at {change.place} by {change.cause} was not intended")
    if history.at_rest is not None:
        for operation in history.operations:
            if operation.outcome is None:
                yield Breach("A9", f"operation {operation.operation_id} never got an outcome")
    yield from _gaps(history)


def _gaps(history: History) -> Iterator[Breach]:
    state: dict[str, str | None] = {}
    for entry in sorted(history.entries, key=lambda entry: entry.sequence):
        if entry.from_state != state.get(entry.binding_id):
            told = f"{entry.action} from {entry.from_state}, but it was {state.get(entry.binding_id)}"
            yield Breach("A9", f"{entry.binding_id}: the journal says {told}")
        state[entry.binding_id] = entry.to_state
    for row in history.rows:
        if state.get(row.binding_id) != row.state:
            yield Breach("A9", f"{row.binding_id} is {row.state}; the journal ends with {state.get(row.binding_id)}")


def stays(history: History) -> Iterator[Breach]:
    """A11: while no worker runs nothing changes at the cloud; a call that was under way may still end."""
    for trouble in history.troubles:
        if not trouble.silent:
            continue
        for change in history.changes:
            during = trouble.began_at + history.terms.cloud_timeout < change.at < trouble.ended_at
            if during and change.cause != BY_HAND:
                yield Breach("A11", f"{change.kind} at {change.place} during {trouble.name}")


def _writes(history: History) -> list[Call]:
    return [call for call in history.calls if call.action in WRITES]


def _in_flight_until(call: Call, timeout: float) -> float:
    """When its sender knew: at its end, or when it gave up waiting; what the cloud does later it cannot know of."""
    given_up = call.received_at + timeout
    return given_up if call.finished_at is None else min(call.finished_at, given_up)


def _alike(operation: Operation, call: Call) -> bool:
    same = (operation.load_balancer_id, operation.action) == (call.load_balancer_id, call.action)
    before = operation.intended_at <= call.received_at + SLACK
    return same and before and operation.request_id is None and _places(operation) == call.places


def _places(operation: Operation) -> frozenset[Place]:
    return frozenset(place for place, _ in operation.targets)
