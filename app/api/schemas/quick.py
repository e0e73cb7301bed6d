"""Reading the objects that come by the thousand: nearly all of them are well formed."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, missing, post_load, validates_schema

from app.api.schemas.fields import StrictSchema


class QuickSchema(StrictSchema):
    """A strict schema that reads a well-formed object in one walk over its fields.

    Whatever is not well formed is left to marshmallow, whose walk takes several times as long and says all that is
    wrong. Fields are called what they are called in JSON. What schemas do besides reading fields is `check` and `make`,
    in both ways.
    """

    def check(self, data: dict[str, Any]) -> None:
        """Refuse what no field alone can tell, once all fields are right. Raises `ValidationError`."""

    def make(self, data: dict[str, Any]) -> Any:
        """What is read, as a value."""
        return data

    def load(self, data: Any, *, many: Any = None, partial: Any = None, unknown: Any = None) -> Any:
        """As marshmallow's. Raises `ValidationError`."""
        if isinstance(data, dict) and not (many or self.many or partial or self.partial or unknown):
            try:
                return self._well_formed(data)
            except ValidationError:
                pass  # said in full by the walk below
        return super().load(data, many=many, partial=partial, unknown=unknown)

    def _well_formed(self, data: dict[str, Any]) -> Any:
        found = {}
        given = 0
        for name, field in self.load_fields.items():
            value = data.get(name, missing)
            given += value is not missing
            read = None if value is None and field.allow_none else field.deserialize(value, name, data)
            if read is not missing:
                found[name] = read
        if given < len(data):
            raise ValidationError("An unknown field.")
        self.check(found)
        return self.make(found)

    @validates_schema
    def _checked(self, data: dict[str, Any], **_: Any) -> None:
        self.check(data)

    @post_load
    def _made(self, data: dict[str, Any], **_: Any) -> Any:
        return self.make(data)


class Part(fields.Nested):
    """An object within one that a `QuickSchema` reads."""

    def deserialize(
        self, value: Any, attr: str | None = None, data: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        """As marshmallow's."""
        if isinstance(value, dict) and not kwargs:
            return self.schema.load(value)
        return super().deserialize(value, attr, data, **kwargs)
