"""Commands about drift."""

from urllib.parse import quote

import click

from app.console.command import Asking, asking, limited
from app.console.output import columns

COLUMNS = columns(
    drift="drift_id",
    kind="kind",
    ip="ip",
    port="port",
    listener="listener_id",
    rule="location_id",
    weight="weight",
    seen_at="seen_at",
    action="action",
    cluster="cluster_id",
)


@click.group()
def drift() -> None:
    """Differences between the ledger and the cloud that the broker did not make."""


@drift.command("list")
@asking
@click.argument("load_balancer_id")
@limited()
def list_(broker: Asking, load_balancer_id: str, limit: int) -> None:
    """Differences on a load balancer, newest first, and what was done about each."""
    broker.list(f"/v1/load-balancers/{quote(load_balancer_id, safe='')}/drift", {}, COLUMNS, limit)


@drift.command()
@asking
@click.argument("load_balancer_id")
@click.argument("drift_id")
def ignore(broker: Asking, load_balancer_id: str, drift_id: str) -> None:
    """Note that a foreign target is known and stays."""
    load_balancer, difference = (quote(each, safe="") for each in (load_balancer_id, drift_id))
    broker.show("POST", f"/v1/load-balancers/{load_balancer}/drift/{difference}/ignore")
