"""A key set is fetched with as little faith as possible: from there alone, no more than is needed, and none is told."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from app.identity.key_set import MOST_BYTES
from app.worker import fetch_key_set as fetching
from app.worker.fetch_key_set import NotFetched, fetch_key_set
from tests.worker.issuer import PublishingIssuer


@pytest.fixture
def issuer() -> Iterator[PublishingIssuer]:
    with PublishingIssuer() as started:
        yield started


def refusal(url: str) -> str:
    with pytest.raises(NotFetched) as raised:
        fetch_key_set(url)
    return str(raised.value)


def test_a_document_comes_as_it_is_and_nothing_of_ours_goes_there(
    issuer: PublishingIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    issuer.content = {"keys": [{"kid": "1"}]}
    assert fetch_key_set(issuer.url) == issuer.content
    (asked,) = issuer.asked
    assert asked.keys().isdisjoint({"Authorization", "Cookie"})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"content": b"<html>secret</html>"}, "not JSON"),
        ({"content": b"\xff\xfe"}, "not JSON"),
        ({"content": b"[" * 50_000}, "not JSON"),
        ({"content": b""}, "not JSON"),
        ({"content": b" " * (MOST_BYTES + 1)}, "longer than"),
        ({"status": 500, "content": b"secret"}, "status 500"),
        ({"status": 404}, "status 404"),
        ({"status": 204}, "status 204"),
        ({"status": 302, "headers": {"Location": "http://127.0.0.1:1/keys"}}, "status 302"),
        ({"headers": {"Content-Length": "100"}}, "no answer"),
    ],
    ids=str,
)
def test_what_is_no_key_set_is_refused_without_a_word_of_it(
    issuer: PublishingIssuer, changes: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "STEP_SECONDS", 0.5)
    vars(issuer).update(changes)
    refused = refusal(issuer.url)
    assert said in refused
    assert "secret" not in refused
    assert len(issuer.asked) == 1


def test_nobody_there_is_no_answer() -> None:
    assert "no answer" in refusal("http://127.0.0.1:1/keys")


def test_an_answer_that_drips_is_given_up(issuer: PublishingIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "WHOLE_SECONDS", -1.0)
    assert "took longer" in refusal(issuer.url)


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "169.254.0.23", "224.0.0.1", "::ffff:169.254.169.254", "fe80::1%1"]
)
def test_a_name_that_leads_to_where_clouds_keep_credentials_is_not_followed(address: str) -> None:
    class Link(socket.socket):
        def getpeername(self) -> tuple[str, int]:
            return address, 80

    with Link() as link, pytest.raises(NotFetched, match="not read from"):
        fetching._guarded(link, "issuer.example")


def test_a_name_in_the_net_that_leads_to_this_machine_is_not_followed(
    issuer: PublishingIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: real("127.0.0.1", *rest, **more))
    assert "not read from" in refusal(issuer.url.replace("127.0.0.1", "issuer.example"))
    assert issuer.asked == []
