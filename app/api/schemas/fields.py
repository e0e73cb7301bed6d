"""Field types that all schemas share."""

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"


class StrictSchema(Schema):
    """A schema in which an unknown field is an error."""

    class Meta:
        """Marshmallow's options."""

        unknown = RAISE


def no_control_characters(value: str) -> None:
    """Refuse control characters, line breaks among them, and lone surrogates: no name has them, and logs break."""
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in value):
        raise ValidationError("Has control characters.")


class Text(fields.String):
    """Text of 1 to ``most`` characters without control characters."""

    def __init__(self, most: int = 253, **options: Any) -> None:
        super().__init__(validate=[validate.Length(1, most), no_control_characters], **options)


class Identifier(fields.String):
    """The id of a cluster, load balancer or listener."""

    def __init__(self, **options: Any) -> None:
        super().__init__(validate=[validate.Regexp(ID_PATTERN, error="Not an identifier.")], **options)


class Whole(fields.Integer):
    """A whole number in a range; true, 1.0 and "1" are none."""

    def __init__(self, least: int | None = None, most: int | None = None, **options: Any) -> None:
        bounds = [validate.Range(least, most)] if least is not None or most is not None else []
        super().__init__(strict=True, validate=bounds, **options)

    def _validated(self, value: Any) -> int:
        if isinstance(value, (bool, str, float)):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class QueryWhole(fields.Integer):
    """A whole number in a query string, where everything is text."""

    def __init__(self, least: int, most: int, **options: Any) -> None:
        super().__init__(validate=[validate.Range(least, most)], **options)


class Time(fields.AwareDateTime):
    """A moment: RFC 3339, rendered in UTC with ``Z``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(format="iso", **options)

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        if value is None:
            return None
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class EachAlone(fields.List[Any]):
    """A list whose items are read one by one: a bad one becomes its error instead of spoiling its neighbours."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> list[Any]:
        """Pairs of an item as sent, and what was read or the error."""
        if not isinstance(value, list):
            raise self.make_error("invalid")
        return [(item, self._alone(item)) for item in value]

    def _alone(self, item: Any) -> Any | ValidationError:
        try:
            return self.inner.deserialize(item)
        except ValidationError as error:
            return error


def first_message(errors: Any) -> str:
    """The first of marshmallow's messages, as ``field.field: message``."""
    path: list[str] = []
    while isinstance(errors, Mapping):
        key, errors = next(iter(errors.items()))
        if key != "_schema":
            path.append(str(key))
    text = str(errors[0] if isinstance(errors, list) and errors else errors)
    return f"{'.'.join(path)}: {text}" if path else text


def page_of(item: Schema | type[Schema], name: str) -> type[Schema]:
    """The schema of one page of a list."""
    return Schema.from_dict(
        {
            "items": fields.List(fields.Nested(item), required=True),
            "next_cursor": fields.String(required=True, allow_none=True),
        },
        name=name,
    )


class PageQuery(StrictSchema):
    """Where a page of a list begins and how long it is."""

    limit = QueryWhole(1, 1000, load_default=100)
    cursor = fields.String(load_default=None)


class EmptyBody(StrictSchema):
    """A request that says everything by its path."""
