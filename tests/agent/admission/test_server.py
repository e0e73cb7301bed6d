"""The server over real HTTPS, with callers as they should be and as they should not."""

import contextlib
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from app.agent.admission import exchange
from app.agent.admission.certificate_files import CertificateFiles
from app.agent.admission.certificate_secret import SystemKeys
from app.agent.admission.certificates import dns_names, issue
from app.agent.admission.exchange import INJECT_PATH, LARGEST_REVIEW
from app.agent.admission.server import HttpsServer, Limits
from app.domain.errors import SettingError
from tests.agent.admission.calling import Caller, Served
from tests.agent.admission.reviews import pod, review_of

Serve = Callable[..., Served]
HEAD = f"POST {INJECT_PATH} HTTP/1.1\r\nHost: webhook\r\n"


def _wait(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.005)


def _ended(connection: socket.socket) -> bool:
    """Whether the other side ended it; blocks until it does or the socket's time-out."""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        return connection.recv(1) == b""
    return True


def _sent(connection: socket.socket, head: bytes, times: int) -> bool:
    """Whether ``head`` and as many single bytes could be sent, one every 10 ms."""
    try:
        connection.sendall(head)
        for _ in range(times):
            connection.sendall(b"x")
            time.sleep(0.01)
    except OSError:
        return False
    return True


def test_reviews_share_a_connection(serve: Serve) -> None:
    with contextlib.closing(serve().caller()) as caller:
        found = caller.review(review_of(pod()))
        first = caller.sock
        assert found["patchType"] == "JSONPatch"
        assert "patch" not in caller.review(review_of(pod(app="api")))
        assert caller.sock is first


def test_only_the_authority_and_the_services_name_are_taken_by_a_caller(serve: Serve) -> None:
    served, names = serve(), dns_names("webhook", "clb-broker")
    stranger = issue(names, datetime.now(UTC), 30, SystemKeys())
    for authorities, name in ((stranger.authorities, names[0]), (served.certificate.authorities, "other.svc")):
        caller = Caller(served.port, authorities, name)
        with contextlib.closing(caller), pytest.raises(ssl.SSLCertVerificationError):
            caller.ask("GET", "/livez")


@pytest.mark.parametrize(
    ("newest", "taken"), [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (None, True)]
)
def test_tls_before_1_2_is_refused(serve: Serve, newest: ssl.TLSVersion | None, *, taken: bool) -> None:
    served = serve()
    context = ssl.create_default_context(cadata=served.certificate.authorities.decode())
    if newest is not None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            context.minimum_version = context.maximum_version = newest
    with served.plain() as plain:
        shaking = contextlib.nullcontext() if taken else pytest.raises(OSError)
        with shaking, context.wrap_socket(plain, server_hostname="webhook.clb-broker.svc") as connection:
            assert connection.version() in {"TLSv1.2", "TLSv1.3"}


def test_it_speaks_http_1_to_those_who_offer_more(serve: Serve) -> None:
    served = serve()
    context = ssl.create_default_context(cadata=served.certificate.authorities.decode())
    context.set_alpn_protocols(["h2", "http/1.1"])
    with context.wrap_socket(served.plain(), server_hostname="webhook.clb-broker.svc") as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"


def test_readiness_follows_the_list_of_services(serve: Serve) -> None:
    why: list[str | None] = ["not listed yet"]
    with contextlib.closing(serve(lambda: why[0]).caller()) as caller:
        assert caller.ask("GET", "/readyz") == (503, "not listed yet\n")
        assert caller.ask("GET", "/livez") == (200, "alive\n")
        assert "not listed yet" in caller.review(review_of(pod()))["warnings"][0]
        why[0] = None
        assert caller.ask("GET", "/readyz?verbose") == (200, "ready\n")
        assert "patch" in caller.review(review_of(pod()))


