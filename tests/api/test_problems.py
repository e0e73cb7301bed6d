"""Every refusal is a problem of RFC 9457 with a stable code, whatever was sent."""

import gzip

import pytest

from app.api.routes import ROUTES
from app.broker import look_up
from tests.api.client import CLUSTER, Caller, bind, problem_of, register_cluster

MIB = 1024 * 1024
EVENTS = f"/v1/clusters/{CLUSTER}/pod-events"
CLUSTER_PATH = f"/v1/clusters/{CLUSTER}"

NOT_JSON = {
    "truncated": b'{"events": [',
    "a word": b"events",
    "NaN": b'{"region": NaN}',
    "Infinity": b'{"region": -Infinity}',
    "a number that is infinite": b'{"region": 1e999}',
    "single quotes": b"{'region': 'ap-guangzhou'}",
    "a comma too many": b'{"region": "ap-guangzhou",}',
    "a comment": b'{"region": "ap-guangzhou"} // here',
    "two documents": b"{}{}",
    "no UTF-8": b'{"region": "\xff\xfe"}',
    "UTF-16": '{"region": "x"}'.encode("utf-16"),
    "a lone surrogate": b'{"region": "\\ud800"}',
    "a raw control character": b'{"region": "a\x00b"}',
    "a hundred thousand levels of lists": b"[" * 100_000 + b"]" * 100_000,
    "a hundred thousand levels of objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a thousand levels": b'{"region":' + b"[" * 1000 + b"]" * 1000 + b"}",
    "three hundred levels": b'{"region":' + b"[" * 300 + b"]" * 300 + b"}",
    "nothing": b"",
    "white space": b"  \n",
}

NO_OBJECT = [b"null", b"[]", b'"region"', b"1", b"true", b"[{}]"]


def _guarded_with_body() -> list[str]:
    return [CLUSTER_PATH, "/v1/load-balancers/lb-1", f"/v1/load-balancers/lb-1/grants/{CLUSTER}"]


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_a_body_that_is_not_json_is_400(admin: Caller, agent: Caller, body: bytes) -> None:
    for path in _guarded_with_body():
        problem_of(admin.put(path, body), 400, "not-json")
    problem_of(admin.post("/v1/tokens", body), 400, "not-json")
    problem_of(agent.post(EVENTS, body), 400, "not-json")
    problem_of(agent.put(f"{CLUSTER_PATH}/services/shop/web/targets", body), 400, "not-json")


@pytest.mark.parametrize("body", NO_OBJECT)
def test_json_that_is_no_object_is_422(admin: Caller, agent: Caller, body: bytes) -> None:
    for path in _guarded_with_body():
        problem_of(admin.put(path, body), 422, "invalid-request")
    problem_of(agent.post(EVENTS, body), 422, "invalid-request")
    problem_of(admin.post(f"{CLUSTER_PATH}/evacuate", body), 422, "invalid-request")


def test_a_route_that_says_everything_by_its_path_needs_no_body(admin: Caller) -> None:
    register_cluster(admin)
    for body in (b"", b"{}", b" {} \n"):
        assert admin.post(f"{CLUSTER_PATH}/tokens", body).status_code == 201
        assert admin.post(f"{CLUSTER_PATH}/evacuate", body).status_code == 200
    problem_of(admin.post(f"{CLUSTER_PATH}/evacuate", {"force": True}), 422, "invalid-request")


def test_json_is_read_whatever_the_content_type_says(admin: Caller) -> None:
    for content_type in ("text/plain", "application/json; charset=latin-1", "application/x-www-form-urlencoded", "-"):
        answer = admin.send("PUT", CLUSTER_PATH, {"region": "ap-guangzhou"}, headers={"Content-Type": content_type})
        assert answer.status_code in {200, 201}, answer.text


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP", "gzip, gzip", "identity, gzip"])
def test_a_compressed_body_is_415(agent: Caller, encoding: str) -> None:
    packed = gzip.compress(b'{"events": []}')
    answer = agent.send("POST", EVENTS, packed, headers={"Content-Encoding": encoding})
    problem_of(answer, 415, "unsupported-encoding")


