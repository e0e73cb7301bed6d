"""Drift."""

from marshmallow import Schema, fields

from app.api.schemas.fields import Time, Whole, page_of
from app.planning.drift import DriftAction, DriftKind


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
    action = fields.Enum(DriftAction, by_value=True, required=True)
    binding_id = fields.String(required=True, allow_none=True)
    cluster_id = fields.String(required=True, allow_none=True)


DriftPage = page_of(DifferenceSchema, "DriftPage")
