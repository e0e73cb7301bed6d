"""The writes: binding targets, taking them off, weighing them. All of them need the load balancer for themselves.

Batch actions are synchronous: they work for a while, answer, and leave the load balancer busy for a tail. The others
answer at once and go on as a task. A write on a busy load balancer is refused, whatever it is about.
"""

import functools
import ipaddress
import time
from collections.abc import Mapping
from typing import Any

from app.simulator import moves
from app.simulator.errors import CloudError
from app.simulator.moves import Asked, Plan, Planner
from app.simulator.nouns import LoadBalancer
from app.simulator.request import Action, Answer, Request
from app.simulator.tasks import NEVER, Task

MOST_BATCH, MOST_SINGLE, MOST_ENTRIES, MOST_PER_ENTRY = 500, 20, 100, 50
MOST_WEIGHT, MOST_PORT = 100, 65_535

TARGET = {"Port": int, "Type": str, "InstanceId": str, "EniIp": str, "Weight": int, "Tag": str}
BATCH_TARGET = {
    "ListenerId": str, "LocationId": str, "Port": int, "InstanceId": str, "EniIp": str, "Weight": int, "Tag": str,
}  # fmt: skip
SINGLE = {
    "LoadBalancerId": str, "ListenerId": str, "LocationId": str, "Domain": str, "Url": str, "Targets": [TARGET],
}  # fmt: skip
BATCH = {"LoadBalancerId": str, "Targets": [BATCH_TARGET]}
ENTRY = {"ListenerId": str, "LocationId": str, "Domain": str, "Url": str, "Targets": [TARGET], "Weight": int}


def batch(request: Request, planner: Planner) -> Answer:
    """BatchRegisterTargets, BatchDeregisterTargets: works, answers which listeners failed, leaves a busy tail."""
    asked = [_asked(each, each) for each in _sized(request.asked["Targets"], "Targets", MOST_BATCH)]
    spoiled = _spoiled(request, asked)
    parameters = request.world.parameters
    load_balancer = _claim(request, asked, planner)
    try:
        request.wait(parameters.batch_seconds + len(asked) * parameters.batch_seconds_per_target)
        with request.world.held():
            _still_there(request, load_balancer)
            sound = [each for each in asked if each.listener_id not in spoiled]
            plan = moves.plan(request.world, load_balancer, sound, planner, batch=True)
            _apply(request, load_balancer, plan)
    finally:
        _release(request, load_balancer, len(asked))
    failed = {**plan.failed, **spoiled}
    if not failed:
        request.world.tasks.remember(Task(request.request_id, request.action.name, load_balancer.load_balancer_id))
    none: list[str] | None = [] if parameters.empty_fail_set == "list" else None
    return {"FailListenerIdSet": list(failed) or none, "Message": "; ".join(dict.fromkeys(failed.values()))}


def single(request: Request, planner: Planner) -> Answer:
    """RegisterTargets, DeregisterTargets, ModifyTargetWeight: begins a task on one listener or rule."""
    targets = _sized(request.asked["Targets"], "Targets", MOST_SINGLE)
    return _begin(request, [_asked(request.asked, each) for each in targets], planner)


def batch_weights(request: Request) -> Answer:
    """BatchModifyTargetWeight: begins a task over up to 100 entries of 50 targets, 500 in all."""
    entries = _sized(request.asked["ModifyList"], "ModifyList", MOST_ENTRIES)
    asked = [
        _asked(entry, each)
        for entry in entries
        for each in _sized(entry.get("Targets") or [], "ModifyList.Targets", MOST_PER_ENTRY)
    ]
    _sized(asked, "ModifyList.Targets", MOST_BATCH)
    return _begin(request, asked, moves.reweighting)


def _begin(request: Request, asked: list[Asked], planner: Planner) -> Answer:
    world, parameters = request.world, request.world.parameters
    with world.held():
        load_balancer = _free(request)
        moves.plan(world, load_balancer, asked, planner, batch=False)
        due = time.monotonic() + parameters.task_seconds
        load_balancer.busy_until = due + _tail(request, len(asked))
        task = Task(request.request_id, request.action.name, load_balancer.load_balancer_id, due)
        if request.struck_by("task-hangs"):
            task.due_at = NEVER
        world.tasks.begin(task, lambda: _finish(request, load_balancer, asked, planner))
    return {}


def _finish(request: Request, load_balancer: LoadBalancer, asked: list[Asked], planner: Planner) -> None:
    if request.struck_by("task-fails"):
        raise CloudError("FailedOperation", "The task has failed.")
    _still_there(request, load_balancer)
    plan = moves.plan(request.world, load_balancer, asked, planner, batch=False)
    _apply(request, load_balancer, plan)


def _apply(request: Request, load_balancer: LoadBalancer, plan: Plan) -> None:
    if not request.struck_by("no-effect"):
        request.record.changed = plan.apply(request.world, load_balancer, time.time(), request.request_id)


def _claim(request: Request, asked: list[Asked], planner: Planner) -> LoadBalancer:
    with request.world.held():
        load_balancer = _free(request)
        moves.plan(request.world, load_balancer, asked, planner, batch=True)
        load_balancer.working = True
    return load_balancer


