"""Health."""

from marshmallow import Schema, fields


class StatusSchema(Schema):
    """One word on how the process is."""

    status = fields.String(required=True)
