"""Verifications that no binding asks for, and explanations."""

from marshmallow import Schema, fields

from app.api.schemas.bindings import EntrySchema
from app.api.schemas.fields import Identifier, StrictSchema, Text, Time, Whole
from app.api.schemas.pods import AddressField
from app.domain.binding import State, Verdict
from app.domain.cluster import NetworkMode
from app.domain.codes import Caution, Code
from app.ownership.finding import Result
from app.planning.explanation import Progress


class VerificationRequestSchema(StrictSchema):
    """The address, the cluster that would bind it, and where. ``port`` serves warnings alone."""

    cluster_id = Identifier(required=True)
    ip = AddressField(required=True)
    network_mode = fields.Enum(NetworkMode, by_value=True, required=True)
    load_balancer_id = Identifier(load_default=None, allow_none=True)
    port = Whole(1, 65535, load_default=None, allow_none=True)


class CheckSchema(Schema):
    """One check: what it found, and the facts that it rests on."""

    check = fields.String(required=True)
    result = fields.Enum(Result, by_value=True, required=True)
    code = fields.Enum(Code, by_value=True, required=True, allow_none=True)
    evidence = fields.Dict(keys=fields.String(), required=True)


class VerdictSchema(Schema):
    """A verdict with its proof. ``read_at`` says when each source of evidence was read."""

    verification_id = fields.String(required=True)
    verdict = fields.Enum(Verdict, by_value=True, required=True)
    code = fields.Enum(Code, by_value=True, required=True, allow_none=True)
    method = fields.String(required=True, allow_none=True)
    detail = fields.String(required=True, allow_none=True)
    checked_at = Time(required=True)
    checks = fields.List(fields.Nested(CheckSchema), required=True)
    warnings = fields.List(fields.Enum(Caution, by_value=True), required=True)
    read_at = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class VerificationWaitingSchema(Schema):
    """A verification that no worker has answered yet."""

    verification_id = fields.String(required=True)


class ExplainQuery(StrictSchema):
    """The pod, by its address or its uid; one of the two."""

    ip = AddressField(load_default=None)
    pod_uid = Text(128, load_default=None)


class StepSchema(Schema):
    """One step on a binding's way, how far it came, and why no further."""

    step = fields.String(required=True)
    result = fields.Enum(Progress, by_value=True, required=True)
    code = fields.String(required=True, allow_none=True)
    at = Time(required=True, allow_none=True)
    detail = fields.String(required=True, allow_none=True)


class ExplainedSchema(Schema):
    """One binding, explained."""

    binding_id = fields.String(required=True)
    cluster_id = fields.String(required=True)
    pod_uid = fields.String(required=True)
    ip = fields.String(required=True)
    state = fields.Enum(State, by_value=True, required=True)
    reason = fields.Enum(Code, by_value=True, required=True, allow_none=True)
    detail = fields.String(required=True, allow_none=True)
    steps = fields.List(fields.Nested(StepSchema), required=True)


class ExplanationSchema(Schema):
    """Everything known of a pod: its bindings, newest first, and events that were refused and made none."""

    bindings = fields.List(fields.Nested(ExplainedSchema), required=True)
    refused_events = fields.List(fields.Nested(EntrySchema), required=True)