def test_a_body_of_one_mib_is_read_and_one_byte_more_is_413(agent: Caller) -> None:
    body = b'{"events": []}'
    assert agent.post(EVENTS, body.ljust(MIB)).status_code == 202
    problem_of(agent.post(EVENTS, body.ljust(MIB + 1)), 413, "too-large")


def test_a_body_of_a_hundred_mib_is_refused_by_its_announced_length(admin: Caller) -> None:
    announced = {"CONTENT_LENGTH": str(100 * MIB), "HTTP_AUTHORIZATION": f"Bearer {admin.token}"}
    answer = admin.app.test_client().put(CLUSTER_PATH, environ_overrides=announced)
    problem_of(answer, 413, "too-large")


def test_more_than_a_thousand_events_are_413_and_none_is_taken(agent: Caller) -> None:
    events = [bind(f"u{number}") for number in range(1001)]
    slim = [{name: event[name] for name in ("event_id",)} for event in events]
    problem_of(agent.post(EVENTS, {"events": slim}), 413, "too-many-events")
    assert agent.get("/v1/history", action="event-rejected").json["items"] == []


def test_a_thousand_events_are_answered(agent: Caller) -> None:
    assert len(agent.tell(*[1] * 1000)) == 1000


def test_more_than_a_thousand_targets_of_a_service_are_413(agent: Caller) -> None:
    answer = agent.put(f"{CLUSTER_PATH}/services/shop/web/targets", {"revision": 1, "targets": [{}] * 1001})
    problem_of(answer, 413, "too-many-events")


def test_half_a_million_of_nothing_is_refused_before_each_is_looked_at(
    agent: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    from marshmallow import fields

    looked_at = []
    read_nested = fields.Nested.deserialize
    monkeypatch.setattr(
        fields.Nested,
        "deserialize",
        lambda self, *given, **more: looked_at.append(1) or read_nested(self, *given, **more),
    )
    many = b"0," * 500_000 + b"0]}"
    problem_of(agent.post(EVENTS, b'{"events": [' + many), 413, "too-many-events")
    path = f"{CLUSTER_PATH}/services/shop/web/targets"
    problem_of(agent.put(path, b'{"revision": 1, "targets": [' + many), 413, "too-many-events")
    assert len(looked_at) < 10


@pytest.mark.parametrize("body", [{}, {"events": None}, {"events": {}}, {"events": "x"}, {"events": 1}, {"event": []}])
def test_events_missing_or_not_a_list_is_422(agent: Caller, body: object) -> None:
    assert "event" in problem_of(agent.post(EVENTS, body), 422, "invalid-request")["detail"]


def test_a_field_beside_events_is_422(agent: Caller) -> None:
    problem = problem_of(agent.post(EVENTS, {"events": [bind()], "cluster_id": "cls-b"}), 422, "invalid-request")
    assert problem["detail"] == "cluster_id: Unknown field."
    assert agent.get("/v1/bindings").json["items"] == []


def test_an_unknown_path_is_404(admin: Caller) -> None:
    for path in ("/", "/v1", "/v2/clusters", "/v1/clusters/a/b", "/docs/secret", "/docs/../app", "/v1//clusters"):
        problem_of(admin.get(path), 404, "not-found")


def test_an_id_that_is_none_leads_nowhere(admin: Caller) -> None:
    odd = (
        "%00",
        "%0A",
        "a%0A",
        "a%20b",
        "a%2Fb",
        "-a",
        ".",
        "..",
        "%C3%A9",
        "%FF",
        "'",
        "a;b",
        "a" * 129,
        "%F0%9F%92%A9",
    )
    for name in odd:
        problem_of(admin.get(f"/v1/clusters/{name}"), 404)
        problem_of(admin.put(f"/v1/clusters/{name}", {"region": "ap-guangzhou"}), 404)
        problem_of(admin.get(f"/v1/bindings/{name}"), 404)
        problem_of(admin.delete(f"/v1/tokens/{name}"), 404)
    assert admin.get("/v1/clusters").json["items"] == []


def test_the_longest_id_with_every_character_is_one(admin: Caller) -> None:
    name = "A-z_0." + "9" * 122
    register_cluster(admin, name)
    assert admin.get(f"/v1/clusters/{name}").json["cluster_id"] == name


def test_another_method_is_405_with_those_allowed(admin: Caller) -> None:
    for method in ("DELETE", "PATCH", "POST", "BREW"):
        answer = admin.send(method, CLUSTER_PATH)
        problem_of(answer, 405, "method-not-allowed")
        assert {"GET", "PUT"} <= set(answer.headers["Allow"].split(", "))
        assert method not in answer.headers["Allow"].split(", ")


def test_every_path_answers_405_to_a_method_that_it_lacks(stranger: Caller) -> None:
    for path in {route.path for route in ROUTES}:
        plain = "/".join("x-1" if part.startswith("<") else part for part in path.split("/"))
        problem_of(stranger.send("TRACE", plain), 405, "method-not-allowed")


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "x", "", "1.5", "1e2", "1_0", " 1", "\u0661", "9" * 5000, "true"])
def test_a_limit_that_is_no_number_from_1_to_1000_is_422(admin: Caller, limit: str) -> None:
    for path in ("/v1/clusters", "/v1/load-balancers", "/v1/bindings", "/v1/history", "/v1/holds"):
        assert "limit" in problem_of(admin.get(path, limit=limit), 422, "invalid-request")["detail"]


