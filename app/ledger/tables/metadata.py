"""What all tables share."""

from typing import Final

from sqlalchemy import DateTime, MetaData, text
from sqlalchemy.dialects.postgresql import JSONB

METADATA: Final = MetaData()
"""All tables; the migrations build the same, and a test keeps the two equal."""

TIME: Final = DateTime(timezone=True)
NOW: Final = text("now()")

DOCUMENT: Final = JSONB(none_as_null=True)
"""A JSON document; None is SQL's NULL, never JSON's null."""
