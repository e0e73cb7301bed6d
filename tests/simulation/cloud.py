"""The cloud in memory: load balancers take one write at a time, stay busy after it, and answer as the CLB API does.

The facts are those that `app.simulator` has on the wire: a batch works for a while and leaves the load balancer busy;
weights are changed by a task that is asked about; a batch fails by listener.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.chaos.claims import BY_HAND
from tests.chaos.histories import Change, Place
from tests.simulation.calls import WEIGHTS, WRITES, Arrived, Mischief, targets_of
from tests.simulation.schedule import Schedule

Answer = Callable[[dict[str, Any] | None, tuple[str, str] | None], None]
"""What hears an answer: its fields, or the code and message of an error."""

INTERNAL = ("InternalError", "An internal error has occurred.")
UNANSWERED = ("ClientNetworkError", "the connection was closed")
DONE, FAILED, RUNNING, HANGS = 0, 1, 2, 3
"""A task's status; one that hangs is told as running for ever."""

LATELY = 20
"""Among so many of the last calls are all that have not ended."""

Targets = dict[tuple[str, int], int]
"""Weights by address and port."""


@dataclass
class Balancer:
    """A load balancer: listeners with their targets, and whether it can take a write."""

    listeners: dict[str, Targets]
    working: bool = False
    busy_until: float = 0.0


