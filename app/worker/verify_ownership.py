"""Verify the addresses of one cluster that wait for a verdict: gather the evidence once, judge all of them by it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import structlog

from app.broker.record_verdicts import Waiting, load_unproven, record_verdicts
from app.broker.take_work import keep_lease
from app.cloud.client import Client
from app.cloud.networks import ADDRESSES_PER_READ, read_attachments, read_interfaces, read_routes
from app.domain.binding import Binding
from app.domain.cluster import NetworkMode, Verification
from app.domain.errors import CloudError
from app.ledger.leases import Lease
from app.ownership.evidence import Evidence, InterfaceAddress, Subject
from app.ownership.verdict import verify
from app.worker.workshop import Workshop

log = structlog.get_logger(__name__)
T = TypeVar("T")


def verify_ownership(workshop: Workshop, lease: Lease) -> None:
    """Judge what waits in the leased cluster. Raises `LeaseLost`, `LedgerUnavailable`.

    When the cloud does not answer, the verdict is unknown, and the addresses are asked about again after a pause.
    """
    waiting = load_unproven(workshop.ledger, lease)
    evidence = _gather(workshop, lease, waiting)
    now = datetime.now(UTC)
    verification = waiting.cluster.verification
    verdicts = {
        binding.binding_id: verify(Subject(binding.ip, binding.network_mode, verification), evidence, now)
        for binding in waiting.bindings
    }
    if evidence.problem is not None:
        log.warning("ownership not verified", cluster_id=waiting.cluster.cluster_id, error=evidence.problem)
    record_verdicts(workshop.ledger, lease, verdicts, workshop.jitter())


def _gather(workshop: Workshop, lease: Lease, waiting: Waiting) -> Evidence:
    """Read what the waiting bindings need and nothing else. An answer that fails leaves the others as they are."""
    cluster = waiting.cluster
    if cluster.topology is None:
        return Evidence(None, problem=cluster.topology_error or "the cluster's networks were not read yet")
    if not waiting.bindings:
        return Evidence(cluster.topology)
    client, problem = _answer(lambda: workshop.cloud_for(cluster.account_id, cluster.region))
    if client is None:
        return Evidence(cluster.topology, problem=problem)
    evidence = Evidence(cluster.topology)
    ips = _addresses(waiting.bindings, NetworkMode.VPC_CNI)
    if ips:
        evidence = _with_interfaces(workshop, lease, client, evidence, ips)
    if _addresses(waiting.bindings, NetworkMode.GLOBAL_ROUTER) and cluster.verification is Verification.STRICT:
        evidence = _with_routes(client, evidence, cluster.topology.vpc_id)
    return evidence


def _with_interfaces(
    workshop: Workshop, lease: Lease, client: Client, evidence: Evidence, ips: Sequence[str]
) -> Evidence:
    """What was answered before an answer fails counts. The lease is kept from part to part, however many there are."""
    found: dict[str, tuple[InterfaceAddress, ...]] = {}
    problem = None
    for start in range(0, len(ips), ADDRESSES_PER_READ):
        part, problem = _answer(partial(read_interfaces, client, ips[start : start + ADDRESSES_PER_READ]))
        found |= part or {}
        if problem is not None:
            break
        keep_lease(workshop.ledger, lease, workshop.periods.held_lease)
    return replace(evidence, interfaces=found, problem=problem)


def _with_routes(client: Client, evidence: Evidence, vpc_id: str) -> Evidence:
    attachments, problem = _answer(lambda: read_attachments(client, vpc_id))
    if attachments is None:
        return replace(evidence, problem=problem)
    ccn_ids = sorted({each.ccn_id for each in attachments if each.active and each.vpc_id == vpc_id})
    routes, problem = _answer(lambda: tuple(route for ccn_id in ccn_ids for route in read_routes(client, ccn_id)))
    return replace(evidence, attachments=attachments, routes=routes, problem=problem or evidence.problem)


def _addresses(bindings: Sequence[Binding], mode: NetworkMode) -> list[str]:
    return sorted({binding.ip for binding in bindings if binding.network_mode is mode})


def _answer(read: Callable[[], T]) -> tuple[T | None, str | None]:
    try:
        return read(), None
    except CloudError as error:
        return None, str(error)
