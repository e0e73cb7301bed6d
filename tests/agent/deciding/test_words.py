"""What is told, as the broker reads it."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.agent.deciding.network import NetworkMode
from app.agent.deciding.objects import ObjectKey, Workload
from app.agent.deciding.targets import TargetName, Wanted
from app.agent.deciding.words import MAX_BODY_BYTES, Snapshot, Word, batches, events_body, fits_one_snapshot
from app.api.schemas.reception import PodEventsSchema, SnapshotSchema
from app.domain.cluster import NetworkMode as BrokersMode
from app.domain.event import EventType, Pod, PodEvent, Service
from app.domain.event import Workload as BrokersWorkload
from app.domain.target import TargetName as BrokersName
from tests.agent.deciding.builders import TARGET, WEB, wanted

RULE = TargetName("lb-1", "HTTPS", 443, 8080, "a.example", "/")
LONG = "n" * 253
WIDEST = Wanted(
    target=TargetName("l" * 128, "TCP_SSL", 65535, 65535, "\u4e2d" * 80, "\u4e2d" * 200),
    pod=ObjectKey(LONG[:63], LONG),
    pod_uid="u" * 36,
    ip="255.255.255.255",
    node="255.255.255.255",
    service=ObjectKey(LONG[:63], LONG),
    workload=Workload("StatefulSet", LONG),
    network_mode=NetworkMode.GLOBAL_ROUTER,
    weight=100,
    drain_seconds=3600,
    revision=2**63 - 1,
)


def test_the_broker_reads_a_bind_and_an_unbind_as_they_are_meant() -> None:
    want = wanted(target=RULE, workload=Workload("Deployment", "web"), weight=5, drain_seconds=7)
    body = events_body([Word(want, 30), Word(want, 31, bind=False)], ["e1", "e2"], "2026-11-23T08:00:00.123Z")
    bind, unbind = (event for _, event in PodEventsSchema().load(json.loads(json.dumps(body)))["events"])
    assert bind == PodEvent(
        event_id="e1",
        type=EventType.BIND,
        revision=30,
        pod=Pod("shop", "web-u1", "u1", "10.0.3.17", "10.0.1.5"),
        target=BrokersName("lb-1", 8080, protocol="HTTPS", listener_port=443, domain="a.example", url="/"),
        service=Service("shop", "web"),
        workload=BrokersWorkload("Deployment", "web"),
        network_mode=BrokersMode.VPC_CNI,
        weight=5,
        drain_seconds=7,
        observed_at=datetime(2026, 11, 23, 8, 0, 0, 123000, UTC),
    )
    assert unbind == replace(bind, event_id="e2", type=EventType.UNBIND, revision=31, weight=None)


def test_the_broker_reads_a_snapshot_and_an_empty_one() -> None:
    full, empty = Snapshot(WEB, 30, (Word(wanted(), 30),)), Snapshot(WEB, 30, ())
    read = SnapshotSchema().load(json.loads(json.dumps(full.body())))
    assert read["revision"] == 30
    assert [entry["pod"].uid for entry in read["targets"]] == ["u1"]
    assert SnapshotSchema().load(empty.body()) == {"revision": 30, "targets": []}


def test_a_layer_4_target_says_nothing_of_rules_and_leaves_to_the_broker_what_is_not_annotated() -> None:
    (event,) = events_body([Word(wanted(), 30)], ["e1"], "2026-11-23T08:00:00Z")["events"]
    assert event["target"] == {"load_balancer_id": "lb-1", "protocol": "TCP", "listener_port": 80, "port": 8080}


def test_ids_and_words_are_as_many() -> None:
    with pytest.raises(ValueError, match="zip"):
        events_body([Word(wanted(), 30)], [], "2026-11-23T08:00:00Z")


@pytest.mark.parametrize(("words", "sizes"), [(0, []), (1, [1]), (1000, [1000]), (1001, [1000, 1])])
def test_batches_hold_no_more_words_than_a_request_and_none_is_empty(words: int, sizes: list[int]) -> None:
    given = [Word(wanted(f"u{number}"), number) for number in range(words)]
    found = list(batches(given))
    assert [len(batch) for batch in found] == sizes
    assert [word for batch in found for word in batch] == given


def test_batches_hold_no_more_bytes_than_a_request() -> None:
    bodies = [
        json.dumps(events_body(batch, ["e" * 128 for _ in batch], "2026-11-23T08:00:00.000Z")).encode()
        for batch in batches([Word(WIDEST, 2**63 - 1)] * 1000)
    ]
    assert len(bodies) > 1
    assert all(len(body) > 0.8 * MAX_BODY_BYTES for body in bodies[:-1])
    assert all(len(body) <= MAX_BODY_BYTES for body in bodies)


def test_a_snapshot_is_whole_or_not_sent() -> None:
    assert fits_one_snapshot([Word(wanted(), 1)] * 1000)
    assert not fits_one_snapshot([Word(wanted(), 1)] * 1001)
    assert not fits_one_snapshot([Word(WIDEST, 1)] * 1000)


def test_a_target_is_shown_as_people_name_it() -> None:
    assert str(TARGET) == "lb-1 TCP:80, port 8080"
    assert str(RULE) == "lb-1 HTTPS:443 a.example/, port 8080"
