"""Load balancers at the cloud: read them, and register, reweigh and deregister targets in batches."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from app.cloud import translate
from app.cloud.client import Client
from app.cloud.fields import texts
from app.cloud.pages import Listing, asked_for, named, read_pages, readable
from app.domain.errors import CloudAmbiguous, CloudRefused, CloudResourceMissing, CloudTemporary
from app.domain.load_balancer import Inventory
from app.domain.target import Place
from app.ownership.evidence import Vip
from app.planning.observed import Observed
from app.planning.plan import Change, Kind

LISTENERS_PER_READ: Final = 20
"""Most listeners of one DescribeTargets call (CLB API)."""

QUOTA: Final = "TOTAL_TARGET_BIND_QUOTA"

TASK_POLL_SECONDS: Final = 0.5
TASK_DONE, TASK_FAILED = 0, 1
"""DescribeTaskStatus: 0 done, 1 failed, 2 running (CLB API)."""


class PartialFailure(CloudTemporary):
    """HTTP 200 with failed listeners: what was meant for the others may have been done."""

    def __init__(self, message: str, request_id: str, failed_listeners: frozenset[str]) -> None:
        super().__init__("PartialFailure", message, request_id)
        self.failed_listeners = failed_listeners


def read_inventory(client: Client, load_balancer_id: str) -> Inventory | None:
    """The load balancer with its listeners and rules; None when the cloud says that it does not exist.

    Raises a `CloudError` when the cloud does not answer: that says nothing about the load balancer.
    """
    try:
        answer = client.call("clb", "DescribeLoadBalancers", {"LoadBalancerIds": [load_balancer_id]})
        found = asked_for("DescribeLoadBalancers", answer, "LoadBalancerSet", ("LoadBalancerId", load_balancer_id))
        if found is None:
            return None
        listeners = client.call("clb", "DescribeListeners", {"LoadBalancerId": load_balancer_id})
    except CloudResourceMissing:
        return None
    among = named("DescribeListeners", listeners, "Listeners")
    return readable("DescribeListeners", lambda: translate.inventory(found, among))


def read_vips(client: Client) -> dict[str, tuple[Vip, ...]]:
    """The addresses of all load balancers of the account in the region. Raises a `CloudError`."""
    listing = Listing("clb", "DescribeLoadBalancers", "LoadBalancerSet", {})
    found: dict[str, tuple[Vip, ...]] = {}
    for ips, vip in read_pages(client, listing, translate.vips).items:
        found |= {ip: tuple({*found.get(ip, ()), vip}) for ip in ips}
    return found


def read_target_quota(client: Client) -> int | None:
    """The most targets of one listener or rule; None when the cloud does not say. Raises a `CloudError`.

    CLB API, DescribeQuota: TOTAL_TARGET_BIND_QUOTA.
    """
    answer = client.call("clb", "DescribeQuota", {})
    found = answer.get("QuotaSet") or ()
    limits = readable("DescribeQuota", lambda: [each.get("QuotaLimit") for each in found if each["QuotaId"] == QUOTA])
    return limits[0] if limits and type(limits[0]) is int and limits[0] > 0 else None


def read_targets(client: Client, load_balancer_id: str, listener_ids: Sequence[str]) -> Observed:
    """The targets of these listeners with their weights. A listener that the answer leaves out counts as not read."""
    read: set[str] = set()
    weights: dict[Place, int] = {}
    for start in range(0, len(listener_ids), LISTENERS_PER_READ):
        part = list(listener_ids[start : start + LISTENERS_PER_READ])
        answer = client.call("clb", "DescribeTargets", {"LoadBalancerId": load_balancer_id, "ListenerIds": part})
        observed = readable("DescribeTargets", partial(_observed, client.account_id, load_balancer_id, part, answer))
        read |= observed.listener_ids
        weights |= observed.weights
    return Observed(frozenset(read), weights)


def _observed(account_id: str, load_balancer_id: str, asked: Sequence[str], answer: Mapping[str, Any]) -> Observed:
    listeners = [each for each in answer.get("Listeners") or () if each.get("ListenerId") in asked]
    read = frozenset(listener["ListenerId"] for listener in listeners)
    return Observed(read, translate.weights(account_id, load_balancer_id, listeners))


def write_changes(
    client: Client,
    load_balancer_id: str,
    kind: Kind,
    changes: Sequence[Change],
    *,
    send_before: float | None = None,
    task_seconds: float = 15.0,
    pause: Callable[[float], None] = time.sleep,
) -> str:
    """Make one batch of changes of one kind; the cloud's RequestId.

    Raises a `CloudError`; `CloudNotSent` after ``send_before``; `PartialFailure` names the listeners that failed. An
    answer without error is no proof that anything happened: read back. Waits up to ``task_seconds`` for weights, which
    the cloud changes asynchronously.
    """
    if not changes:
        raise ValueError("an empty batch is never sent: the cloud may take it for everything")
    request: dict[str, object] = {"LoadBalancerId": load_balancer_id}
    if kind is Kind.REWEIGH:
        request["ModifyList"] = translate.weight_rules(changes)
        answer = client.call("clb", "BatchModifyTargetWeight", request, send_before)
        request_id = str(answer["RequestId"])
        _wait_for_task(client, request_id, pause, task_seconds)
        return request_id
    registers = kind is Kind.REGISTER
    request["Targets"] = translate.batch_targets(changes, weighed=registers)
    action = "BatchRegisterTargets" if registers else "BatchDeregisterTargets"
    answer = client.call("clb", action, request, send_before)
    request_id = str(answer["RequestId"])
    # An answer that cannot be read after a write is settled as any other that says nothing: by reading back.
    failed = readable(action, lambda: frozenset(texts(answer.get("FailListenerIdSet"))))
    if failed:
        raise PartialFailure(str(answer.get("Message") or "some listeners failed"), request_id, failed)
    return request_id


def _wait_for_task(client: Client, request_id: str, pause: Callable[[float], None], seconds: float) -> None:
    end = time.monotonic() + seconds
    while (status := _task_status(client, request_id)) != TASK_DONE:
        if status == TASK_FAILED:
            raise CloudRefused("TaskFailed", f"task {request_id} failed", request_id)
        if time.monotonic() >= end:
            raise CloudAmbiguous("TaskUnfinished", f"task {request_id} had no end after {seconds:g} s", request_id)
        pause(TASK_POLL_SECONDS)


def _task_status(client: Client, request_id: str) -> int | None:
    """None when the cloud gave no answer. The write was accepted: trouble with asking about it is no word about it."""
    try:
        status: int | None = client.call("clb", "DescribeTaskStatus", {"TaskId": request_id}).get("Status")
    except CloudTemporary:
        return None
    except CloudRefused as error:
        raise CloudAmbiguous("TaskUnknown", f"task {request_id}: {error}", request_id) from error
    return status
