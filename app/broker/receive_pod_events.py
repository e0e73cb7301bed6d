"""Receive a batch of pod events: judge each, write all, answer each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.broker.call_workers import call_workers
from app.broker.identifiers import new_identifiers
from app.broker.known_facts import known_around, lock_agent, write_reception
from app.domain.event import Malformed, PodEvent, Result
from app.ledger.connection import Ledger
from app.planning.reception import Reception


@dataclass(frozen=True, slots=True)
class Received:
    """One event as read, the digest of its content, and the content as sent."""

    item: PodEvent | Malformed
    digest: str
    content: Mapping[str, Any] | None = None


def receive_pod_events(
    ledger: Ledger, cluster_id: str, received: Sequence[Received], *, actor: str, drain_seconds: int
) -> list[Result]:
    """Judge ``received`` in their order; when this returns, every answer is durable.

    ``drain_seconds`` is the broker's own drain time, for unbinds that name none, in clusters that have none. Raises
    `RequestRefused` (404) for an unknown cluster, `LedgerUnavailable` when nothing was written or nobody knows; a
    repeat is safe in both cases.
    """
    asked = [each.item for each in received if isinstance(each.item, PodEvent)]
    event_ids = {each.item.event_id for each in received if each.item.event_id is not None}
    # Of several events with one id the first is answered and kept, so its content is the one to keep.
    contents = {each.item.event_id: each.content for each in reversed(received) if each.item.event_id is not None}
    with ledger.begin() as connection:
        cluster = lock_agent(connection, cluster_id)
        known = known_around(connection, cluster, asked, cluster.drain(drain_seconds), event_ids)
        reception = Reception(known, new_identifiers("b"))
        results = [reception.receive(each.item, each.digest) for each in received]
        write_reception(connection, known, reception, actor, contents)
    call_workers(ledger)
    return results
