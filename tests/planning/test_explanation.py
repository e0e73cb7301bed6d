"""Why a pod is or is not bound: each step by itself, and what happens next in every state."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.binding import LIVE, Binding, State, Verdict, Verification
from app.domain.codes import Code
from app.domain.journal import Action, Entry
from app.domain.load_balancer import Grant, LoadBalancer
from app.planning.explanation import Progress, Step, explained
from tests.planning.builders import NOW, PROVEN, SECOND, binding, grant, load_balancer

CREATED = (NOW, Entry(Action.BINDING_CREATED, event_id="e-1"))
CALLED = (NOW + SECOND, Entry(Action.BINDING_MOVED, cloud_request_id="req-7"))
FAILED = {"check": "no-node", "result": "failed", "code": "address-is-node", "evidence": {"detail": "ins-1 has it"}}


def steps(
    of: Binding,
    *history: tuple[Any, Entry],
    of_balancer: LoadBalancer | None = None,
    granted: Grant | None = None,
    unknown: bool = False,
) -> dict[str, Step]:
    """The steps of a binding by name; the shop's load balancer and a grant on all of it are there by default."""
    balancer = None if unknown else of_balancer or load_balancer()
    return {step.step: step for step in explained(of, history, balancer, granted or grant())}


def test_the_steps_come_in_the_order_in_which_they_are_taken() -> None:
    proof = Verification(Verdict.DISPROVEN, "eni", NOW, {"checks": [FAILED], "detail": "ins-1 has it"})
    assert list(steps(binding(State.REJECTED, verification=proof))) == [
        "event",
        "check: no-node",
        "verification",
        "grant",
        "listener",
        "place",
        "cloud",
        "state",
    ]


def test_the_event_that_asked_for_it_is_named_or_a_snapshot() -> None:
    by_event, by_snapshot = steps(binding(), CREATED)["event"], steps(binding())["event"]
    assert (by_event.result, "event e-1" in str(by_event.detail)) == (Progress.DONE, True)
    assert (by_snapshot.result, "a snapshot" in str(by_snapshot.detail)) == (Progress.DONE, True)


@pytest.mark.parametrize(
    ("result", "progress"),
    [
        ("passed", Progress.DONE),
        ("failed", Progress.REFUSED),
        ("unknown", Progress.WAITING),
        ("skipped", Progress.SKIPPED),
        ("not-applicable", Progress.SKIPPED),
    ],
)
def test_each_check_is_told_with_its_result(result: str, progress: Progress) -> None:
    proof = Verification(Verdict.UNKNOWN, "eni", NOW, {"checks": [FAILED | {"result": result}]})
    step = steps(binding(verification=proof))["check: no-node"]
    assert step == Step("check: no-node", progress, "address-is-node", NOW, "ins-1 has it")


@pytest.mark.parametrize(
    ("proof", "progress", "told"),
    [
        (PROVEN, Progress.DONE, "proven"),
        (replace(PROVEN, warnings=("loopback-possible",)), Progress.DONE, "proven: loopback-possible"),
        (Verification(Verdict.DECLARED, "cidr", NOW), Progress.DONE, "declared"),
        (Verification(Verdict.DISPROVEN, "eni", NOW, {"detail": "gone"}), Progress.REFUSED, "disproven: gone"),
        (Verification(Verdict.UNKNOWN, "eni", NOW, {"detail": "silence"}), Progress.WAITING, "unknown: silence"),
        (Verification(Verdict.UNKNOWN), Progress.WAITING, "unknown: no worker has looked at it yet"),
    ],
)
def test_the_verdict_is_told_with_its_reason(proof: Verification, progress: Progress, told: str) -> None:
    step = steps(binding(verification=proof))["verification"]
    assert (step.result, step.detail) == (progress, told)


def test_a_grant_counts_for_the_listener_that_is_meant() -> None:
    (all_of_it, this_one, another) = (
        steps(binding(), granted=given)["grant"] for given in (grant(), grant("lbl-tcp"), grant("lbl-udp"))
    )
    assert [step.result for step in (all_of_it, this_one, another)] == [Progress.DONE, Progress.DONE, Progress.REFUSED]
    assert another.code == Code.NOT_GRANTED
    none = {step.step: step for step in explained(binding(), [], load_balancer(), None)}["grant"]
    assert (none.result, none.code) == (Progress.REFUSED, Code.NOT_GRANTED)


