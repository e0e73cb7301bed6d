"""Reading requests: JSON in, strict, whatever the content type says."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from flask import Request, request
from flask_smorest import Blueprint
from marshmallow import RAISE
from webargs.flaskparser import FlaskParser
from webargs.multidictproxy import MultiDictProxy

from app.api.schemas.fields import EmptyBody, first_message
from app.domain.errors import RequestRefused

MAX_BODY_BYTES = 1024 * 1024

View = TypeVar("View", bound=Callable[..., Any])


class StrictParser(FlaskParser):
    """Unknown fields are errors in bodies and in query strings; a body that is not JSON is one too."""

    DEFAULT_UNKNOWN_BY_LOCATION = {"json": RAISE, "query": RAISE}  # noqa: RUF012 (as webargs declares it)

    def load_json(self, req: Request, schema: Any) -> Any:
        """The body as JSON; where a path says everything, an empty one will do. Raises `RequestRefused` (400, 415)."""
        if req.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise RequestRefused(415, "unsupported-encoding", "send the body as it is, not compressed")
        body = req.get_data(cache=True)
        if not body and isinstance(schema, EmptyBody):
            return {}
        return _json(body)

    def load_querystring(self, req: Request, schema: Any) -> Any:
        """The query; a repeated parameter is an error instead of a silent choice. Raises `RequestRefused` (422)."""
        repeated = sorted(name for name, values in req.args.lists() if len(values) > 1)
        if repeated:
            raise RequestRefused(422, "invalid-request", f"{repeated[0]}: given more than once")
        return MultiDictProxy(req.args, schema)


def takes_query(view: View) -> bool:
    """Whether a view declares parameters of a query."""
    declared = getattr(view, "_apidoc", {}).get("arguments", {}).get("parameters", ())
    return any(parameter["in"] == "query" for parameter in declared)


def refuse_query() -> None:
    """For routes that declare none: an unknown parameter is an error there too. Raises `RequestRefused` (422)."""
    for name in request.args:
        raise RequestRefused(422, "invalid-request", first_message({name: ["Unknown field."]}))


def _json(body: bytes) -> Any:
    try:
        read = orjson.loads(body)
        said = orjson.dumps(
            read
        )  # refuses what is nested deeper than 254 levels: what walks it later would break on it
    except orjson.JSONDecodeError as error:
        raise RequestRefused(400, "not-json", f"the body is not JSON: {error}") from error
    except orjson.JSONEncodeError as error:
        raise RequestRefused(400, "not-json", "the body is nested too deeply") from error
    # A name that is given twice is kept once, so there is one colon less. It seldom is: looking for it takes long.
    return _marked(body) if body.count(b":") != said.count(b":") or b"\\u003" in body else read


def _marked(body: bytes) -> Any:
    """As JSON, where an object with a name given twice has an unknown field that says so.

    Which of the two is meant nobody knows, and others may read it otherwise (RFC 8259, section 4). So it is refused by
    the schema, and inside of one event spoils that event alone.
    """

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
            found[f"{twice} given twice"] = None
        return found

    whole = orjson.loads  # numbers as they are read elsewhere: great ones are no integers
    return json.loads(body, object_pairs_hook=members, parse_int=whole, parse_float=whole)


class StrictBlueprint(Blueprint):  # type: ignore[misc]  # flask-smorest comes without types
    """A blueprint whose requests are read by `StrictParser`; its decorators keep the types of views."""

    ARGUMENTS_PARSER = StrictParser()

    def arguments(self, *given: Any, **options: Any) -> Callable[[View], View]:
        """As flask-smorest's."""
        decorate: Callable[[View], View] = super().arguments(*given, **options)
        return decorate

    def response(self, *given: Any, **options: Any) -> Callable[[View], View]:
        """As flask-smorest's."""
        decorate: Callable[[View], View] = super().response(*given, **options)
        return decorate

    def alt_response(self, *given: Any, **options: Any) -> Callable[[View], View]:
        """As flask-smorest's."""
        decorate: Callable[[View], View] = super().alt_response(*given, **options)
        return decorate
