"""Commands about clusters."""

from urllib.parse import quote

import click

from app.console.command import Asking, asking, limited
from app.console.output import columns

COLUMNS = columns(
    cluster="cluster_id",
    account="account_id",
    region="region",
    verification="verification",
    state="state",
    last_seen="last_seen_at",
    alarm="alarm",
)


@click.group()
def clusters() -> None:
    """Clusters, what is known of them, and whether their agents speak."""


@clusters.command("list")
@asking
@limited()
def list_(broker: Asking, limit: int) -> None:
    """All clusters."""
    broker.list("/v1/clusters", {}, COLUMNS, limit)


@clusters.command()
@asking
@click.argument("cluster_id")
def show(broker: Asking, cluster_id: str) -> None:
    """One cluster, with the topology in use."""
    broker.show("GET", f"/v1/clusters/{quote(cluster_id, safe='')}")


@clusters.command()
@asking
@click.argument("cluster_id")
@click.confirmation_option(prompt="Take all of the cluster's targets off?")
def evacuate(broker: Asking, cluster_id: str) -> None:
    """Take all of a cluster's targets off, drained: the way to remove what a silent cluster left."""
    broker.show("POST", f"/v1/clusters/{quote(cluster_id, safe='')}/evacuate")