@pytest.mark.parametrize("cursor", ["!", "a", "=", "AA", "_w", "AAAA", "\u00e9", "Cg", "' OR 1=1 --", "x" * 5001])
def test_a_cursor_that_no_list_gave_out_is_422(admin: Caller, cursor: str) -> None:
    for path in ("/v1/clusters", "/v1/load-balancers", "/v1/bindings", "/v1/history", "/v1/holds"):
        assert "cursor" in problem_of(admin.get(path, cursor=cursor), 422, "invalid-request")["detail"]


@pytest.mark.parametrize("key", ["x", "-1", "1.0", "9" * 19, "\u0661"])
def test_a_cursor_of_another_list_is_422_where_numbers_are_counted(agent: Caller, key: str) -> None:
    import base64

    cursor = base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")
    problem_of(agent.get("/v1/history", cursor=cursor), 422, "invalid-request")
    problem_of(agent.get(f"{CLUSTER_PATH}/changes", after=cursor), 422, "invalid-request")


def test_an_unknown_query_parameter_is_422(admin: Caller) -> None:
    for path in ("/v1/clusters", "/v1/load-balancers", "/v1/bindings", "/v1/history", "/v1/holds"):
        assert "colour" in problem_of(admin.get(path, colour="red"), 422, "invalid-request")["detail"]


def test_a_route_that_takes_no_query_refuses_one_and_does_nothing(admin: Caller, agent: Caller) -> None:
    everything = admin.get("/v1/history", limit=1000).json
    for method, path in (
        ("PUT", CLUSTER_PATH),
        ("GET", CLUSTER_PATH),
        ("POST", f"{CLUSTER_PATH}/evacuate"),
        ("DELETE", f"/v1/load-balancers/lb-1/grants/{CLUSTER}"),
        ("POST", "/v1/tokens"),
    ):
        body = {"role": "viewer", "name": "x"} if path == "/v1/tokens" else {}
        answer = admin.send(method, path, body, query={"dry_run": "true"})
        assert problem_of(answer, 422, "invalid-request")["detail"] == "dry_run: Unknown field."
    answer = agent.send("POST", EVENTS, {"events": [bind()]}, query={"dry_run": "true"})
    problem_of(answer, 422, "invalid-request")
    assert admin.get("/v1/history", limit=1000).json == everything


def test_a_probe_may_be_asked_with_a_query(stranger: Caller) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        assert stranger.get(path, verbose="1").status_code == 200


