"""Drift."""

from typing import Final

from marshmallow import Schema, fields

from app.api.schemas.fields import Time, Whole, page_of
from app.planning.drift import DriftAction, DriftKind

ACTIONS: Final = (
    "what was done. A foreign target is reported and never touched: it is adopted, and this difference gone, when a "
    "cluster binds that very target; or it is ignored, by an operator's word."
)


class DifferenceSchema(Schema):
    """One difference. ``weight`` is what the cloud had, null where it had nothing."""

    drift_id = Whole(required=True)
    kind = fields.Enum(DriftKind, by_value=True, required=True)
    ip = fields.String(required=True)
    port = Whole(required=True)
    listener_id = fields.String(required=True)
    location_id = fields.String(required=True, allow_none=True)
    weight = Whole(required=True, allow_none=True)
    seen_at = Time(required=True)
    action = fields.Enum(DriftAction, by_value=True, required=True, metadata={"description": ACTIONS})
    binding_id = fields.String(required=True, allow_none=True)
    cluster_id = fields.String(required=True, allow_none=True)


DriftPage = page_of(DifferenceSchema, "DriftPage")
