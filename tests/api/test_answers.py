"""Answers that no schema walks through say what their schema says they do."""

import json

import pytest
from flask import Flask

from app.api.rendering import JsonProvider
from app.api.schemas.reception import ResultSchema, ResultsSchema
from app.domain.codes import Code
from app.domain.event import Outcome, Result

RESULTS = [
    Result("e-1", Outcome.ACCEPTED, "b-1"),
    Result(None, Outcome.REJECTED, None, Code.INVALID_EVENT, "pod.uid: Missing data for required field."),
    Result("\u4f60\u597d \u2028", Outcome.STALE, "b-2", Code.SUPERSEDED, 'a "greater" revision'),
]


@pytest.mark.parametrize("result", RESULTS)
def test_a_result_is_rendered_as_its_schema_says(result: Result) -> None:
    answer = JsonProvider(Flask(__name__)).response(ResultsSchema().dump({"results": [result]}))
    assert answer.content_type == "application/json"
    (told,) = json.loads(answer.data)["results"]
    wanted = ResultSchema().dump(result)
    assert (told, list(told)) == (wanted, list(wanted))


def test_a_result_has_no_field_that_its_schema_does_not_name() -> None:
    assert list(Result.__dataclass_fields__) == list(ResultSchema().fields)
