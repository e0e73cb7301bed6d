"""The API's own description: openapi.yaml, and a page that shows it without a network."""

import re
from typing import Any, Final

import orjson
import yaml
from flask import Flask, Response, send_from_directory
from flask_smorest import Api

from app.api.exports import EXPORTS
from app.api.problems import TITLES
from app.api.routes import ROUTES, Route

DESCRIPTION: Final = """\
Agents in many clusters POST pod events; the broker proves that each address is really that cluster's and binds it to a
Cloud Load Balancer. Errors are `application/problem+json` (RFC 9457) with a stable `code`."""

PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "a sentence for people"},
        "instance": {"type": "string"},
        "code": {"type": "string", "description": "stable; what programs compare"},
        "errors": {"type": "object", "description": "validation messages by field"},
    },
}

PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>CLB binding broker</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
START: Final = 'SwaggerUIBundle({url: "openapi.yaml", dom_id: "#swagger-ui", validatorUrl: null});\n'
POLICY: Final = "default-src 'self'; frame-ancestors 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'"
"""The page loads nothing from elsewhere."""


def openapi(api: Api) -> dict[str, Any]:
    """The description of the API: what the schemas say, and for each route who may ask and which errors it knows."""
    # Through JSON and back: enumerations become their values, and nothing is shared between places.
    spec: dict[str, Any] = orjson.loads(orjson.dumps(api.spec.to_dict()))
    spec["info"]["description"] = DESCRIPTION
    components = spec.setdefault("components", {})
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components["responses"] = {str(status): _problem_response(title) for status, title in TITLES.items()}
    for unused in ("Error", "PaginationMetadata"):  # flask-smorest's own
        components["schemas"].pop(unused, None)
    for route in ROUTES:
        path = _openapi_path(route.path)
        _describe(spec["paths"][path][route.method.lower()], route)
    _say_null_exactly(components["schemas"])
    return spec


def openapi_yaml(api: Api) -> str:
    """`openapi` as text, in a stable order."""
    return yaml.safe_dump(openapi(api), sort_keys=False, allow_unicode=True, width=120)


def register_documents(app: Flask, api: Api) -> None:
    """Serve ``/openapi.yaml`` and ``/docs``."""
    text = openapi_yaml(api)
    app.extensions["openapi_yaml"] = text

    @app.get("/openapi.yaml")
    def served_openapi() -> Response:
        return Response(text, content_type="application/yaml")

    @app.get("/docs", strict_slashes=True)  # the page's links are relative: with a slash more they would lead nowhere
    def docs() -> Response:
        return Response(PAGE, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": POLICY})

    @app.get("/docs/start.js")
    def docs_start() -> Response:
        return Response(START, content_type="text/javascript")

    @app.get("/docs/<any('swagger-ui.css', 'swagger-ui-bundle.js'):name>")
    def docs_asset(name: str) -> Response:
        from swagger_ui_bundle import swagger_ui_path

        return send_from_directory(swagger_ui_path, name)


def _say_null_exactly(node: Any) -> None:
    """Where one of several shapes is null, apispec writes "any object, or null"; this leaves null alone of it."""
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for each in inner:
        if each == {"type": "object", "nullable": True}:
            each["enum"] = [None]
        _say_null_exactly(each)


def _describe(operation: dict[str, Any], route: Route) -> None:
    operation["operationId"] = f"{route.blueprint.name}.{route.endpoint}"
    if operation["operationId"] == "history.listing":
        streamed = {"schema": {"type": "string", "description": "all of it, as a stream"}}
        operation["responses"]["200"]["content"] |= dict.fromkeys(EXPORTS, streamed)
    for status in [status for status in operation["responses"] if not status.startswith("2")]:
        del operation["responses"][status]
    for status in sorted(_errors(operation, route)):
        operation["responses"][str(status)] = {"$ref": f"#/components/responses/{status}"}
    if route.roles is not None:
        operation["security"] = [{"bearer": []}]
        operation["description"] = f"For the roles: {', '.join(sorted(route.roles))}."


def _errors(operation: dict[str, Any], route: Route) -> set[int]:
    errors = {500}
    if route.roles is not None:
        errors |= {401, 403, 422, 429, 503}
    if "<" in route.path:
        errors.add(404)
    if "requestBody" in operation:
        errors |= {400, 413, 415}
    if route.method in {"PUT", "POST"} and route.roles is not None:
        errors.add(409)
    if route.method == "GET" and route.path.endswith("/targets"):
        errors.add(410)  # a moment whose history is no longer kept
    if route.path == "/readyz":
        errors.add(503)
    return errors


def _problem_response(title: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": title, "content": {"application/problem+json": {"schema": schema}}}


def _openapi_path(path: str) -> str:
    return re.sub(r"<[a-z]+:([a-z_]+)>", r"{\1}", path)
