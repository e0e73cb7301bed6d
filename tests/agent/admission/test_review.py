"""Reviews and their answers: every pod is allowed, and the right ones get a patch."""

import base64
import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.agent.admission.review import LONGEST_WARNING, Reviewer
from app.agent.deciding.gate_injection import GatingService
from app.agent.deciding.objects import GATE, ObjectKey
from tests.agent.admission.reviews import pod, review_of

WEB = GatingService(ObjectKey("shop", "web"), direct_access=True, selector=(("app", "web"),), opted_out=False)


def _reviewer(unready: str | None = None) -> Reviewer:
    return Reviewer(lambda namespace: [WEB] if namespace == "shop" else [], lambda: unready)


def _answer(body: bytes, reviewer: Reviewer | None = None) -> dict[str, Any]:
    answer = json.loads((reviewer or _reviewer()).review(body))
    assert (answer["kind"], answer["apiVersion"]) == ("AdmissionReview", "admission.k8s.io/v1")
    response: dict[str, Any] = answer["response"]
    assert response["allowed"] is True
    return response


def test_a_selected_pod_gets_the_gate_by_a_json_patch() -> None:
    found = _answer(review_of(pod()))
    step = {"op": "add", "path": "/spec/readinessGates", "value": [{"conditionType": GATE}]}
    assert found.keys() == {"uid", "allowed", "patchType", "patch"}
    assert (found["uid"], found["patchType"]) == ("7c5f", "JSONPatch")
    assert json.loads(base64.b64decode(found["patch"])) == [step]


def test_a_pod_with_a_generated_name_and_no_namespace_of_its_own_counts_by_the_requests_namespace() -> None:
    unnamed = pod() | {"metadata": {"generateName": "web-", "labels": {"app": "web"}}}
    assert "patch" in _answer(review_of(unnamed))
    assert "patch" not in _answer(review_of(unnamed, namespace="billing"))


def test_a_pod_that_no_service_selects_passes_without_patch_and_without_a_word() -> None:
    assert _answer(review_of(pod(app="api"))) == {"uid": "7c5f", "allowed": True}


def test_before_the_services_are_known_a_pod_passes_without_patch_and_with_a_warning() -> None:
    found = _answer(review_of(pod()), _reviewer("not listed yet"))
    assert (found["uid"], "patch" in found) == ("7c5f", False)
    assert found["warnings"][0].endswith("not considered: not listed yet")


HOSTILE = [
    (b"", ""),
    (b"not json", ""),
    (b"\xff\xfe", ""),
    (b"null", ""),
    (b"[]", ""),
    (b"{}", ""),
    (b'{"request": []}', ""),
    (b"[" * 100_000, ""),
    (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, ""),
    (review_of(pod(), version="admission.k8s.io/v1beta1"), "7c5f"),
    (review_of(pod(), kind="Pod"), "7c5f"),
    (review_of(pod(), resource=None), "7c5f"),
    (review_of(pod(), resource="pods"), "7c5f"),
    (review_of(pod(), resource={"group": "apps", "version": "v1", "resource": "pods"}), "7c5f"),
    (review_of(pod(), resource={"group": "", "version": "v1", "resource": "services"}), "7c5f"),
    (review_of(pod(), subResource="ephemeralcontainers"), "7c5f"),
    (review_of(pod(), operation="UPDATE"), "7c5f"),
    (review_of(pod(), namespace=None), "7c5f"),
    (review_of(pod(), namespace=["shop"]), "7c5f"),
    (review_of(None), "7c5f"),
    (review_of({"metadata": {}, "spec": "x"}), "7c5f"),
    (review_of({"metadata": {"labels": {"app": {"x": 1}}}, "spec": {}}), "7c5f"),
    (review_of(pod(gates="x")), "7c5f"),
]


@pytest.mark.parametrize(("body", "uid"), HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_comes_passes_without_patch_and_with_a_warning(body: bytes, uid: str) -> None:
    found = _answer(body)
    assert found.keys() == {"uid", "allowed", "warnings"}
    assert found["uid"] == uid
    assert all(0 < len(warning) <= LONGEST_WARNING for warning in found["warnings"])


@pytest.mark.parametrize("uid", [5, None, ["x"]])
def test_a_uid_that_is_none_is_answered_with_an_empty_one(uid: object) -> None:
    assert _answer(review_of(pod(), uid=uid))["uid"] == ""


def test_a_mistake_in_here_lets_the_pod_pass(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(_: str) -> Iterable[GatingService]:
        raise ZeroDivisionError

    found = _answer(review_of(pod()), Reviewer(broken, lambda: None))
    assert found["uid"] == "7c5f"
    assert "internal error" in found["warnings"][0]
    shown = capsys.readouterr()
    assert "ZeroDivisionError" in shown.out + shown.err


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = ["uid", "kind", "resource", "subResource", "namespace", "operation", "object"]


@given(st.dictionaries(st.sampled_from(FIELDS), JSON), st.dictionaries(st.sampled_from(["metadata", "spec"]), JSON))
def test_no_field_of_a_review_or_of_its_pod_keeps_it_from_passing(
    fields: dict[str, Any], parts: dict[str, Any]
) -> None:
    _answer(review_of({**pod(), **parts}, **fields))
    _answer(review_of({**pod(), **parts}))


def test_a_long_warning_is_cut() -> None:
    (warning,) = json.loads(_reviewer().unread("x" * 1000))["response"]["warnings"]
    assert len(warning) == LONGEST_WARNING
