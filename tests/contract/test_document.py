"""openapi.yaml, what the code prints and what is served are one document, and it says of each route what it must."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from app.api.routes import ROUTES, Route
from app.cli import main
from app.domain.binding import State, Verdict
from app.domain.codes import Code
from app.domain.event import Outcome
from tests.api.client import Caller

REPOSITORY = Path(__file__).parents[2]
IN_THE_REPOSITORY = (REPOSITORY / "openapi.yaml").read_text()
DOCUMENT: dict[str, Any] = yaml.safe_load(IN_THE_REPOSITORY)
BODIES = {
    "clusters.put",
    "clusters.evacuate",
    "drift.ignore",
    "tokens.post",
    "tokens.post_for_cluster",
    "load-balancers.put",
    "grants.put",
    "pod-events.post",
    "pod-events.put_service_targets",
    "holds.approve",
    "holds.dismiss",
    "verifications.post",
}
LISTS = [route for route in ROUTES if route.endpoint in {"listing", "history"}]
each_route = pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")


def _operation(route: Route) -> dict[str, Any]:
    path = route.path.replace("<identifier:", "{").replace(">", "}")
    operation: dict[str, Any] = DOCUMENT["paths"][path][route.method.lower()]
    return operation


def _page(route: Route) -> str:
    reference: str = _operation(route)["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    return reference.rpartition("/")[2]


def test_the_file_in_the_repository_is_what_the_code_prints() -> None:
    printed = CliRunner().invoke(main, ["openapi"])
    assert printed.exit_code == 0
    assert printed.output == IN_THE_REPOSITORY  # clb-broker openapi > openapi.yaml makes it so


def test_the_file_in_the_repository_is_what_is_served(admin: Caller) -> None:
    assert admin.get("/openapi.yaml").text == IN_THE_REPOSITORY


def test_the_document_names_the_routes_and_no_others() -> None:
    named = {
        (method.upper(), path)
        for path, operations in DOCUMENT["paths"].items()
        for method in operations
        if method != "parameters"
    }
    assert named == {(route.method, route.path.replace("<identifier:", "{").replace(">", "}")) for route in ROUTES}


def test_each_operation_has_an_id_of_its_own() -> None:
    ids = [_operation(route)["operationId"] for route in ROUTES]
    assert len(set(ids)) == len(ROUTES)
    assert set(ids) >= BODIES


@each_route
def test_an_operation_says_who_may_ask(route: Route) -> None:
    operation = _operation(route)
    assert operation["summary"]
    if route.roles is None:
        assert "security" not in operation
    else:
        assert operation["security"] == [{"bearer": []}]
        assert operation["description"] == f"For the roles: {', '.join(sorted(route.roles))}."
    assert DOCUMENT["components"]["securitySchemes"]["bearer"] == {"type": "http", "scheme": "bearer"}


@each_route
def test_an_operation_names_its_errors_as_problems(route: Route) -> None:
    answers = _operation(route)["responses"]
    named = {int(status) for status in answers}
    needed = {500}
    if route.roles is not None:
        needed |= {401, 403, 422, 503}
    if "<" in route.path:
        needed.add(404)
    if _operation(route)["operationId"] in BODIES:
        needed |= {400, 413, 415}
    assert needed <= named
    assert any(200 <= status < 300 for status in named)
    for status in named:
        if status >= 400:
            assert answers[str(status)] == {"$ref": f"#/components/responses/{status}"}
            (content_type,) = DOCUMENT["components"]["responses"][str(status)]["content"]
            assert content_type == "application/problem+json"


@each_route
def test_an_operation_has_a_body_where_the_route_reads_one(route: Route) -> None:
    assert ("requestBody" in _operation(route)) == (_operation(route)["operationId"] in BODIES)


@pytest.mark.parametrize("route", LISTS, ids=lambda route: route.path)
def test_a_list_takes_limit_and_cursor(route: Route) -> None:
    assert "next_cursor" in str(DOCUMENT["components"]["schemas"][_page(route)]["required"])
    parameters = {parameter["name"]: parameter["schema"] for parameter in _operation(route)["parameters"]}
    assert parameters["cursor"]["type"] == "string"
    limit = parameters["limit"]
    assert (limit["default"], limit["minimum"], limit["maximum"]) == (100, 1, 1000)


def test_the_words_of_the_contract_are_in_the_document() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    binding, result = schemas["Binding"]["properties"], schemas["Result"]["properties"]
    assert set(binding["state"]["enum"]) == set(State)
    assert set(result["outcome"]["enum"]) == set(Outcome)
    assert set(result["code"]["enum"]) == {*Code, None}
    assert set(schemas["Verification"]["properties"]["verdict"]["enum"]) == set(Verdict)
    assert binding["health"]["enum"] == ["unknown", "healthy", "unhealthy", "off"]
    assert schemas["PodEvents"]["properties"]["events"]["maxItems"] == 1000


def test_everything_that_the_document_defines_is_used() -> None:
    unused = [
        name for name in DOCUMENT["components"]["schemas"] if f"'#/components/schemas/{name}'" not in IN_THE_REPOSITORY
    ]
    assert unused == []
