"""What agents send of pods and targets."""

from typing import Any, NamedTuple

from marshmallow import ValidationError, fields, validate

from app.api.schemas.fields import Identifier, Shared, Text, Time, Whole, Word
from app.api.schemas.quick import Part, QuickSchema
from app.domain.cluster import NetworkMode
from app.domain.event import MAX_EVENT_ID_LENGTH, MAX_REVISION, EventType, Pod, PodEvent, Service, Workload
from app.domain.target import DEFAULT_WEIGHT, TargetName, is_address

PROTOCOLS = ("TCP", "UDP", "TCP_SSL", "QUIC", "HTTP", "HTTPS")
LONGEST_DRAIN_SECONDS = 3600
LONGEST_DOMAIN = 80
LONGEST_URL = 200
"""The cloud's limits for a rule's domain and url (CLB API, CreateRule). The ledger's keys have room for no more."""


class AddressField(Text):
    """An IPv4 or IPv6 address in canonical form."""

    def __init__(self, **options: Any) -> None:
        super().__init__(most=45, **options)
        self.validators.append(_address)

    def is_right(self, value: Any) -> bool:
        """Whether it is an address, all of which are short enough."""
        return isinstance(value, str) and is_address(value)


def _address(value: str) -> None:
    if not is_address(value):
        raise ValidationError("Not an IP address.")


class PodSchema(QuickSchema):
    """The pod behind a target. ``ip`` may be left out of an unbind."""

    namespace = Text(required=True)
    name = Text(required=True)
    uid = Text(128, required=True)
    ip = AddressField(load_default=None, allow_none=True)
    node = Text(load_default=None, allow_none=True)

    def make(self, data: dict[str, Any]) -> Pod:
        """The pod as a value."""
        return Pod(**data)


class WorkloadSchema(QuickSchema):
    """What runs the pod."""

    kind = Text(required=True)
    name = Text(required=True)

    def make(self, data: dict[str, Any]) -> Workload:
        """The workload as a value."""
        return Workload(**data)


class ServiceSchema(QuickSchema):
    """The Service that the pod belongs to."""

    namespace = Text(required=True)
    name = Text(required=True)

    def make(self, data: dict[str, Any]) -> Service:
        """The Service as a value."""
        return Service(**data)


class AskedTarget(NamedTuple):
    """A target's name, and how the agent wants it; None where it leaves that to the broker."""

    name: TargetName
    weight: int | None
    drain_seconds: int | None


class TargetSchema(QuickSchema):
    """A target: the listener by its id, or by protocol and port; a layer-7 rule by its id, or by domain and url.

    ``port`` is the pod's. ``weight`` is from 0 to 100; ``drain_seconds`` overrides the broker's own drain time.
    """

    load_balancer_id = Identifier(required=True)
    listener_id = Identifier(load_default=None, allow_none=True)
    location_id = Identifier(load_default=None, allow_none=True)
    protocol = fields.String(load_default=None, allow_none=True, validate=validate.OneOf([*PROTOCOLS, None]))
    listener_port = Whole(1, 65535, load_default=None, allow_none=True)
    domain = Text(LONGEST_DOMAIN, load_default=None, allow_none=True)
    url = Text(LONGEST_URL, load_default=None, allow_none=True)
    port = Whole(1, 65535, required=True)
    weight = Whole(load_default=None, allow_none=True, metadata={"description": f"default {DEFAULT_WEIGHT}"})
    drain_seconds = Whole(0, LONGEST_DRAIN_SECONDS, load_default=None, allow_none=True)

    def check(self, data: dict[str, Any]) -> None:
        """One way of naming the listener, whole."""
        by_port = (data.get("protocol"), data.get("listener_port"))
        if data.get("listener_id") is None and None in by_port:
            raise ValidationError("Give listener_id, or protocol and listener_port.", "listener_id")
        if data.get("listener_id") is not None and by_port != (None, None):
            raise ValidationError("Give listener_id alone, or protocol and listener_port.", "listener_id")
        if data.get("location_id") is not None and (data.get("domain") or data.get("url")):
            raise ValidationError("Give location_id alone, or domain and url.", "location_id")

    def make(self, data: dict[str, Any]) -> AskedTarget:
        """The target as a value."""
        weight, drain_seconds = data.pop("weight"), data.pop("drain_seconds")
        return AskedTarget(TargetName(**data), weight, drain_seconds)


class _AboutOnePod(QuickSchema):
    pod = Part(PodSchema, required=True)
    workload = Shared(WorkloadSchema, load_default=None, allow_none=True)
    network_mode = Word(NetworkMode, load_default=None, allow_none=True)
    target = Shared(TargetSchema, required=True)


def _needs_address_and_mode(data: dict[str, Any]) -> None:
    if data["pod"].ip is None:
        raise ValidationError({"pod": {"ip": ["Missing data for required field."]}})
    if data["network_mode"] is None:
        raise ValidationError("Missing data for required field.", "network_mode")


class PodEventSchema(_AboutOnePod):
    """One pod event. ``revision`` is the greatest resource version that it rests on."""

    event_id = Text(MAX_EVENT_ID_LENGTH, required=True)
    type = Word(EventType, required=True)
    revision = Whole(0, MAX_REVISION, required=True)
    observed_at = Time(load_default=None, allow_none=True)
    service = Shared(ServiceSchema, load_default=None, allow_none=True)

    def check(self, data: dict[str, Any]) -> None:
        """A bind names the address and how the pod got it."""
        if data["type"] is EventType.BIND:
            _needs_address_and_mode(data)

    def make(self, data: dict[str, Any]) -> PodEvent:
        """The event as a value."""
        asked: AskedTarget = data.pop("target")
        return PodEvent(target=asked.name, weight=asked.weight, drain_seconds=asked.drain_seconds, **data)


class SnapshotEntrySchema(_AboutOnePod):
    """One pod at one target, in the full truth for a Service."""

    def check(self, data: dict[str, Any]) -> None:
        """An entry names the address and how the pod got it."""
        _needs_address_and_mode(data)
