"""Commands about what was: history, and who had an address."""

import click

from app.console.command import Asking, asking, limited
from app.console.output import columns

COLUMNS = columns(
    sequence="sequence",
    recorded_at="recorded_at",
    action="action",
    cluster="cluster_id",
    pod_uid="pod_uid",
    load_balancer="load_balancer_id",
    listener="listener_id",
    ip="ip",
    port="port",
    from_state="from_state",
    to_state="to_state",
    reason="reason",
    actor="actor",
    cloud_request="cloud_request_id",
    detail="detail",
)
OWNERS = columns(
    ip="ip",
    port="port",
    load_balancer="load_balancer_id",
    listener="listener_id",
    weight="weight",
    cluster="cluster_id",
    pod_uid="pod_uid",
    binding="binding_id",
)


@click.command()
@asking
@click.option("--cluster", "cluster_id", help="of this cluster")
@click.option("--load-balancer", "load_balancer_id", help="on this load balancer")
@click.option("--listener", "listener_id", help="on this listener")
@click.option("--ip", help="of this address")
@click.option("--pod-uid", help="of this pod")
@click.option("--binding", "binding_id", help="of this binding")
@click.option("--actor", help="by this actor")
@click.option("--action", help="of this kind")
@click.option("--from", "since", metavar="TIME", help="from this moment, e.g. 2026-11-22T10:42:00Z")
@click.option("--to", "until", metavar="TIME", help="to before this moment")
@click.option("--order", type=click.Choice(["asc", "desc"]), default="desc", show_default=True, help="by time")
@limited()
def history(broker: Asking, limit: int, since: str | None, until: str | None, **filters: str | None) -> None:
    """Who bound what, when and why."""
    broker.list("/v1/history", {**filters, "from": since, "to": until}, COLUMNS, limit)


@click.command("who-had")
@asking
@click.argument("ip")
@click.option("--at", metavar="TIME", help="at this moment, e.g. 2026-11-22T10:42:00Z  [default: now]")
@limited()
def who_had(broker: Asking, ip: str, at: str | None, limit: int) -> None:
    """Who had an address at a moment, on every load balancer."""
    broker.list("/v1/targets", {"ip": ip, "at": at}, OWNERS, limit)
