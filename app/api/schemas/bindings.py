"""Bindings, changes and history."""

from marshmallow import Schema, fields, validate

from app.api.schemas.fields import PageQuery, QueryWhole, StrictSchema, Text, Time, Whole, page_of
from app.api.schemas.pods import AddressField
from app.domain.binding import Health, State, Verdict
from app.domain.cluster import NetworkMode
from app.domain.codes import Code
from app.domain.journal import Action, Presence

LONGEST_WAIT_SECONDS = 30


class PodAnswerSchema(Schema):
    """A pod."""

    namespace = fields.String(required=True)
    name = fields.String(required=True)
    uid = fields.String(required=True)
    ip = fields.String(required=True, allow_none=True)
    node = fields.String(required=True, allow_none=True)


class KindAndName(Schema):
    """A workload."""

    kind = fields.String(required=True)
    name = fields.String(required=True)


class NamespaceAndName(Schema):
    """A Service."""

    namespace = fields.String(required=True)
    name = fields.String(required=True)


class BoundTargetSchema(Schema):
    """A target as it was named, with the listener that the name means, and address, port and weight."""

    load_balancer_id = fields.String(required=True)
    listener_id = fields.String(required=True, allow_none=True)
    location_id = fields.String(required=True, allow_none=True)
    protocol = fields.String(required=True, allow_none=True)
    listener_port = Whole(required=True, allow_none=True)
    domain = fields.String(required=True, allow_none=True)
    url = fields.String(required=True, allow_none=True)
    ip = fields.String(required=True)
    port = Whole(required=True)
    weight = Whole(required=True)


class VerificationSchema(Schema):
    """The proof of ownership: what was checked and what it rests on."""

    verdict = fields.Enum(Verdict, by_value=True, required=True)
    method = fields.String(required=True, allow_none=True)
    checked_at = Time(required=True, allow_none=True)
    evidence = fields.Dict(keys=fields.String(), required=True)
    warnings = fields.List(fields.String(), required=True)


class BindingSchema(Schema):
    """One pod at one target. ``state`` drives, ``reason`` reports."""

    binding_id = fields.String(required=True)
    cluster_id = fields.String(required=True)
    pod = fields.Nested(PodAnswerSchema, required=True)
    workload = fields.Nested(KindAndName, required=True, allow_none=True)
    service = fields.Nested(NamespaceAndName, required=True, allow_none=True)
    network_mode = fields.Enum(NetworkMode, by_value=True, required=True)
    target = fields.Nested(BoundTargetSchema, required=True)
    state = fields.Enum(State, by_value=True, required=True)
    reason = fields.Enum(Code, by_value=True, required=True, allow_none=True)
    detail = fields.String(required=True, allow_none=True)
    health = fields.String(required=True, validate=validate.OneOf([each.value for each in Health]))
    verification = fields.Nested(VerificationSchema, required=True)
    revision = Whole(required=True)
    created_at = Time(required=True)
    updated_at = Time(required=True)
    bound_at = Time(required=True, allow_none=True)


class BindingQuery(PageQuery):
    """Filters of a list of bindings; all that are given must hold."""

    cluster_id = Text(load_default=None)
    load_balancer_id = Text(load_default=None)
    listener_id = Text(load_default=None)
    ip = Text(load_default=None)
    pod_uid = Text(load_default=None)
    state = fields.Enum(State, by_value=True, load_default=None)


class ChangesQuery(StrictSchema):
    """Where to go on, and how long to wait for the next change; when too many wait, the answer comes at once."""

    after = fields.String(load_default=None)
    wait = QueryWhole(0, LONGEST_WAIT_SECONDS, load_default=0)
    limit = QueryWhole(1, 1000, load_default=100)


class ChangePage(Schema):
    """Bindings in the order of their last change; ``next_cursor`` is never null."""

    items = fields.List(fields.Nested(BindingSchema), required=True)
    next_cursor = fields.String(required=True)


