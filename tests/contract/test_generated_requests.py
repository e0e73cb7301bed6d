"""Requests made up from openapi.yaml, well-formed and malformed: every answer is one that the document names."""

from functools import cache

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.api.routes import ROUTES, Route
from tests.api.client import CLUSTER, Caller

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 12
few = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
"""The same few requests at every run."""


def _path(route: Route) -> str:
    return route.path.replace("<identifier:", "{").replace(">", "}")


@cache
def _served(app: Flask) -> BaseSchema:
    return schemathesis.openapi.from_wsgi("/openapi.yaml", app)


def _operation(route: Route, caller: Caller) -> APIOperation:
    return _served(caller.app)[_path(route)][route.method]


def _known(route: Route, caller: Caller) -> dict[str, str]:
    """Names of things that are there, so that generated requests get past 404."""
    there = {
        "cluster_id": CLUSTER,
        "load_balancer_id": "lb-1",
        "namespace": "shop",
        "name": "web",
        "token_id": "t-1",
        "binding_id": caller.get("/v1/bindings").json["items"][0]["binding_id"],
    }
    return {name: value for name, value in there.items() if f":{name}>" in route.path}


def _ask(route: Route, caller: Caller, mode: GenerationMode) -> int:
    """Make up requests of one kind and check their answers; how many there were."""
    operation = _operation(route, caller)
    headers = {"Authorization": f"Bearer {caller.token}"}
    cases = operation.as_strategy(mode, path_parameters=_known(route, caller), headers=headers)
    asked = []

    @few
    @given(case=cases)
    def each(case: schemathesis.Case) -> None:
        asked.append(case)
        case.call_and_validate(checks=CHECKS)

    each()
    return len(asked)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
@pytest.mark.parametrize("who", ["admin", "agent"])
def test_every_answer_is_one_that_the_document_names(admin: Caller, agent: Caller, route: Route, who: str) -> None:
    caller = admin if who == "admin" else agent
    operation = _operation(route, caller)
    assert _ask(route, caller, GenerationMode.POSITIVE) >= 1
    if operation.body or operation.query:
        assert _ask(route, caller, GenerationMode.NEGATIVE) == EXAMPLES
