"""By what a cluster's own identity is known."""

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, post_load, validate

from app.api.schemas.fields import Short, StrictSchema, Text, Time
from app.broker.trust_cluster import GivenTrust
from app.domain.trust import PublicKey, Trust
from app.identity.key_set import read_key_set
from app.identity.refusal import KeySetRefused
from app.identity.verify import LONGEST_SUBJECT
from app.jwks_uri import LONGEST, refusal_of

MOST_SUBJECTS: Final = 50
LONGEST_NAME: Final = 512


def _demand_place(url: str) -> None:
    refusal = refusal_of(url)
    if refusal is not None:
        raise ValidationError(refusal, "jwks_uri")


def _keys(document: Mapping[str, Any]) -> tuple[PublicKey, ...]:
    try:
        return read_key_set(document, strict=True)
    except KeySetRefused as error:
        raise ValidationError(f"Not a key set to be trusted: {error}.", "jwks") from error


class TrustSchema(StrictSchema):
    """Tokens of ``issuer`` for ``audience`` that name one of ``subjects`` are the cluster's agent's.

    The keys are given themselves (``jwks``), or read by a worker at ``jwks_uri``: over https, or http from loopback.
    """

    issuer = Text(LONGEST_NAME, required=True)
    audience = Text(LONGEST_NAME, required=True)
    subjects = Short(Text(LONGEST_SUBJECT), MOST_SUBJECTS, required=True, validate=validate.Length(1))
    jwks = fields.Dict(load_default=None, allow_none=True, metadata={"description": "a JSON Web Key Set (RFC 7517)"})
    jwks_uri = Text(LONGEST, load_default=None, allow_none=True)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> GivenTrust:
        """The trust as a value."""
        document, url = data["jwks"], data["jwks_uri"]
        if (document is None) == (url is None):
            raise ValidationError("One of jwks and jwks_uri is needed.")
        if url is not None:
            _demand_place(url)
        keys = () if document is None else _keys(document)
        subjects = tuple(dict.fromkeys(data["subjects"]))
        return GivenTrust(Trust(data["issuer"], data["audience"], subjects, url), keys)


class TrustAnswerSchema(Schema):
    """A trust as it was given, with the public keys where those were given themselves."""

    issuer = fields.String(required=True)
    audience = fields.String(required=True)
    subjects = fields.List(fields.String(), required=True)
    jwks = fields.Dict(required=True, allow_none=True)
    jwks_uri = fields.String(required=True, allow_none=True)


class TrustKeysSchema(Schema):
    """The keys that stand for a trust now. Where they are read: when that was last done, and why it fails."""

    key_ids = fields.List(fields.String(), required=True)
    read_at = Time(required=True, allow_none=True)
    error = fields.String(required=True, allow_none=True)
    failing_since = Time(required=True, allow_none=True)