def test_what_it_does_is_counted(serve: Serve) -> None:
    with contextlib.closing(serve().caller()) as caller:
        caller.review(review_of(pod()))
        status, text = caller.ask("GET", "/metrics")
    assert status == 200
    assert 'clb_broker_webhook_reviews_total{outcome="injected"}' in text
    assert "clb_broker_webhook_certificate_ends_seconds" in text


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("POST", "/other", 404), ("PUT", INJECT_PATH, 501)]
)
def test_there_is_nothing_else(serve: Serve, method: str, path: str, status: int) -> None:
    with contextlib.closing(serve().caller()) as caller:
        assert caller.ask(method, path)[0] == status


@pytest.mark.parametrize("size", [exchange._LARGE + 1, LARGEST_REVIEW])
def test_a_large_review_is_answered(serve: Serve, size: int) -> None:
    large = review_of(pod(annotations={"text": "x" * (size - len(review_of(pod(annotations={"text": ""}))))}))
    assert len(large) == size
    with contextlib.closing(serve().caller()) as caller:
        assert "patch" in caller.review(large)


def test_a_review_that_is_too_large_passes_with_a_warning_and_the_connection_stays(serve: Serve) -> None:
    with contextlib.closing(serve().caller()) as caller:
        found = caller.review(b" " * (LARGEST_REVIEW + 1))
        assert "larger than 3145728 bytes" in found["warnings"][0]
        assert "patch" in caller.review(review_of(pod()))


def test_of_large_reviews_only_few_are_read_at_once(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "_LARGE_AT_ONCE", threading.BoundedSemaphore(1))
    served = serve()
    with served.secured() as slow, contextlib.closing(served.caller()) as caller:
        slow.sendall(f"{HEAD}Content-Length: 1000000\r\n\r\n".encode())
        _wait(lambda: exchange._LARGE_AT_ONCE._value == 0)
        assert "too many large reviews" in caller.review(b" " * 500_000)["warnings"][0]
        assert "patch" in caller.review(review_of(pod()))