class EntrySchema(Schema):
    """One line of history."""

    account_id = fields.String(required=True, metadata={"description": "empty where it belongs to no account"})
    sequence = Whole(required=True, metadata={"description": "the entry's number in its account, without gaps"})
    recorded_at = Time(required=True)
    action = fields.Enum(Action, by_value=True, required=True)
    binding_id = fields.String(required=True, allow_none=True)
    cluster_id = fields.String(required=True, allow_none=True)
    pod_uid = fields.String(required=True, allow_none=True)
    ip = fields.String(required=True, allow_none=True)
    port = Whole(required=True, allow_none=True)
    load_balancer_id = fields.String(required=True, allow_none=True)
    listener_id = fields.String(required=True, allow_none=True)
    location_id = fields.String(required=True, allow_none=True)
    presence = fields.Enum(
        Presence,
        by_value=True,
        required=True,
        allow_none=True,
        metadata={"description": "what the entry says of the target at the cloud; null: all is as it was"},
    )
    weight = Whole(
        required=True, allow_none=True, metadata={"description": "the target's weight at the cloud, where it says that"}
    )
    from_state = fields.Enum(State, by_value=True, required=True, allow_none=True)
    to_state = fields.Enum(State, by_value=True, required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    actor = fields.String(required=True)
    request_id = fields.String(required=True, allow_none=True)
    trace_id = fields.String(required=True, allow_none=True)
    event_id = fields.String(required=True, allow_none=True)
    cloud_request_id = fields.String(required=True, allow_none=True)
    detail = fields.String(required=True, allow_none=True)
    evidence = fields.Dict(
        keys=fields.String(),
        required=True,
        allow_none=True,
        metadata={"description": "the proof as it was then, where the entry is about one"},
    )


class BindingHistoryQuery(PageQuery):
    """The order of a binding's history: newest first, or ``asc``."""

    order = fields.String(load_default="desc", validate=validate.OneOf(["asc", "desc"]))


class HistoryQuery(BindingHistoryQuery):
    """Filters of history; all that are given must hold. ``from`` is inclusive, ``to`` is not."""

    cluster_id = Text(load_default=None)
    load_balancer_id = Text(load_default=None)
    listener_id = Text(load_default=None)
    ip = Text(load_default=None)
    pod_uid = Text(load_default=None)
    binding_id = Text(load_default=None)
    actor = Text(load_default=None)
    action = fields.Enum(Action, by_value=True, load_default=None)
    request_id = Text(load_default=None)
    trace_id = Text(load_default=None)
    since = Time(data_key="from", load_default=None)
    until = Time(data_key="to", load_default=None)


class MomentQuery(StrictSchema):
    """The moment that is asked about; now when it is left out."""

    at = Time(load_default=None)


class HolderQuery(MomentQuery):
    """An address, and the moment."""

    ip = AddressField(required=True)


class HeldTargetSchema(Schema):
    """A target that was at the cloud at a moment, and the entry of history that says so."""

    load_balancer_id = fields.String(required=True)
    listener_id = fields.String(required=True)
    location_id = fields.String(required=True, allow_none=True)
    ip = fields.String(required=True)
    port = Whole(required=True)
    weight = Whole(
        required=True, allow_none=True, metadata={"description": "0: it was asked to get no new connections"}
    )
    cluster_id = fields.String(required=True)
    pod_uid = fields.String(required=True, allow_none=True)
    binding_id = fields.String(required=True)
    since = Time(required=True, metadata={"description": "of that entry"})
    sequence = Whole(required=True, metadata={"description": "of that entry"})


class HeldTargetsSchema(Schema):
    """What the broker had bound at a moment."""

    at = Time(required=True)
    items = fields.List(fields.Nested(HeldTargetSchema), required=True)


BindingPage = page_of(BindingSchema, "BindingPage")
EntryPage = page_of(EntrySchema, "EntryPage")
