"""Requests and answers as marshmallow schemas: validation, rendering and openapi.yaml have this one source."""