@pytest.mark.parametrize(
    "length", ["", "Content-Length: x\r\n", "Content-Length: -5\r\n", "Content-Length: 99999999999\r\n"]
)
def test_a_review_without_a_size_passes_with_a_warning(serve: Serve, length: str) -> None:
    with serve().secured() as connection:
        connection.sendall(f"{HEAD}{length}\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"allowed":true' in answer


def test_a_review_in_chunks_passes_with_a_warning(serve: Serve) -> None:
    with serve().secured() as connection:
        connection.sendall(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n".encode())
        assert b'"allowed":true' in b"".join(iter(lambda: connection.recv(65536), b""))


RUDE: list[tuple[str, Callable[[Served], Any], bytes]] = [
    ("says nothing and shakes no hand", Served.plain, b""),
    ("speaks HTTP without TLS", Served.plain, b"GET /livez HTTP/1.1\r\n\r\n"),
    ("stops within the handshake", Served.plain, b"\x16\x03\x01\x02\x00\x01"),
    ("says nothing after the handshake", Served.secured, b""),
    ("stops within the first line", Served.secured, b"POST /inj"),
    ("stops within the headers", Served.secured, HEAD.encode()),
    ("stops within the body", Served.secured, f"{HEAD}Content-Length: 100\r\n\r\n{{".encode()),
    ("stops within a body that is too large", Served.secured, f"{HEAD}Content-Length: 9000000\r\n\r\nx".encode()),
]


@pytest.mark.parametrize(("connect", "words"), [row[1:] for row in RUDE], ids=[row[0] for row in RUDE])
def test_who_lets_it_wait_is_cut_off(serve: Serve, connect: Callable[[Served], socket.socket], words: bytes) -> None:
    served = serve(handshake_seconds=0.1 if connect is Served.plain else 20, request_seconds=0.1, idle_seconds=0.1)
    with connect(served) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(words)
        assert _ended(connection)
    _wait(lambda: not served.server._connections)
    served.server._limits = Limits()
    with contextlib.closing(served.caller()) as caller:
        assert caller.ask("GET", "/livez")[0] == 200


@pytest.mark.parametrize(
    "head", [b"POST /inj", f"{HEAD}X: ".encode(), f"{HEAD}Content-Length: 100000\r\n\r\n".encode()]
)
def test_single_bytes_do_not_keep_a_connection(serve: Serve, head: bytes) -> None:
    served = serve(request_seconds=0.1, idle_seconds=0.1)
    with served.secured() as connection:
        assert not _sent(connection, head, times=2000)


@pytest.mark.parametrize("connect", [Served.plain, Served.secured])
def test_a_crowd_that_says_nothing_keeps_nobody_out(serve: Serve, connect: Callable[[Served], socket.socket]) -> None:
    served = serve(connections=8)
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(connect(served))
        with contextlib.closing(served.caller()) as caller:
            assert "patch" in caller.review(review_of(pod()))
        assert len(served.server._connections) <= 8


def test_when_all_are_busy_a_new_one_is_turned_away_and_those_are_answered(serve: Serve) -> None:
    served = serve(connections=3)
    body = review_of(pod())
    with contextlib.ExitStack() as stack:
        busy = [stack.enter_context(served.secured()) for _ in range(3)]
        for connection in busy:
            connection.sendall(f"{HEAD}Content-Length: {len(body)}\r\n\r\n".encode())
        _wait(lambda: all(state.busy for state in served.server._connections.values()))
        with stack.enter_context(served.plain()) as refused:
            assert _ended(refused)
        for connection in busy:
            connection.sendall(body)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_quiet_connection_is_kept_for_longer_than_a_request_may_last(serve: Serve) -> None:
    served = serve(request_seconds=0.05, idle_seconds=20)
    with contextlib.closing(served.caller()) as caller:
        caller.ask("GET", "/livez")
        first = caller.sock
        time.sleep(0.2)
        caller.ask("GET", "/livez")
        assert caller.sock is first


def test_many_at_once_are_answered(serve: Serve) -> None:
    served = serve()
    answered: list[bool] = []

    def ask() -> None:
        with contextlib.closing(served.caller()) as caller:
            answered.extend("patch" in caller.review(review_of(pod())) for _ in range(5))

    threads = [threading.Thread(target=ask) for _ in range(25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answered == [True] * 125


def test_while_it_drains_it_answers_and_sends_its_callers_away(serve: Serve) -> None:
    served = serve()
    with contextlib.closing(served.caller()) as early, contextlib.closing(served.caller()) as late:
        early.ask("GET", "/livez")
        served.server.draining = True
        assert "patch" in early.review(review_of(pod()))
        assert early.sock is None
        assert late.ask("GET", "/readyz") == (503, "it is ending\n")


def test_at_the_end_a_request_that_is_here_gets_its_answer_and_quiet_ones_are_closed(serve: Serve) -> None:
    served, body = serve(), review_of(pod())
    with served.secured() as quiet, served.secured() as busy:
        busy.sendall(f"{HEAD}Content-Length: {len(body)}\r\n\r\n".encode())
        _wait(lambda: sorted(state.busy for state in served.server._connections.values()) == [False, True])
        ending = threading.Thread(target=served.server.end)
        ending.start()
        assert _ended(quiet)
        busy.sendall(body)
        answer = b"".join(iter(lambda: busy.recv(65536), b""))
        ending.join()
    assert b'"patch"' in answer
    with pytest.raises(ConnectionRefusedError):
        served.plain()


def test_at_the_end_nobody_waits_for_those_who_shake_no_hand(serve: Serve) -> None:
    served = serve()
    with served.plain() as silent:
        _wait(lambda: len(served.server._connections) == 1)
        served.server.end()
        assert _ended(silent)
    assert served.server._connections == {}


def test_an_address_that_is_taken_is_named(serve: Serve) -> None:
    served = serve()
    files: CertificateFiles = served.server._certificate
    with pytest.raises(SettingError, match=r"CLB_BROKER_WEBHOOK_LISTEN: cannot listen on 127\.0\.0\.1:\d+: Address"):
        HttpsServer(f"127.0.0.1:{served.port}", files, served.server.desk)
