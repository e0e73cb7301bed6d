"""Clusters, load balancers, grants and tokens."""

from ipaddress import AddressValueError, IPv4Network, NetmaskValueError
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from app.api.schemas.fields import (
    ID_PATTERN,
    EmptyBody,
    Identifier,
    Share,
    Short,
    StrictSchema,
    Text,
    Time,
    Whole,
    page_of,
)
from app.api.schemas.pods import LONGEST_DRAIN_SECONDS
from app.api.schemas.trust import TrustAnswerSchema, TrustKeysSchema, TrustSchema
from app.broker.tokens import LIFETIME, SHORTEST_LIFETIME
from app.domain.caller import Role
from app.domain.cluster import Topology, Verification
from app.domain.load_balancer import EVERY_LISTENER

DEFAULT_MAX_SHARE = 0.3
MOST_NETWORKS = 200
MOST_LISTENERS = 200


def _network(value: str) -> None:
    try:
        IPv4Network(value)
    except (AddressValueError, NetmaskValueError, ValueError):
        raise ValidationError("Not an IPv4 network.") from None


class Network(fields.String):
    """An IPv4 network such as 10.1.0.0/16."""

    def __init__(self, **options: Any) -> None:
        super().__init__(validate=[_network], **options)


class TopologySchema(StrictSchema):
    """A cluster's networks as an operator states them."""

    vpc_id = Identifier(required=True)
    cluster_cidrs = Short(Network(), MOST_NETWORKS, load_default=list)
    service_cidr = Network(load_default=None, allow_none=True)
    eni_subnet_ids = Short(Identifier(), MOST_NETWORKS, load_default=list)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> Topology:
        """The topology as a value."""
        return Topology(
            data["vpc_id"], tuple(data["cluster_cidrs"]), data["service_cidr"], tuple(data["eni_subnet_ids"])
        )


class RemovalGuardSchema(StrictSchema):
    """The share of a listener's targets, 0 to 1, that one implicit removal may take without an operator's word."""

    max_share = Share(load_default=DEFAULT_MAX_SHARE)


class ClusterRequestSchema(StrictSchema):
    """A cluster as an operator states it. Without ``topology`` the worker reads it from the cloud."""

    account_id = Identifier(load_default="default")
    region = Identifier(required=True)
    verification = fields.Enum(Verification, by_value=True, load_default=Verification.STRICT)
    topology = fields.Nested(TopologySchema, load_default=None, allow_none=True)
    removal_guard = fields.Nested(RemovalGuardSchema, load_default=None, allow_none=True)
    drain_seconds = Whole(0, LONGEST_DRAIN_SECONDS, load_default=None, allow_none=True)
    trust = fields.Nested(TrustSchema, load_default=None, allow_none=True)


class TopologyAnswerSchema(Schema):
    """The networks in use, and where they come from."""

    vpc_id = fields.String(required=True)
    cluster_cidrs = fields.List(fields.String(), required=True)
    service_cidr = fields.String(required=True, allow_none=True)
    eni_subnet_ids = fields.List(fields.String(), required=True)


class FailingSchema(Schema):
    """One kind of work on a cluster that fails: topology, verification or reverification."""

    work = fields.String(required=True)
    since = Time(required=True)


class ClusterSchema(Schema):
    """A cluster."""

    cluster_id = fields.String(required=True)
    account_id = fields.String(required=True)
    region = fields.String(required=True)
    verification = fields.Enum(Verification, by_value=True, required=True)
    topology = fields.Nested(TopologyAnswerSchema, required=True, allow_none=True)
    topology_source = fields.String(required=True, allow_none=True, metadata={"description": "operator or cloud"})
    topology_read_at = Time(required=True, allow_none=True)
    topology_error = fields.String(required=True, allow_none=True)
    removal_guard = fields.Nested(RemovalGuardSchema, required=True)
    drain_seconds = Whole(
        required=True, allow_none=True, metadata={"description": "of bindings that name none; null: the broker's"}
    )
    state = fields.String(
        required=True,
        metadata={"description": "registered: no agent spoke yet; active; silent: no word for too long"},
    )
    last_seen_at = Time(required=True, allow_none=True)
    failing = fields.List(
        fields.Nested(FailingSchema), required=True, metadata={"description": "the work on it that fails"}
    )
    alarm = fields.Boolean(required=True, metadata={"description": "some of it has failed for longer than it may"})
    trust = fields.Nested(TrustAnswerSchema, required=True, allow_none=True)
    trust_keys = fields.Nested(
        TrustKeysSchema, required=True, allow_none=True, metadata={"description": "the keys of the trust as they stand"}
    )
    created_at = Time(required=True)
    updated_at = Time(required=True)


