"""Events are read by a short way, and mean what marshmallow's long one says they mean."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import Schema, ValidationError

from app.api.schemas import fields as our_fields
from app.api.schemas import pods
from app.api.schemas.pods import PodEventSchema, PodSchema, SnapshotEntrySchema
from app.api.schemas.quick import QuickSchema
from app.domain.event import Pod
from tests.api.client import bind, entry, unbind

NOTHING = ...

VALUES: list[Any] = [
    *(NOTHING, None, True, False, 0, 1, 10, 80, 65535, 65536, -1, 2**63 - 1, 2**63, 2**64 - 1, 1.0, 1e30),
    *("", "a", "1", "x" * 128, "x" * 129, "x" * 253, "x" * 254, "a\x00b", "a\n", "\u200b", "\u4f60\u597d"),
    *("bind", "unbind", "BIND", "vpc-cni", "global-route", "TCP", "HTTPS", "lb-1", "lb-1\n", "-lb"),
    *("10.0.0.1", "010.0.0.1", "127.0.0.1", "::1", "::ffff:10.0.0.1", "fe80::1%eth0", "10.0.0.1\n"),
    *("2026-11-23T08:00:00Z", "2026-11-23t08:00:00.123456789z", "2026-11-23T08:00:00", "2026-13-23T08:00:00Z"),
    *([], {}, [1], {"namespace": "shop", "name": "web"}, {"kind": "Deployment", "name": "web", "more": 1}),
]
"""What JSON may give any field; `NOTHING`: it is left out."""

PATHS = [
    *(("event_id",), ("type",), ("revision",), ("observed_at",), ("network_mode",), ("colour",)),
    *(("pod",), ("workload",), ("service",), ("target",)),
    *(("pod", name) for name in ("namespace", "name", "uid", "ip", "node", "colour")),
    *(("workload", name) for name in ("kind", "name")),
    *(("service", name) for name in ("namespace", "name")),
    *(("target", name) for name in ("load_balancer_id", "listener_id", "location_id", "protocol", "listener_port")),
    *(("target", name) for name in ("domain", "url", "port", "weight", "drain_seconds", "colour")),
]

SCHEMAS: list[tuple[type[QuickSchema], dict[str, Any]]] = [
    (PodEventSchema, bind("u1")),
    (PodEventSchema, unbind("u1")),
    (PodEventSchema, bind("u1", target={"listener_id": None, "protocol": "TCP", "listener_port": 80})),
    (SnapshotEntrySchema, entry("u1")),
]
CHANGES = st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from(VALUES)), max_size=3)


class LongWay(pytest.MonkeyPatch):
    """While it lasts nothing is read by a short way, as marshmallow's own fields and schemas would read it."""

    def __enter__(self) -> None:
        def unsure(*_: Any) -> bool:
            return False

        self.setattr(QuickSchema, "load", Schema.load)
        for quick in (our_fields.Text, our_fields.Whole, pods.AddressField):
            self.setattr(quick, "is_right", unsure)
        self.setattr(our_fields.Word, "deserialize", our_fields.fields.Enum.deserialize)
        self.setattr(our_fields.Shared, "deserialize", our_fields.fields.Nested.deserialize)

    def __exit__(self, *_: object) -> None:
        self.undo()


def changed(whole: dict[str, Any], changes: list[tuple[tuple[str, ...], Any]]) -> dict[str, Any]:
    made = copy.deepcopy(whole)
    for (*outer, name), value in changes:
        part = made.get(outer[0]) if outer else made
        if isinstance(part, dict):
            part[name] = copy.deepcopy(value)
    return {
        name: {key: each for key, each in part.items() if each is not NOTHING} if isinstance(part, dict) else part
        for name, part in made.items()
        if part is not NOTHING
    }


def read(schema: Schema, given: Any) -> Any:
    """What is read, or what is wrong."""
    try:
        return schema.load(given)
    except ValidationError as error:
        return error.messages


def both_ways(schema: type[QuickSchema], given: Any) -> tuple[Any, Any]:
    short = read(schema(), given)
    with LongWay():
        return short, read(schema(), given)


@pytest.mark.parametrize(("schema", "whole"), SCHEMAS)
@pytest.mark.parametrize("path", PATHS, ids=".".join)
def test_each_value_of_each_field_means_the_same(
    schema: type[QuickSchema], whole: dict[str, Any], path: tuple[str, ...]
) -> None:
    for value in VALUES:
        short, long = both_ways(schema, changed(whole, [(path, value)]))
        assert short == long, (path, value)


@settings(deadline=None, database=None, derandomize=True, max_examples=300)
@given(st.sampled_from(SCHEMAS), CHANGES)
def test_whatever_is_wrong_together_is_told_the_same(
    which: tuple[type[QuickSchema], dict[str, Any]], changes: list[tuple[tuple[str, ...], Any]]
) -> None:
    schema, whole = which
    short, long = both_ways(schema, changed(whole, changes))
    assert short == long


@pytest.mark.parametrize("value", [None, 1, "text", [], [{}], True])
def test_what_is_no_object_is_told_the_same(value: Any) -> None:
    short, long = both_ways(PodEventSchema, value)
    assert short == long == {"_schema": ["Invalid input type."]}


def test_what_is_well_formed_takes_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_this_way(*_: Any, **__: Any) -> None:
        raise RuntimeError("the long way")

    monkeypatch.setattr(Schema, "load", not_this_way)
    schema = PodSchema()
    assert schema.load({"namespace": "shop", "name": "web", "uid": "u1"}) == Pod("shop", "web", "u1", None)
    with pytest.raises(RuntimeError, match="the long way"):
        schema.load({"namespace": "shop", "name": "web", "uid": ""})
