"""Field types that all schemas share."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from math import inf
from typing import Any

import orjson
from marshmallow import RAISE, Schema, ValidationError, fields, validate

from app.domain.errors import RequestRefused
from app.domain.event import MAX_EVENTS

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
TEXT_PATTERN = r"^[^\x00-\x1F\x7F-\x9F\u2028\u2029]*$"
"""`no_control_characters`, as openapi.yaml says it."""

RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
LONGEST_SHOWN = 64
"""Of a field's name that a caller made up, this much is repeated in an answer and in history."""


class StrictSchema(Schema):
    """A schema in which an unknown field is an error."""

    class Meta:
        """Marshmallow's options."""

        unknown = RAISE


def no_control_characters(value: str) -> None:
    """Refuse control characters, line breaks among them, and lone surrogates: no name has them, and logs break."""
    if value.isprintable():  # quick, and true of nearly all
        return
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in value):
        raise ValidationError("Has control characters.")


class Quick(fields.Field[Any]):
    """A field that takes a value which is right beyond doubt as it is: quick, and true of nearly all.

    What becomes of any other value is marshmallow's to say.
    """

    def is_right(self, value: Any) -> bool:
        """Whether all checks of the field would pass and leave ``value`` as it is; False where that is not sure."""
        return False

    def deserialize(
        self, value: Any, attr: str | None = None, data: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        """As marshmallow's."""
        return value if self.is_right(value) else super().deserialize(value, attr, data, **kwargs)


class Text(Quick, fields.String):
    """Text of 1 to ``most`` characters without control characters."""

    def __init__(self, most: int = 253, **options: Any) -> None:
        checks: list[Any] = [validate.Length(1, most), no_control_characters]
        super().__init__(validate=checks, metadata={"pattern": TEXT_PATTERN}, **options)
        self.most = most

    def is_right(self, value: Any) -> bool:
        """Whether it is text of such a length and all of it printable."""
        return isinstance(value, str) and 0 < len(value) <= self.most and value.isprintable()


class Identifier(fields.String):
    """The id of a cluster, load balancer or listener."""

    def __init__(self, **options: Any) -> None:
        # The pattern's $ lets a line break at the end pass; the second check does not.
        pattern = validate.Regexp(ID_PATTERN, error="Not an identifier.")
        super().__init__(validate=[pattern, no_control_characters], **options)


class Whole(Quick, fields.Integer):
    """A whole number in a range; true, 1.0 and "1" are none."""

    def __init__(self, least: int | None = None, most: int | None = None, **options: Any) -> None:
        bounds = [validate.Range(least, most)] if least is not None or most is not None else []
        super().__init__(strict=True, validate=bounds, **options)
        self.least = -inf if least is None else least
        self.most = inf if most is None else most

    def is_right(self, value: Any) -> bool:
        """Whether it is a number, no truth value, in the range."""
        return type(value) is int and self.least <= value <= self.most

    def _validated(self, value: Any) -> int:
        if isinstance(value, (bool, str, float)):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class QueryWhole(fields.Integer):
    """A whole number in a query string, where everything is text."""

    def __init__(self, least: int, most: int, **options: Any) -> None:
        super().__init__(validate=[validate.Range(least, most)], **options)

    def _validated(self, value: Any) -> int:
        # Python reads 1_000, blanks and the digits of every script as numbers too.
        if not isinstance(value, str) or not re.fullmatch("-?[0-9]{1,18}", value):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class Share(fields.Float):
    """A share from 0 to 1, written as a number: true and "0.3" are none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(validate=validate.Range(0, 1), **options)

    def _validated(self, value: Any) -> float:
        if isinstance(value, (bool, str)):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class Time(fields.AwareDateTime):
    """A moment: RFC 3339, rendered in UTC with ``Z``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(format="iso", **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        # Python reads more than RFC 3339: any one character between day and hour, say, and weeks.
        if not isinstance(value, str) or not RFC_3339.fullmatch(value):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        try:
            return datetime.fromisoformat(value.upper())
        except ValueError as error:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE) from error

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        if value is None:
            return None
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Word(fields.Enum[Any]):
    """A member of an enumeration, by its value."""

    def __init__(self, words: type[StrEnum], **options: Any) -> None:
        super().__init__(words, by_value=True, **options)
        self._members = {each.value: each for each in words}

    def deserialize(
        self, value: Any, attr: str | None = None, data: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        """As marshmallow's; an enumeration's own way to find a member takes ten times as long."""
        member = self._members.get(value) if isinstance(value, str) else None
        return super().deserialize(value, attr, data, **kwargs) if member is None else member


class Shared(fields.Nested):
    """An object that many items of a request have alike, as the pods of a Service have their listener: read once.

    What it is read into must not be changed afterwards.
    """

    MOST_KNOWN = 1000

    def __init__(self, nested: type[Schema], **options: Any) -> None:
        super().__init__(nested, **options)
        self._known: dict[bytes, Any] = {}

    def deserialize(
        self, value: Any, attr: str | None = None, data: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        """As marshmallow's, once for each content."""
        if not isinstance(value, dict):
            return super().deserialize(value, attr, data, **kwargs)
        key = orjson.dumps(value)
        known = self._known.get(key)
        if known is None:
            known = super().deserialize(value, attr, data, **kwargs)
            if len(self._known) >= self.MOST_KNOWN:
                self._known.clear()
            self._known[key] = known
        return known


class Short(fields.List[Any]):
    """A list of at most ``most`` items. A longer one is refused before any of them is looked at."""

    def __init__(self, inner: fields.Field[Any] | type[fields.Field[Any]], most: int, **options: Any) -> None:
        super().__init__(inner, metadata={"maxItems": most}, **options)
        self.most = most

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> list[Any]:
        if isinstance(value, list) and len(value) > self.most:
            raise self.refusal(len(value))
        return super()._deserialize(value, attr, data, **kwargs)

    def refusal(self, length: int) -> Exception:
        """What a list of ``length`` items is answered with."""
        return ValidationError(f"{length} items; at most {self.most}.")


class AsTheyAre(fields.List[Any]):
    """In answers: flat items that are what their schema says already, so that nobody has to walk through a thousand."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value


class Batch(Short):
    """A list of at most 1000 pods; a longer one is 413 as a whole."""

    def __init__(self, inner: fields.Field[Any] | type[fields.Field[Any]], **options: Any) -> None:
        super().__init__(inner, MAX_EVENTS, **options)

    def refusal(self, length: int) -> Exception:
        """413, whatever stands in it."""
        return RequestRefused(413, "too-many-events", f"{length} in one request; at most {self.most}")


class EachAlone(Batch):
    """A batch whose items are read one by one: a bad one becomes its error instead of spoiling its neighbours."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> list[Any]:
        """Pairs of an item as sent, and what was read or the error."""
        if not isinstance(value, list):
            raise self.make_error("invalid")
        if len(value) > self.most:
            raise self.refusal(len(value))
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
            path.append(_shown(str(key)))
    text = str(errors[0] if isinstance(errors, list) and errors else errors)
    return f"{'.'.join(path)}: {text}" if path else text


def _shown(name: str) -> str:
    """A field's name, which may be a caller's own, as answers and history can hold it."""
    short = name if len(name) <= LONGEST_SHOWN else f"{name[:LONGEST_SHOWN]}..."
    return short if short.isprintable() else ascii(short)[1:-1]


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