class Cloud:
    """Takes calls and edits by hand, and remembers both."""

    def __init__(self, schedule: Schedule, chance: Random, balancers: Mapping[str, tuple[str, ...]]) -> None:
        self.balancers = {name: Balancer({each: {} for each in listeners}) for name, listeners in balancers.items()}
        self.quota = 500
        self.mischief = Mischief()
        self.changes: list[Change] = []
        self.arrived: list[Arrived] = []
        self._schedule = schedule
        self._chance = chance
        self._tasks: dict[str, int] = {}
        self._sent = 0

    @property
    def targets(self) -> dict[Place, int]:
        """All targets with their weights."""
        return {
            Place(name, listener_id, ip, port): weight
            for name, balancer in self.balancers.items()
            for listener_id, targets in balancer.listeners.items()
            for (ip, port), weight in targets.items()
        }

    @property
    def busy(self) -> bool:
        """Whether something is under way that may still change a target."""
        return RUNNING in self._tasks.values() or any(each.finished_at is None for each in self.arrived[-LATELY:])

    def send(self, action: str, parameters: Mapping[str, Any], answer: Answer) -> None:
        """A call is on its way; ``answer`` is given what comes of it, or never."""
        mischief = self.mischief.strikes(self._chance, action)
        self._sent += 1
        request_id = f"r{self._sent}"
        if "request-lost" not in mischief:
            self._schedule.after(
                self._some(0.002, 0.01), lambda: self._receive(request_id, action, parameters, mischief, answer)
            )

    def edit(self, place: Place, weight: int | None) -> None:
        """Somebody sets a target by hand, or takes it off (None); nothing where there is no such listener."""
        balancer = self.balancers.get(place.load_balancer_id)
        if balancer is not None and place.listener_id in balancer.listeners:
            self._set(place, weight, BY_HAND)

    def empty(self, load_balancer_id: str, listener_id: str) -> None:
        """What goes with a listener that is deleted by hand."""
        for ip, port in list(self.balancers[load_balancer_id].listeners[listener_id]):
            self._set(Place(load_balancer_id, listener_id, ip, port), None, BY_HAND)

    def _receive(
        self, request_id: str, action: str, parameters: Mapping[str, Any], mischief: frozenset[str], answer: Answer
    ) -> None:
        name = parameters.get("LoadBalancerId") or next(iter(parameters.get("LoadBalancerIds", ())), None)
        targets = tuple(targets_of(parameters))
        call = Arrived(request_id, action, name, self._schedule.now, targets, len(targets), mischief=mischief)
        self.arrived.append(call)
        refusal = self._refusal(mischief)
        if refusal is not None:
            self._end(call, answer, None, refusal)
        elif "hang-before" in mischief:
            self._schedule.after(self.mischief.hang_seconds, lambda: self._work(call, parameters, answer))
        else:
            self._work(call, parameters, answer)

    def _refusal(self, mischief: frozenset[str]) -> tuple[str, str] | None:
        if "throttled" in mischief:
            return "RequestLimitExceeded", "too many calls"
        if "credential" in mischief:
            return "AuthFailure.SecretIdNotFound", "the secret id is not found"
        if "busy" in mischief:
            return "FailedOperation.ResourceInOperating", "not in normal desState"
        return INTERNAL if "internal-before" in mischief else None

    def _work(self, call: Arrived, parameters: Mapping[str, Any], answer: Answer) -> None:
        if call.action not in WRITES:
            self._schedule.after(self._some(0.01, 0.05), lambda: self._end(call, answer, *self._read(call, parameters)))
            return
        refusal = self._unfit(call)
        if refusal is not None:
            self._end(call, answer, None, refusal)
            return
        balancer = self.balancers[str(call.load_balancer_id)]
        if call.action == WEIGHTS:
            self._begin_task(call, balancer)
            self._end(call, answer, {}, None)
        else:
            balancer.working = True
            self._schedule.after(self._some(0.1, 0.4), lambda: self._end_batch(call, balancer, answer))

    def _unfit(self, call: Arrived) -> tuple[str, str] | None:
        """Why a write is refused as a whole; an empty one is, as it may mean everything."""
        balancer = self.balancers.get(str(call.load_balancer_id))
        if balancer is None:
            return "InvalidParameter.LBIdNotFound", f"{call.load_balancer_id} is not found"
        if balancer.working or balancer.busy_until > self._schedule.now:
            return "FailedOperation.ResourceInOperating", "not in normal desState"
        if not call.targets:
            return "InvalidParameter", "Targets: empty"
        for each in call.targets:
            there = balancer.listeners.get(each.listener_id)
            if there is None:
                return "InvalidParameter.ListenerIdNotFound", f"{each.listener_id} is not found"
            if call.action == WEIGHTS and (each.ip, each.port) not in there:
                return "InvalidParameter", f"{each.ip}:{each.port} is not bound"
            if each.ip == self.mischief.poisoned and call.action == "BatchRegisterTargets":
                return "InvalidParameterValue", f"{each.ip} cannot be bound"
        return self._over_quota(call, balancer)

    def _over_quota(self, call: Arrived, balancer: Balancer) -> tuple[str, str] | None:
        """The cloud counts what is bound and what is asked for together."""
        if call.action != "BatchRegisterTargets":
            return None
        for listener_id in {each.listener_id for each in call.targets}:
            asked = sum(each.listener_id == listener_id for each in call.targets)
            if asked + len(balancer.listeners[listener_id]) > self.quota:
                return "LimitExceeded", f"{listener_id}: more than {self.quota} targets"
        return None

    def _end_batch(self, call: Arrived, balancer: Balancer, answer: Answer) -> None:
        balancer.working = False
        balancer.busy_until = self._schedule.now + self._some(0.1, 0.6)
        failed = sorted({each.listener_id for each in call.targets})[:1] if "partial" in call.mischief else []
        if self.balancers.get(str(call.load_balancer_id)) is not balancer:
            self._end(call, answer, None, ("InvalidParameter.LBIdNotFound", "it is gone"))
            return
        self._apply(call, failed)
        self._end(call, answer, {"FailListenerIdSet": failed, "Message": "some failed" if failed else ""}, None)

    def _begin_task(self, call: Arrived, balancer: Balancer) -> None:
        self._tasks[call.request_id] = RUNNING
        due = self._some(0.05, 0.3)
        balancer.busy_until = self._schedule.now + due + self._some(0.1, 0.3)
        if "task-hangs" in call.mischief:
            self._tasks[call.request_id] = HANGS
        else:
            self._schedule.after(due, lambda: self._end_task(call, balancer))

    def _end_task(self, call: Arrived, balancer: Balancer) -> None:
        there = self.balancers.get(str(call.load_balancer_id)) is balancer
        if not there or "task-fails" in call.mischief:
            self._tasks[call.request_id] = FAILED
            return
        self._apply(call, [])
        self._tasks[call.request_id] = DONE

    def _apply(self, call: Arrived, failed: list[str]) -> None:
        if "no-effect" in call.mischief:
            return
        name = str(call.load_balancer_id)
        for each in call.targets:
            there = self.balancers[name].listeners.get(each.listener_id)
            if there is None or each.listener_id in failed:
                continue
            bound = (each.ip, each.port) in there
            if call.action == "BatchDeregisterTargets" and bound:
                call.changed |= self._set(Place(name, each.listener_id, each.ip, each.port), None, call.request_id)
            elif call.action != "BatchDeregisterTargets" and bound is (call.action == WEIGHTS):
                weight = each.weight
                call.changed |= self._set(Place(name, each.listener_id, each.ip, each.port), weight, call.request_id)

    def _set(self, place: Place, weight: int | None, cause: str) -> bool:
        there = self.balancers[place.load_balancer_id].listeners[place.listener_id]
        key = (place.ip, place.port)
        before = there.get(key)
        if before == weight:
            return False
        if weight is None:
            del there[key]
            told = ("removed", place, before or 0)
        else:
            there[key] = weight
            told = ("added" if before is None else "weight", place, weight)
        self.changes.append(Change(self._schedule.now, *told, cause))
        self._schedule.note("cloud", *told, cause)
        return True

    def _end(
        self, call: Arrived, answer: Answer, fields: dict[str, Any] | None, refusal: tuple[str, str] | None
    ) -> None:
        call.finished_at = self._schedule.now
        call.code = refusal[0] if refusal else None
        if "answer-lost" in call.mischief:
            return
        if fields is not None and "internal-after" in call.mischief:
            fields, refusal = None, INTERNAL
        elif fields is not None and "reset" in call.mischief:
            fields, refusal = None, UNANSWERED
        if refusal is not UNANSWERED:
            fields = {**(fields or {}), "RequestId": call.request_id}
        wait = self.mischief.hang_seconds if "hang-after" in call.mischief else self._some(0.002, 0.01)
        self._schedule.after(wait, lambda: answer(fields, refusal))

    def _read(
        self, call: Arrived, parameters: Mapping[str, Any]
    ) -> tuple[dict[str, Any] | None, tuple[str, str] | None]:
        if call.action == "DescribeTaskStatus":
            return {"Status": self._status(str(parameters["TaskId"]))}, None
        balancer = self.balancers.get(str(call.load_balancer_id))
        if call.action == "DescribeLoadBalancers":
            found = [] if balancer is None else [{"LoadBalancerId": call.load_balancer_id, "VpcId": "vpc-a"}]
            return {"LoadBalancerSet": found, "TotalCount": len(found)}, None
        if balancer is None:
            return None, ("InvalidParameter.LBIdNotFound", f"{call.load_balancer_id} is not found")
        if call.action == "DescribeListeners":
            listeners = [
                {"ListenerId": name, "Protocol": "TCP", "Port": 80 + number}
                for number, name in enumerate(balancer.listeners)
            ]
            return {"Listeners": listeners, "TotalCount": len(listeners)}, None
        asked = parameters["ListenerIds"]
        return {"Listeners": [_told(name, there) for name, there in balancer.listeners.items() if name in asked]}, None

    def _status(self, task_id: str) -> int:
        return min(self._tasks.get(task_id, FAILED), RUNNING)

    def _some(self, least: float, most: float) -> float:
        return least + (most - least) * self._chance.random()


def _told(listener_id: str, targets: Targets) -> dict[str, Any]:
    told = [{"PrivateIpAddresses": [ip], "Port": port, "Weight": weight} for (ip, port), weight in targets.items()]
    return {"ListenerId": listener_id, "Targets": told}
