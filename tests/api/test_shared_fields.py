"""What many events have alike is read once, and means the same as if each had been read alone."""

from typing import Any

import pytest
from marshmallow import Schema, ValidationError, fields

from app.api.schemas.fields import Shared, Whole


class Inner(Schema):
    """A number."""

    number = Whole(0, 9, required=True)


class Outer(Schema):
    """Something with a number."""

    inner = Shared(Inner, allow_none=True, load_default=None)
    plain = fields.Nested(Inner, allow_none=True, load_default=None)


VALUES: list[Any] = [
    {"number": 1},
    {"number": True},
    {"number": 1.0},
    {"number": "1"},
    {"number": 10},
    {"number": None},
    {"number": 1, "other": 2},
    {"number": 0},
    {},
    [],
    None,
    1,
    "number",
]


def read(schema: Schema, name: str, value: Any) -> Any:
    try:
        return schema.load({name: value})[name]
    except ValidationError as error:
        return error.messages[name]


@pytest.mark.parametrize("order", [VALUES, VALUES[::-1], VALUES * 2])
def test_each_value_is_read_as_if_it_were_the_only_one(order: list[Any]) -> None:
    schema = Outer()
    assert [read(schema, "inner", value) for value in order] == [read(Outer(), "plain", value) for value in order]


def test_the_same_content_is_read_into_one_value() -> None:
    schema = Outer()
    assert read(schema, "inner", {"number": 1}) is read(schema, "inner", {"number": 1})


def test_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shared, "MOST_KNOWN", 3)
    schema = Outer()
    for number in range(10):
        assert read(schema, "inner", {"number": number}) == {"number": number}
        assert len(schema.fields["inner"]._known) <= 3