def test_a_repeated_query_parameter_is_422(admin: Caller) -> None:
    for path in ("/v1/clusters", "/v1/bindings", "/v1/history"):
        problem = problem_of(admin.send("GET", path, query="limit=1&limit=2"), 422, "invalid-request")
        assert problem["detail"] == "limit: given more than once"


@pytest.mark.parametrize("text", ["", "a\x00b", "a\nb", "a\u2028b", "x" * 254])
def test_a_filter_that_no_name_can_equal_is_422(admin: Caller, text: str) -> None:
    for path in ("/v1/bindings", "/v1/history"):
        for name in ("cluster_id", "load_balancer_id", "listener_id", "ip", "pod_uid"):
            assert name in problem_of(admin.get(path, **{name: text}), 422, "invalid-request")["detail"]


def test_a_filter_that_equals_nothing_finds_nothing(agent: Caller, admin: Caller) -> None:
    agent.tell(bind())
    for text in ("' OR '1'='1", "%", "_", "\\", '"', "lb-1'; DROP TABLE bindings; --", "\u4f60\u597d"):
        for path in ("/v1/bindings", "/v1/history"):
            for name in ("cluster_id", "load_balancer_id", "listener_id", "ip", "pod_uid"):
                answer = admin.get(path, **{name: text})
                assert (answer.status_code, answer.json["items"]) == (200, [])
    assert len(admin.get("/v1/bindings").json["items"]) == 1


@pytest.mark.parametrize("name", ["state", "action", "order"])
def test_a_filter_of_fixed_words_takes_no_other(admin: Caller, name: str) -> None:
    path = "/v1/bindings" if name == "state" else "/v1/history"
    for word in ("", "BOUND", "unknown", "' OR 1=1"):
        assert name in problem_of(admin.get(path, **{name: word}), 422, "invalid-request")["detail"]


@pytest.mark.parametrize("time", ["", "now", "2026-11-23", "2026-11-23T08:00:00", "1e9", "2026-13-01T00:00:00Z", "Z"])
def test_a_time_that_is_no_moment_is_422(admin: Caller, time: str) -> None:
    for name in ("from", "to"):
        assert name in problem_of(admin.get("/v1/history", **{name: time}), 422, "invalid-request")["detail"]


def test_the_earliest_and_the_latest_moments_are_moments(admin: Caller) -> None:
    for time in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        for name in ("from", "to"):
            assert admin.get("/v1/history", **{name: time}).status_code == 200


def test_an_error_in_the_broker_says_nothing_of_itself(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the-inner-secret")

    monkeypatch.setattr(look_up, "list_clusters", broken)
    answer = admin.get("/v1/clusters")
    problem_of(answer, 500, "internal-error")
    assert "the-inner-secret" not in answer.text
    assert "RuntimeError" not in answer.text


def test_an_answer_is_never_kept_or_guessed_at(admin: Caller) -> None:
    for path in ("/v1/clusters", "/v1/nothing", "/livez"):
        headers = admin.get(path).headers
        assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


@pytest.mark.parametrize(
    "body",
    [
        b'{"region": "ap-guangzhou", "region": "ap-beijing"}',
        b'{"region": "ap-guangzhou", "region" : "ap-guangzhou"}',
        b'{"region": "ap-guangzhou", "topology": null, "topology": {"vpc_id": "a:b"}}',
        b'{"region": "ap-guangzhou", "account_id": "default", "account_id": "a\\u003ab"}',
    ],
)
def test_a_name_that_is_given_twice_is_refused(admin: Caller, body: bytes) -> None:
    problem = problem_of(admin.send("PUT", CLUSTER_PATH, body), 422, "invalid-request")
    assert "given twice" in str(problem["errors"])
    assert admin.get(CLUSTER_PATH).status_code == 404


def test_colons_elsewhere_are_no_names(admin: Caller) -> None:
    body = b'{"region": "ap-guangzhou", "account_id": "d\\u0065fault"}'
    assert admin.send("PUT", CLUSTER_PATH, body).status_code == 201
    assert admin.send("PUT", CLUSTER_PATH, b'{"region": "\\u003a"}').status_code in {200, 422}