class LoadBalancerRequestSchema(StrictSchema):
    """Where a load balancer is."""

    account_id = Identifier(load_default="default")
    region = Identifier(required=True)


class RuleSchema(Schema):
    """A layer-7 forwarding rule."""

    location_id = fields.String(required=True)
    domain = fields.String(required=True)
    url = fields.String(required=True)


class ListenerSchema(Schema):
    """A listener as last read."""

    listener_id = fields.String(required=True)
    protocol = fields.String(required=True)
    port = Whole(required=True)
    rules = fields.List(fields.Nested(RuleSchema), required=True)


class SyncSchema(Schema):
    """How far the cloud is behind what the ledger wants."""

    wanted_generation = Whole(required=True)
    reconciled_generation = Whole(required=True)
    lag_seconds = fields.Float(required=True)
    last_error = fields.String(required=True, allow_none=True)
    failing_since = Time(
        required=True, allow_none=True, metadata={"description": "since when its passes fail; null: the last did not"}
    )
    alarm = fields.Boolean(required=True, metadata={"description": "they have failed for longer than they may"})


class LoadBalancerSchema(Schema):
    """A load balancer."""

    load_balancer_id = fields.String(required=True)
    account_id = fields.String(required=True)
    region = fields.String(required=True)
    vpc_id = fields.String(required=True, allow_none=True)
    vips = fields.List(fields.String(), required=True)
    listeners = fields.List(fields.Nested(ListenerSchema), required=True)
    inventory_read_at = Time(required=True, allow_none=True)
    missing = fields.Boolean(required=True, metadata={"description": "the cloud says that it does not exist"})
    sync = fields.Nested(SyncSchema, required=True)
    created_at = Time(required=True)


def _listener_id(value: str) -> None:
    if value != EVERY_LISTENER:
        Identifier().deserialize(value)


class GrantRequestSchema(StrictSchema):
    """On which listeners a cluster may bind; ``["*"]`` is all of them, today's and tomorrow's."""

    listener_ids = Short(
        fields.String(validate=_listener_id, metadata={"pattern": rf"^\*$|{ID_PATTERN}"}),
        MOST_LISTENERS,
        load_default=lambda: [EVERY_LISTENER],
        validate=validate.Length(1),
    )


class GrantSchema(Schema):
    """A cluster's right to bind on a load balancer."""

    load_balancer_id = fields.String(required=True)
    cluster_id = fields.String(required=True)
    listener_ids = fields.List(fields.String(), required=True)


class Lifetime(Whole):
    """How many seconds a token works; a year where nothing is said."""

    def __init__(self, **options: Any) -> None:
        least, most = int(SHORTEST_LIFETIME.total_seconds()), int(LIFETIME.total_seconds())
        super().__init__(least, most, load_default=None, allow_none=True, **options)


class AgentTokenRequestSchema(EmptyBody):
    """A token for a cluster's agent. Two are for use at once: those beyond the newest two end within the hour."""

    expires_in_seconds = Lifetime()


class TokenRequestSchema(StrictSchema):
    """A token for a person or a script."""

    role = fields.String(required=True, validate=validate.OneOf([str(role) for role in Role if role is not Role.AGENT]))
    name = Text(required=True)
    expires_in_seconds = Lifetime()


class TokenSchema(Schema):
    """A new token. ``token`` is shown this once and kept as a hash only."""

    token = fields.String(required=True)
    token_id = fields.String(required=True)
    expires_at = Time(required=True, allow_none=True)


class EvacuationSchema(Schema):
    """The bindings that leave now."""

    unbound = fields.List(fields.String(), required=True, metadata={"description": "binding ids"})


ClusterPage = page_of(ClusterSchema, "ClusterPage")
LoadBalancerPage = page_of(LoadBalancerSchema, "LoadBalancerPage")
GrantPage = page_of(GrantSchema, "GrantPage")
