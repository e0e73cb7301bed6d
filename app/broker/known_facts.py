"""Reading what a batch of events is judged by, and writing what comes of it: a handful of statements either way."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from app.domain.binding import Binding
from app.domain.cluster import Cluster
from app.domain.errors import RequestRefused
from app.domain.event import PodEvent
from app.ledger import bindings, clusters, events, grants, heads, journal, load_balancers
from app.ledger.connection import Connection, clock
from app.planning.known import Known
from app.planning.reception import Reception


def lock_agent(connection: Connection, cluster_id: str) -> Cluster:
    """Act on the word of a cluster's agent, alone. Raises `RequestRefused` (404)."""
    found = clusters.lock_agent(connection, cluster_id)
    if found is None:
        raise RequestRefused(404, "cluster-not-found", f"there is no cluster {cluster_id}")
    return found


def known_around(
    connection: Connection,
    cluster: Cluster,
    asked: Sequence[PodEvent],
    drain_seconds: int,
    event_ids: Collection[str] = (),
    others: Sequence[Binding] = (),
) -> Known:
    """Lock the load balancers that ``asked`` and ``others`` name, and read all that judging them needs.

    The cluster's agent must be locked already. ``event_ids`` are looked up among the events received before.
    """
    load_balancer_ids = {event.target.load_balancer_id for event in asked}
    load_balancer_ids |= {binding.target.load_balancer_id for binding in others}
    locked = load_balancers.lock(connection, load_balancer_ids)
    addresses = {(event.target.load_balancer_id, event.pod.ip) for event in asked if event.pod.ip is not None}
    pod_uids = {event.pod.uid for event in asked} | {binding.pod.uid for binding in others}
    found = heads.around(connection, cluster.account_id, cluster.cluster_id, pod_uids, addresses)
    binding_ids = {head.binding_id for head in found if head.binding_id} | {other.binding_id for other in others}
    return Known(
        account_id=cluster.account_id,
        cluster_id=cluster.cluster_id,
        now=clock(connection),
        drain_seconds=drain_seconds,
        load_balancers=locked,
        grants=grants.of_cluster(connection, cluster.cluster_id, load_balancer_ids),
        answers=events.answers(connection, cluster.cluster_id, event_ids) if event_ids else {},
        heads=found,
        bindings=bindings.around_addresses(connection, addresses, binding_ids),
    )


def write_reception(
    connection: Connection, known: Known, reception: Reception, actor: str, contents: Mapping[str, Any]
) -> None:
    """Write everything that a fold changed, and that the agent spoke; a new binding calls for a look at its address."""
    visible = {entry.binding_id for entry in reception.entries if entry.binding_id is not None}
    created, changed = list(reception.created.values()), list(reception.changed.values())
    heads.write(connection, known.account_id, known.cluster_id, reception.heads.values())
    events.add(connection, known.account_id, known.cluster_id, reception.answers, contents)
    journal.add(connection, actor, reception.entries)
    _want_passes(connection, known.cluster_id, reception)
    # Last, since workers on other load balancers wait for the numbers of changes.
    before = {binding.binding_id: binding for binding in known.bindings}
    bindings.write(connection, created, changed, visible, before)
    clusters.heard(connection, known.cluster_id, asks=bool(created))


def _want_passes(connection: Connection, cluster_id: str, reception: Reception) -> None:
    if reception.leaving:
        load_balancers.want(connection, reception.leaving, cluster_id=cluster_id, event=True, first=True)
    urgent = reception.urgent - reception.leaving
    if urgent:
        load_balancers.want(connection, urgent, cluster_id=cluster_id, event=True)
    later = reception.dirty - reception.urgent - reception.leaving
    if later:
        # Nothing but addresses that wait for their verdict, which will make the pass due.
        load_balancers.want(connection, later, cluster_id=cluster_id, event=True, at_once=False)