def _release(request: Request, load_balancer: LoadBalancer, count: int) -> None:
    with request.world.held():
        load_balancer.working = False
        load_balancer.busy_until = max(load_balancer.busy_until, time.monotonic() + _tail(request, count))


def _tail(request: Request, count: int) -> float:
    parameters = request.world.parameters
    return parameters.tail_seconds + count * parameters.tail_seconds_per_target


def _free(request: Request) -> LoadBalancer:
    """The load balancer of the call, when nothing is at work on it."""
    load_balancer = find_load_balancer(request)
    if load_balancer.working or load_balancer.busy_until > time.monotonic():
        raise in_operating(load_balancer.load_balancer_id)
    return load_balancer


def find_load_balancer(request: Request) -> LoadBalancer:
    """The load balancer that the call names.

    Raises InvalidParameter.LBIdNotFound when its region has none of that id.
    """
    load_balancer_id = request.asked["LoadBalancerId"]
    found = request.world.load_balancers.get(load_balancer_id)
    if found is None or found.region != request.region:
        raise CloudError("InvalidParameter.LBIdNotFound", f"The loadbalancer {load_balancer_id} is not found")
    return found


def in_operating(load_balancer_id: str | None) -> CloudError:
    """The refusal of a busy load balancer in the cloud's own words."""
    message = (
        f"Loadbalancer({load_balancer_id}) is not in normal desState, "
        "maybe some tasks are being processed, please try later."
    )
    return CloudError("FailedOperation.ResourceInOperating", message)


def _still_there(request: Request, load_balancer: LoadBalancer) -> None:
    if find_load_balancer(request) is not load_balancer:
        raise CloudError(
            "InvalidParameter.LBIdNotFound", f"The loadbalancer {load_balancer.load_balancer_id} was replaced"
        )


def _spoiled(request: Request, asked: list[Asked]) -> dict[str, str]:
    """The listeners that fail by order, with their message."""
    if request.order is None or not request.struck_by("partial"):
        return {}
    named = request.order.listener_ids
    ids = dict.fromkeys(each.listener_id for each in asked if not named or each.listener_id in named)
    return dict.fromkeys(ids, "some listeners failed")


def _sized(values: list[Any], name: str, most: int) -> list[Any]:
    if not values:
        raise CloudError("InvalidParameter", f"`{name}` is empty.")
    if len(values) > most:
        raise CloudError(
            "InvalidParameterValue.Length", f"The length of `{name}` is {len(values)}, the limit is {most}."
        )
    return values


def _asked(place: Mapping[str, Any], target: Mapping[str, Any]) -> Asked:
    """One target; `place` says on which listener or rule, and the weight when the target has none of its own."""
    ip, instance_id, port = target.get("EniIp") or None, target.get("InstanceId") or None, target.get("Port")
    if (ip is None) == (instance_id is None):
        raise CloudError("InvalidParameter", "One of InstanceId and EniIp is needed, and one only.")
    if not place.get("ListenerId"):
        raise CloudError("MissingParameter", "The request is missing a required parameter `ListenerId`.")
    if port is None or not 1 <= port <= MOST_PORT:
        raise CloudError("InvalidParameterValue", f"The port {port} is not between 1 and {MOST_PORT}.")
    weight = place.get("Weight") if target.get("Weight") is None else target["Weight"]
    if weight is not None and not 0 <= weight <= MOST_WEIGHT:
        raise CloudError("InvalidParameterValue.Range", f"The weight {weight} is not between 0 and {MOST_WEIGHT}.")
    where = (place.get("LocationId") or None, place.get("Domain") or None, place.get("Url") or None)
    return Asked(place["ListenerId"], port, _address(ip), instance_id, weight, *where, target.get("Tag"))


@functools.lru_cache(maxsize=100_000)
def _address(ip: str | None) -> str | None:
    try:
        return None if ip is None else str(ipaddress.ip_address(ip))
    except ValueError:
        raise CloudError("InvalidParameterValue", f"{ip} is not an IP address.") from None


def _writes() -> tuple[Action, ...]:
    targets, weigh = ("LoadBalancerId", "Targets"), {**SINGLE, "Weight": int}
    here = ("LoadBalancerId", "ListenerId", "Targets")
    begin_removal = functools.partial(single, planner=moves.removal_of_all)
    begin_weighing = functools.partial(single, planner=moves.reweighting)
    return (
        Action(
            "BatchRegisterTargets", "clb", BATCH, functools.partial(batch, planner=moves.registration), targets, "batch"
        ),
        Action(
            "BatchDeregisterTargets",
            "clb",
            BATCH,
            functools.partial(batch, planner=moves.removal_of_any),
            targets,
            "batch",
        ),
        Action("RegisterTargets", "clb", SINGLE, functools.partial(single, planner=moves.registration), here, "task"),
        Action("DeregisterTargets", "clb", SINGLE, begin_removal, here, "task"),
        Action("ModifyTargetWeight", "clb", weigh, begin_weighing, here, "task"),
        Action(
            "BatchModifyTargetWeight",
            "clb",
            {"LoadBalancerId": str, "ModifyList": [ENTRY]},
            batch_weights,
            ("LoadBalancerId", "ModifyList"),
            "task",
        ),
    )


ACTIONS = _writes()
