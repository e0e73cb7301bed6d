"""Commands about bindings, and about why a pod is or is not bound."""

from typing import Any
from urllib.parse import quote

import click

from app.console.broker import Refused
from app.console.command import Asking, asking, limited
from app.console.output import Output, columns, show_item, show_items

COLUMNS = columns(
    binding="binding_id",
    cluster="cluster_id",
    namespace="pod.namespace",
    pod="pod.name",
    load_balancer="target.load_balancer_id",
    listener="target.listener_id",
    ip="target.ip",
    port="target.port",
    state="state",
    reason="reason",
    health="health",
    verdict="verification.verdict",
)
STATES = ("verifying", "pending", "bound", "draining", "removing", "held", "rejected", "released")
STEPS = columns(binding="binding_id", step="step", result="result", code="code", at="at", detail="detail")


@click.group()
def bindings() -> None:
    """Bindings: one pod at one target each."""


@bindings.command("list")
@asking
@click.option("--cluster", "cluster_id", help="of this cluster")
@click.option("--load-balancer", "load_balancer_id", help="on this load balancer")
@click.option("--listener", "listener_id", help="on this listener")
@click.option("--ip", help="of this address")
@click.option("--pod-uid", help="of this pod")
@click.option("--state", type=click.Choice(STATES), help="in this state")
@limited()
def list_(broker: Asking, limit: int, **filters: str | None) -> None:
    """Bindings by filters; all that are given must hold."""
    broker.list("/v1/bindings", filters, COLUMNS, limit)


@bindings.command()
@asking
@click.argument("binding_id")
def show(broker: Asking, binding_id: str) -> None:
    """One binding, with its proof."""
    broker.show("GET", f"/v1/bindings/{quote(binding_id, safe='')}")


@click.command()
@asking
@click.option("--ip", help="the pod's address")
@click.option("--pod-uid", help="the pod's uid")
def explain(broker: Asking, ip: str | None, pod_uid: str | None) -> None:
    """Why a pod is or is not bound, step by step; exit code 3 when nothing is known of it."""
    if (ip is None) == (pod_uid is None):
        raise click.UsageError("exactly one of --ip and --pod-uid is needed")
    answer = broker.broker.ask("GET", "/v1/explain", {"ip": ip, "pod_uid": pod_uid})
    if broker.output is Output.JSON:
        show_item(answer, broker.output)
    else:
        show_items(_steps(answer), STEPS, broker.output)
    if not answer["bindings"] and not answer["refused_events"]:
        raise _Nothing("the broker has heard nothing of it")


class _Nothing(Refused):
    exit_code = 3


def _steps(answer: dict[str, Any]) -> list[dict[str, Any]]:
    steps = [
        {"binding_id": binding["binding_id"], **step} for binding in answer["bindings"] for step in binding["steps"]
    ]
    refused = [
        {"step": f"event {entry['event_id']}", "result": "refused", "code": entry["reason"], "at": entry["recorded_at"]}
        | {"detail": entry["detail"]}
        for entry in answer["refused_events"]
    ]
    return steps + refused
