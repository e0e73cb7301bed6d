"""Pod events and snapshots, and their answers."""

from marshmallow import Schema, fields

from app.api.schemas.fields import AsTheyAre, Batch, EachAlone, StrictSchema, Whole
from app.api.schemas.pods import PodEventSchema, SnapshotEntrySchema
from app.api.schemas.quick import Part
from app.domain.codes import Code
from app.domain.event import MAX_REVISION, Outcome


class PodEventsSchema(StrictSchema):
    """Up to 1000 events; each is judged alone."""

    events = EachAlone(Part(PodEventSchema), required=True)


class ResultSchema(Schema):
    """The answer to one event: a `Result` of the domain, field by field."""

    event_id = fields.String(required=True, allow_none=True)
    outcome = fields.Enum(Outcome, by_value=True, required=True)
    binding_id = fields.String(required=True, allow_none=True)
    code = fields.Enum(Code, by_value=True, required=True, allow_none=True)
    detail = fields.String(required=True, allow_none=True)


class ResultsSchema(Schema):
    """One result per event, in the order of the events."""

    results = AsTheyAre(fields.Nested(ResultSchema), required=True)


class SnapshotSchema(StrictSchema):
    """The full truth for one Service at one revision."""

    revision = Whole(0, MAX_REVISION, required=True)
    targets = Batch(Part(SnapshotEntrySchema), required=True)


class SnapshotResultSchema(Schema):
    """The answer to one target of a snapshot."""

    outcome = fields.Enum(Outcome, by_value=True, required=True)
    binding_id = fields.String(required=True, allow_none=True)
    code = fields.Enum(Code, by_value=True, required=True, allow_none=True)
    detail = fields.String(required=True, allow_none=True)


class LoadBalancerAddresses(Schema):
    """A load balancer that a snapshot names, and its addresses."""

    load_balancer_id = fields.String(required=True)
    vips = fields.List(fields.String(), required=True)


class SnapshotOutcomeSchema(Schema):
    """What a snapshot changed: one result per target, and the bindings that it left out."""

    revision = Whole(required=True)
    results = fields.List(fields.Nested(SnapshotResultSchema), required=True)
    unbound = fields.List(fields.String(), required=True, metadata={"description": "binding ids that leave now"})
    held = fields.List(fields.String(), required=True, metadata={"description": "binding ids that the guard holds"})
    load_balancers = fields.List(
        fields.Nested(LoadBalancerAddresses),
        required=True,
        metadata={"description": "those named whose addresses are known, for the Service's status"},
    )