def test_what_is_wrong_with_the_listener_is_told() -> None:
    nowhere = replace(binding(), slot=None, target=replace(binding().target, listener_id="lbl-9"))
    found = [
        steps(binding(), unknown=True)["listener"],
        steps(binding(), of_balancer=load_balancer(missing=True))["listener"],
        steps(binding(), of_balancer=load_balancer(unread=True))["listener"],
        steps(nowhere)["listener"],
        steps(binding())["listener"],
    ]
    assert [(step.result, step.code) for step in found] == [
        (Progress.WAITING, Code.LOAD_BALANCER_NOT_FOUND),
        (Progress.WAITING, Code.LOAD_BALANCER_NOT_FOUND),
        (Progress.WAITING, None),
        (Progress.WAITING, Code.LISTENER_NOT_FOUND),
        (Progress.DONE, None),
    ]


def test_a_place_is_held_waited_for_or_given_up() -> None:
    held = binding(State.HELD, reason=Code.CLAIMED_BY_OTHER_CLUSTER, detail="cls-theirs has it", holder=False)
    found = [
        steps(each)["place"]
        for each in (binding(State.BOUND, holder=True), held, binding(State.RELEASED, holder=False))
    ]
    assert [(step.result, step.code) for step in found] == [
        (Progress.DONE, None),
        (Progress.WAITING, Code.CLAIMED_BY_OTHER_CLUSTER),
        (Progress.SKIPPED, None),
    ]
    assert found[1].detail == "cls-theirs has it"


def test_the_last_call_to_the_cloud_is_named_or_its_error() -> None:
    bound, adopted = (
        steps(binding(State.BOUND), CREATED, CALLED)["cloud"],
        steps(binding(State.BOUND), CREATED)["cloud"],
    )
    assert (bound.detail, adopted.detail) == ("last call: req-7", "it was there already")
    trouble = replace(load_balancer(), last_error="RequestLimitExceeded")
    waiting = steps(binding(State.PENDING, placed=False), of_balancer=trouble)["cloud"]
    assert (waiting.result, waiting.detail) == (Progress.WAITING, "RequestLimitExceeded")
    leaving = steps(binding(State.REMOVING, placed=True), CREATED, CALLED, of_balancer=trouble)["cloud"]
    told = "a target of it may be there; last call: req-7; the last pass failed: RequestLimitExceeded"
    assert (leaving.result, leaving.detail) == (Progress.WAITING, told)
    gone = steps(binding(State.RELEASED, placed=False))["cloud"]
    assert (gone.result, gone.detail) == (Progress.SKIPPED, "no target of it is there")


@pytest.mark.parametrize(
    ("state", "reason", "proof", "result", "told"),
    [
        (State.VERIFYING, None, Verification(Verdict.UNKNOWN), Progress.WAITING, "asked again until it answers"),
        (State.VERIFYING, None, PROVEN, Progress.WAITING, "waits for the load balancer to be read"),
        (State.PENDING, None, PROVEN, Progress.WAITING, "the next pass"),
        (State.BOUND, None, PROVEN, Progress.DONE, "sends to it"),
        (State.DRAINING, None, PROVEN, Progress.WAITING, "being taken off"),
        (State.REMOVING, Code.PROOF_LOST, PROVEN, Progress.WAITING, "removing (proof-lost): "),
        (State.HELD, Code.FOUR_TUPLE_CONFLICT, PROVEN, Progress.WAITING, "goes on by itself"),
        (State.HELD, Code.LISTENER_NOT_FOUND, PROVEN, Progress.WAITING, "goes on by itself"),
        (State.HELD, Code.QUOTA_EXCEEDED, PROVEN, Progress.WAITING, "tried again by itself"),
        (State.HELD, Code.CLOUD_REFUSED, PROVEN, Progress.WAITING, "tried again by itself"),
        (State.HELD, Code.REMOVAL_GUARD, PROVEN, Progress.WAITING, "waits for an operator"),
        (State.HELD, Code.CLUSTER_SILENT, PROVEN, Progress.WAITING, "agent to speak again, or for an operator"),
        (State.REJECTED, Code.ENI_NOT_FOUND, PROVEN, Progress.REFUSED, "a newer revision"),
        (State.RELEASED, Code.SUPERSEDED, PROVEN, Progress.DONE, "has ended"),
    ],
)
def test_every_state_says_what_happens_next(
    state: State, reason: Code | None, proof: Verification, result: Progress, told: str
) -> None:
    step = steps(binding(state, reason=reason, verification=proof))["state"]
    assert (step.result, step.code, step.at) == (result, reason, binding(state).updated_at)
    assert str(step.detail).startswith(state.value)
    assert told in str(step.detail)


def test_no_live_state_is_told_to_have_ended() -> None:
    ended = {state for state in State if "has ended" in str(steps(binding(state))["state"].detail)}
    assert ended & LIVE == set()
