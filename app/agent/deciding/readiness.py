"""What a pod's readiness gate should say.

The gate opens when the broker reports the pod bound and healthy at every target that it belongs to, and closes when one
of them goes. In between it follows what is known, and never a silence: an agent that has just started, a broker that
does not answer, a weight that changes, a listener that comes to an open pod's others leave it as it is. A gate that
closed without cause would take the pod from all its other users, too.

A gate that no direct-access Service stands behind any more does not hold its pod back: it is opened, as a pod without a
gate would be ready. So is that of a pod on its node's network, which cannot be bound. But a pod whose Service names no
load balancer, or has a broken annotation, waits: a rolling update stops there, and old pods go on serving.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from app.agent.deciding.objects import Condition, Pod, Service
from app.agent.deciding.reports import Report
from app.agent.deciding.targets import ServiceDecision, TargetName

SERVES: Final = frozenset({"healthy", "off"})
"""Healths of a target that gets traffic: it passed its check, or its listener has none."""

BOUND: Final = "Bound"
NOT_BOUND: Final = "NotBound"
UNHEALTHY: Final = "Unhealthy"
NOT_SELECTED: Final = "NotSelected"
HOST_NETWORK: Final = "HostNetwork"
"""Reasons of the condition. Where the broker gives a code, that is the reason, as it is."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a pod's gate waits for: ``targets``; ``selected``: a direct-access Service selects the pod."""

    selected: bool
    targets: tuple[TargetName, ...] = ()


class _Look(Enum):
    READY = auto()
    WAITING = auto()
    BAD = auto()


_BOUND: Final = {"healthy": _Look.READY, "off": _Look.READY, "unhealthy": _Look.BAD}


def expectation(pod: Pod, services: Iterable[Service], decisions: Iterable[ServiceDecision]) -> Expectation:
    """What the gate of ``pod`` waits for.

    ``services`` are those of its namespace, of which the ones with direct access count, ``decisions`` theirs.
    """
    members = [decision.members[pod.uid] for decision in decisions if pod.uid in decision.members]
    targets = dict.fromkeys(target for member in members for target in member.targets)
    selected = bool(members) or any(service.direct_access and service.selects(pod) for service in services)
    return Expectation(selected, tuple(targets))


def gate_condition(pod: Pod, expected: Expectation, reports: Sequence[Report], *, complete: bool) -> Condition | None:
    """The condition to write, None when the one there is may stay (or the pod has no gate, or terminates).

    ``reports`` are those of the pod; ``complete`` as in `Reports`: until all bindings were read once, no gate closes.
    """
    if not pod.gated or pod.terminating:
        return None
    opened = pod.condition is not None and pod.condition.status == "True"
    found = _condition(pod, expected, reports, opened=opened)
    if found is None or (found.status == "False" and not complete):
        return None
    now = pod.condition
    same = now is not None and (now.status, now.reason) == (found.status, found.reason)
    return None if same else found


def _condition(pod: Pod, expected: Expectation, reports: Sequence[Report], *, opened: bool) -> Condition | None:
    if pod.host_network:
        return Condition(
            "True", HOST_NETWORK, "the pod uses its node's network and cannot be bound: nothing to wait for"
        )
    if not expected.selected:
        # A Service may be seen a moment after its pods: until its containers are ready, nothing is lost by waiting.
        return Condition("True", NOT_SELECTED, "no direct-access Service selects the pod") if pod.ready else None
    if expected.targets:
        return _at_targets(pod, expected.targets, reports, opened=opened)
    gone = [report for report in reports if not report.wanted]
    if opened and gone and len(gone) == len(reports):
        return Condition("False", gone[0].reason or NOT_BOUND, f"{gone[0].target}: {gone[0].state}")
    return None


def _at_targets(
    pod: Pod, targets: Sequence[TargetName], reports: Sequence[Report], *, opened: bool
) -> Condition | None:
    known = {report.target: report for report in reports}
    looks = [_seen(known.get(target), pod, opened=opened) for target in targets]
    bad = next((known[target] for target, look in zip(targets, looks, strict=True) if look is _Look.BAD), None)
    ready = looks.count(_Look.READY)
    if bad is not None:
        return _closed(bad)
    if ready == len(looks):
        return Condition("True", BOUND, f"bound at {ready} target{'s' if ready > 1 else ''}")
    if opened and not ready:
        return Condition("False", NOT_BOUND, f"{targets[0]}: not bound yet")
    return None


def _seen(report: Report | None, pod: Pod, *, opened: bool) -> _Look:
    """How one target looks; ``opened`` says that the gate is open now, and stays so while the target is there.

    ::

        not reported, or of another address of the pod -> waiting
        bound       healthy, off -> ready; unhealthy -> bad; unknown -> as it was
        pending     at the cloud and open: a weight changes -> ready; else waiting
        held        at the cloud, serving and open: it goes on -> ready; else bad
        verifying   waiting
        draining, removing, released, rejected -> bad
    """
    if report is None or (pod.ip is not None and report.ip != pod.ip):
        return _Look.WAITING
    there = opened and report.at_cloud
    table = {
        "bound": _BOUND.get(report.health, _Look.READY if opened else _Look.WAITING),
        "pending": _Look.READY if there and report.health != "unhealthy" else _Look.WAITING,
        "held": _Look.READY if there and report.health in SERVES else _Look.BAD,
        "verifying": _Look.WAITING,
    }
    return table.get(report.state, _Look.BAD)


def _closed(report: Report) -> Condition:
    reason = report.reason or (UNHEALTHY if report.state == "bound" else NOT_BOUND)
    state = f"{report.state}, {report.reason}" if report.reason else report.state
    detail = f": {report.detail}" if report.detail else ""
    return Condition("False", reason, f"{report.target}: {state}, health {report.health}{detail}")
