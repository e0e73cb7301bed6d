"""The broker over HTTP: what is sent, and what becomes of answers that are none."""

from pathlib import Path
from typing import Any

import pytest

from app.agent.broker_api import BrokerApi
from app.agent.errors import CallFailed, CallRefused, CallTemporary, NotLeading, ObjectMissing, TokenRefused
from app.agent.settings import AgentSettings, read_agent_settings
from tests.agent.broker import Broker, Refusal

SECRET = "the-token-that-nobody-may-see"


def settings(url: str, **named: str) -> AgentSettings:
    given = {"BROKER_URL": url, "CLUSTER_ID": "cls/1", "TOKEN": SECRET, **named}
    return read_agent_settings({f"CLB_BROKER_AGENT_{name}": value for name, value in given.items()})


@pytest.fixture
def api(broker: Broker) -> BrokerApi:
    return BrokerApi(settings(broker.url), lambda: True)


def test_a_request_names_the_cluster_and_carries_the_token(broker: Broker, api: BrokerApi) -> None:
    assert api.post_pod_events({"events": []}) == []
    api.put_service_targets("shop", "web", {"revision": 7, "targets": []})
    api.changes(None, 0)
    assert [(each.method, each.path, each.token) for each in broker.requests] == [
        ("POST", "/v1/clusters/cls%2F1/pod-events", SECRET),
        ("PUT", "/v1/clusters/cls%2F1/services/shop/web/targets", SECRET),
        ("GET", "/v1/clusters/cls%2F1/changes", SECRET),
    ]
    assert broker.requests[1].body == {"revision": 7, "targets": []}
    assert broker.requests[2].query == {"wait": "0", "limit": "200"}


def test_who_does_not_lead_sends_nothing(broker: Broker) -> None:
    api = BrokerApi(settings(broker.url), lambda: False)
    with pytest.raises(NotLeading):
        api.post_pod_events({"events": []})
    with pytest.raises(NotLeading):
        api.changes(None, 0)
    assert broker.requests == []


@pytest.mark.parametrize(
    ("refusal", "kind", "said"),
    [
        (Refusal(None), CallTemporary, "no answer from the broker: ConnectionError"),
        (
            Refusal(503, {"code": "ledger-unavailable", "detail": "later"}),
            CallTemporary,
            "503 ledger-unavailable: later",
        ),
        (Refusal(429, {}), CallTemporary, "429 error: Too Many Requests"),
        (Refusal(502, b"<html>bad gateway</html>"), CallTemporary, "502 error: Bad Gateway"),
        (Refusal(401, {"code": "unauthorized", "detail": "no"}), TokenRefused, "401 unauthorized: no"),
        (Refusal(403, {"code": "forbidden", "detail": "no"}), TokenRefused, "403 forbidden: no"),
        (Refusal(404, {"code": "not-found", "detail": "no"}), ObjectMissing, "404 not-found: no"),
        (Refusal(422, {"code": "invalid-request", "detail": "no"}), CallRefused, "422 invalid-request: no"),
        (Refusal(302, {}, {"Location": "http://127.0.0.1:1/"}), CallRefused, "302 error: Found"),
        (Refusal(200, b"hello"), CallTemporary, "200: the answer is not the broker's"),
        (Refusal(202, {"results": [{}]}), CallTemporary, "one result for each"),
        (Refusal(202, {"results": None}), CallTemporary, "one result for each"),
        (Refusal(202, [1]), CallTemporary, "202: the answer is not the broker's"),
    ],
)
def test_what_is_no_answer_is_an_error_that_says_what_to_do(
    broker: Broker, api: BrokerApi, refusal: Refusal, kind: type[CallFailed], said: str
) -> None:
    broker.refuses = refusal
    with pytest.raises(CallFailed) as raised:
        api.post_pod_events({"events": []})
    assert type(raised.value) is kind
    assert said in str(raised.value)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("answer", [{}, {"items": []}, {"items": None, "next_cursor": "c"}])
def test_a_page_that_is_none_moves_no_cursor(broker: Broker, api: BrokerApi, answer: dict[str, Any]) -> None:
    broker.refuses = Refusal(200, answer)
    with pytest.raises(CallTemporary):
        api.changes(None, 0)


def test_nobody_at_the_address_is_temporary() -> None:
    with Broker() as gone:
        url = gone.url
    with pytest.raises(CallTemporary):
        BrokerApi(settings(url), lambda: True).post_pod_events({"events": []})


def test_a_retry_after_is_told(broker: Broker, api: BrokerApi) -> None:
    broker.refuses = Refusal(503, {}, {"Retry-After": "7"})
    with pytest.raises(CallTemporary) as raised:
        api.changes(None, 0)
    assert raised.value.retry_after == 7.0


def test_a_token_in_a_file_is_read_again_when_it_changes(broker: Broker, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first\n")
    api = BrokerApi(settings(broker.url, TOKEN_FILE=str(path)), lambda: True)
    api.changes(None, 0)
    (tmp_path / "next").write_text("second and longer\n")
    (tmp_path / "next").replace(path)
    api.changes(None, 0)
    path.unlink()
    api.changes(None, 0)
    assert [each.token for each in broker.requests] == ["first", "second and longer", "second and longer"]


def test_a_proxy_and_a_netrc_of_the_environment_are_not_used(
    broker: Broker, api: BrokerApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    api.changes(None, 0)
    assert broker.requests[0].token == SECRET
