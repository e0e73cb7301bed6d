"""Why a pod is or is not bound, step by step. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from app.domain.binding import LEAVING, MOVED_BY_PASSES, Binding, State, Verdict
from app.domain.codes import Code
from app.domain.journal import Entry
from app.domain.load_balancer import Grant, LoadBalancer, resolve
from app.planning.promotion import PROOFS, WAITS_FOR_ROOM
from app.planning.settle import RETRIED


class Progress(StrEnum):
    """How far a step came."""

    DONE = "done"
    WAITING = "waiting"
    REFUSED = "refused"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Step:
    """One step; ``at`` is when it was taken, where that is known."""

    step: str
    result: Progress
    code: str | None = None
    at: datetime | None = None
    detail: str | None = None


_OF_CHECK: Final = {
    "passed": Progress.DONE,
    "failed": Progress.REFUSED,
    "unknown": Progress.WAITING,
    "skipped": Progress.SKIPPED,
    "not-applicable": Progress.SKIPPED,
}
_OF_VERDICT: Final = {
    Verdict.PROVEN: Progress.DONE,
    Verdict.DECLARED: Progress.DONE,
    Verdict.DISPROVEN: Progress.REFUSED,
    Verdict.UNKNOWN: Progress.WAITING,
}


def explained(
    binding: Binding, history: Sequence[tuple[datetime, Entry]], load_balancer: LoadBalancer | None, grant: Grant | None
) -> list[Step]:
    """The steps of ``binding`` in their order. ``history`` are its entries with their times, oldest first."""
    return [
        _event(binding, history),
        *_checks(binding),
        _verdict(binding),
        _grant(binding, grant),
        _listener(binding, load_balancer),
        _place(binding),
        _cloud(binding, history, load_balancer),
        _state(binding),
    ]


def _event(binding: Binding, history: Sequence[tuple[datetime, Entry]]) -> Step:
    event_id = history[0][1].event_id if history else None
    source = f"event {event_id}" if event_id else "a snapshot"
    detail = f"{source} asked for it; revision {binding.revision} is the newest word"
    return Step("event", Progress.DONE, at=binding.created_at, detail=detail)


def _checks(binding: Binding) -> Iterator[Step]:
    for check in binding.verification.evidence.get("checks", ()):
        result = _OF_CHECK[check["result"]]
        detail = check["evidence"].get("detail")
        yield Step(f"check: {check['check']}", result, check["code"], binding.verification.checked_at, detail)


def _verdict(binding: Binding) -> Step:
    proof = binding.verification
    detail = proof.evidence.get("detail") or (", ".join(proof.warnings) if proof.warnings else None)
    if proof.checked_at is None:
        detail = "no worker has looked at it yet"
    told = f"{proof.verdict.value}: {detail}" if detail else proof.verdict.value
    return Step("verification", _OF_VERDICT[proof.verdict], at=proof.checked_at, detail=told)


def _grant(binding: Binding, grant: Grant | None) -> Step:
    listener_id = binding.slot.listener_id if binding.slot else binding.target.listener_id
    if grant is None or (listener_id is not None and not grant.covers(listener_id)):
        where = f"{binding.target.load_balancer_id}, listener {listener_id or 'not known yet'}"
        return Step("grant", Progress.REFUSED, Code.NOT_GRANTED, detail=f"{binding.cluster_id} has none for {where}")
    return Step("grant", Progress.DONE, detail=f"for {', '.join(grant.listener_ids)}")


def _listener(binding: Binding, load_balancer: LoadBalancer | None) -> Step:
    if load_balancer is None or load_balancer.missing:
        detail = f"the cloud knows no {binding.target.load_balancer_id}"
        return Step("listener", Progress.WAITING, Code.LOAD_BALANCER_NOT_FOUND, detail=detail)
    if load_balancer.inventory is None:
        return Step("listener", Progress.WAITING, detail="the load balancer was not read yet")
    slot = binding.slot or resolve(binding.target, load_balancer.inventory.listeners)
    if slot is None:
        detail = f"{binding.target.key} names no single listener or rule"
        return Step("listener", Progress.WAITING, Code.LISTENER_NOT_FOUND, load_balancer.inventory_read_at, detail)
    detail = f"{slot.listener_id}{f', rule {slot.location_id}' if slot.location_id else ''}"
    return Step("listener", Progress.DONE, at=load_balancer.inventory_read_at, detail=detail)


def _place(binding: Binding) -> Step:
    where = f"{binding.ip}:{binding.target.port}"
    if binding.holder:
        return Step("place", Progress.DONE, detail=f"it holds {where} there")
    if not binding.live:
        return Step("place", Progress.SKIPPED, detail="it has ended")
    detail = binding.detail if binding.state is State.HELD else f"{where} is not taken yet"
    return Step("place", Progress.WAITING, binding.reason, detail=detail)


def _cloud(binding: Binding, history: Sequence[tuple[datetime, Entry]], load_balancer: LoadBalancer | None) -> Step:
    calls = [(at, entry.cloud_request_id) for at, entry in history if entry.cloud_request_id]
    last = f"last call: {calls[-1][1]}" if calls else None
    if binding.state is State.BOUND:
        return Step("cloud", Progress.DONE, at=binding.bound_at, detail=last or "it was there already")
    error = load_balancer.last_error if load_balancer is not None and binding.state in MOVED_BY_PASSES else None
    if binding.placed:
        told = f"a target of it may be there; {last or 'no call has been answered yet'}"
        detail = f"{told}; the last pass failed: {error}" if error else told
        return Step("cloud", Progress.WAITING, at=binding.bound_at, detail=detail)
    progress = Progress.WAITING if binding.wanted else Progress.SKIPPED
    return Step("cloud", progress, detail=error or "no target of it is there")


def _state(binding: Binding) -> Step:
    why = "; ".join(str(part) for part in (binding.reason, binding.detail) if part)
    told = f"{binding.state.value}{f' ({why})' if why else ''}: {_meaning(binding)}"
    done = binding.state is State.BOUND or binding.state is State.RELEASED
    refused = Progress.REFUSED if binding.state is State.REJECTED else Progress.WAITING
    return Step("state", Progress.DONE if done else refused, binding.reason, binding.updated_at, told)


def _meaning(binding: Binding) -> str:
    """What happens next, by itself or by somebody."""
    if binding.state is State.VERIFYING and binding.verification.verdict not in PROOFS:
        return "the cloud is asked again until it answers"
    if binding.state is State.HELD and binding.reason in WAITS_FOR_ROOM:
        return "it goes on by itself when that is out of the way"
    if binding.state is State.HELD and binding.reason in RETRIED:
        return "it is tried again by itself"
    if binding.state is State.HELD:
        silent = binding.reason is Code.CLUSTER_SILENT
        return f"it waits for {'its agent to speak again, or for ' if silent else ''}an operator"
    if binding.state in LEAVING:
        return "its target is being taken off"
    return {
        State.VERIFYING: "it waits for the load balancer to be read",
        State.PENDING: "the next pass over the load balancer writes it",
        State.BOUND: "the load balancer sends to it",
        State.REJECTED: "only a bind of a newer revision starts anew",
    }.get(binding.state, "it has ended")
