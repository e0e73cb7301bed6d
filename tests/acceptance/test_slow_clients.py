"""Clients that are slow, idle, or do not hang up have no thread of the API, and keep nobody else waiting."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import requests

from tests.acceptance.installation import ADMIN_TOKEN, Installation
from tests.acceptance.world import event

THREADS = 2
MANY = 60
AUTHORIZED = f"Host: x\r\nAuthorization: Bearer {ADMIN_TOKEN}\r\n".encode()
SLOW = {
    "say nothing": b"",
    "end no header": b"POST /v1/tokens HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    "end no body": b"POST /v1/tokens HTTP/1.1\r\n" + AUTHORIZED + b"Content-Length: 1000\r\n\r\n{",
    "end no chunk": b"POST /v1/tokens HTTP/1.1\r\n" + AUTHORIZED + b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n{",
    "send too much": b"POST /v1/tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n{",
    "do not hang up": b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "go on after an answer": b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /livez HTTP/1.1\r\nX-Slow: ",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An API of few threads, and a cluster."""
    from tests.acceptance.conftest import _reachable
    from tests.acceptance.world import CLUSTERS, world

    place = _reachable(tmp_path_factory.mktemp("slow"))
    with Installation(place, world(), CLB_BROKER_API_THREADS=str(THREADS)) as running:
        running.set_the_table(CLUSTERS, ["lb-1"])
        yield running


@contextmanager
def _dripping(url: str, beginning: bytes, many: int) -> Iterator[None]:
    """So many clients that have sent ``beginning`` and send a byte every tenth of a second."""
    host, _, port = url.removeprefix("http://").partition(":")
    ended = threading.Event()
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection((host, int(port)))) for _ in range(many)]
        for client in clients:
            client.sendall(beginning)

        def drip() -> None:
            while not ended.wait(0.1):
                for client in clients:
                    try:
                        client.sendall(b"a")
                    except OSError:  # its time was over
                        continue

        thread = threading.Thread(target=drip)
        if beginning:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            if beginning:
                thread.join()


@pytest.mark.parametrize("kind", SLOW)
def test_clients_that_are_slow_keep_nobody_waiting(served: Installation, kind: str) -> None:
    with _dripping(served.url, SLOW[kind], MANY), requests.Session() as session:
        session.trust_env = False
        # Each slow client is good for half a minute and more: threads that waited for them would answer nobody.
        assert session.get(f"{served.url}/livez", timeout=15).status_code == 200
        results = served.post_once("cls-a", [event("cls-a", 1, kind="unbind", revision=9)])
        assert results is not None
        assert len(results) == 1


def test_more_clients_than_there_is_room_for_make_way(served: Installation) -> None:
    with _dripping(served.url, b"", 900), _dripping(served.url, SLOW["end no header"], 300), requests.Session() as asks:
        asks.trust_env = False
        for _ in range(3):
            assert asks.get(f"{served.url}/livez", timeout=15).status_code == 200


def _talk(url: str, said: bytes) -> bytes:
    """What is answered until the server hangs up."""
    host, _, port = url.removeprefix("http://").partition(":")
    heard = b""
    with socket.create_connection((host, int(port)), timeout=15) as client:
        client.sendall(said)
        while data := client.recv(65536):
            heard += data
    return heard


REFUSED = {
    "no HTTP": (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    "a length and chunks": (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "a header without a colon": (b"GET / HTTP/1.1\r\nAuthorization Bearer the-canary\r\n\r\n", 400),
    "a line that is too long": (b"GET /" + b"a" * 9000 + b"the-canary HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "headers that are too many": (b"GET / HTTP/1.1\r\n" + b"A: the-canary\r\n" * 200 + b"\r\n", 431),
    "headers that do not end": (b"GET / HTTP/1.1\r\nA: " + b"a" * 200_000, 431),
    "a chunk without a size": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nthe-canary\r\n\r\n",
        400,
    ),
    "a strange coding": (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: the-canary\r\n\r\n", 501),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_request_is_a_problem_that_repeats_nothing(served: Installation, kind: str) -> None:
    said, status = REFUSED[kind]
    heard = _talk(served.url, said)
    head, _, body = heard.partition(b"\r\n\r\n")
    assert head.split()[1] == str(status).encode()
    assert b"application/problem+json" in head
    assert b"gunicorn/" not in heard
    assert b"the-canary" not in body
    assert "the-canary" not in served.log("serve")


def test_who_asks_whether_a_body_is_welcome_hears_so_before_it_is_sent(served: Installation) -> None:
    host, _, port = served.url.removeprefix("http://").partition(":")
    head = b"POST /v1/tokens HTTP/1.1\r\n" + AUTHORIZED + b"Connection: close\r\nContent-Length: 2\r\n"
    with socket.create_connection((host, int(port)), timeout=15) as client:
        client.sendall(head + b"Expect: 100-continue\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        client.sendall(b"{}")
        heard = b"".join(iter(lambda: client.recv(65536), b""))
    assert b"HTTP/1.1 422 " in heard


def test_requests_that_follow_each_other_without_a_pause_are_all_answered(served: Installation) -> None:
    one = b"POST /v1/tokens HTTP/1.1\r\n" + AUTHORIZED + b"Content-Length: 2\r\n\r\n{}"
    last = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    heard = _talk(served.url, one * 5 + last)
    assert (heard.count(b"HTTP/1.1 422 "), heard.count(b"HTTP/1.1 200 OK")) == (5, 1)


def test_a_body_in_chunks_is_read_as_any_other(served: Installation) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (b'{"role": "vie', b'wer", "name": "c"}'))
    head = b"POST /v1/tokens HTTP/1.1\r\n" + AUTHORIZED + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert b"HTTP/1.1 201 " in _talk(served.url, head + chunks + b"0\r\nDigest: x\r\n\r\n")
