"""The Flask application, built from the table of routes."""

from flask import Flask, Response
from flask_smorest import Api
from werkzeug.routing import BaseConverter

from app.api.authentication import permitted
from app.api.context import EXTENSION, ApiContext
from app.api.documents import register_documents
from app.api.limits import register_limits
from app.api.metrics import register_metrics
from app.api.parsing import MAX_BODY_BYTES
from app.api.problems import register_problems
from app.api.rendering import JsonProvider
from app.api.routes import ROUTES
from app.api.schemas.fields import ID_PATTERN
from app.api.trails import register_trails


class IdentifierConverter(BaseConverter):
    """An identifier in a path; what is none leads nowhere, and so to 404."""

    regex = ID_PATTERN.removeprefix("^").removesuffix("$")


class BrokerApi(Api):  # type: ignore[misc]  # flask-smorest comes without types
    """flask-smorest without its own error handlers: errors are problems, see `app.api.problems`."""

    def _register_error_handlers(self) -> None:
        """None of flask-smorest's."""


def create_application(context: ApiContext) -> Flask:
    """The API on ``context``; stateless, so that any number of it may run."""
    app = Flask(__name__, static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        API_TITLE="CLB binding broker",
        API_VERSION="v1",
        OPENAPI_VERSION="3.0.3",  # the page at /docs shows no later one
    )
    app.json = JsonProvider(app)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # a path with too many slashes is no path, and nothing redirects
    app.url_map.converters["identifier"] = IdentifierConverter
    app.extensions[EXTENSION] = context
    api = _register_routes(app)
    register_documents(app, api)
    register_problems(app)
    register_trails(app)
    register_metrics(app)
    register_limits(app)
    app.after_request(_security_headers)
    return app


def _register_routes(app: Flask) -> Api:
    api = BrokerApi(app)
    api.register_converter(IdentifierConverter, lambda _: {"type": "string", "pattern": ID_PATTERN})
    blueprints = dict.fromkeys(route.blueprint for route in ROUTES)
    for original in blueprints:
        # A blueprint remembers where it was registered; each application gets its own.
        fresh = type(original)(original.name, original.import_name, description=original.description)
        for route in (route for route in ROUTES if route.blueprint is original):
            view = route.view if route.roles is None else permitted(route.view, route.roles)
            fresh.add_url_rule(route.path, route.endpoint, view, methods=[route.method])
        api.register_blueprint(fresh)
    return api


def _security_headers(response: Response) -> Response:
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    response.headers.setdefault("X-Frame-Options", "DENY")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    return response
