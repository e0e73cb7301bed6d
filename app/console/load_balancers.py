"""Commands about load balancers: what they are, and what was bound there."""

from urllib.parse import quote

import click

from app.console.command import Asking, asking, limited
from app.console.output import columns

COLUMNS = columns(
    load_balancer="load_balancer_id",
    account="account_id",
    region="region",
    vpc="vpc_id",
    missing="missing",
    lag_seconds="sync.lag_seconds",
    alarm="sync.alarm",
    last_error="sync.last_error",
)
TARGETS = columns(
    ip="ip", port="port", weight="weight", listener="listener_id", cluster="cluster_id", binding="binding_id"
)


@click.group("load-balancers")
def load_balancers() -> None:
    """Load balancers, and how far the broker is with them."""


@load_balancers.command("list")
@asking
@limited()
def list_(broker: Asking, limit: int) -> None:
    """All load balancers."""
    broker.list("/v1/load-balancers", {}, COLUMNS, limit)


@load_balancers.command()
@asking
@click.argument("load_balancer_id")
def show(broker: Asking, load_balancer_id: str) -> None:
    """One load balancer, with its listeners and rules as last read."""
    broker.show("GET", f"/v1/load-balancers/{quote(load_balancer_id, safe='')}")


@load_balancers.command()
@asking
@click.argument("load_balancer_id")
@click.option("--at", metavar="TIME", help="at this moment, e.g. 2026-11-22T10:42:00Z  [default: now]")
@limited()
def targets(broker: Asking, load_balancer_id: str, at: str | None, limit: int) -> None:
    """What the broker had bound there at a moment."""
    broker.list(f"/v1/load-balancers/{quote(load_balancer_id, safe='')}/targets", {"at": at}, TARGETS, limit)
