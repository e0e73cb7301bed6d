"""Pod events, snapshots and changes over HTTP: the three routes that agents live by."""

import hashlib
from typing import Any

import orjson
from marshmallow import ValidationError

from app.api import rendering
from app.api.context import caller, context, ledger, waiting_place
from app.api.cursors import cursor_of, number_of
from app.api.limits import take_events
from app.api.metrics import count_results
from app.api.parsing import StrictBlueprint
from app.api.schemas.bindings import ChangePage, ChangesQuery
from app.api.schemas.fields import first_message
from app.api.schemas.pods import AskedTarget
from app.api.schemas.reception import PodEventsSchema, ResultsSchema, SnapshotOutcomeSchema, SnapshotSchema
from app.broker import look_up
from app.broker.receive_pod_events import Received, receive_pod_events
from app.broker.replace_service_targets import replace_service_targets
from app.domain.event import MAX_EVENT_ID_LENGTH, EventType, Malformed, PodEvent, Service
from app.spans import span

blueprint = StrictBlueprint("pod-events", __name__, description="What a cluster's agent says, and hears")


@blueprint.arguments(PodEventsSchema)
@blueprint.response(202, ResultsSchema)
def post(body: dict[str, Any], cluster_id: str) -> Any:
    """Receive up to 1000 pod events; each is judged alone, and durable when answered"""
    take_events(len(body["events"]))
    received = [_received(content, item) for content, item in body["events"]]
    with context().turns.of(len(received)), span("receive", clb_broker__events=len(received)):
        results = receive_pod_events(
            ledger(), cluster_id, received, actor=caller().actor, drain_seconds=context().drain_seconds
        )
    count_results(results)
    return {"results": results}


@blueprint.arguments(SnapshotSchema)
@blueprint.response(200, SnapshotOutcomeSchema)
def put_service_targets(body: dict[str, Any], cluster_id: str, namespace: str, name: str) -> Any:
    """Replace the targets of one Service by the full truth about it"""
    take_events(len(body["targets"]))
    service = Service(namespace, name)
    events = [_entry(entry, service, body["revision"]) for entry in body["targets"]]
    with span("receive", clb_broker__targets=len(events)):
        replaced = replace_service_targets(
            ledger(),
            cluster_id,
            service,
            body["revision"],
            events,
            actor=caller().actor,
            drain_seconds=context().drain_seconds,
        )
    outcome = replaced.outcome
    count_results(outcome.results)
    return {
        "revision": body["revision"],
        "results": [rendering.result(result) for result in outcome.results],
        "unbound": outcome.withdrawn,
        "held": outcome.held,
        "load_balancers": [
            {"load_balancer_id": each, "vips": list(vips)} for each, vips in sorted(replaced.vips.items())
        ],
    }


@blueprint.arguments(ChangesQuery, location="query")
@blueprint.response(200, ChangePage)
def changes(query: dict[str, Any], cluster_id: str) -> Any:
    """Bindings of the cluster whose state or health changed, in an order that never skips one"""
    after = number_of(query["after"]) or 0
    with waiting_place() as may_wait:
        wait = query["wait"] if may_wait else 0
        found = look_up.list_changes(ledger(), cluster_id, after, query["limit"], wait, context().ending.wait)
    last = found[-1][0] if found else after
    return {"items": [rendering.binding(binding) for _, binding in found], "next_cursor": cursor_of(last)}


def _received(content: Any, item: PodEvent | ValidationError) -> Received:
    digest = hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
    if not isinstance(item, ValidationError):
        return Received(item, digest, content)
    return Received(Malformed(_event_id(content), first_message(item.messages)), digest)


def _event_id(content: Any) -> str | None:
    """The id of an event that cannot be read otherwise, so that its answer can be told apart and repeated."""
    event_id = content.get("event_id") if isinstance(content, dict) else None
    if not isinstance(event_id, str) or not 1 <= len(event_id) <= MAX_EVENT_ID_LENGTH or not event_id.isprintable():
        return None
    return event_id


def _entry(entry: dict[str, Any], service: Service, revision: int) -> PodEvent:
    asked: AskedTarget = entry["target"]
    return PodEvent(
        event_id=None,
        type=EventType.BIND,
        revision=revision,
        pod=entry["pod"],
        target=asked.name,
        service=service,
        workload=entry["workload"],
        network_mode=entry["network_mode"],
        weight=asked.weight,
        drain_seconds=asked.drain_seconds,
    )
